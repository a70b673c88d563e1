"""Signals over time: the voice's level and waveform, and EDA or any other LSL stream, with the session's markers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from labcapture.console import text
from labcapture.console.parts import Figure, label
from labcapture.console.plot import Plot
from labcapture.console.theme import Theme
from labcapture.engine.messages import MarkerView, TraceSlot

SECONDS = 30.0
FULL_SCALE = 32768.0  # of int16 samples
_COLUMNS = 2000  # of a plot, at most: no finer than the voice's buckets
_LEVEL_S = 0.3
_CLIPPING_DB = -1.0
_FLOOR_DB = -60.0
_LABEL_ROWS = 4
_NEW_LINES = 4  # made at a time: a line and its label cost up to 2 ms


def is_voice(slot: TraceSlot) -> bool:
    """Return whether the slot holds extremes of a sound."""
    return slot.channels == ("min", "max")


def level_db(peak: float) -> float:
    """Return the level of an int16 ``peak`` in dB of full scale, -inf for silence."""
    return 20 * math.log10(peak / FULL_SCALE) if peak > 0 else -math.inf


def columns(
    times: NDArray[np.float64], values: NDArray[np.float64], now: float, number: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reduce extremes (n, 2) to one vertical stroke for each of ``number`` columns of the plot.

    Columns are pinned to the clock, so that a peak keeps its place while the trace moves on.

    Returns
    -------
    x, y
        End points of the strokes, two by two, to be joined: seconds before ``now``, values.
    """
    width = SECONDS / number
    recent = times > now - SECONDS
    times, values = times[recent], values[recent]
    if not len(times):
        return np.empty(0), np.empty(0)
    column = np.floor(times / width)
    starts = np.flatnonzero(np.diff(column, prepend=column[0] - 1))
    low = np.minimum.reduceat(values[:, 0], starts)
    high = np.maximum.reduceat(values[:, 1], starts)
    x = np.repeat((column[starts] + 0.5) * width - now, 2)
    return x, np.stack([low, high], axis=1).ravel()


def nice_range(low: float, high: float, least: float) -> tuple[float, float]:
    """Return a range around ``low`` to ``high``, on round values, at least ``least`` wide."""
    if high - low < least:
        middle = (low + high) / 2
        low, high = middle - least / 2, middle + least / 2
    step = 10 ** math.floor(math.log10(high - low)) / 2
    return math.floor(low / step) * step, math.ceil(high / step) * step


class TraceView(QWidget):
    """One signal, the newest sample at the right edge, markers as labelled lines."""

    def __init__(self, theme: Theme, slot: TraceSlot) -> None:
        super().__init__()
        self.slot = slot
        self._theme = theme
        self.setAccessibleName(f"Trace of {slot.name}")
        self.caption = label(slot.name, "section")
        self.plot = Plot(theme)
        self.plot.box.setXRange(-SECONDS, 0, padding=0)
        self.markers = Markers(theme, self.plot)
        self._beside: QWidget | None = None
        self._range = (math.nan, math.nan)
        self._layout = QHBoxLayout()
        self._layout.setSpacing(8)
        self._layout.addWidget(self.plot)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.caption)
        layout.addLayout(self._layout)

    def show_values(self, times: NDArray[np.float64], values: NDArray[np.float64], now: float) -> None:
        """Draw the last `SECONDS` before LSL time ``now``."""
        raise NotImplementedError

    def set_scale(self, scale: float) -> None:
        """Size the axes' figures."""
        font = QFont(self.font())
        font.setPixelSize(round(12 * scale))
        for axis in (self.plot.left, self.plot.bottom):
            axis.setStyle(tickFont=font)
        self.plot.left.setWidth(round(44 * scale))
        self.plot.set_top_margin(round(7 * scale))  # half a figure is above the top
        if self._beside is not None:  # as wide in every trace, so that their times stand in line
            self._beside.setFixedWidth(round(76 * scale))
        self.markers.set_font(font)

    def _columns(self) -> int:
        """Return how many columns the plot can show."""
        return min(_COLUMNS, max(100, int(self.plot.box.width())))

    def _set_range(self, low: float, high: float) -> None:
        """Set the vertical range where it changed: drawing an axis anew is what costs."""
        if (low, high) != self._range:
            self._range = (low, high)
            self.plot.box.setYRange(low, high, padding=0)
            self.markers.set_top(high, high - low)


