"""What the engine itself takes of this machine."""

from __future__ import annotations

import threading
import time
from collections import defaultdict

import psutil

_PERIOD_S = 1.0


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
