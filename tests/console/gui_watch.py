"""A watch over the GUI thread: how much each event costs it, and whether it waits for anything on the way.

What an event costs is the thread's own processor time, which a busy machine does not lengthen as it does wall time,
less what the watch itself took of it: styling a form sends a thousand events within one, each through Python here.
Waiting costs no processor time. It is found in two ways: by what Python asks of the system meanwhile (connections,
processes, folders and files), however quickly that is answered; and, where the system tells how long a thread slept
(Linux), by a second thread that looks again and again at where an event stands: sleeps, locks and waits inside Qt.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

from PySide6.QtCore import QEvent, QObject, QSize
from PySide6.QtWidgets import QApplication, QComboBox, QWidget

LIMIT_S = 0.050
"""Of the GUI thread's processor time in one event."""

PAINT_S = 0.150
"""The same, of an event that paints a window for the first time at a size: Qt takes new memory for all its pixels
(33 MB at 3840 x 2160) and draws every one of them in one go, which a program cannot divide."""

STILL_S = 0.200
"""Of sleep in one call of ours. A screen, a process that starts and Python's lock, each waiting for one of two busy
cores, take a tenth of a second now and then: less would fail for the machine's sake."""

LOOK_S = 0.040
_BOXES, _TRIES = 8, 6
WAITS = {"time.sleep", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.listdir", "os.scandir", "open"}
_OURS = str(Path(__file__).parents[2] / "labcapture")
_CODE = (".py", ".pyc", ".so", ".pyd", ".dylib")  # an import at first use is measured as what it costs
_OWN = ("verified.jsonl",)  # a few kilobytes in the user's own state folder, on this machine


@dataclass
class Watch:
    """What was seen since the last `begin`.

    Parameters
    ----------
    ours
        Folder of the code that must not stand still.
    """

    ours: str = _OURS
    slow: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    longest: tuple[float, str] = (0.0, "")
    depth: int = 0
    thread: int = 0
    native: int = 0
    number: int = 0
    """How many events there were."""

    within: int = 0
    """How many there were within the one that is going on."""

    swept_s: float = 0.0
    """What Python's collector took so far: a test run's heap is many times that of a console."""

    name: str = ""
    paints_anew: bool = False
    """Whether the event that is going on paints a window for the first time at its size."""

    _sizes: WeakKeyDictionary[QWidget, QSize] = field(default_factory=WeakKeyDictionary)
    _before: tuple[int, float, float] = (0, 0.0, 0.0)
    _stands: tuple[int, int] | None = None
    _since_s: float = 0.0
    _told: int = 0

    def begin(self) -> None:
        """Forget what was seen."""
        self.slow, self.waits, self.longest = [], [], (0.0, "")
        self.depth, self.thread, self.native = 0, threading.get_ident(), threading.get_native_id()

    def saw(self, name: str, seconds: float, *, paints_anew: bool = False) -> None:
        """Take note of what the event ``name`` cost."""
        told = f"{name}: {seconds * 1000:.0f} ms"
        self.longest = max(self.longest, (seconds, told))
        if seconds > (PAINT_S if paints_anew else LIMIT_S):
            self.slow.append(told)

    def painted(self, window: QWidget) -> None:
        """Take note that ``window`` is being painted."""
        if self._sizes.get(window) != window.size():
            self._sizes[window] = window.size()
            self.paints_anew = True

    def heard(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Take note of what Python asks of the system; an audit hook."""
        if not self.depth or name not in WAITS or threading.get_ident() != self.thread:
            return
        path = str(arguments[0])
        if name == "open" and (path.startswith(sys.prefix) or path.endswith((*_CODE, *_OWN))):
            return  # a library's own data at first use is measured as what it costs, as an import is
        self.waits.append(f"{name}{arguments!r}")

    def look(self) -> None:
        """See whether the event that is going on sleeps, in the same place as the last time, in code of ours."""
        number, now, awake_s = self.number, time.monotonic(), _awake_s(self.native)
        if not self.depth or number == self._told or awake_s is None:
            self._before, self._stands = (0, 0.0, 0.0), None
            return
        slept_s = now - awake_s
        (event, then, slept_then_s), self._before = self._before, (number, now, slept_s)
        if event != number or slept_s - slept_then_s < (now - then) / 2:
            self._stands = None
            return
        frame = sys._current_frames()[self.thread]  # only of a thread that sleeps: asking disturbs one that runs
        stands = (id(frame), frame.f_lasti)
        if stands != self._stands:
            self._stands, self._since_s = stands, slept_then_s
        elif slept_s - self._since_s > STILL_S and (place := self._place(frame)):
            self._told = number
            self.waits.append(f"{self.name} stood still at {place}")

    def _place(self, frame: FrameType | None) -> str:
        """Return the innermost line of our code; empty where the event did not come to it."""
        while frame is not None and frame.f_code.co_filename != __file__:
            if frame.f_code.co_filename.startswith(self.ours):
                return f"{frame.f_code.co_filename}:{frame.f_lineno}"
            frame = frame.f_back
        return ""

    def pass_on_s(self) -> float:
        """Return what one event within another costs the watch, here and now, or somewhat less.

        Enabling and disabling boxes sends many; Qt's own part is a twentieth of what Python's is.
        """
        boxes = QWidget()
        for _ in range(_BOXES):
            QComboBox(boxes, editable=True)
        costs = []
        for _ in range(_TRIES):
            self.within, began = 0, time.thread_time() - self.swept_s
            for enabled in (False, True):
                boxes.setEnabled(enabled)
            costs.append((time.thread_time() - self.swept_s - began) / self.within)
        return min(costs)

    def sweeps(self, phase: str, _: dict[str, int]) -> None:
        """Take note of what a collection costs; a callback of `gc`."""
        if threading.get_ident() == self.thread:
            self.swept_s += time.thread_time() * (1 if phase == "stop" else -1)


def _awake_s(thread: int) -> float | None:
    """Return for how long a thread ran or waited for a processor so far; None where the system does not tell."""
    try:
        ran, waited, _ = Path(f"/proc/self/task/{thread}/schedstat").read_text("ascii").split()
    except OSError:
        return None
    return (int(ran) + int(waited)) / 1e9


def _look_on() -> None:
    while True:
        time.sleep(LOOK_S)
        WATCH.look()


WATCH = Watch()
sys.addaudithook(WATCH.heard)
gc.callbacks.append(WATCH.sweeps)
threading.Thread(target=_look_on, name="watch over the GUI thread", daemon=True).start()


class WatchedApplication(QApplication):
    """An application whose every event is measured; events within events count with the outermost."""

    def notify(self, receiver: QObject, event: QEvent) -> bool:
        """Deliver ``event``."""
        if threading.get_ident() != WATCH.thread:
            return super().notify(receiver, event)
        if event.type() is QEvent.Type.Paint and isinstance(receiver, QWidget) and receiver.isWindow():
            WATCH.painted(receiver)
        if WATCH.depth:
            WATCH.within += 1
            return super().notify(receiver, event)
        # The receiver may be gone afterwards.
        WATCH.name = f"{receiver.objectName()} {type(receiver).__name__} {event.type().name}".strip()
        WATCH.paints_anew = False
        WATCH.number += 1
        WATCH.within = 0
        WATCH.depth += 1
        before = time.thread_time() - WATCH.swept_s
        try:
            return super().notify(receiver, event)
        finally:
            seconds = time.thread_time() - WATCH.swept_s - before
            if seconds > LIMIT_S and (within := WATCH.within):
                seconds -= within * WATCH.pass_on_s()
            WATCH.depth -= 1
            WATCH.saw(WATCH.name, seconds, paints_anew=WATCH.paints_anew)
