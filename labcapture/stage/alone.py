"""What the stage does when the engine is gone: the participant reads "please wait", and the screen does not vanish."""

from __future__ import annotations

import re
import time
import uuid

from labcapture.core.runtime import runtime_folder
from labcapture.stage import words
from labcapture.stage.canvas import FAINT, SMALL, TEXT_HEIGHT, Canvas
from labcapture.stage.link import EngineGone, Link
from labcapture.stage.messages import Quit

_LOOK_S = 0.1


class Succession:
    """Who has a display: the stage that was started last. One that was left alone there ends when another begins.

    Parameters
    ----------
    display
        Name of the display; empty where the system has none.
    """

    def __init__(self, display: str) -> None:
        name = re.sub(r"[^A-Za-z0-9]+", "_", display) or "screen"
        self._file = runtime_folder() / f"stage-{name}.txt"
        self._own = uuid.uuid4().hex
        self._file.write_text(self._own, encoding="ascii")

    @property
    def has_successor(self) -> bool:
        """Whether another stage has begun on this display."""
        try:
            return self._file.read_text(encoding="ascii") != self._own
        except (OSError, ValueError):  # being written this very moment, or the folder was cleaned
            return False


class _Keys:
    """Waits for Ctrl+Q."""

    is_over = False

    def key(self, name: str, time: float) -> None:
        """End with Ctrl+Q, or with the command key on a Mac."""
        self.is_over = self.is_over or name == "CTRL+Q"

    def released(self, name: str, time: float) -> None:
        """Nothing."""

    def text(self, characters: str) -> None:
        """Nothing."""

    def click(self, x: float, y: float, time: float) -> None:
        """Nothing."""


def wait_alone(canvas: Canvas, link: Link, succession: Succession) -> None:
    """Ask the participant to wait, until Ctrl+Q, a last word of the engine, or the next stage on this display."""
    link.stay()
    keys = _Keys()
    parts = [
        canvas.text(words.GONE, (0, 0.04), TEXT_HEIGHT),
        canvas.text(words.CLOSES, (0, -0.46), SMALL * 0.8, FAINT),
    ]
    unwatch = canvas.watch(keys)
    canvas.show_pointer(False)
    while not keys.is_over and not succession.has_successor and not _is_told_to_end(link):
        for part in parts:
            part.draw()
        canvas.rest()
        canvas.flip()
        time.sleep(_LOOK_S)
    unwatch()


def _is_told_to_end(link: Link) -> bool:
    try:
        return isinstance(link.receive(), Quit)
    except EngineGone:
        return False
