"""The rule by which a clip is annotatable and a session labelled: data, so that a lab can state and change it.

The threshold between Part A and Part B of CAS(ME)3 was never published; these defaults are ours and are written into
every session together with the counts that they were applied to. docs/quality.md explains them.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from labcapture.core.config import Model

JITTER_PERIODS = 0.5
"""Between two frames with n missing ones lie n + 1 periods; a regular sensor keeps within half a period of that."""


class Window(Model):
    """A stretch of the clip that matters more than the rest, by the clock of the film.

    A limit that is not given is that of the whole clip.
    """

    from_s: float = Field(ge=0, le=86_400, description="Start, seconds after the film's first picture")
    to_s: float = Field(gt=0, le=86_400, description="End, seconds after the film's first picture")
    name: str = Field(default="", max_length=40, description="What the window is called in reasons and tables")
    clip: str = Field(default="", max_length=64, description="Only for this clip; every clip if empty")
    max_lost_fraction: float | None = Field(
        default=None, ge=0, le=1, description="Lost frames / frames due in the window"
    )
    max_lost_run: int | None = Field(default=None, ge=0, description="Longest run of lost frames in the window")
    max_step_periods: float | None = Field(
        default=None, ge=1, le=1e6, description="Longest step between two frames; max_lost_run + 1.5 if absent"
    )

    @model_validator(mode="after")
    def _forward(self) -> Window:
        if self.to_s <= self.from_s:
            raise ValueError(f"a window from {self.from_s:g} to {self.to_s:g} s has no length; swap the two")
        return self

    @property
    def label(self) -> str:
        """Its name, else what it spans: ``30-40 s``."""
        return self.name or f"{self.clip} {self.from_s:g}-{self.to_s:g} s".strip()


class QualityRule(Model):
    """A clip is annotatable when every critical stream keeps within all of these limits."""

    critical: tuple[str, ...] = Field(
        default=("color", "depth"), description="Streams that must keep the limits: color, depth, eda, voice, ..."
    )
    max_lost_fraction: float = Field(default=0.01, ge=0, le=1, description="Lost frames / frames due in the clip")
    max_lost_run: int = Field(default=2, ge=0, description="Longest run of lost frames")
    max_lost_by_us: int = Field(default=0, ge=0, description="Frames lost by host or recorder overflow")
    max_rate_error: float = Field(default=0.01, ge=0, le=1, description="|mean rate / nominal rate - 1|")
    max_step_periods: float | None = Field(
        default=None,
        ge=1,
        le=1e6,
        description="Longest step between two frames, in nominal periods; max_lost_run + 1.5 if absent",
    )
    windows: tuple[Window, ...] = Field(default=(), max_length=64, description="Stretches with limits of their own")

    @model_validator(mode="after")
    def _distinct(self) -> QualityRule:
        labels = [window.label for window in self.windows]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(f"two windows are called {twice[0]!r}; give each a name of its own")
        return self

    @property
    def step_periods(self) -> float:
        """Limit on the step between two frames: a sensor that froze is no better than one that lost frames."""
        return self.max_lost_run + 1 + JITTER_PERIODS if self.max_step_periods is None else self.max_step_periods

    def within(self, window: Window) -> QualityRule:
        """Return the rule for one window: its own limits, and those of the clip where it names none.

        The mean rate is left to the whole clip: over a few frames it says nothing that the step does not.
        """
        run = self.max_lost_run if window.max_lost_run is None else window.max_lost_run
        step = window.max_step_periods
        if step is None and window.max_lost_run is None:
            step = self.max_step_periods
        share = self.max_lost_fraction if window.max_lost_fraction is None else window.max_lost_fraction
        return QualityRule(
            critical=self.critical,
            max_lost_fraction=share,
            max_lost_run=run,
            max_lost_by_us=self.max_lost_by_us,
            max_rate_error=1.0,
            max_step_periods=step,
        )
