"""A picture, alone or while something else goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from labcapture.core.errors import StageError
from labcapture.protocol.steps import Image, Interview, Question
from labcapture.stage import words
from labcapture.stage.canvas import FAINT, SMALL, Canvas
from labcapture.stage.screens.base import Context, Waiting

_MARGIN = 0.06  # of the window's height, above and below
_CAPTION = 0.17  # of the window's height, where there are words below the picture
_MOST_PIXELS = 64_000_000


class ImageScreen(Waiting):
    """Shows the picture for the seconds of the step, or until somebody goes on."""

    def __init__(self, step: Image, path: Path, context: Context) -> None:
        own = step.leave == "participant" and step.seconds is None
        super().__init__(context, step.seconds, by_participant=own)
        below = _CAPTION if own or step.text is not None else 0.0
        self._still = _Still(path, context.canvas, below)
        self._parts = []
        if step.text is not None:
            self._parts.append(context.canvas.text(step.text, (0, -0.38 if own else -0.41), SMALL * 1.2, room=0.1))
        if own:
            self._parts.append(context.canvas.text(words.NEXT, (0, -0.46), SMALL, FAINT))

    def draw(self, expected: float) -> None:
        """Draw the picture and its words."""
        self._still.draw()
        for part in self._parts:
            part.draw()


class TalkScreen(Waiting):
    """Shows a picture or nothing while the interviewer asks and the participant answers: no word of either is shown."""

    def __init__(self, step: Question | Interview, path: Path | None, context: Context) -> None:
        super().__init__(context)
        self._still = None if path is None else _Still(path, context.canvas, 0.0)

    def draw(self, expected: float) -> None:
        """Draw the picture, if there is one."""
        if self._still is not None:
            self._still.draw()


class _Still:
    """A picture file in the window, ``below`` of the window's height left free for words."""

    def __init__(self, path: Path, canvas: Canvas, below: float) -> None:
        height = canvas.size[1]
        room = round(canvas.size[0] * 0.94), round(height * (1 - 2 * _MARGIN - below))
        pixels = read_picture(path, room)
        self._place = canvas.pictures((pixels.shape[1], pixels.shape[0]), above_px=round(height * below / 2))
        self._place.upload(pixels)

    def draw(self) -> None:
        """Draw it."""
        self._place.draw()


def read_picture(path: Path, room: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a picture (height, width, 3) RGB, as large as ``room`` (width, height in pixels) admits.

    Raises
    ------
    StageError
        It is missing, damaged, or no picture.
    """
    try:
        with Picture.open(path) as file:
            if file.width * file.height > _MOST_PIXELS:
                raise StageError(f"a picture of {file.width} x {file.height} pixels is too large", str(path))
            scale = min(room[0] / file.width, room[1] / file.height)
            size = max(1, round(file.width * scale)), max(1, round(file.height * scale))
            over = Picture.new("RGBA", file.size, (255, 255, 255, 255))  # transparent parts are white, as on paper
            over.alpha_composite(file.convert("RGBA"))
            return np.asarray(over.convert("RGB").resize(size, Picture.Resampling.LANCZOS), np.uint8)
    except (OSError, ValueError, SyntaxError, Picture.DecompressionBombError) as error:  # Pillow's own are among these
        raise StageError(f"not a picture that can be shown ({error})", str(path)) from error
