"""A break."""

from __future__ import annotations

from labcapture.protocol.steps import Break
from labcapture.stage import words
from labcapture.stage.canvas import FAINT, SMALL, TEXT_HEIGHT
from labcapture.stage.screens.base import Context, Waiting


class BreakScreen(Waiting):
    """Counts a timed break down; in one of open length says that the experimenter goes on."""

    def __init__(self, step: Break, context: Context) -> None:
        super().__init__(context, step.seconds)
        self._text = context.canvas.text(step.text or words.BREAK, (0, 0.1), TEXT_HEIGHT, room=0.5)
        self._hint = None
        if step.seconds is None:
            self._hint = context.canvas.text(words.EXPERIMENTER, (0, -0.42), SMALL, FAINT)
        self._clock = context.canvas.text("", (0, -0.28), TEXT_HEIGHT * 1.2, FAINT)

    def draw(self, expected: float) -> None:
        """Draw the text and the time left."""
        self._text.draw()
        if self._hint is not None:
            self._hint.draw()
        left = self.left_s
        if left is not None:
            shown = f"{int(left + 0.999) // 60}:{int(left + 0.999) % 60:02d}"
            if self._clock.text != shown:  # a new text is a new layout: once a second, not at every flip
                self._clock.text = shown
            self._clock.draw()
