"""The experimenter's window: Qt widgets over the engine's snapshots and commands."""
