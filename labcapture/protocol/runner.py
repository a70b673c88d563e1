"""The order of a run: a pure state machine that turns events into actions. It does no I/O and reads no clock.

::

    idle --Start--> running <--Pause / Resume--> paused
      |                |                           |
      |                +--------- Abort -----------+--> stopping --StepDone, Abort--> finished
      +--Abort, StageLost--> finished <--last StepDone, StageLost (from any)--+

A recorded trial is open from just before its clip is shown until the stage says that the clip is over. Events that mean
nothing in the present phase (a pause while paused, news of a step that is long over) change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from labcapture.protocol.model import Protocol, Step, expected_seconds, letters
from labcapture.protocol.steps import Movie

Outcome = Literal["done", "stopped", "failed"]


class Phase(StrEnum):
    """Where a run stands."""

    IDLE = "idle"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    FINISHED = "finished"


# Events ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    """The operator begins the protocol."""


@dataclass(frozen=True, slots=True)
class Pause:
    """The operator holds the protocol."""


@dataclass(frozen=True, slots=True)
class Resume:
    """The operator goes on."""


@dataclass(frozen=True, slots=True)
class Abort:
    """The operator ends the run; a second one does not wait for the stage any more."""

    reason: str = "aborted"


@dataclass(frozen=True, slots=True)
class StepDone:
    """The stage says that ``step`` is over."""

    step: str
    outcome: Outcome
    reason: str = ""
    take: int = 1


@dataclass(frozen=True, slots=True)
class StageLost:
    """The participant's screen is gone."""

    reason: str


Event = Start | Pause | Resume | Abort | StepDone | StageLost


# Actions --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenTrial:
    """Begin to record pictures as trial ``trial``."""

    trial: str
    step: Movie
    clip: str
    take: int


@dataclass(frozen=True, slots=True)
class ShowStep:
    """Let the stage run step ``index``."""

    index: int
    step: Step
    take: int


@dataclass(frozen=True, slots=True)
class CloseTrial:
    """End the recording of ``trial``; ``whole`` is false where its clip did not run to its end."""

    trial: str
    whole: bool


@dataclass(frozen=True, slots=True)
class StopStep:
    """Let the stage end its step now; it answers that the step is over."""


@dataclass(frozen=True, slots=True)
class PauseStage:
    """Let the stage hold its step."""


@dataclass(frozen=True, slots=True)
class ResumeStage:
    """Let the stage go on with the held step."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is over. ``completed`` is true where every step was run to its end."""

    completed: bool
    reason: str


Action = OpenTrial | ShowStep | CloseTrial | StopStep | PauseStage | ResumeStage | Finish


# State ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StepStatus:
    """How one step of the protocol went so far."""

    id: str
    kind: str
    title: str
    expected_s: float
    state: Literal["pending", "running", "done", "failed", "skipped"] = "pending"
    take: int = 0
    trial: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RunView:
    """A frozen picture of the run: ``index`` of the present step, ``trial`` that is open, the state of each step."""

    phase: Phase
    index: int | None
    trial: str | None
    steps: tuple[StepStatus, ...]


