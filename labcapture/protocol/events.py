"""What may happen to a run, what is to be done about it, and how it stands: the words of the runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from labcapture.protocol.steps import Leaf

Outcome = Literal["done", "stopped", "failed"]
State = Literal["pending", "running", "done", "failed", "skipped"]
Value = str | float | int | bool


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
class Skip:
    """The operator leaves the present step out; between two steps, the next one.

    ``step`` is the one that the operator means; None: whichever it is.
    """

    reason: str = "skipped"
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Redo:
    """The operator has ``step`` run again, then goes on where the run was.

    None: the present step; between two steps, the one that has just ended.
    """

    step: str | None = None


@dataclass(frozen=True, slots=True)
class Jump:
    """The operator goes on at ``step``: what lies between is skipped, or, backwards, run again."""

    step: str


@dataclass(frozen=True, slots=True)
class Confirm:
    """The operator goes on: the consent is given, the break is over, the head is in its place, ..."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Entered:
    """A person enters the value of a variable that the protocol leaves to be entered."""

    variable: str
    value: str
    by: str = "experimenter"


@dataclass(frozen=True, slots=True)
class Answered:
    """Something was answered in ``step``; ``values`` by the names under which texts and conditions know them."""

    step: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Marked:
    """The experimenter set a marker."""

    label: str


@dataclass(frozen=True, slots=True)
class Due:
    """The time of the paced ``step`` is over."""

    step: str


@dataclass(frozen=True, slots=True)
class StepDone:
    """The stage says that ``step`` is over."""

    step: str
    outcome: Outcome
    reason: str = ""
    take: int = 1


@dataclass(frozen=True, slots=True)
class StageBroken:
    """The participant's screen broke down; another one takes its place, and knows nothing of what was."""

    reason: str


@dataclass(frozen=True, slots=True)
class StageLost:
    """The participant's screen is gone for good."""

    reason: str


Event = (
    Start
    | Pause
    | Resume
    | Abort
    | Skip
    | Redo
    | Jump
    | Confirm
    | Entered
    | Answered
    | Marked
    | Due
    | StepDone
    | StageBroken
    | StageLost
)


# Actions --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenTrial:
    """Begin to record pictures as trial ``trial``; ``clip`` is empty where no movie is shown."""

    trial: str
    step: Leaf
    clip: str
    take: int


@dataclass(frozen=True, slots=True)
class ShowStep:
    """Let the stage run step ``index``."""

    index: int
    step: Leaf
    take: int


@dataclass(frozen=True, slots=True)
class CloseTrial:
    """End the recording of ``trial``; ``whole`` is false where a step of it did not run to its end."""

    trial: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Supersede:
    """``trial`` is taken again: it is kept, and does not count."""

    trial: str


@dataclass(frozen=True, slots=True)
class StopStep:
    """Let the stage end its step now; it answers that the step is over."""


@dataclass(frozen=True, slots=True)
class GoOnStage:
    """Let the stage end ``step`` as done."""

    step: str


@dataclass(frozen=True, slots=True)
class PauseStage:
    """Let the stage hold its step."""


@dataclass(frozen=True, slots=True)
class ResumeStage:
    """Let the stage go on with the held step."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """A variable has got its value."""

    variable: str
    value: str
    how: str
    by: str
    within: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Booked:
    """A mark changed the participant's account."""

    mark: str
    step: str
    trial: str
    change: float
    balance: float


@dataclass(frozen=True, slots=True)
class Entry:
    """A line for the record: ``event`` left ``step`` in ``state``."""

    event: str
    step: str = ""
    take: int = 0
    trial: str = ""
    state: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is over. ``completed`` is true where every step was run to its end that was to be run."""

    completed: bool
    reason: str


Action = (
    OpenTrial
    | ShowStep
    | CloseTrial
    | Supersede
    | StopStep
    | GoOnStage
    | PauseStage
    | ResumeStage
    | Assigned
    | Booked
    | Entry
    | Finish
)


# State ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StepStatus:
    """How one step of the protocol went so far."""

    id: str
    kind: str
    title: str
    expected_s: float
    state: State = "pending"
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
