"""A text that the participant reads, and leaves with the space bar."""

from __future__ import annotations

from labcapture.protocol.steps import Instruction
from labcapture.stage import words
from labcapture.stage.canvas import FAINT, SMALL, TEXT_HEIGHT, Flip
from labcapture.stage.screens.base import Context, Screen

_PILOT_S = (0.8, 1.2)  # how long an autopilot "reads"
_GUARD_S = 0.3  # a key pressed for the screen before does not leave this one


class InstructionScreen(Screen):
    """Shows the text until the space bar is pressed, or for the seconds of the step."""

    def __init__(self, step: Instruction, context: Context) -> None:
        self._canvas = context.canvas
        self._text = context.canvas.text(step.text, (0, 0.04), TEXT_HEIGHT)
        self._hint = None
        if step.seconds is None:
            self._hint = context.canvas.text(words.NEXT, (0, -0.42), SMALL, FAINT)
        self._limit = step.seconds
        if context.pilot is not None and step.seconds is None:
            self._limit = context.pilot.uniform(*_PILOT_S)
        self._onset: float | None = None
        self._left = False

    def draw(self, expected: float) -> None:
        """Draw the text."""
        self._text.draw()
        if self._hint is not None:
            self._hint.draw()

    def flipped(self, flip: Flip) -> bool:
        """End when the participant wants to, or the time is up."""
        if self._onset is None:
            self._onset = flip.time
        return self._left or (self._limit is not None and flip.time + self._canvas.period >= self._onset + self._limit)

    def go_on(self, seconds: float) -> None:
        """Do not count the time of a hold."""
        if self._onset is not None:
            self._onset += seconds

    def key(self, name: str, time: float) -> None:
        """Leave with the space bar, unless the text goes by itself."""
        if name == "SPACE" and self._hint is not None and self._onset is not None and time > self._onset + _GUARD_S:
            self._left = True
