"""What the engine and its clients say to each other: commands (JSON request and reply) and snapshots (JSON, 10 Hz)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from labcapture.core.config import Model
from labcapture.engine.check_messages import Calibrate, CalibrationView, Cancel, CheckView, Preflight, Rehearse
from labcapture.engine.head_messages import HeadView


class EngineState(StrEnum):
    """Life of a session, in order; an engine without one is idle."""

    IDLE = "idle"
    PREPARING = "preparing"
    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    CLOSING = "closing"


# Commands -------------------------------------------------------------------------------------------------------------


class Prepare(Model):
    """Open the rig and the stage, create the session's folder, wait in READY."""

    command: Literal["prepare"] = "prepare"
    protocol: str
    rig: str
    participant: str
    session: str
    out: str
    stimuli: str | None = None
    autopilot: int | None = None
    language: str = "en"
    seed: int | None = Field(default=None, description="Of all orders and draws; the autopilot's, else 0, if None")
    variables: dict[str, str] = Field(default_factory=dict, description="First values of the protocol's variables")
    experimenter: str = ""
    speed: float = Field(default=1.0, gt=0, le=100, description="How fast the autopilot answers, reads and waits")
    resume: str | None = Field(default=None, description="Folder of the session that this one goes on with")
    override: str = Field(default="", max_length=500, description="Why to go on although the preflight says no-go")
    overrides: dict[str, Annotated[str, Field(max_length=500)]] = Field(
        default_factory=dict, description="The same for single rows, by name ('flat') or group and name ('eda flat')"
    )

    def reason(self, group: str, row: str) -> str:
        """Return why to go on though this row of the preflight failed; empty: there is no reason."""
        given = (self.overrides.get(name, "").strip() for name in (f"{group} {row}", row))
        return next(filter(None, given), self.override.strip())


class Start(Model):
    """Begin the protocol."""

    command: Literal["start"] = "start"


class Pause(Model):
    """Hold the protocol; devices and recording go on."""

    command: Literal["pause"] = "pause"


class Resume(Model):
    """Go on after a pause."""

    command: Literal["resume"] = "resume"


class Abort(Model):
    """End the session now, in order; everything recorded is kept."""

    command: Literal["abort"] = "abort"
    reason: str = ""


class Note(Model):
    """Write a line of the experimenter into the session, with its time."""

    command: Literal["note"] = "note"
    text: str = Field(min_length=1, max_length=2000)
    time: float | None = Field(
        default=None, allow_inf_nan=False, description="LSL time that it speaks of (s); that of its arrival if None"
    )


class Mark(Model):
    """Put a marker of the experimenter into the session."""

    command: Literal["mark"] = "mark"
    label: str = Field(min_length=1, max_length=100)
    time: float | None = Field(
        default=None, allow_inf_nan=False, description="LSL time of the key (s); that of its arrival if None"
    )


_Time = Annotated[
    float | None,
    Field(allow_inf_nan=False, description="LSL time of the key (s); that of its arrival if None"),
]


class Skip(Model):
    """Leave the present step out; between two steps, the next one."""

    command: Literal["skip"] = "skip"
    reason: str = Field(default="", max_length=500)
    step: str | None = Field(default=None, description="The one that is meant: refused if it is over")
    time: _Time = None


class Redo(Model):
    """Run a step again: the present one, the one just ended, or the one named. Its earlier take is kept."""

    command: Literal["redo"] = "redo"
    step: str | None = None
    time: _Time = None


class Jump(Model):
    """Go on at another step."""

    command: Literal["jump"] = "jump"
    step: str
    time: _Time = None


class Confirm(Model):
    """Go on from a step that waits for the experimenter: consent given, break over, head in place, ..."""

    command: Literal["confirm"] = "confirm"
    reason: str = Field(default="", max_length=500)
    time: _Time = None


class Ask(Model):
    """Mark that the interviewer begins to ask the present question, or has asked it."""

    command: Literal["ask"] = "ask"
    edge: Literal["start", "end"]
    time: _Time = None


class Answer(Model):
    """Enter what was answered to the present question, or what was said in an interview."""

    command: Literal["answer"] = "answer"
    value: str = Field(max_length=4000)
    time: _Time = None


