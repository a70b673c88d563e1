"""Words, and numbers, that the participant writes."""

from __future__ import annotations

import unicodedata
from random import Random

from labcapture.protocol.steps import Number, WrittenText
from labcapture.stage import words
from labcapture.stage.canvas import FAINT, SMALL, TEXT_HEIGHT, WARM, Canvas
from labcapture.stage.pages.base import Page, Value

_CARET = "|"
_MOST_CHARACTERS = 1000
_LINES = 5
_INSET = 0.02
_TEXT_BOX_Y, _NUMBER_BOX_Y = -0.06, -0.04


class _Field:
    """What has been written so far, in a box."""

    def __init__(self, canvas: Canvas, place: tuple[float, float], size: tuple[float, float], height: float) -> None:
        self._height = height
        self._width_em = (size[0] - 2 * _INSET) / height
        self._lines = max(1, int((size[1] - _INSET) / (height * words.LINE)))
        self._box = canvas.box(place, size)
        self._box.lineColor = FAINT
        self._shown = canvas.lines([_CARET], (place[0] - size[0] / 2 + _INSET, place[1] + size[1] / 2 - _INSET), height)
        self.value = ""

    def write(self, characters: str) -> None:
        """Take written characters; of a long text its end is seen."""
        for character in characters:
            if character == "\b":
                self.value = self.value[:-1]
            elif character.isprintable() and len(self.value) < _MOST_CHARACTERS:
                self.value += character
        lines = words.wrap(self.value + _CARET, self._width_em)
        self._shown.text = "\n".join(lines[-self._lines :])

    def draw(self) -> None:
        """Draw it."""
        self._box.draw()
        self._shown.draw()


class TextPage(Page):
    """Words are written with the keyboard and whatever input method the system has, and confirmed with enter."""

    def __init__(self, question: WrittenText, progress: str, canvas: Canvas) -> None:
        hint = words.WRITE if question.required else words.OPTIONAL
        super().__init__(canvas, progress, question.text, hint, question_y=0.28)
        self.questions = (question.id,)
        self._required = question.required
        height = TEXT_HEIGHT * 0.8
        size = min(1.3, canvas.width * 0.86), _LINES * height * words.LINE + 2 * _INSET
        self._field = _Field(canvas, (0, _TEXT_BOX_Y), size, height)
        self._parts.append(self._field)
        self._button.light(self.is_ready)

    @property
    def is_ready(self) -> bool:
        """Whether something is written, where that is required."""
        return bool(self._field.value.strip()) or not self._required

    def collect(self, time: float) -> list[tuple[str, Value, float]]:
        """Return the words."""
        return [(self.questions[0], self._field.value.strip(), time)]

    def answer_by(self, pilot: Random, time: float) -> None:
        """Write a few words."""
        self.text(f"autopilot {pilot.randint(100, 999)}")

    def text(self, characters: str) -> None:
        """Write."""
        self._field.write(characters)
        self._button.light(self.is_ready)


class NumberPage(Page):
    """A number is written, and confirmed with enter."""

    def __init__(self, question: Number, progress: str, canvas: Canvas) -> None:
        super().__init__(canvas, progress, question.text, words.WRITE_NUMBER, question_y=0.2)
        self.questions = (question.id,)
        self._least, self._most = question.least, question.most
        height = TEXT_HEIGHT
        self._field = _Field(canvas, (0, _NUMBER_BOX_Y), (0.4, height * words.LINE + 2 * _INSET), height)
        self._parts.append(self._field)
        if question.unit:
            self._parts.append(canvas.lines([question.unit], (0.23, _NUMBER_BOX_Y), SMALL * 1.2, middle=True))
        told = canvas.words(words.OUT_OF_RANGE).format(least=f"{self._least:g}", most=f"{self._most:g}")
        self._told = canvas.text(told, (0, _NUMBER_BOX_Y - 0.13), SMALL, WARM)
        self._button.light(False)

    @property
    def is_ready(self) -> bool:
        """Whether a number within the range is written."""
        return self._number() is not None

    def collect(self, time: float) -> list[tuple[str, Value, float]]:
        """Return the number, whole where it was written so."""
        number = self._number()
        assert number is not None  # noqa: S101 - only asked when ready
        return [(self.questions[0], int(number) if number.is_integer() else number, time)]

    def answer_by(self, pilot: Random, time: float) -> None:
        """Write any number of the range, of a wide one a small number."""
        most = min(self._most, self._least + 100)
        whole = int(-(-self._least // 1)), int(most // 1)
        number: float = pilot.randint(*whole) if whole[0] <= whole[1] else (self._least + most) / 2
        self.text(repr(number))

    def text(self, characters: str) -> None:
        """Write digits; those of a Chinese keyboard are wide, and some put a comma before the decimals."""
        plain = unicodedata.normalize("NFKC", characters).replace(",", ".").replace("。", ".")
        self._field.write("".join(c for c in plain if c in "0123456789.-\b"))
        self._button.light(self.is_ready)

    def draw(self) -> None:
        """Draw it, and the range where the number lies outside."""
        super().draw()
        if self._field.value.strip("-. ") and not self.is_ready:
            self._told.draw()

    def _number(self) -> float | None:
        try:
            number = float(self._field.value)
        except ValueError:
            return None
        return number if self._least <= number <= self._most else None
