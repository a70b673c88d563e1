"""What every page of a form has in common: its question, its progress, and the button that confirms."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from labcapture.stage import words
from labcapture.stage.canvas import FAINT, INK, LIT, SMALL, TEXT_HEIGHT, Canvas

Value = str | int | float | list[str]
CONFIRM_KEYS = {"RETURN", "ENTER", "NUM_ENTER"}
_PROGRESS_Y = 0.445
_BUTTON_Y = -0.34
_HINT_Y = -0.45
_BUTTON = (0.34, 0.085)


class Button:
    """A box with a word on it that is lit once it can be pressed.

    Parameters
    ----------
    canvas
        The window.
    word
        What it says.
    place, size
        Centre and size, in window heights.
    height
        Of the letters.
    """

    def __init__(
        self,
        canvas: Canvas,
        word: Mapping[str, str] | str,
        place: tuple[float, float],
        size: tuple[float, float] = _BUTTON,
        height: float = SMALL,
    ) -> None:
        self._place, self._size = place, size
        self._box = canvas.box(place, size)
        self._word = canvas.text(word, place, height, wrap=size[0] * 0.94, room=size[1] * 0.94)
        self.light(False)

    def light(self, lit: bool, *, outlined: bool = False, live: bool = False) -> None:
        """Light it or not; not at every flip, for a new colour is a new layout.

        ``live``: it can be pressed although it is not lit, and its word is as bright as any.
        """
        self._box.fillColor = LIT if lit else None
        self._box.lineColor = INK if outlined else LIT if lit else FAINT
        self._word.color = INK if lit or live else FAINT

    def is_at(self, x: float, y: float) -> bool:
        """Tell whether ``x``, ``y`` lies on it."""
        return abs(x - self._place[0]) <= self._size[0] / 2 and abs(y - self._place[1]) <= self._size[1] / 2

    def draw(self) -> None:
        """Draw it."""
        self._box.draw()
        self._word.draw()


class Page:
    """One screen of a form.

    Parameters
    ----------
    canvas
        The window.
    progress
        Such as ``2 / 6``.
    question, hint
        Texts above and below.
    question_y
        Where the question stands.
    """

    questions: tuple[str, ...]
    """Ids of what is asked."""

    def __init__(
        self,
        canvas: Canvas,
        progress: str,
        question: Mapping[str, str] | str,
        hint: Mapping[str, str],
        question_y: float = 0.17,
    ) -> None:
        self.canvas = canvas
        self.answers: list[tuple[str, Value, float]] | None = None
        """Id, value and LSL time (s) of each once the page is confirmed."""
        self._button = Button(canvas, words.CONFIRM, (0, _BUTTON_Y))
        self._parts: list[Any] = [
            canvas.text(progress, (0, _PROGRESS_Y), SMALL, FAINT),
            canvas.text(question, (0, question_y), TEXT_HEIGHT, room=2 * (0.41 - question_y)),
            canvas.text(hint, (0, _HINT_Y), SMALL, FAINT),
        ]

    @property
    def is_ready(self) -> bool:
        """Whether it can be confirmed."""
        raise NotImplementedError

    def collect(self, time: float) -> list[tuple[str, Value, float]]:
        """Return the answers; ``time`` (LSL s) is that of the confirmation."""
        raise NotImplementedError

    def answer_by(self, pilot: Random, time: float) -> None:
        """Choose or write something in the participant's place."""
        raise NotImplementedError

    def confirm(self, time: float) -> None:
        """Take what was chosen as the answer, once."""
        if self.is_ready and self.answers is None:
            self.answers = self.collect(time)

    def draw(self) -> None:
        """Draw it."""
        for part in self._parts:
            part.draw()
        self._button.draw()

    def key(self, name: str, time: float) -> None:
        """Confirm with the enter key."""
        if name in CONFIRM_KEYS:
            self.confirm(time)

    def click(self, x: float, y: float, time: float) -> None:
        """Confirm with the button."""
        if self._button.is_at(x, y):
            self.confirm(time)

    def text(self, characters: str) -> None:
        """Take note of written characters."""


def digit(name: str) -> int | None:
    """Return which digit a key is, None for any other."""
    number = name.removeprefix("NUM_").removeprefix("_")
    return int(number) if number.isdecimal() else None