class Enter(Model):
    """Enter the value of a variable that the protocol leaves to a person; at any time in the session."""

    command: Literal["enter"] = "enter"
    variable: str
    value: str
    by: Literal["experimenter", "assistant", "autopilot"] = "experimenter"
    time: _Time = None


class Ping(Model):
    """Ask for the present snapshot."""

    command: Literal["ping"] = "ping"


class Shutdown(Model):
    """End the engine; refused while a session is open."""

    command: Literal["shutdown"] = "shutdown"


Command = Annotated[
    Preflight
    | Rehearse
    | Calibrate
    | Cancel
    | Prepare
    | Start
    | Pause
    | Resume
    | Abort
    | Skip
    | Redo
    | Jump
    | Confirm
    | Ask
    | Answer
    | Enter
    | Note
    | Mark
    | Ping
    | Shutdown,
    Field(discriminator="command"),
]
Operation = Skip | Redo | Jump | Confirm | Ask | Answer | Enter
"""What people do while a protocol runs, beside pauses, marks and notes."""
command_adapter: TypeAdapter[Command] = TypeAdapter(Command)


class ErrorReply(Model):
    """Why a command failed, as `labcapture.core.errors.LabcaptureError` has it."""

    kind: str = Field(description="Name of the error's class")
    what: str
    where: str = ""
    mend: str = ""
    exit_code: int = 2


class Reply(Model):
    """Answer to a command: either ``error`` or what it returned."""

    error: ErrorReply | None = None
    result: dict[str, Any] = Field(default_factory=dict)


# Snapshots ------------------------------------------------------------------------------------------------------------


class StreamHealth(Model):
    """One stream, as measured. Three losses are never mixed: before us, by us, and (in previews) not shown."""

    name: str
    kind: Literal["frames", "audio", "samples"]
    units: str = ""
    simulated: bool = False
    nominal_rate_hz: float
    rate_hz: float = Field(description="Measured over about the last two seconds")
    received: int = Field(description="Frames or samples that reached the engine")
    recorded: int = Field(description="Frames or samples handed to the recorder and accepted")
    lost_before_us: int = 0
    lost_by_us: int = 0
    slow_steps: int = 0
    age_s: float | None = Field(default=None, description="Seconds since the last data; None before the first")
    clock_offset_s: float | None = Field(
        default=None,
        description="Of an LSL stream: LSL time here less the sender's, as measured (s). Of a camera or a sound input, "
        "whose clock begins anywhere: how far it has fallen behind LSL time since its first fit in this session (s)",
    )
    clock_uncertainty_s: float | None = Field(
        default=None, description="Half width of the 95 % interval of the newest data's LSL time (s)"
    )
    preview_skipped: int = 0


class StepView(Model):
    """One step of the protocol and how it went."""

    id: str
    kind: str
    title: str
    state: Literal["pending", "running", "done", "failed", "skipped"] = "pending"
    trial: str | None = None
    verdict: Literal["annotatable", "not annotatable"] | None = None
    reason: str = ""
    expected_s: float = Field(default=0.0, description="How long it is expected to take")


class Prompt(Model):
    """What the experimenter, or the interviewer, needs for the present step.

    A variable that is hidden until later stands as an ellipsis in its text.
    """

    step: str
    kind: str
    text: str = Field(default="", description="In the session's language, variables filled in")
    awaits: Literal["", "confirm", "answer", "text", "number", "enter"] = Field(
        default="", description="What ends the step; empty: the participant, or its own time"
    )
    keys: tuple[str, ...] = Field(default=(), description="Answers, or values to enter, to choose from")
    variable: str = Field(default="", description="To be entered")
    by: str = Field(default="", description="Who is to enter it")
    unit: str = ""
    expected: str = ""
    group: str = ""
    item: str = ""
    role: str = ""
    number: int = Field(default=0, description="Of this question among all questions; 0: it is none")
    total: int = 0
    asked: Literal["", "start", "end"] = Field(default="", description="Which edge of the question was marked last")
    answer: str = Field(default="", description="As entered so far")
    isi_s: float | None = Field(default=None, description="Of a paced question: the next step begins after this")
    since_s: float = Field(default=0.0, description="Since the step was begun")