class Runner:
    """Runs a protocol from its first step to its last.

    Parameters
    ----------
    protocol
        What is to be run.
    clip_seconds
        Length of each clip (s), for estimates of the time left.
    """

    def __init__(self, protocol: Protocol, clip_seconds: Mapping[str, float] | None = None) -> None:
        self._protocol = protocol
        self._phase = Phase.IDLE
        self._index: int | None = None
        self._waiting = False  # paused between two steps: the next one is shown on Resume
        self._trial: str | None = None
        self._trials = 0
        self._steps = [
            StepStatus(step.id, step.kind, step.title or step.id, expected_seconds(step, clip_seconds or {}))
            for step in protocol.steps
        ]
        recorded = [step.id for step in protocol.steps if isinstance(step, Movie) and step.record]
        self._letters = {step_id: letters(position) for position, step_id in enumerate(recorded)}

    def view(self) -> RunView:
        """Return a snapshot of the run."""
        return RunView(self._phase, self._index, self._trial, tuple(self._steps))

    def remaining_s(self, step_elapsed_s: float) -> float:
        """Estimate the rest of the run (s), ``step_elapsed_s`` after the present step was shown."""
        rest = 0.0
        for status in self._steps:
            if status.state == "running":
                rest += max(0.0, status.expected_s - step_elapsed_s)
            elif status.state == "pending":
                rest += status.expected_s
        return rest

    def handle(self, event: Event) -> tuple[Action, ...]:
        """Take in ``event`` and return what is to be done about it, in order."""
        actions: tuple[Action, ...] = ()
        match event, self._phase:
            case _, Phase.FINISHED:
                pass
            case Start(), Phase.IDLE:
                self._phase = Phase.RUNNING
                actions = self._show(0)
            case Pause(), Phase.RUNNING:
                self._phase = Phase.PAUSED
                actions = (PauseStage(),)
            case Resume(), Phase.PAUSED:
                self._phase = Phase.RUNNING
                actions = (ResumeStage(), *(self._show(self._following()) if self._waiting else ()))
            case Abort(reason), Phase.RUNNING | Phase.PAUSED if not self._waiting:
                self._phase = Phase.STOPPING
                self._mark("running", reason)
                actions = (StopStep(),)
            case ((Abort(reason) | StageLost(reason)), _):
                actions = self._finish(reason)
            case StepDone(), _ if self._is_present(event):
                actions = self._step_done(event)
        return actions

    def _is_present(self, event: StepDone) -> bool:
        if self._index is None or self._waiting:
            return False
        status = self._steps[self._index]
        return (status.id, status.take) == (event.step, event.take)

    def _step_done(self, event: StepDone) -> tuple[Action, ...]:
        if self._phase is Phase.STOPPING:
            return self._finish(self._present.reason)
        closing = self._close_trial(whole=event.outcome == "done")
        self._mark("done" if event.outcome == "done" else "failed", event.reason)
        if self._following() == len(self._steps):
            return (*closing, *self._finish("; ".join(s.reason for s in self._steps if s.reason)))
        if self._phase is Phase.PAUSED:
            self._waiting = True
            return closing
        return (*closing, *self._show(self._following()))

    @property
    def _present(self) -> StepStatus:
        assert self._index is not None  # noqa: S101 - only asked for once the run has begun
        return self._steps[self._index]

    def _following(self) -> int:
        return 0 if self._index is None else self._index + 1

    def _mark(self, state: Literal["running", "done", "failed", "skipped"], reason: str = "") -> None:
        assert self._index is not None  # noqa: S101 - as above
        self._steps[self._index] = replace(self._present, state=state, reason=reason)

    def _show(self, index: int) -> tuple[Action, ...]:
        self._index, self._waiting = index, False
        step, take = self._protocol.steps[index], self._steps[index].take + 1
        opening: tuple[Action, ...] = ()
        if isinstance(step, Movie) and step.record:
            self._trials += 1
            self._trial = f"{self._trials:02d}_{self._letters[step.id]}"
            opening = (OpenTrial(self._trial, step, step.clip, take),)
        self._steps[index] = replace(self._steps[index], state="running", take=take, trial=self._trial, reason="")
        return (*opening, ShowStep(index, step, take))

    def _close_trial(self, *, whole: bool) -> tuple[Action, ...]:
        if self._trial is None:
            return ()
        trial, self._trial = self._trial, None
        return (CloseTrial(trial, whole),)

    def _finish(self, reason: str) -> tuple[Action, ...]:
        closing = self._close_trial(whole=False)
        if self._index is not None and self._present.state == "running":
            self._mark("failed", reason)
        self._steps = [replace(s, state="skipped") if s.state == "pending" else s for s in self._steps]
        self._phase, self._waiting = Phase.FINISHED, False
        return (*closing, Finish(all(s.state == "done" for s in self._steps), reason))
