"""What was flagged of a recording: as stretches of a bar, and as a list from which each can be taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from labcapture.stage import words
from labcapture.stage.canvas import FAINT, INK, SMALL, TEXT_HEIGHT, WARM, Canvas
from labcapture.stage.pages.base import CONFIRM_KEYS, Button

_BAR_Y, _BAR_HEIGHT = -0.395, 0.028
_LEAST_WIDTH = 0.006  # of a stretch, so that it is seen
_HEAD = (0.006, 0.05)
_ROWS = 5
_TOP, _ROW = 0.27, 0.095
_TINT = (-0.25, -0.25, -0.25)


@dataclass
class Stretch:
    """Pictures ``first`` to ``last``, flagged from LSL time ``start`` to ``stop`` (s)."""

    first: int
    last: int
    start: float
    stop: float


class FlagBar:
    """The recording as a bar, with what was flagged.

    Parameters
    ----------
    canvas
        The window.
    times
        Film time (s) at which each picture is due.
    y
        Where the bar is.
    """

    def __init__(self, canvas: Canvas, times: Sequence[float], y: float = _BAR_Y) -> None:
        self._times, self._y = times, y
        self._end = max(float(times[-1]), 1e-3)
        self._width = canvas.width * 0.86
        self._track = canvas.box((0, y), (self._width, _BAR_HEIGHT))
        self._track.lineColor = FAINT
        self._stretch = canvas.box((0, y), (0.1, _BAR_HEIGHT))
        self._stretch.fillColor = self._stretch.lineColor = WARM
        self._head = canvas.box((0, y), _HEAD)
        self._head.fillColor = self._head.lineColor = INK

    def draw(self, stretches: Sequence[Stretch], now: int | None = None, chosen: int | None = None) -> None:
        """Draw it; ``now`` is the picture on the screen, ``chosen`` the stretch that the list is at."""
        self._track.draw()
        for i, stretch in enumerate(stretches):
            left, right = self._x(stretch.first), self._x(stretch.last)
            self._stretch.pos = (left + right) / 2, self._y
            self._stretch.size = max(right - left, _LEAST_WIDTH), _BAR_HEIGHT * (1.8 if i == chosen else 1)
            self._stretch.draw()
        if now is not None:
            self._head.pos = self._x(now), self._y
            self._head.draw()

    def at(self, x: float, y: float, stretches: Sequence[Stretch]) -> int | None:
        """Return which stretch lies at ``x``, ``y``, None if none does."""
        if abs(y - self._y) > 2 * _BAR_HEIGHT:
            return None
        far = [max(self._x(s.first) - x, x - self._x(s.last), 0.0) for s in stretches]
        return far.index(min(far)) if far and min(far) < _LEAST_WIDTH * 3 else None

    def _x(self, index: int) -> float:
        return (self._times[index] / self._end - 0.5) * self._width


class FlagList:
    """The stretches, some rows at a time, each with a button that takes it back.

    Parameters
    ----------
    canvas
        The window.
    times
        Seconds of the recording at which each picture was taken.
    stretches
        What was flagged; what is taken back is removed from it.
    """

    def __init__(self, canvas: Canvas, times: Sequence[float], stretches: list[Stretch]) -> None:
        self._canvas, self._times = canvas, times
        self.stretches = stretches
        self.taken_back = 0
        self.is_confirmed = False
        self._chosen = 0
        self._bar = FlagBar(canvas, times, -0.235)
        self._confirm = Button(canvas, words.CONFIRM, (0, -0.34))
        self._confirm.light(True)
        self._title = canvas.text(words.FLAGGED, (0, 0.38), TEXT_HEIGHT)
        self._hint = canvas.text(words.FLAG_KEYS, (0, -0.45), SMALL, FAINT)
        self._band = canvas.box((0, 0), (1.24, _ROW * 0.94))
        self._band.fillColor, self._band.lineColor = _TINT, None
        self._rows: list[tuple[Any, Button, float]] = []  # text, button, y
        self._lay_out()

    def draw(self) -> None:
        """Draw it."""
        self._title.draw()
        for row, (text, button, y) in enumerate(self._rows):
            if row + self._first == self._chosen:
                self._band.pos = 0, y
                self._band.draw()
            text.draw()
            button.draw()
        self._bar.draw(self.stretches, chosen=self._chosen)
        self._confirm.draw()
        self._hint.draw()

    def key(self, name: str) -> None:
        """Move with the arrow keys, take back with delete, confirm with enter."""
        if name in {"UP", "DOWN"}:
            self._choose(self._chosen + (1 if name == "DOWN" else -1))
        elif name in {"DELETE", "BACKSPACE"}:
            self.take_back(self._chosen)
        elif name in CONFIRM_KEYS:
            self.is_confirmed = True

    def click(self, x: float, y: float) -> None:
        """Take back, choose a stretch of the bar, or confirm."""
        row = next((i for i, (_, button, _) in enumerate(self._rows) if button.is_at(x, y)), None)
        if row is not None:
            self.take_back(row + self._first)
            return
        stretch = self._bar.at(x, y, self.stretches)
        if stretch is not None:
            self._choose(stretch)
        elif self._confirm.is_at(x, y):
            self.is_confirmed = True

    def take_back(self, index: int) -> None:
        """Remove a stretch."""
        if 0 <= index < len(self.stretches):
            del self.stretches[index]
            self.taken_back += 1
            self._choose(min(self._chosen, len(self.stretches) - 1))

    @property
    def _first(self) -> int:
        """The stretch in the first row: the chosen one is kept in the middle of a long list."""
        return max(0, min(self._chosen - _ROWS // 2, len(self.stretches) - _ROWS))

    def _choose(self, index: int) -> None:
        self._chosen = max(0, min(index, len(self.stretches) - 1))
        self._lay_out()

    def _lay_out(self) -> None:
        self._rows = []
        for row, stretch in enumerate(self.stretches[self._first : self._first + _ROWS]):
            y = _TOP - row * _ROW
            when = f"{clock(self._times[stretch.first])} – {clock(self._times[stretch.last])}"
            words_of = f"{row + self._first + 1}     {when}"
            text = self._canvas.lines([words_of], (-0.58, y), SMALL * 1.2, middle=True)
            button = Button(self._canvas, words.TAKE_BACK, (0.44, y), (0.3, _ROW * 0.78))
            button.light(False, live=True)
            self._rows.append((text, button, y))


def clock(seconds: float) -> str:
    """Return minutes and seconds with a tenth, as ``1:02.3``."""
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"
