"""The rule by which a clip is annotatable and a session labelled: data, so that a lab can state and change it.

The threshold between Part A and Part B of CAS(ME)3 was never published; these defaults are ours and are written into
every session together with the counts that they were applied to.
"""

from __future__ import annotations

from pydantic import Field

from labcapture.core.config import Model


class QualityRule(Model):
    """A clip is annotatable when every critical stream keeps within all of these limits."""

    critical: tuple[str, ...] = Field(default=("color", "depth"), description="Streams that must keep the limits")
    max_lost_fraction: float = Field(default=0.01, ge=0, le=1, description="Lost frames / frames due in the clip")
    max_lost_run: int = Field(default=2, ge=0, description="Longest run of lost frames")
    max_lost_by_us: int = Field(default=0, ge=0, description="Frames lost by host or recorder overflow")
    max_rate_error: float = Field(default=0.01, ge=0, le=1, description="|mean rate / nominal rate - 1|")
