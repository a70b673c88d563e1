"""The fault matrix: what a session survives, tried out. ``python -m benchmarks.faults`` runs it."""
