"""What the engine itself takes of this machine, and what it asks of it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import psutil

_PERIOD_S = 1.0
_NICE = -10


class Load:
    """Processor and memory use of this process; measured once a second at most."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call starts the measurement
        self._due = time.monotonic() + _PERIOD_S
        self.cpu_percent = 0.0
        """Of one core."""
        self.memory_bytes = self._process.memory_info().rss
        """Resident."""
        self.threads_s: dict[str, float] = {}
        """Processor seconds of each thread that lives; those that are not Python's are summed as ``other``."""

    @property
    def started(self) -> float:
        """When this process was started (s since 1970)."""
        return self._process.create_time()

    def measure(self) -> None:
        """Bring the figures up to date, if they are old."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + _PERIOD_S
        self.cpu_percent = self._process.cpu_percent()
        self.memory_bytes = self._process.memory_info().rss
        names = {thread.native_id: thread.name for thread in threading.enumerate()}
        times: dict[str, float] = defaultdict(float)
        for thread in self._process.threads():
            times[names.get(thread.id, "other")] += thread.user_time + thread.system_time
        self.threads_s = {name: round(seconds, 3) for name, seconds in times.items()}


def niceness() -> int:
    """Return the nice value of this process; on Windows its priority class."""
    return int(psutil.Process().nice())


def take_precedence() -> None:
    """Ask the system to let this process run before others.

    A lab's machine has other programs, and a frame that is not fetched in time is lost for good. Programs that are
    started from here inherit it, on POSIX. Where the user has no right to it everything stays as it is (Linux grants it
    by ``nice`` in /etc/security/limits.conf).
    """
    process = psutil.Process()
    with suppress(psutil.AccessDenied, OSError):
        if sys.platform == "win32":
            process.nice(psutil.HIGH_PRIORITY_CLASS)
        else:
            wanted = _granted()
            if process.nice() > wanted:
                os.setpriority(os.PRIO_PROCESS, 0, wanted)
            # Linux may share out the cores by session first, and by niceness only among the programs of each.
            Path("/proc/self/autogroup").write_text(str(wanted), encoding="ascii")


def _granted() -> int:
    """Return the least nice value that we want and may have."""
    if sys.platform.startswith("linux") and os.geteuid() != 0:
        import resource  # noqa: PLC0415 - not on Windows

        limit = resource.getrlimit(resource.RLIMIT_NICE)[0]  # 20 - nice; 0 grants nothing
        return max(_NICE, min(20 - limit, 19)) if limit > 0 else _NICE
    return _NICE
