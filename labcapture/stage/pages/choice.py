"""One of some options, or several of them."""

from __future__ import annotations

from random import Random

from labcapture.protocol.steps import Choice
from labcapture.stage import words
from labcapture.stage.canvas import SMALL, Canvas
from labcapture.stage.pages.base import Button, Page, Value, digit

_ONE_COLUMN = 6  # more options stand in two columns
_TOP, _BOTTOM = 0.21, -0.275
_ROW = 0.093
_WIDTH = 0.9  # of one column, in window heights
_BETWEEN = 0.03


class ChoicePage(Page):
    """An option is chosen with its digit, the arrow keys or the mouse; several can be switched on and off."""

    def __init__(self, question: Choice, progress: str, canvas: Canvas) -> None:
        hint = words.CHOOSE_SEVERAL if question.several else words.CHOOSE
        super().__init__(canvas, progress, question.text, hint, question_y=0.31)
        self.questions = (question.id,)
        self._ids = [option.id for option in question.options]
        self._several = question.several
        self._chosen: set[int] = set()
        self._focus: int | None = None
        count = len(self._ids)
        columns = 1 if count <= _ONE_COLUMN else 2
        self._rows = -(-count // columns)
        row = min(_ROW, (_TOP - _BOTTOM) / self._rows)
        width = min(_WIDTH, canvas.width * 0.9 / columns)
        top = (_TOP + _BOTTOM + row * (self._rows - 1)) / 2
        self._options = []
        for i, option in enumerate(question.options):
            column, line = divmod(i, self._rows)
            place = (column - (columns - 1) / 2) * (width + _BETWEEN), top - line * row
            word = f"{i + 1}   {canvas.words(option.text)}"
            self._options.append(Button(canvas, word, place, (width - _BETWEEN, row * 0.86), SMALL * 1.15))
        self._parts += self._options
        self._light()

    @property
    def is_ready(self) -> bool:
        """Whether anything is chosen."""
        return bool(self._chosen)

    def collect(self, time: float) -> list[tuple[str, Value, float]]:
        """Return the id of the option, or the list of those that were chosen."""
        chosen = [self._ids[i] for i in sorted(self._chosen)]
        return [(self.questions[0], chosen if self._several else chosen[0], time)]

    def answer_by(self, pilot: Random, time: float) -> None:
        """Choose any."""
        count = pilot.randint(1, len(self._ids)) if self._several else 1
        for i in pilot.sample(range(len(self._ids)), count):
            self._choose(i)

    def key(self, name: str, time: float) -> None:
        """Choose with digits and arrows; the space bar switches one of several, else it confirms like enter."""
        number = digit(name)
        if number is not None:
            self._choose(number - 1)
        elif name in {"UP", "DOWN", "LEFT", "RIGHT"}:
            self._move({"UP": -1, "DOWN": 1, "LEFT": -self._rows, "RIGHT": self._rows}[name])
        elif name == "SPACE" and self._several:
            if self._focus is not None:
                self._choose(self._focus)
        elif name == "SPACE":
            self.confirm(time)
        else:
            super().key(name, time)

    def click(self, x: float, y: float, time: float) -> None:
        """Choose the option, or press the button."""
        for i, option in enumerate(self._options):
            if option.is_at(x, y):
                self._choose(i)
        super().click(x, y, time)

    def _move(self, by: int) -> None:
        to = 0 if self._focus is None else self._focus + by
        if 0 <= to < len(self._ids):
            self._focus = to
            if not self._several:
                self._chosen = {to}
            self._light()

    def _choose(self, i: int) -> None:
        if 0 <= i < len(self._ids):
            self._focus = i
            self._chosen = self._chosen ^ {i} if self._several else {i}
            self._light()

    def _light(self) -> None:
        for i, option in enumerate(self._options):
            option.light(i in self._chosen, outlined=self._several and i == self._focus, live=True)
        self._button.light(self.is_ready)
