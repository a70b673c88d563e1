"""A RealSense as a rig file describes it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from labcapture.core.config import Model
from labcapture.devices._realsense_facts import check_names
from labcapture.devices.base import DeviceConfig
from labcapture.devices.simulated.camera import SimulatedCamera


class PictureStream(Model):
    """One stream of the camera."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$", description="Name of the stream; unique in the rig")
    width_px: int = Field(default=1280, gt=0, le=4096, description="Width of the picture (pixels)")
    height_px: int = Field(default=720, gt=0, le=4096, description="Height of the picture (pixels)")
    rate_hz: int = Field(default=30, gt=0, le=300, description="Frames per second")
    options: dict[str, float] = Field(
        default_factory=dict, description="Options of the sensor by the SDK's names; set in this order and read back"
    )

    @property
    def size(self) -> tuple[int, int, int]:
        """(width, height, frames per second)."""
        return self.width_px, self.height_px, self.rate_hz

    @field_validator("options")
    @classmethod
    def _known(cls, options: dict[str, float]) -> dict[str, float]:
        check_names(options)
        return options


class ColorStream(PictureStream):
    """The colour stream, RGB8."""

    name: str = Field(default="color", pattern=r"^[a-z][a-z0-9_]{0,31}$", description="Name of the stream")


class DepthStream(PictureStream):
    """The depth stream, Z16."""

    name: str = Field(default="depth", pattern=r"^[a-z][a-z0-9_]{0,31}$", description="Name of the stream")


class Config(DeviceConfig):
    """A RealSense in a rig file."""

    kind: Literal["realsense"] = "realsense"
    source: Literal["live", "file", "simulated"] = Field(
        default="live", description="live: a camera; file: a recording of the SDK; simulated: a camera made of software"
    )
    serial: str | None = Field(default=None, description="Serial number of the camera; needed when there are several")
    path: Path | None = Field(default=None, description="Recording to play (source: file)")
    real_time: bool = Field(
        default=True, description="False: play a recording as fast as it is taken; for conversion and tests"
    )
    color: ColorStream = Field(default=ColorStream(), description="Colour stream")
    depth: DepthStream = Field(default=DepthStream(), description="Depth stream")
    line_frequency_hz: Literal[50, 60] = Field(default=50, description="Mains frequency of the lab's lamps (Hz)")
    allow_usb2: bool = Field(
        default=False, description="True: accept a USB 2 port, with the small profiles it can carry"
    )
    silence_s: float = Field(
        default=2.0, ge=0.2, le=60, description="A stream without a frame for this long counts as disconnected (s)"
    )
    simulated: SimulatedCamera | None = Field(default=None, description="Scene and faults (source: simulated)")

    @property
    def is_simulated(self) -> bool:
        """Whether no real camera stands behind this device."""
        return self.source == "simulated"

    @property
    def perceives_stage(self) -> bool:
        """Whether it films the participant's screen."""
        return self.simulated is not None and self.simulated.films == "stage"

    @model_validator(mode="after")
    def _fits_source(self) -> Config:
        if (self.path is not None) != (self.source == "file"):
            raise ValueError("'path' is given with source: file, and only then")
        if self.simulated is not None and self.source != "simulated":
            raise ValueError("'simulated' is given only with source: simulated")
        if self.source == "file" and (self.color.options or self.depth.options or self.serial):
            raise ValueError("a recording has its own serial number and options; remove them")
        if self.color.name == self.depth.name:
            raise ValueError(f"colour and depth are both named '{self.color.name}'; give each its own name")
        return self
