"""Looks at files and folders for the form of a new session, beside the window's thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from labcapture.engine.survey import Survey, survey

_REST_MS = 200  # after the last key


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form says, as far as a survey needs it."""

    protocol: str
    rig: str
    out: str
    participant: str
    autopilot: bool


class Surveyor(QObject):
    """One survey at a time, of the newest wish; what it found comes in the window's thread."""

    found = Signal(object, object)
    """An `Asked` and its `Survey`."""
    _ended = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self._wish: Asked | None = None
        self._last: Asked | None = None
        self._thread: threading.Thread | None = None
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._begin)
        self._ended.connect(self._take)

    def ask(self, asked: Asked, *, again: bool = False) -> None:
        """Wish for a survey of ``asked``; the same one is made only ``again`` when that is wanted."""
        if asked != self._last or again:
            self._wish = asked
            self._rest.start()

    def stop(self) -> None:
        """End; a survey that is going on is awaited."""
        self._rest.stop()
        self._wish = None
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _begin(self) -> None:
        if self._thread is not None or self._wish is None:
            return
        self._last, self._wish = self._wish, None
        self._thread = threading.Thread(target=self._run, args=(self._last,), name="survey", daemon=True)
        self._thread.start()

    def _run(self, asked: Asked) -> None:
        made = survey(asked.protocol, asked.rig, asked.out, asked.participant, autopilot=asked.autopilot)
        self._ended.emit(asked, made)

    def _take(self, asked: Asked, made: Survey) -> None:
        if self._thread is None:
            return
        self._thread.join()
        self._thread = None
        if self._wish is None:
            self.found.emit(asked, made)
        else:
            self._begin()
