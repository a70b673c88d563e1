"""Many sessions at once: an index of them, tables over them, and the same work on each."""
