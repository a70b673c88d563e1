"""Instruments behind one contract (`base.Device`), one module a kind; the engine owns their threads."""
