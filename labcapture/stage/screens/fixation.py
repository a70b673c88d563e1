"""A cross to look at."""

from __future__ import annotations

from labcapture.protocol.steps import Fixation
from labcapture.stage.canvas import Flip
from labcapture.stage.screens.base import Context, Screen

_SIZE = 0.09  # of the window's height


class FixationScreen(Screen):
    """Shows the cross for the seconds of the step."""

    def __init__(self, step: Fixation, context: Context) -> None:
        self._step, self._canvas = step, context.canvas
        self._bars = context.canvas.cross(_SIZE)
        self._onset: float | None = None

    def draw(self, expected: float) -> None:
        """Draw the cross."""
        for bar in self._bars:
            bar.draw()

    def flipped(self, flip: Flip) -> bool:
        """End so that the next flip, which takes the cross away, makes the time full."""
        if self._onset is None:
            self._onset = flip.time
        return flip.time + 1.5 * self._canvas.period >= self._onset + self._step.seconds

    def go_on(self, seconds: float) -> None:
        """Do not count the time of a hold."""
        if self._onset is not None:
            self._onset += seconds
