"""The same frames for our recorder and for what labs use today, side by side: see docs/benchmarks.md."""
