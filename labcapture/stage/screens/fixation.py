"""A cross to look at, and rest with or without one."""

from __future__ import annotations

from labcapture.protocol.steps import Baseline, Fixation
from labcapture.stage.screens.base import Context, Waiting

_SIZE = 0.09  # of the window's height


class FixationScreen(Waiting):
    """Shows the cross for the seconds of the step; in a baseline without a cross nothing but grey."""

    def __init__(self, step: Fixation | Baseline, context: Context) -> None:
        super().__init__(context, step.seconds)
        has_cross = isinstance(step, Fixation) or step.cross
        self._bars = context.canvas.cross(_SIZE) if has_cross else ()

    def draw(self, expected: float) -> None:
        """Draw the cross."""
        for bar in self._bars:
            bar.draw()
