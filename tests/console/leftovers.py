"""What a test of the console may leave behind: nothing. No window, timer, thread, process or shared memory."""

from __future__ import annotations

import gc
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from PySide6.QtCore import QCoreApplication, QEvent, QThread, QTimer
from PySide6.QtWidgets import QApplication
from shiboken6 import Shiboken

_GRACE_S = 10.0  # for what is just ending
_MAPS = Path("/proc/self/maps")


@dataclass(frozen=True)
class Found:
    """What is alive at one moment."""

    windows: frozenset[int]
    threads: frozenset[int]
    processes: frozenset[int]
    memory: frozenset[str]

    @classmethod
    def now(cls) -> Found:
        """Look around."""
        return cls(
            frozenset(Shiboken.getCppPointer(it)[0] for it in QApplication.topLevelWidgets()),
            frozenset(it.ident or 0 for it in threading.enumerate()),
            frozenset(it.pid for it in psutil.Process().children(recursive=False)),
            frozenset(_mapped()),
        )


def _mapped() -> set[str]:
    """Return the names of the shared memories that this process has mapped; only Linux tells."""
    if not sys.platform.startswith("linux"):
        return set()
    return {line.split("/dev/shm/")[1] for line in _MAPS.read_text().splitlines() if "/dev/shm/psm_" in line}  # noqa: S108 - a name to find, not a file to make


def left(before: Found) -> list[str]:
    """Return in words what has come since ``before`` and is still there; what is just ending gets time to."""
    deadline = time.monotonic() + _GRACE_S
    while (words := _left(before)) and time.monotonic() < deadline:
        gc.collect()  # what nobody holds any longer is no leak
        time.sleep(0.02)
    return words


def _left(before: Found) -> list[str]:
    QCoreApplication.processEvents()  # in which Qt learns that a process has ended
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    words = []
    for widget in QApplication.topLevelWidgets():
        if widget.isVisible() or Shiboken.getCppPointer(widget)[0] not in before.windows:
            words.append(f"window {type(widget).__name__} '{widget.windowTitle() or widget.accessibleName()}'")
    for it in gc.get_objects():
        if isinstance(it, QTimer) and Shiboken.isValid(it) and it.isActive():
            words.append(f"timer of {it.parent()!r}, every {it.interval()} ms")
        elif isinstance(it, QThread) and Shiboken.isValid(it) and it.isRunning() and it is not QThread.currentThread():
            words.append(f"Qt thread {it!r}")
    words += [f"thread {it.name}" for it in threading.enumerate() if it.ident not in before.threads]
    words += [f"process {it.pid}" for it in psutil.Process().children() if it.pid not in before.processes]
    words += [f"shared memory {name}" for name in _mapped() - before.memory]
    return words
