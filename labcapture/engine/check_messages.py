"""What the engine and its clients say to each other about looking at a rig before a session begins."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from labcapture.core.config import Model
from labcapture.engine.preflight_rows import Row

CANCELLING = "cancelling"
"""What is being done, in every view, from a `Cancel` on until all is released."""
SHOWING = "showing the head"
"""What a calibration does once its camera is open."""


class Preflight(Model):
    """Look at the whole rig, or at some of it; the reply comes at once, how it goes stands in the snapshot."""

    command: Literal["preflight"] = "preflight"
    rig: str
    protocol: str | None = None
    out: str = "."
    stimuli: str | None = None
    seconds: float = Field(default=5.0, ge=0.2, le=600, description="For how long every stream is measured")
    stage: bool = Field(default=True, description="Whether the participant's screen is tried, too")
    groups: tuple[str, ...] = Field(
        default=(), description="Only these groups of rows are looked at again; the others stay. All if empty"
    )


class Rehearse(Model):
    """Record for a while, verify the recording, throw it away; the rows of the preflight get its outcome."""

    command: Literal["rehearse"] = "rehearse"
    rig: str
    protocol: str | None = None
    out: str = "."
    seconds: float = Field(default=30.0, ge=1, le=600)


class Calibrate(Model):
    """Show a rig's camera and measure the head before it, without a session, until `Cancel`."""

    command: Literal["calibrate"] = "calibrate"
    rig: str


class Cancel(Model):
    """End a preflight, a rehearsal, a calibration, or the preparing of a session; all instruments are released.

    Views say `CANCELLING` at once. A driver that cannot be interrupted while it opens an instrument is not waited for:
    it closes the instrument as soon as it is back, and whoever opens one of its kind meanwhile waits for that.
    """

    command: Literal["cancel"] = "cancel"


class CalibrationView(Model):
    """A calibration without a session; the head itself and its pictures stand in the snapshot."""

    rig: str = Field(description="File, as the command named it")
    doing: str = Field(default="", description="What is being done now; empty: it is over")
    simulated: bool = False
    good: bool = Field(default=False, description="All limits have held for long enough")
    locked: dict[str, float] = Field(default_factory=dict, description="What the camera holds since then")
    error: str = Field(default="", description="Why it ended")


class CheckView(Model):
    """Preflight and rehearsal, as far as they have come."""

    rig: str = Field(description="File, as the command named it")
    protocol: str | None = None
    number: int = Field(description="Grows with every look of this engine")
    doing: str = Field(default="", description="What is being done now; empty: it is over")
    done_share: float = Field(default=0.0, ge=0, le=1, description="An estimate; for a bar")
    simulated: bool = False
    rows: tuple[Row, ...] = Field(default=(), description="Of the last look at each group")
    error: str = Field(default="", description="Why there could be no look at all")

    @property
    def failed(self) -> tuple[Row, ...]:
        """Rows for which a session must not begin."""
        return tuple(row for row in self.rows if row.verdict == "fail")

    @property
    def go(self) -> bool:
        """Whether all is over and a session may begin."""
        return bool(self.rows) and not (self.doing or self.error or self.failed)
