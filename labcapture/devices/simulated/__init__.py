"""The simulated world: sources that feed the real device classes, and are marked as simulated wherever they show."""
