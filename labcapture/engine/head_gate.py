"""The head during a session: a gate before the clips, and a watch over it while they are recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.core.chunks import Frame, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.core.head import HeadTargets
from labcapture.engine.head import HeadWatch, Pair
from labcapture.engine.head_messages import HeadView

Hold = Callable[[Mapping[str, int] | None], dict[str, float]]
"""Holds the exposure as a colour frame's metadata tell it, or frees it (None): `Camera.hold_exposure`."""

REMEDIES = {
    "head too close": "Ask the participant to move back.",
    "head turned away": "Ask the participant to look at the screen.",
    "head out of frame": "Bring the participant back before the camera.",
    "face covered": "Ask the participant to take the hand down.",
}
"""What may be wrong while recording, with what to do about it."""
_TROUBLES = {"turned away": "head turned away", "out of frame": "head out of frame", "covered": "face covered"}
_CALIBRATING, _RECORDING = 0.5, 0.1  # of one core: while clips are recorded the encoders come first
LASTS_S = 1.0
"""Trouble is told when it lasts so long: a blink of the detector is none."""


@dataclass(frozen=True)
class HeadResult:
    """How a calibration ended: what is stored of it."""

    step: str
    take: int
    time: float
    view: HeadView
    skipped: bool
    reason: str = ""
    locked: Mapping[str, float] = field(default_factory=dict)
    color: NDArray[np.uint8] | None = None
    depth: NDArray[np.uint16] | None = None

    @property
    def name(self) -> str:
        """Name of its group below ``/calibration``."""
        return f"{self.step}_{self.take}"

    def values(self) -> dict[str, Any]:
        """Return the measures, for attributes: numbers and texts; NaN where something was not measured."""
        told = self.view.model_dump(exclude={"limits", "time", "sentence", "face_box", "nearest_px", "centre"})
        readings = {name: float("nan") if value is None else value for name, value in told.items()}
        return {
            **readings,
            "step": self.step,
            "take": self.take,
            "time": self.time,
            "skipped": self.skipped,
            "reason": self.reason,
            "locked": dict(self.locked),
        }

    def limits(self) -> list[tuple[str, float, float, float, bool]]:
        """Return rows (name, reading, least, most, ok); NaN where there is no such number."""
        nan = float("nan")

        def number(value: float | None) -> float:
            return nan if value is None else value

        return [(it.name, number(it.reading), number(it.least), number(it.most), it.ok) for it in self.view.limits]


@dataclass(frozen=True)
class HeadEvent:
    """Trouble with the head that began or ended at ``time`` (LSL s)."""

    time: float
    label: str
    active: bool


class HeadMarks:
    """Turns views into events: trouble that begins, and trouble that is over."""

    def __init__(self) -> None:
        self._seen: str = ""
        self._since = 0.0
        self._told = ""

    def update(self, view: HeadView) -> list[HeadEvent]:
        """Take in a view; return what it changes."""
        now = trouble(view)
        if now != self._seen:
            self._seen, self._since = now, view.time
        if now == self._told or view.time - self._since < LASTS_S:
            return []
        events = [HeadEvent(self._since, self._told, False)] if self._told else []
        events += [HeadEvent(self._since, now, True)] if now else []
        self._told = now
        return events


def trouble(view: HeadView) -> str:
    """Return what is wrong with the head as a key of `REMEDIES`; empty: nothing that spoils a recording."""
    if view.seen in _TROUBLES:
        return _TROUBLES[view.seen]
    if view.seen == "face" and (view.nearest_mm is None or view.nearest_mm < view.min_z_mm):
        return "head too close"
    near = next((limit for limit in view.limits if limit.name == "nearest_mm"), None)
    is_close = near is not None and near.reading is not None and near.least is not None and near.reading < near.least
    return "head too close" if is_close else ""


class HeadGate:
    """The head of a session's participant.

    ::

        gate = HeadGate(streams, rig.head, hold=camera.hold_exposure)   # once, when the session is opened
        gate.feed(frame)              # every frame, from the intake, any thread: returns at once
        gate.start("calibrate_1", 1)  # a calibrate step begins (its id and take); exposure is set free
        gate.view()                   # into every snapshot; `view().green` ends the step
        gate.skip("wears glasses")    # the experimenter passes it; a reason is needed
        gate.result()                 # when the step ends: exposure is held if all was well; what is to be stored
        for event in gate.events():   # in every tick: a marker (source engine), and an alarm while it is active,
            ...                       #   with REMEDIES[event.label]; wanted only while a trial is open
        gate.forget()                 # when it is closed: the next one tells of its trouble anew
        gate.close()

    All but `feed` belong to one thread. Parameters as of `labcapture.engine.head.HeadWatch`.
    """

    def __init__(self, streams: Sequence[StreamSpec], targets: HeadTargets, *, hold: Hold | None = None) -> None:
        self._watch = HeadWatch(streams, targets)
        self._watch.share = _RECORDING
        self._hold = hold
        self._marks = HeadMarks()
        self._measured = 0.0
        self._step, self._take = "", 0
        self._reason: str | None = None
        self._good: tuple[HeadView, Pair | None] | None = None  # as it was when all limits had held for long enough

    @property
    def error(self) -> BaseException | None:
        """Why the head is no longer watched, if it is not."""
        return self._watch.error

    def feed(self, frame: Frame) -> None:
        """Hand over a frame of any stream, from any thread; returns at once."""
        self._watch.offer(frame)

    def start(self, step: str, take: int) -> None:
        """Begin a calibration: forget what was seen, let the camera find its exposure."""
        self._step, self._take, self._reason, self._good = step, take, None, None
        self._watch.share = _CALIBRATING
        if self._hold is not None:
            self._hold(None)
        self._watch.restart()

    def view(self) -> HeadView:
        """Return how the head stands now."""
        view, pair = self._watch.seen()
        if view.green and self._good is None:
            self._good = view, pair
        return view

    def skip(self, reason: str) -> None:
        """Pass the calibration though the head is not in its place.

        Raises
        ------
        ValueError
            There is no reason.
        """
        if not reason.strip():
            raise ValueError("a calibration is only passed for a reason")
        self._reason = reason.strip()

    def result(self) -> HeadResult:
        """End the calibration, return what is to be stored of it.

        A head that was seen in its place counts as it stood then, though the step takes a moment to end; exposure and
        white balance are held as they were. Otherwise they stay automatic.
        """
        self.view()
        self._watch.share = _RECORDING
        good = self._good if self._reason is None else None
        view, pair = good or self._watch.seen()
        locked: dict[str, float] = {}
        if good is not None and self._hold is not None and pair is not None:
            locked = self._hold(pair.color.metadata)
        color, depth = pair.thumbnails() if pair is not None else (None, None)
        reason = self._reason or ("ended before the head was in its place" if good is None else "")
        return HeadResult(self._step, self._take, lsl_time(), view, good is None, reason, locked, color, depth)

    def events(self) -> list[HeadEvent]:
        """Return what began or ended since the last call."""
        view = self._watch.view()
        if view.time <= self._measured:
            return []
        self._measured = view.time
        return self._marks.update(view)

    def forget(self) -> None:
        """Forget which trouble was told: what goes on is told again."""
        self._marks = HeadMarks()

    def close(self) -> None:
        """End the watch."""
        self._watch.close()