class Alarm(Model):
    """Something that the operator must know: cause and remedy in a sentence each."""

    time: float = Field(description="LSL time at which it was raised (s)")
    cause: str
    remedy: str
    source: str
    kind: str = Field(default="", description="Of one source and kind there is one alarm; its words may change")
    active: bool = True


class MarkerView(Model):
    """A recent marker, for drawing it on traces."""

    time: float
    label: str


class PictureSlot(Model):
    """Where the newest preview of a camera stream lies in the shared memory."""

    name: str
    offset: int
    shape: tuple[int, ...]
    dtype: str
    step_mm: float = Field(default=1.0, description="Of a depth picture: millimetres per count")


class TraceSlot(Model):
    """Where the ring of recent values of a signal lies in the shared memory."""

    name: str
    offset: int
    capacity: int
    channels: tuple[str, ...]
    units: str
    rate_hz: float


class PreviewLayout(Model):
    """How to read the previews (`labcapture.engine.preview.PreviewReader`)."""

    memory: str
    size: int
    pictures: tuple[PictureSlot, ...] = ()
    traces: tuple[TraceSlot, ...] = ()


class SessionResult(Model):
    """How a session ended."""

    folder: str
    part: str
    verdict: str
    reason: str
    completed: bool = Field(description="Whether every step of the protocol was run")
    trials: tuple[dict[str, Any], ...] = ()
    recorded: dict[str, int] = Field(default_factory=dict)
    lost_before_us: dict[str, int] = Field(default_factory=dict)
    lost_by_us: dict[str, int] = Field(default_factory=dict)
    error: str = Field(default="", description="What failed while it ran, empty if nothing did")
    sync_test: dict[str, Any] | None = Field(
        default=None, description="What a sync_test came to, as the attributes of /sync_test have it"
    )
    stage: dict[str, int] = Field(default_factory=dict, description="Film frames shown and dropped, late flips, ...")
    balance: float | None = Field(default=None, description="Of the protocol's ledger, at the end")
    currency: str = ""
    flags: int = Field(default=0, description="Stretches that the participant flagged in reviews")


class Snapshot(Model):
    """The whole state of the engine at one moment; clients draw nothing else."""

    version: str
    pid: int
    time: float = Field(description="LSL time of the snapshot (s)")
    state: EngineState
    simulated: bool = False
    doing: str = Field(default="", description="What is being done while a session is prepared")
    participant: str = ""
    session: str = ""
    protocol: str = ""
    paradigm: str = ""
    rig: str = ""
    folder: str | None = None
    autopilot: int | None = None
    trial: str | None = Field(default=None, description="The trial whose pictures are being recorded")
    step: int | None = Field(default=None, description="Index into steps of the running one")
    steps: tuple[StepView, ...] = ()
    prompt: Prompt | None = Field(default=None, description="Of the running step")
    balance: float | None = Field(default=None, description="Of the protocol's ledger")
    currency: str = ""
    ledger_mark: str = Field(default="", description="Label of the mark that the ledger counts")
    head: HeadView | None = Field(default=None, description="The participant's head, where a camera watches it")
    elapsed_s: float = Field(default=0.0, description="Since the start of the protocol")
    step_elapsed_s: float = 0.0
    remaining_s: float | None = Field(default=None, description="Estimate for the rest of the protocol")
    streams: tuple[StreamHealth, ...] = ()
    queue_bytes: int = 0
    queue_limit_bytes: int = 0
    encode_backlog: int = 0
    raw_frames: int = Field(default=0, description="Frames stored unencoded because encoding fell behind")
    written_bytes: int = 0
    sync_age_s: float | None = Field(default=None, description="Seconds since the disk last held everything")
    disk_free_bytes: int | None = None
    disk_minutes: float | None = Field(default=None, description="Minutes of recording left at the measured data rate")
    cpu_percent: float = Field(default=0.0, description="Of one core, by the engine")
    memory_bytes: int = 0
    threads_s: dict[str, float] = Field(
        default_factory=dict, description="Processor seconds of each of the engine's threads; 'other': not Python's"
    )
    markers: tuple[MarkerView, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    preview: PreviewLayout | None = None
    result: SessionResult | None = Field(default=None, description="Of the last session, once it is closed")
    check: CheckView | None = Field(default=None, description="The look at the rig before a session")
    calibration: CalibrationView | None = Field(default=None, description="Of a head, without a session")
