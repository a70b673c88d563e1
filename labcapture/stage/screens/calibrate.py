"""The participant's head is brought to its place."""

from __future__ import annotations

from labcapture.protocol.steps import Calibrate
from labcapture.stage import words
from labcapture.stage.canvas import TEXT_HEIGHT
from labcapture.stage.screens.base import Context, Waiting


class CalibrateScreen(Waiting):
    """Asks the participant to look into the camera, until the engine is content with the position."""

    def __init__(self, step: Calibrate, context: Context) -> None:
        super().__init__(context)
        self._text = context.canvas.text(step.text or words.INTO_CAMERA, (0, 0.04), TEXT_HEIGHT, room=0.8)

    def draw(self, expected: float) -> None:
        """Draw the text."""
        self._text.draw()
