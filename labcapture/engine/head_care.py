"""Looks after the participant's head in a running session: the gate of a calibration, the watch over clips."""

from __future__ import annotations

import json
from collections.abc import Mapping

from labcapture.core.errors import DeviceError, EngineError
from labcapture.devices.base import HoldsExposure
from labcapture.engine.conduct import Conduct
from labcapture.engine.head_gate import REMEDIES, HeadGate, HeadResult
from labcapture.engine.head_messages import HeadView
from labcapture.engine.opening import Opened
from labcapture.protocol.steps import Calibrate, Leaf, SyncTest
from labcapture.recording.recorder import Recorder

IN_PLACE = "the head is in its place"


class HeadCare:
    """The head of one session's participant; without a camera of colour and depth it asks for nothing.

    Parameters
    ----------
    opened, conduct
        The session's.
    """

    def __init__(self, opened: Opened, conduct: Conduct) -> None:
        self._opened, self._conduct = opened, conduct
        self._gate = self._make_gate()
        self._step: tuple[str, int] | None = None  # the calibration that goes on, and its take
        self._is_over = False
        self._watched = False
        self._told: set[str] = set()  # alarms that are active
        self._is_failed = False

    def _make_gate(self) -> HeadGate | None:
        streams = [spec for driver in self._opened.drivers for spec in driver.streams]
        try:
            return HeadGate(streams, self._opened.plan.rig.head, hold=self._hold)
        except DeviceError as error:
            self._opened.log.info("the head is not watched", cause=str(error))
            return None

    def _hold(self, metadata: Mapping[str, int] | None) -> dict[str, float]:
        """Hold the camera's exposure as a picture's metadata tell it (None: automatic); a refusal is an alarm."""
        camera = next((d.device for d in self._opened.drivers if isinstance(d.device, HoldsExposure)), None)
        try:
            held = camera.hold_exposure(metadata) if camera is not None else {}
        except Exception as error:  # noqa: BLE001 - whatever an unplugged camera throws; the session goes on
            cause = f"the camera's exposure cannot be set: {error}"
            self._opened.alarms.set("head", "exposure", True, cause, "Redo the calibration once the camera is well.")
            return {}
        self._opened.alarms.set("head", "exposure", False)
        return held

    @property
    def view(self) -> HeadView | None:
        """How the head stands, None while it is not looked at."""
        looked_at = self._watched and not self._is_failed
        return self._gate.view() if self._gate is not None and looked_at else None

    @property
    def measured(self) -> HeadView | None:
        """How the head stood last, None where nothing measures it."""
        return self._gate.view() if self._gate is not None and not self._is_failed else None

    def pass_by(self, reason: str) -> None:
        """Take in that the experimenter ends the calibration.

        Raises
        ------
        EngineError
            The head is not in its place, and there is no reason.
        """
        if self._gate is None or self._is_over or self._step is None or self._gate.view().green:
            return
        if not reason.strip():
            raise EngineError("the head is not in its place", mend="Say why to go on all the same: confirm REASON.")
        self._gate.skip(reason)

    def tick(self, step: Leaf | None, take: int, trial: str | None) -> bool:
        """Follow the run: the present ``step`` and the open ``trial``; return whether a calibration has just come true.

        A calibration begins with its step, and ends with it or as soon as the head has been in its place for long
        enough.
        """
        gate = self._gate
        if gate is None or self._is_failed:
            return False
        if gate.error is not None:
            self._fail(gate.error)
            return False
        showing = (step.id, take) if isinstance(step, Calibrate) else None
        if self._step is not None and showing != self._step:
            self._end(gate)
        if showing is not None and self._step is None:
            self._step, self._is_over = showing, False
            gate.start(*showing)
        filmed = trial is not None and not isinstance(step, SyncTest)  # its flashes may be all that the camera sees
        self._look(gate, wanted=showing is not None or filmed)
        self._tell(gate, told=filmed and showing is None)
        if showing is None or self._is_over or not gate.view().green:
            return False
        self._is_over = True
        return True

    def close(self) -> None:
        """End the watch; a calibration that goes on is entered as it stands."""
        if self._gate is not None:
            self._opened.intake.head = None
            if self._step is not None:
                self._end(self._gate)
            self._gate.close()

    def _look(self, gate: HeadGate, *, wanted: bool) -> None:
        """Have pictures come in only while somebody wants to know: measuring costs."""
        if wanted != self._watched:
            self._watched = wanted
            self._opened.intake.head = gate.feed if wanted else None

    def _tell(self, gate: HeadGate, *, told: bool) -> None:
        """Mark trouble that begins or ends while clips are recorded, and have the operator know."""
        for event in gate.events() if told else ():
            label = event.label if event.active else f"{event.label} over"
            self._conduct.mark(label, "engine", time=event.time)
            self._opened.alarms.set("head", event.label, event.active, event.label, REMEDIES[event.label])
            (self._told.add if event.active else self._told.discard)(event.label)
        if not told:
            for label in self._told:
                self._opened.alarms.set("head", label, False)
            self._told.clear()
            gate.forget()  # the next trial tells of its own trouble

    def _end(self, gate: HeadGate) -> None:
        enter(self._opened.recorder, gate.result())
        self._step = None

    def _fail(self, error: BaseException) -> None:
        self._is_failed = True
        self._opened.intake.head = None
        self._opened.alarms.set("head", "failed", True, f"the head is no longer watched: {error}", "Look yourself.")


def enter(recorder: Recorder, result: HeadResult) -> None:
    """Have the recorder keep how a calibration ended."""
    values = {**result.values(), "locked": json.dumps(dict(result.locked), sort_keys=True)}
    recorder.calibration(values, result.limits(), result.color, result.depth)
