"""Drawings of the report page: what is missing of a clip, signals and clocks over the session."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from labcapture.console.text import clock
from labcapture.console.theme import Theme

Facts = Mapping[str, Any]


class Drawing(QWidget):
    """A drawing as wide as the page and some lines tall, with names at its left and a time axis below."""

    def __init__(self, theme: Theme, name: str, lines: float) -> None:
        super().__init__()
        self.theme = theme
        self._lines = lines
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for the lines."""
        return QSize(300, round(self.fontMetrics().height() * self._lines))

    def field(self) -> QRectF:
        """Return where the drawing itself stands."""
        line = self.fontMetrics().height()
        return QRectF(line * 4.6, line * 0.2, self.width() - line * 5.2, self.height() - line * 1.5)

    def place(self, seconds: float, length: float) -> float:
        """Return the place of a time."""
        field = self.field()
        return field.left() + field.width() * min(1.0, max(0.0, seconds / length if length > 0 else 0.0))

    def small(self) -> QFont:
        """Return the font of figures."""
        font = QFont(self.font())
        font.setPixelSize(max(9, round(self.fontMetrics().height() * 0.7)))
        return font

    def draw_axis(self, painter: QPainter, length: float) -> None:
        """Draw the times below the field."""
        field, line = self.field(), self.fontMetrics().height()
        painter.setFont(self.small())
        painter.setPen(QColor(self.theme.line))
        painter.drawLine(field.bottomLeft(), field.bottomRight())
        painter.setPen(QColor(self.theme.muted))
        most = max(2.0, field.width() / (line * 5))
        steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
        step = next((step for step in steps if length / step <= most), 3600 * math.ceil(length / most / 3600) or 1)
        for index in range(math.floor(length / step) + 1):
            at = self.place(index * step, length)
            painter.drawLine(QPointF(at, field.bottom()), QPointF(at, field.bottom() + line * 0.2))
            words = QRectF(at - line * 2, field.bottom() + line * 0.25, line * 4, line)
            painter.drawText(words, Qt.AlignmentFlag.AlignHCenter, clock(index * step))

    def draw_name(self, painter: QPainter, y: float, words: str) -> None:
        """Write ``words`` at the left of the field, their middle at ``y``."""
        line, field = self.fontMetrics().height(), self.field()
        painter.setFont(self.small())
        painter.setPen(QColor(self.theme.muted))
        room = QRectF(0, y - line / 2, field.left() - line * 0.4, line)
        painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)


