"""A watch over the GUI thread: how much each event costs it, and whether it waits for anything on the way.

What counts is the thread's own processor time, which a busy machine does not lengthen as it does wall time. Waiting
costs no processor time and is found by what Python asks of the system meanwhile: connections, processes, folders and
files; sleeps from Python 3.13 on, which first tells of them.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QWidget

LIMIT_S = 0.050
"""Of the GUI thread's processor time in one event."""

ONCE_S = 0.150
"""The same, of the first such event of its kind: first use (imports, fonts, caches). Its second one is a habit."""

RESTYLE_S = 0.5
"""Of what Qt does in one go: it lays a window out when that opens, changes all sizes when it is made much larger."""

WAITS = {"time.sleep", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.listdir", "os.scandir", "open"}
_LAYOUT = {QEvent.Type.Show, QEvent.Type.Resize}
_CODE = (".py", ".pyc", ".so", ".pyd", ".dylib")  # an import at first use is measured as what it costs
_OWN = ("verified.jsonl",)  # a few kilobytes in the user's own state folder, on this machine


@dataclass
class Watch:
    """What was seen since the last `begin`."""

    slow: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    longest: tuple[float, str] = (0.0, "")
    depth: int = 0
    thread: int = 0
    swept_s: float = 0.0
    """What Python's collector took so far: a test run's heap is many times that of a console."""

    once: set[str] = field(default_factory=set)
    """Kinds of events that went beyond `LIMIT_S` once, in the whole run."""

    def begin(self) -> None:
        """Forget what was seen."""
        self.slow, self.waits, self.longest = [], [], (0.0, "")
        self.depth, self.thread = 0, threading.get_ident()

    def saw(self, name: str, seconds: float) -> None:
        """Take note of what the event ``name`` cost."""
        told = f"{name}: {seconds * 1000:.0f} ms"
        self.longest = max(self.longest, (seconds, told))
        if name.startswith(("restyle", "window laid out")):
            is_slow = seconds > RESTYLE_S
        else:
            is_slow = seconds > (LIMIT_S if name in self.once else ONCE_S)
            if seconds > LIMIT_S:
                self.once.add(name)
        if is_slow:
            self.slow.append(told)

    def heard(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Take note of what Python asks of the system; an audit hook."""
        if not self.depth or name not in WAITS or threading.get_ident() != self.thread:
            return
        path = str(arguments[0])
        if name == "open" and (path.startswith(sys.prefix) or path.endswith((*_CODE, *_OWN))):
            return  # a library's own data at first use is measured as what it costs, as an import is
        if not _is_of_browser():
            self.waits.append(f"{name}{arguments!r}")

    def sweeps(self, phase: str, _: dict[str, int]) -> None:
        """Take note of what a collection costs; a callback of `gc`."""
        if threading.get_ident() == self.thread:
            self.swept_s += time.thread_time() * (1 if phase == "stop" else -1)


def _is_of_browser() -> bool:
    """Return whether it is the session browser that reads the folder of the one session that it just had changed."""
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_filename.endswith("browser.py"):
            return True
    return False


WATCH = Watch()
sys.addaudithook(WATCH.heard)
gc.callbacks.append(WATCH.sweeps)


class WatchedApplication(QApplication):
    """An application whose every event is measured; events within events count with the outermost."""

    def notify(self, receiver: QObject, event: QEvent) -> bool:
        """Deliver ``event``."""
        if WATCH.depth or threading.get_ident() != WATCH.thread:
            return super().notify(receiver, event)
        WATCH.depth += 1
        name = f"{receiver.objectName()} {type(receiver).__name__} {event.type().name}"  # it may be gone afterwards
        if event.type() in _LAYOUT and isinstance(receiver, QWidget) and receiver.isWindow():
            name = f"window laid out: {name}"
        before = time.thread_time() - WATCH.swept_s
        try:
            return super().notify(receiver, event)
        finally:
            WATCH.depth -= 1
            WATCH.saw(name.strip(), time.thread_time() - WATCH.swept_s - before)
