"""What the participant sees, one module per kind of step."""
