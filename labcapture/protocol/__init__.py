"""Protocol files as typed steps, the stimuli they show, and the runner: a pure state machine without I/O."""
