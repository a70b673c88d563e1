"""The one clock of a session: LSL time, monotonic seconds shared by every process of this machine."""

from __future__ import annotations

from pylsl import local_clock


def lsl_time() -> float:
    """Return the present LSL time in seconds (`pylsl.local_clock`)."""
    return float(local_clock())
