"""A text that the participant reads."""

from __future__ import annotations

from labcapture.protocol.steps import Consent, Instruction
from labcapture.stage import words
from labcapture.stage.canvas import FAINT, SMALL, TEXT_HEIGHT
from labcapture.stage.screens.base import Context, Waiting

_ROOM = 0.74  # of the window's height, for the text


class InstructionScreen(Waiting):
    """Shows the text until the space bar is pressed, the experimenter goes on, or the seconds of the step are over."""

    def __init__(self, step: Instruction, context: Context) -> None:
        own = step.leave == "participant" and step.seconds is None
        super().__init__(context, step.seconds, by_participant=own)
        self._parts = [context.canvas.text(step.text, (0, 0.04), TEXT_HEIGHT, room=_ROOM)]
        if step.seconds is None:
            hint = words.NEXT if own else words.EXPERIMENTER
            self._parts.append(context.canvas.text(hint, (0, -0.42), SMALL, FAINT))

    def draw(self, expected: float) -> None:
        """Draw the text."""
        for part in self._parts:
            part.draw()


class ConsentScreen(Waiting):
    """Shows what the participant agrees to, until the experimenter has confirmed it."""

    def __init__(self, step: Consent, context: Context) -> None:
        super().__init__(context)
        self._parts = [
            context.canvas.text(step.text, (0, 0.04), TEXT_HEIGHT, room=_ROOM),
            context.canvas.text(words.AGREE, (0, -0.42), SMALL, FAINT),
        ]

    def draw(self, expected: float) -> None:
        """Draw the text."""
        for part in self._parts:
            part.draw()
