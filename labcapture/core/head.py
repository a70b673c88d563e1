"""What a head position must be before a clip is recorded, as a rig file says it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from labcapture.core.config import Model

Span = tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]


class HeadTargets(Model):
    """Section ``head`` of a rig: limits of the head calibration; faces of CAS(ME)3 were at 450 to 560 mm."""

    distance_mm: Span = Field(default=(450.0, 560.0), description="Least and most distance of the face's nearest point")
    beyond_min_z_mm: float = Field(
        default=10.0, ge=0, le=500, description="And at least so far beyond the least distance the camera measures (mm)"
    )
    face_share: Span = Field(default=(0.04, 0.25), description="Least and most share of the picture that is face")
    fill_rate: float = Field(default=0.95, ge=0, le=1, description="Least share of the face that has a depth")
    off_centre: float = Field(
        default=0.12, gt=0, le=0.5, description="How far the face may be from the middle, in parts of width and height"
    )
    tilt_deg: float = Field(default=10.0, gt=0, le=45, description="How far the head may be tilted sideways (degrees)")
    turn_deg: float = Field(default=15.0, gt=0, le=60, description="How far it may be turned aside (degrees)")
    pitch_deg: float = Field(default=20.0, gt=0, le=60, description="How far the chin may be up or down (degrees)")
    brightness: Span = Field(default=(70.0, 200.0), description="Least and most mean of the face's grey levels, of 255")
    clipped: float = Field(default=0.02, ge=0, le=1, description="Most share of the face that is pure white or black")
    hold_s: float = Field(default=2.0, ge=0, le=60, description="All limits must hold for so long (s)")

    @model_validator(mode="after")
    def _ordered(self) -> HeadTargets:
        for name in ("distance_mm", "face_share", "brightness"):
            least, most = getattr(self, name)
            if least >= most:
                raise ValueError(f"'{name}': the first number must be the smaller one")
        return self
