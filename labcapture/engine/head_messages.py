"""What is told of the participant's head: one model for snapshot, command line and file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from labcapture.core.config import Model

Seen = Literal["face", "turned away", "covered", "out of frame", "unknown"]
"""What the newest picture shows; ``unknown`` before the first one."""


class HeadLimit(Model):
    """One limit of the head position."""

    name: str
    label: str = Field(description="For people")
    units: str = ""
    reading: float | None = Field(default=None, description="None: could not be measured")
    least: float | None = None
    most: float | None = None
    ok: bool = True


class HeadView(Model):
    """The head as measured now, against its targets."""

    time: float = Field(default=0.0, description="LSL time of the newest picture (s)")
    seen: Seen = "unknown"
    face_found: float = Field(default=0.0, description="Share of the pictures so far in which a face was found")
    pictures: int = Field(default=0, description="How many were measured")
    nearest_mm: float | None = Field(default=None, description="Nearest point of the face, median over a second")
    median_mm: float | None = Field(default=None, description="Median distance of the face")
    min_z_mm: float = Field(default=0.0, description="Least distance that the depth profile measures")
    max_z_mm: float | None = Field(default=None, description="Greatest one; None: no end")
    fill_rate: float | None = Field(default=None, description="Share of the face that has a depth")
    face_share: float | None = Field(default=None, description="Share of the colour picture that the face fills")
    centre: tuple[float, float] | None = Field(
        default=None, description="Middle of the face right of and below the picture's middle, in parts of its size"
    )
    roll_deg: float | None = Field(default=None, description="Tilted to the right in the picture")
    yaw_deg: float | None = Field(default=None, description="Turned to the left in the picture")
    pitch_deg: float | None = Field(default=None, description="Chin raised")
    brightness: float | None = Field(default=None, description="Mean grey level of the face, of 255")
    clipped: float | None = Field(default=None, description="Share of the face that is pure white or black")
    face_box: tuple[int, int, int, int] | None = Field(
        default=None, description="Left, top, width, height; colour pixels"
    )
    nearest_px: tuple[int, int] | None = Field(
        default=None, description="Nearest point: column, row of the depth picture"
    )
    limits: tuple[HeadLimit, ...] = ()
    sentence: str = Field(default="", description="What to do now; one sentence")
    held_s: float = Field(default=0.0, description="For how long all limits have held")
    green: bool = Field(default=False, description="All limits have held for long enough")
