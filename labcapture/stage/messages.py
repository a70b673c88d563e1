"""What the engine and the participant's screen say to each other: JSON over one CURVE-secured ZeroMQ pair."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from labcapture.core.config import Model

# Engine -> stage ------------------------------------------------------------------------------------------------------


class Recorded(Model):
    """Pictures recorded before, to be shown again: a trial's finished file and its colour stream."""

    file: str
    stream: str


class Show(Model):
    """Run one step.

    ``step`` is the protocol's step as JSON, its variables filled in; ``clip`` and ``image`` are absolute paths where
    it has one, ``recorded`` what a review shows.
    """

    type: Literal["show"] = "show"
    step: dict[str, Any]
    take: int = 1
    clip: str | None = None
    image: str | None = None
    recorded: Recorded | None = None


class Preload(Model):
    """Get a film ready that will be shown soon; no answer."""

    type: Literal["preload"] = "preload"
    clip: str


class GoOn(Model):
    """End the running step as done: whoever was to end it has. A paced step ends when its time is over, too."""

    type: Literal["go_on"] = "go_on"
    step: str


class Stop(Model):
    """End the running step now and show the safe screen; the stage answers `Done` with outcome ``stopped``."""

    type: Literal["stop"] = "stop"


class Pause(Model):
    """Hold the running step (a film stands still) until `Resume`."""

    type: Literal["pause"] = "pause"


class Resume(Model):
    """Go on with the held step."""

    type: Literal["resume"] = "resume"


class Look(Model):
    """Send one picture of what is on the screen, as soon as that costs no flip; the stage answers `Seen`."""

    type: Literal["look"] = "look"


class Quit(Model):
    """Close the window and end the process."""

    type: Literal["quit"] = "quit"


ToStage = Annotated[Show | Preload | GoOn | Stop | Pause | Resume | Look | Quit, Field(discriminator="type")]

# Stage -> engine ------------------------------------------------------------------------------------------------------


class Hello(Model):
    """The window is open and the stage waits for its first step."""

    type: Literal["hello"] = "hello"
    pid: int
    psychopy: str
    backend: str
    size: tuple[int, int]
    rate_hz: float = Field(description="Measured refresh rate, or the paced one")
    paced: bool = Field(description="True where the display has no vertical blank and the stage paces its own flips")
    display: str = Field(default="", description="X display on which the window is, where there is one")
    markers: str = Field(default="", description="source_id of the stage's LSL marker stream")
    place: tuple[int, int, int, int] | None = Field(
        default=None,
        description="Left, top, width and height of the window in pixels of the display",
    )
    mirror: tuple[int, int] | None = Field(
        default=None, description="Width and height of the pictures that it sends of itself; None: it sends none"
    )


class Marker(Model):
    """Something happened on the screen; ``time`` (LSL s) was read at the flip."""

    type: Literal["marker"] = "marker"
    label: str
    time: float
    step: str = ""


class Flips(Model):
    """Flips of a film. Each row: flip index, LSL time (s), film time (s), whether it was late."""

    type: Literal["flips"] = "flips"
    step: str
    rows: list[tuple[int, float, float, bool]]


class Answer(Model):
    """One answer of the participant. ``time`` LSL s; ``reaction_time`` s from the question's onset."""

    type: Literal["answer"] = "answer"
    step: str
    question: str
    value: str | float | int | list[str] | None
    time: float
    reaction_time: float
    by: Literal["participant", "autopilot"] = "participant"


class Flag(Model):
    """Frames ``first`` to ``last`` (both included, indices into the recorded trial) were flagged by the participant.

    Who pressed from LSL time ``start`` to ``stop`` (s).
    """

    type: Literal["flag"] = "flag"
    step: str
    first: int
    last: int
    start: float
    stop: float
    by: Literal["participant", "autopilot"] = "participant"


class Seen(Model):
    """What was on the screen at the flip of LSL ``time`` (s), made small.

    Its pixels follow as the message's second part: height x width x 3 bytes, RGB, the upper row first.
    """

    type: Literal["seen"] = "seen"
    time: float
    width: int = Field(gt=0)
    height: int = Field(gt=0)


class Done(Model):
    """The step is over. ``facts`` are counts for the record (film frames shown, dropped, repeated, late flips, ...)."""

    type: Literal["done"] = "done"
    step: str
    take: int = 1
    outcome: Literal["done", "stopped", "failed"]
    facts: dict[str, float | int | str] = Field(default_factory=dict)
    message: str = ""


class Heartbeat(Model):
    """Sent at least once a second by a stage that is well."""

    type: Literal["heartbeat"] = "heartbeat"
    time: float
    late_flips: int


class Failed(Model):
    """The stage cannot go on; it ends after this."""

    type: Literal["failed"] = "failed"
    message: str


FromStage = Annotated[
    Hello | Marker | Flips | Answer | Flag | Seen | Done | Heartbeat | Failed, Field(discriminator="type")
]

to_stage: TypeAdapter[ToStage] = TypeAdapter(ToStage)
from_stage: TypeAdapter[FromStage] = TypeAdapter(FromStage)