class VoiceView(TraceView):
    """Waveform as its envelope, with a level meter."""

    def __init__(self, theme: Theme, slot: TraceSlot) -> None:
        super().__init__(theme, slot)
        self._curve = pg.PlotCurveItem(pen=pg.mkPen(theme.accent, width=1), skipFiniteCheck=True)
        self.plot.box.addItem(self._curve)
        self.plot.bottom.hide()
        self.plot.left.setTicks([[(0, "0")]])
        self.meter = LevelMeter(theme)
        self._layout.addWidget(self.meter)
        self._beside = self.meter
        self._set_range(-FULL_SCALE, FULL_SCALE)

    def show_values(self, times: NDArray[np.float64], values: NDArray[np.float64], now: float) -> None:
        """Draw the envelope, at a scale that fits the loudest of the last half minute."""
        x, y = columns(times, values, now, self._columns())
        self._curve.setData(x, y)
        recent = values[times > now - _LEVEL_S]
        self.meter.show_level(level_db(float(np.abs(recent).max())) if len(recent) else -math.inf)
        loudest = float(np.abs(y).max()) if len(y) else 0.0
        top = next((top for top in (1024.0, 2048.0, 4096.0, 8192.0, 16384.0) if loudest < 0.9 * top), FULL_SCALE)
        self._set_range(-top, top)
        zoom = "" if top == FULL_SCALE else f"  ×{FULL_SCALE / top:.0f}"
        self.caption.setText(f"{self.slot.name}{zoom}")


class SignalView(TraceView):
    """A slow signal: one line per channel."""

    def __init__(self, theme: Theme, slot: TraceSlot) -> None:
        super().__init__(theme, slot)
        shades = [QColor(theme.accent), QColor(theme.text), QColor(theme.muted)]
        self._curves = []
        for i, channel in enumerate(slot.channels):
            curve = pg.PlotCurveItem(pen=pg.mkPen(shades[i % len(shades)], width=1.6), name=channel)
            self.plot.box.addItem(curve)
            self._curves.append(curve)
        self.value = Figure(text.unit(slot.units))
        self._layout.addWidget(self.value, 0, Qt.AlignmentFlag.AlignTop)
        self._beside = self.value
        self.plot.bottom.setTicks([[(-t, f"−{t} s" if t else "now") for t in (30, 25, 20, 15, 10, 5, 0)]])

    def show_values(self, times: NDArray[np.float64], values: NDArray[np.float64], now: float) -> None:
        """Draw each channel, in a range that holds all of them."""
        recent = (times > now - SECONDS) & np.isfinite(values).all(axis=1)
        times, values = times[recent], values[recent]
        for i, curve in enumerate(self._curves):
            curve.setData(*columns(times, np.repeat(values[:, i : i + 1], 2, axis=1), now, self._columns()))
        if not len(times):
            self.value.say("no data")
            return
        low, high = float(values.min()), float(values.max())
        least = max(0.5, 1e-6 * max(abs(low), abs(high)))
        bottom, top = self._range
        # Room above for the markers' labels. A range that still holds the signal, not too loosely, stays.
        wanted = nice_range(low, high + 0.3 * max(high - low, least), least)
        if not (bottom <= low and high <= top - 0.2 * (top - bottom) and top - bottom < 2 * (wanted[1] - wanted[0])):
            self._set_range(*wanted)
        self.value.say("  ".join(f"{value:.2f}" for value in values[-1]))


