"""All ratings of a form on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from labcapture.protocol.steps import Rating
from labcapture.stage import words
from labcapture.stage.canvas import FAINT, LIT, SMALL, Canvas
from labcapture.stage.pages.base import Page, Value, digit

_TOP, _BOTTOM = 0.29, -0.27
_ROW = 0.098
_COLUMN = 0.13
_HEADER = 0.055
_TINT = (-0.28, -0.28, -0.28)  # of the row that the keys are meant for


class GridPage(Page):
    """A row a question. A digit chooses in the present row and goes on to the next; so does the mouse.

    The time of an answer is that of its last choice, for the confirmation is one for all.
    """

    def __init__(self, questions: Sequence[Rating], progress: str, canvas: Canvas) -> None:
        super().__init__(canvas, progress, "", words.CHOOSE_GRID)
        self.questions = tuple(question.id for question in questions)
        first, last = questions[0].scale
        self._points = list(range(first, last + 1))
        self._chosen: dict[int, tuple[int, float]] = {}  # row -> point, LSL time
        self._current = 0
        count = len(self._points)
        column = min(_COLUMN, canvas.width * 0.55 / count)
        self._row = row = min(_ROW, (_TOP - _BOTTOM) / len(questions))
        total = min(canvas.width * 0.92, column * count + max(0.55, canvas.width * 0.3))
        left, right = -total / 2, total / 2
        self._column = column
        self._x = [right - column * (count - i - 0.5) for i in range(count)]
        self._y = [_TOP - row * (i + 0.5) for i in range(len(questions))]
        words_wide = total - column * count - 0.04
        size = min(SMALL * 1.25, row * 0.55)
        radius = min(column, row) * 0.36
        self._bands = [canvas.box((0, y), (total + 0.03, row * 0.96)) for y in self._y]
        for band in self._bands:
            band.fillColor, band.lineColor = _TINT, None
        self._discs: list[list[Any]] = []
        for question, y in zip(questions, self._y, strict=True):
            lines = words.wrap(canvas.words(question.text), words_wide / size)
            height = min(size, row * 0.9 / (len(lines) * words.LINE))
            self._parts.append(canvas.lines(lines, (left, y), height, middle=True))
            discs = [canvas.disc((x, y), radius) for x in self._x]
            self._parts += discs
            self._parts += [
                canvas.text(str(point), (x, y), min(SMALL, radius))
                for point, x in zip(self._points, self._x, strict=True)
            ]
            self._discs.append(discs)
        labels = next((question.labels for question in questions if question.labels), None)
        for label, x in zip(labels or (), (self._x[0], self._x[-1]), strict=False):
            place = x, _TOP + _HEADER / 2 + 0.01
            self._parts.append(canvas.text(label, place, SMALL * 0.9, FAINT, wrap=column * (count / 2)))
        self._button.light(False)

    @property
    def is_ready(self) -> bool:
        """Whether every row has its choice."""
        return len(self._chosen) == len(self.questions)

    def collect(self, time: float) -> list[tuple[str, Value, float]]:
        """Return the points, each with the time at which it was chosen."""
        return [(question, *self._chosen[row]) for row, question in enumerate(self.questions)]

    def answer_by(self, pilot: Random, time: float) -> None:
        """Choose any point in each row."""
        for row in range(len(self.questions)):
            self._choose(row, pilot.choice(self._points), time)

    def draw(self) -> None:
        """Draw it."""
        self._bands[self._current].draw()
        super().draw()

    def key(self, name: str, time: float) -> None:
        """Choose with digits, move with the arrow keys, confirm with enter or the space bar."""
        number = digit(name)
        if number is not None and number in self._points:
            self._choose(self._current, number, time)
            self._current = min(self._current + 1, len(self.questions) - 1)
        elif name in {"UP", "DOWN"}:
            self._current = min(max(self._current + (1 if name == "DOWN" else -1), 0), len(self.questions) - 1)
        elif name in {"LEFT", "RIGHT"}:
            point = self._points[len(self._points) // 2]
            if self._current in self._chosen:
                point = self._chosen[self._current][0] + (1 if name == "RIGHT" else -1)
            if point in self._points:
                self._choose(self._current, point, time)
        elif name == "SPACE":
            self.confirm(time)
        else:
            super().key(name, time)

    def click(self, x: float, y: float, time: float) -> None:
        """Choose the point, or press the button."""
        for row, row_y in enumerate(self._y):
            for point, point_x in zip(self._points, self._x, strict=True):
                if abs(x - point_x) <= self._column / 2 and abs(y - row_y) <= self._row / 2:
                    self._choose(row, point, time)
                    self._current = min(row + 1, len(self.questions) - 1)
        super().click(x, y, time)

    def _choose(self, row: int, point: int, time: float) -> None:
        self._chosen[row] = point, time
        for disc, its in zip(self._discs[row], self._points, strict=True):
            disc.fillColor = LIT if its == point else None
        self._button.light(self.is_ready)
