"""A rating scale."""

from __future__ import annotations

from random import Random

from labcapture.protocol.steps import Rating
from labcapture.stage import words
from labcapture.stage.canvas import LIT, SMALL, TEXT_HEIGHT, Canvas
from labcapture.stage.pages.base import Page, Value, digit

_SCALE_Y = -0.09
_LABEL_Y = -0.215


class RatingPage(Page):
    """A point is chosen with a digit, the arrow keys or the mouse, and then confirmed."""

    def __init__(self, question: Rating, progress: str, canvas: Canvas) -> None:
        super().__init__(canvas, progress, question.text, words.CHOOSE)
        self.questions = (question.id,)
        self._scale = question.scale
        self._choice: int | None = None
        first, last = question.scale
        points = range(first, last + 1)
        self._spacing = min(0.17, canvas.width * 0.8 / len(points))
        radius = self._spacing * 0.36
        left = -self._spacing * (len(points) - 1) / 2
        self._places = {point: (left + self._spacing * i, _SCALE_Y) for i, point in enumerate(points)}
        self._discs = {point: canvas.disc(place, radius) for point, place in self._places.items()}
        size = min(TEXT_HEIGHT, radius)
        self._parts += [*self._discs.values()]
        self._parts += [canvas.text(str(point), place, size) for point, place in self._places.items()]
        for label, point in zip(question.labels or (), question.scale, strict=False):
            place = self._places[point][0], _LABEL_Y
            self._parts.append(canvas.text(label, place, SMALL, wrap=max(0.3, self._spacing * 2)))
        self._light()

    @property
    def is_ready(self) -> bool:
        """Whether a point is chosen."""
        return self._choice is not None

    def collect(self, time: float) -> list[tuple[str, Value, float]]:
        """Return the point."""
        assert self._choice is not None  # noqa: S101 - only asked when ready
        return [(self.questions[0], self._choice, time)]

    def answer_by(self, pilot: Random, time: float) -> None:
        """Choose any point."""
        self._choose(pilot.randint(*self._scale))

    def key(self, name: str, time: float) -> None:
        """Choose with digits and arrows, confirm with enter or the space bar."""
        number = digit(name)
        if number is not None:
            self._choose(number)
        elif name in {"LEFT", "RIGHT"}:
            first, last = self._scale
            by = -1 if name == "LEFT" else 1
            self._choose((first + last) // 2 if self._choice is None else self._choice + by)
        elif name == "SPACE":
            self.confirm(time)
        else:
            super().key(name, time)

    def click(self, x: float, y: float, time: float) -> None:
        """Choose the point, or press the button."""
        for point, place in self._places.items():
            if max(abs(x - place[0]), abs(y - place[1])) <= self._spacing / 2:  # the whole cell is the target
                self._choose(point)
        super().click(x, y, time)

    def _choose(self, point: int) -> None:
        if point in self._places and point != self._choice:
            self._choice = point
            self._light()

    def _light(self) -> None:
        for point, disc in self._discs.items():
            disc.fillColor = LIT if point == self._choice else None
        self._button.light(self.is_ready)