class Markers:
    """Vertical lines in a plot, with a label at the left of each as long as there is room: the line is always drawn.

    Parameters
    ----------
    plot
        One whose x axis is seconds before now.
    """

    def __init__(self, theme: Theme, plot: Plot) -> None:
        self._theme = theme
        self._plot = plot
        self._lines: list[tuple[Any, Any]] = []
        self._font = QFont()
        self._top, self._span = 1.0, 2.0
        self._rows: dict[MarkerView, int | None] = {}
        self._ends = [-math.inf] * _LABEL_ROWS  # LSL time at which the last label of each row ends
        self._width = 0.0
        self.shown: list[tuple[float, str]] = []
        """Seconds before now and label, empty where it found no room, of each line."""

    def set_font(self, font: QFont) -> None:
        """Size the labels."""
        self._font = font
        self._width = 0.0
        for _, words in self._lines:
            words.setFont(font)

    def set_top(self, top: float, span: float) -> None:
        """Keep the labels at the upper edge of the range."""
        self._top, self._span = top, span

    def show(self, markers: Sequence[MarkerView], now: float, *, labelled: bool) -> None:
        """Draw the markers of the last `SECONDS`; of many new ones the last, and the others with the next pictures."""
        visible = [marker for marker in markers if now - SECONDS < marker.time <= now]
        self._place(visible)
        for _ in range(min(_NEW_LINES, len(visible) - len(self._lines))):
            self._lines.append(self._make())
        visible = visible[-len(self._lines) :] if self._lines else []
        line_height = self._span * QFontMetrics(self._font).height() / max(1.0, self._plot.box.height())
        self.shown = []
        for i, (line, words) in enumerate(self._lines):
            row = self._rows[visible[i]] if labelled and i < len(visible) else None
            line.setVisible(i < len(visible))
            words.setVisible(row is not None)
            if i >= len(visible):
                continue
            x, label = visible[i].time - now, visible[i].label
            line.setValue(x)
            if row is not None:
                if words.toPlainText() != label:
                    words.setText(label)
                words.setPos(x, self._top - row * line_height)
            self.shown.append((x, label if row is not None else ""))

    def _place(self, visible: Sequence[MarkerView]) -> None:
        """Give each new marker a row in which its label meets no other; it keeps it, as all of them move alike."""
        width = float(self._plot.box.width())
        if width != self._width:
            self._width, self._rows, self._ends = width, {}, [-math.inf] * _LABEL_ROWS
        metrics, seconds_per_px = QFontMetrics(self._font), SECONDS / max(1.0, width)
        for marker in visible:
            if marker in self._rows:
                continue
            start = marker.time - (metrics.horizontalAdvance(marker.label) + 10) * seconds_per_px
            self._rows[marker] = next((row for row, end in enumerate(self._ends) if end <= start), None)
            if (row := self._rows[marker]) is not None:
                self._ends[row] = marker.time
        self._rows = {marker: self._rows[marker] for marker in visible}

    def _make(self) -> tuple[Any, Any]:
        line = pg.InfiniteLine(angle=90, pen=pg.mkPen(self._theme.muted, width=1, style=Qt.PenStyle.DashLine))
        behind = QColor(self._theme.panel)
        behind.setAlpha(200)
        words = pg.TextItem(color=self._theme.text, anchor=(1, 0), fill=pg.mkBrush(behind))
        words.setFont(self._font)
        words.textItem.document().setDocumentMargin(1)  # Qt's own of 4 px would cover the row above
        for item in (line, words):
            self._plot.box.addItem(item, ignoreBounds=True)
        return line, words


class LevelMeter(QWidget):
    """Peak level in dB of full scale, upright, with a peak that holds for a while."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.level_db = -math.inf
        self.held_db = -math.inf
        self.setAccessibleName("Voice level")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)

    def show_level(self, level: float) -> None:
        """Show a peak ``level`` (dB of full scale)."""
        self.level_db = level
        self.held_db = max(level, self.held_db - 0.5)
        self.setAccessibleDescription(f"{level:.0f} dB" if math.isfinite(level) else "silent")
        self.update()

    @property
    def is_clipping(self) -> bool:
        """Whether the peaks reach the end of the scale."""
        return self.held_db > _CLIPPING_DB

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for a slim column with its figure beside."""
        return QSize(76, 60)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the column, the held peak and the figure."""
        painter = QPainter(self)
        line = self.fontMetrics().height()
        bar = QRectF(0, 2, line * 0.7, self.height() - 4)
        painter.fillRect(bar, QColor(self._theme.raised))
        colour = QColor(self._theme.warning if self.is_clipping else self._theme.accent)

        def y(level: float) -> float:
            return bar.bottom() - bar.height() * min(1.0, max(0.0, 1 - level / _FLOOR_DB))

        painter.fillRect(QRectF(bar.left(), y(self.level_db), bar.width(), bar.bottom() - y(self.level_db)), colour)
        painter.fillRect(QRectF(bar.left(), y(self.held_db), bar.width(), 2), QColor(self._theme.text))
        painter.setPen(colour if self.is_clipping else QColor(self._theme.text))
        words = QRectF(bar.right() + line * 0.4, 0, self.width() - bar.right() - line * 0.4, self.height())
        figure = f"{self.held_db:.0f} dB" if self.held_db > _FLOOR_DB else "silent"
        painter.drawText(words, Qt.AlignmentFlag.AlignTop, "CLIPS" if self.is_clipping else figure)
