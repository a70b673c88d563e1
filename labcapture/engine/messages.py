"""What the engine and its clients say to each other: commands (JSON request and reply) and snapshots (JSON, 10 Hz)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from labcapture.core.config import Model


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


class Ping(Model):
    """Ask for the present snapshot."""

    command: Literal["ping"] = "ping"


class Shutdown(Model):
    """End the engine; refused while a session is open."""

    command: Literal["shutdown"] = "shutdown"


Command = Annotated[
    Prepare | Start | Pause | Resume | Abort | Note | Mark | Ping | Shutdown, Field(discriminator="command")
]
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


class Snapshot(Model):
    """The whole state of the engine at one moment; clients draw nothing else."""

    version: str
    pid: int
    time: float = Field(description="LSL time of the snapshot (s)")
    state: EngineState
    simulated: bool = False
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
