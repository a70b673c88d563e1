"""Everything along time on one axis: clips, events, flags, losses, voice and signals, one cursor through all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from labcapture.console.theme import Theme
from labcapture.view.film import Film
from labcapture.view.waves import Wave

_STEPS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200)
_LEAST_S = 0.05  # so little can be zoomed to
_NOTCH = 120.0


@dataclass(frozen=True)
class Span:
    """A stretch of LSL time in a lane; ``tone``: accent, muted, warning or alarm."""

    start: float
    stop: float
    label: str = ""
    tone: str = "accent"


@dataclass(frozen=True)
class Lane:
    """A row of stretches and moments under a name."""

    name: str
    spans: Sequence[Span] = ()
    height: float = 1.0


@dataclass
class Trace:
    """A signal with its name and unit; None while its extremes are being looked for."""

    name: str
    unit: str
    wave: Wave | None = None
    symmetric: bool = False
    colours: tuple[str, ...] = field(default=("accent", "text", "muted"))


class Tracks(QWidget):
    """The lanes and traces of a session.

    Parameters
    ----------
    film
        For its limits and the words for times.
    """

    sought = Signal(float)
    """LSL time (s) that was clicked or dragged to."""

    def __init__(self, theme: Theme, film: Film) -> None:
        super().__init__()
        self._theme = theme
        self._film = film
        margin = 0.01 * (film.stop - film.start)
        self._whole = (film.start - margin, film.stop + margin)
        self.start, self.stop = self._whole
        self.lanes: list[Lane] = []
        self.traces: list[Trace] = []
        self.now = film.start
        self.marks: dict[str, float] = {}
        self._drawn: QPixmap | None = None
        self._held: float | None = None
        self.setAccessibleName("Time line")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    # What is shown ----------------------------------------------------------------------------------------------------

    def show_cursor(self, time: float) -> None:
        """Move the cursor to LSL ``time`` (s); the range follows where the cursor would leave it."""
        before, self.now = self.now, time
        if not self.start <= time <= self.stop:
            span = self.stop - self.start
            begin = time - span * (0.1 if time > self.stop else 0.9)
            self.show_range(begin, begin + span)
        self.setAccessibleDescription(self._film.clock(time))
        line = self._line()
        for x in {round(self.x_of(it)) for it in (before, time)}:  # the rest of a large window stands still
            self.update(x - line, 0, 2 * line, self.height())

    def show_range(self, start: float, stop: float) -> None:
        """Show LSL times from ``start`` to ``stop`` (s)."""
        low, high = self._whole
        span = min(high - low, max(_LEAST_S, stop - start))
        start = min(max(low, (start + stop - span) / 2), high - span)
        if (start, start + span) != (self.start, self.stop):
            self.start, self.stop = start, start + span
            self.renew()

    def show_whole(self) -> None:
        """Show the whole session."""
        self.show_range(*self._whole)

    def zoom(self, factor: float, about: float | None = None) -> None:
        """Show ``factor`` times as much, LSL time ``about`` (the cursor) kept in its place."""
        about = self.now if about is None else about
        self.show_range(about + (self.start - about) * factor, about + (self.stop - about) * factor)

    def renew(self) -> None:
        """Draw lanes and traces anew."""
        self._drawn = None
        self.update()

    # Geometry ---------------------------------------------------------------------------------------------------------

    def _line(self) -> int:
        return self.fontMetrics().height()

    def _gutter(self) -> float:
        names = [lane.name for lane in self.lanes] + [trace.name for trace in self.traces]
        return max((self.fontMetrics().horizontalAdvance(name) for name in names), default=0) + self._line() * 1.6

    def x_of(self, time: float) -> float:
        """Return the place (px) of LSL ``time``."""
        left = self._gutter()
        return left + (time - self.start) / (self.stop - self.start) * (self.width() - left)

    def time_at(self, x: float) -> float:
        """Return the LSL time (s) at a place (px)."""
        left = self._gutter()
        return self.start + (x - left) / max(1.0, self.width() - left) * (self.stop - self.start)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for a line for each lane and some for each trace."""
        line = self._line()
        return QSize(640, round(line * (1.4 + sum(1.35 * it.height for it in self.lanes) + 3.6 * len(self.traces))))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Two lines for each trace will do."""
        line = self._line()
        return QSize(320, round(line * (1.4 + sum(1.35 * it.height for it in self.lanes) + 2.2 * len(self.traces))))

    # The mouse --------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Go there; with another button: hold the axis."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.sought.emit(self._within(self.time_at(event.position().x())))
        else:
            self._held = self.time_at(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Scrub, or move the axis."""
        at = self.time_at(event.position().x())
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.sought.emit(self._within(at))
        elif event.buttons() and self._held is not None:
            moved = self._held - at
            self.show_range(self.start + moved, self.stop + moved)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Zoom about the mouse; sideways or with Shift: move."""
        down, across = event.angleDelta().y(), event.angleDelta().x()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            down, across = 0, across or down
        if down:
            self.zoom(1.3 ** (-down / _NOTCH), self.time_at(event.position().x()))
        if across:
            step = -across / _NOTCH * 0.1 * (self.stop - self.start)
            self.show_range(self.start + step, self.stop + step)
        event.accept()

    def _within(self, time: float) -> float:
        return min(max(time, self._film.start), self._film.stop)

    # Drawing ----------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Draw anew at the new size."""
        self._drawn = None

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the cursor and the marks over what stands still."""
        if self._drawn is None:
            ratio = self.devicePixelRatioF()
            self._drawn = QPixmap(self.size() * ratio)
            self._drawn.setDevicePixelRatio(ratio)
            still = QPainter(self._drawn)
            still.setFont(self.font())
            self._paint_still(still)
            still.end()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._drawn)
        line = self._line()
        if {"A", "B"} <= self.marks.keys():
            first, second = sorted(self.x_of(self.marks[name]) for name in "AB")
            shade = QColor(self._theme.accent)
            shade.setAlpha(36)
            painter.fillRect(
                QRectF(max(first, self._gutter()), 0, second - max(first, self._gutter()), self.height()), shade
            )
        self._paint_upright(painter, self.now, self._theme.text, "", width=max(1.5, line / 9))
        for name, time in self.marks.items():
            self._paint_upright(painter, time, self._theme.muted, name, width=max(1.2, line / 15), dashed=True)

    def _paint_upright(
        self, painter: QPainter, time: float, colour: str, name: str, *, width: float, dashed: bool = False
    ) -> None:
        x, line = self.x_of(time), self._line()
        if x < self._gutter() - 1:
            return
        style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
        painter.setPen(QPen(QColor(colour), width, style))
        painter.drawLine(QPointF(x, line * 0.2), QPointF(x, self.height()))
        if name:
            box = QRectF(x - line * 0.55, 0, line * 1.1, line * 1.1)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(self._theme.accent))
            painter.drawRoundedRect(box, 3, 3)
            painter.setPen(QColor(self._theme.on_accent))
            painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), name)

    def _paint_still(self, painter: QPainter) -> None:
        theme, line, left = self._theme, self._line(), self._gutter()
        painter.fillRect(self.rect(), QColor(theme.panel))
        self._paint_ruler(painter)
        y = line * 1.4
        for lane in self.lanes:
            height = line * 1.35 * lane.height
            self._paint_name(painter, lane.name, QRectF(0, y, left, height))
            painter.save()
            painter.setClipRect(QRectF(left, y, self.width() - left, height))
            self._paint_lane(painter, lane, y + height * 0.08, height * 0.84)
            painter.restore()
            y += height
        height = (self.height() - y) / max(1, len(self.traces))
        for trace in self.traces:
            painter.setPen(QColor(theme.line))
            painter.drawLine(QPointF(0, y), QPointF(self.width(), y))
            self._paint_trace(painter, trace, QRectF(left, y + 3, self.width() - left, height - 6))
            y += height

    def _paint_name(self, painter: QPainter, name: str, where: QRectF) -> None:
        self._paint_words(painter, where.adjusted(self._line() * 0.5, 0, 0, 0), name, self._theme.muted)

    def _paint_ruler(self, painter: QPainter) -> None:
        line, left = self._line(), self._gutter()
        room = self.fontMetrics().horizontalAdvance("00:00.000") + line * 1.6
        fits = max(1.0, (self.width() - left) / room)
        step = next((it for it in _STEPS_S if (self.stop - self.start) / it <= fits), _STEPS_S[-1])
        digits = 0 if step >= 1 else 1 if step >= 0.1 else 2
        first = int(np.ceil((self.start - self._film.start) / step - 1e-9))
        last = int((self.stop - self._film.start) / step)
        for n in range(first, last + 1):
            x = self.x_of(self._film.start + n * step)
            painter.setPen(QColor(self._theme.line))
            painter.drawLine(QPointF(x, line * 1.2), QPointF(x, self.height()))
            words = self._film.clock(self._film.start + n * step)
            words = words[: len(words) - (3 - digits if digits else 4)]
            painter.setPen(QColor(self._theme.muted))
            painter.drawText(QPointF(x + 3, line * 0.95), words)

    def _paint_lane(self, painter: QPainter, lane: Lane, top: float, height: float) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        seen = [span for span in lane.spans if span.stop >= self.start and span.start <= self.stop]
        for span in seen:
            if span.stop > span.start:
                self._paint_span(painter, span, top, height)
            else:
                x = self.x_of(span.start)
                painter.setPen(QPen(self._tone(span), max(1.6, self._line() / 11)))
                painter.drawLine(QPointF(x, top), QPointF(x, top + height))
        free, line = -np.inf, self._line()  # where the last label ends
        behind = QColor(self._theme.panel)
        behind.setAlpha(225)
        for span in seen:
            x = self.x_of(span.start) + 3
            if span.stop > span.start or not span.label or x <= free:
                continue
            where = QRectF(x, top, self.fontMetrics().horizontalAdvance(span.label) + line * 0.3, height)
            painter.fillRect(where, behind)
            self._paint_words(painter, where.adjusted(line * 0.15, 0, 0, 0), span.label, self._theme.text)
            free = where.right() + line * 0.3
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)

    def _tone(self, span: Span) -> QColor:
        theme = self._theme
        tones = {"accent": theme.accent, "muted": theme.muted, "warning": theme.warning, "alarm": theme.alarm}
        return QColor(tones[span.tone])

    def _paint_span(self, painter: QPainter, span: Span, top: float, height: float) -> None:
        line, colour = self._line(), self._tone(span)
        x, end = self.x_of(span.start), self.x_of(span.stop)
        fill = QColor(colour)
        fill.setAlpha(60 if span.label else 200)
        painter.setBrush(fill)
        painter.setPen(QPen(colour, 1) if span.label else Qt.PenStyle.NoPen)
        painter.drawRoundedRect(QRectF(x, top, max(2.0, end - x), height), 3, 3)
        begin = max(x, self._gutter()) + line * 0.35
        room = QRectF(begin, top, end - begin - line * 0.2, height)
        if room.width() > line * 1.5:
            words = self.fontMetrics().elidedText(span.label, Qt.TextElideMode.ElideRight, int(room.width()))
            self._paint_words(painter, room, words, self._theme.text)

    @staticmethod
    def _paint_words(painter: QPainter, where: QRectF, words: str, colour: str) -> None:
        painter.setPen(QColor(colour))
        painter.drawText(where, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), words)

    def _paint_trace(self, painter: QPainter, trace: Trace, box: QRectF) -> None:
        theme, line = self._theme, self._line()
        self._paint_name(painter, trace.name, QRectF(0, box.top(), box.left(), min(box.height(), line * 1.3)))
        if trace.wave is None:
            self._paint_name(painter, "reading …", box.adjusted(line, 0, 0, 0))
            return
        time, low, high, begins = trace.wave.strokes(self.start, self.stop, int(box.width()))
        bottom, top = self._range(trace, low, high)
        self._paint_scale(painter, trace, box, bottom, top)
        if not len(time):
            return
        painter.save()
        painter.setClipRect(box)
        x = box.left() + (time - self.start) / (self.stop - self.start) * box.width()
        tones = {"accent": theme.accent, "text": theme.text, "muted": theme.muted}
        low, high = (np.atleast_2d(it.T).T for it in (low, high))
        for channel in range(low.shape[1]):
            painter.setPen(QPen(QColor(tones[trace.colours[channel % len(trace.colours)]]), max(1.0, line / 14)))
            ends = [box.bottom() - (it[:, channel] - bottom) / (top - bottom) * box.height() for it in (low, high)]
            points = np.stack([np.repeat(x, 2), np.stack(ends, axis=1).ravel()], axis=1)
            parts = np.split(points, 2 * np.flatnonzero(begins)[1:])
            for part in parts:
                known = part[~np.isnan(part[:, 1])]
                painter.drawPolyline([QPointF(*point) for point in known])
        painter.restore()

    @staticmethod
    def _range(trace: Trace, low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[float, float]:
        if not low.size or np.isnan(low).all():
            return 0.0, 1.0
        bottom, top = float(np.nanmin(low)), float(np.nanmax(high))
        if trace.symmetric:
            top = max(abs(bottom), abs(top), 1e-3) * 1.05
            return -top, top
        room = max((top - bottom) * 0.08, 1e-6 * max(1.0, abs(top)))
        return bottom - room, top + room

    def _paint_scale(self, painter: QPainter, trace: Trace, box: QRectF, bottom: float, top: float) -> None:
        line, small = self._line(), QFont(self.font())
        small.setPixelSize(max(8, round(self.fontInfo().pixelSize() * 0.8)))
        painter.setFont(small)
        painter.setPen(QColor(self._theme.muted))
        room = QRectF(line * 0.5, box.top(), box.left() - line, box.height())
        right, flags = int(Qt.AlignmentFlag.AlignRight), Qt.AlignmentFlag
        if trace.symmetric:
            words = f"±{top * 100:.0f} %" if top >= 0.1 else f"±{top * 100:.1f} %"
            painter.drawText(room, right | int(flags.AlignVCenter), words)
        else:
            painter.drawText(room, right | int(flags.AlignTop), f"{top:.4g}")
            painter.drawText(room, right | int(flags.AlignBottom), f"{bottom:.4g}")
            painter.drawText(room, int(flags.AlignLeft | flags.AlignBottom), trace.unit)
        painter.setFont(self.font())