class ClipLine(Drawing):
    """A bar per stream with what is missing of it; below them when the film ran."""

    def __init__(self, theme: Theme, clip: Facts) -> None:
        self._clip = clip
        super().__init__(theme, f"What is missing of {clip['trial']}", 1.7 + 1.15 * (len(clip["streams"]) + 0.6))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the bars."""
        painter = QPainter(self)
        field, length = self.field(), float(self._clip["length_s"])
        rows = [name for name, _ in self._clip["streams"]]
        tall = field.height() / (len(rows) + 0.6) if rows else field.height()
        for i, name in enumerate(rows):
            bar = QRectF(field.left(), field.top() + i * tall + tall * 0.15, field.width(), tall * 0.7)
            painter.fillRect(bar, QColor(self.theme.raised))
            for cause, _, start, stop in self._clip["gaps"].get(name, ()):
                left, right = self.place(start, length), self.place(stop, length)
                colour = QColor(self.theme.muted if cause == "slow" else self.theme.warning)
                painter.fillRect(QRectF(left, bar.top(), max(2.0, right - left), bar.height()), colour)
            self.draw_name(painter, bar.center().y(), name)
        if self._clip["film"] is not None:
            left, right = (self.place(seconds, length) for seconds in self._clip["film"])
            y = field.bottom() - tall * 0.42
            painter.fillRect(QRectF(left, y, max(1.0, right - left), tall * 0.26), QColor(self.theme.accent))
            self.draw_name(painter, y + tall * 0.13, "film")
        self.draw_axis(painter, length)


class SignalPlot(Drawing):
    """A signal's lowest and highest values over the session, clips behind it, markers on it."""

    def __init__(self, theme: Theme, trace: Facts, page: Facts) -> None:
        super().__init__(theme, f"{trace['name']}, {trace['unit']}", 6.5)
        self._page = page
        self._sound = bool(trace["sound"])
        self._low, self._high = _array(trace["low"]), _array(trace["high"])
        known = np.isfinite(self._low)
        least, most = (float(self._low[known].min()), float(self._high[known].max())) if known.any() else (0.0, 1.0)
        if self._sound:
            most = max(abs(least), abs(most), 1e-4)
            least = -most
        elif most - least < 1e-12 * max(1.0, abs(most)):
            least, most = least - 0.5, most + 0.5
        self.range = least, most

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw one upright stroke for each bin."""
        painter = QPainter(self)
        field, length, line = self.field(), float(self._page["length_s"]), self.fontMetrics().height()
        least, most = self.range
        for _, start, stop in self._page["spans"]:
            left = self.place(start, length)
            clip = QRectF(left, field.top(), max(1.0, self.place(stop, length) - left), field.height())
            painter.fillRect(clip, QColor(self.theme.raised))
        painter.setPen(QPen(QColor(self.theme.line), 1))
        marks = [self.place(time, length) for time, _ in self._page["markers"]]
        painter.drawLines([QLineF(at, field.top(), at, field.bottom()) for at in marks])
        scale = field.height() / (most - least)
        across = field.left() + (np.arange(len(self._low)) + 0.5) / max(1, len(self._low)) * field.width()
        low, high = field.bottom() - (self._low - least) * scale, field.bottom() - (self._high - least) * scale
        known = np.isfinite(low)
        painter.setPen(QPen(QColor(self.theme.accent), max(1.0, field.width() / max(1, len(low)))))
        painter.drawLines(
            [QLineF(x, y0 + 0.5, x, y1 - 0.5) for x, y0, y1 in zip(across[known], low[known], high[known], strict=True)]
        )
        for value, y in ((most, field.top() + line * 0.4), (least, field.bottom() - line * 0.4)):
            self.draw_name(painter, y, f"{100 * value:.3g} %" if self._sound else f"{value:.4g}")
        self.draw_axis(painter, length)


class ClockPlot(Drawing):
    """How far a clock's pairs lie from its fit: median, and least to most, in ms."""

    def __init__(self, theme: Theme, trace: Facts, length_s: float) -> None:
        super().__init__(theme, f"{trace['name']}: {trace['of']}", 4.6)
        self._length = length_s
        self._time, self._low, self._middle, self._high = (_array(trace[k]) for k in ("time", "low", "middle", "high"))
        known = float(trace["known_ms"] or 0.0)
        usual = float(np.nanquantile(np.abs(self._middle), 0.95)) if len(self._middle) else 0.1
        reach = max(3 * usual, 1.2 * known, 0.01)
        self.range = (-reach if np.nanmin(self._low, initial=0.0) < -0.2 * reach else -0.05 * reach, reach)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw spreads and medians."""
        painter = QPainter(self)
        field, line = self.field(), self.fontMetrics().height()
        least, most = self.range
        scale = field.height() / (most - least)

        def y(values: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(field.bottom() - (np.clip(values, least, most) - least) * scale)

        across = [self.place(float(time), self._length) for time in self._time]
        faint = QColor(self.theme.accent)
        faint.setAlphaF(0.35)
        painter.setPen(QPen(faint, 1.5))
        spreads = zip(across, y(self._low), y(self._high), strict=True)
        painter.drawLines([QLineF(x, low, x, high) for x, low, high in spreads if math.isfinite(low + high)])
        painter.setPen(QPen(QColor(self.theme.accent), 3))
        painter.drawPoints([QPointF(x, at) for x, at in zip(across, y(self._middle), strict=True) if math.isfinite(at)])
        zero = float(y(np.zeros(1))[0])
        painter.setPen(QColor(self.theme.line))
        painter.drawLine(QPointF(field.left(), zero), QPointF(field.right(), zero))
        self.draw_name(painter, field.top() + line * 0.4, f"{most:.2g} ms")
        if zero - field.top() > line:
            self.draw_name(painter, zero, "0")
        self.draw_axis(painter, self._length)


class Thumbnails(QWidget):
    """The pictures of one clip, decoded when they are seen first."""

    def __init__(self, theme: Theme, pictures: Sequence[Facts]) -> None:
        super().__init__()
        self._theme = theme
        self._pictures = pictures
        self._seen: list[QPixmap] | None = None
        self.setAccessibleName("Pictures from the middle of the clip")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for pictures of seven lines."""
        tall = round(self.fontMetrics().height() * 7)
        return QSize(sum(self._width(picture, tall) + 6 for picture in self._pictures), tall)

    def _width(self, picture: Facts, tall: int) -> int:
        width, height = (int(side) for side in picture["size"])
        return round(tall * width / max(1, height))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the pictures side by side."""
        if self._seen is None:
            self._seen = []
            for picture in self._pictures:
                made = QPixmap()
                made.loadFromData(base64.b64decode(picture["jpeg"]))
                self._seen.append(made)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        left, tall = 0, self.height()
        for picture, pixmap in zip(self._pictures, self._seen, strict=True):
            width = self._width(picture, tall)
            painter.drawPixmap(left, 0, width, tall, pixmap)
            left += width + 6


def _array(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([math.nan if value is None else value for value in values], np.float64)
