"""How the machine copes: queue fill, disk, CPU, and what was written."""

from __future__ import annotations

import os

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from labcapture.console import text
from labcapture.console.parts import Elided
from labcapture.console.theme import Theme
from labcapture.engine.messages import Snapshot

_QUEUE_WARNS = 0.5
_DISK_WARNS_MIN = 10.0
_DISK_RESERVE = 1.5  # of what the rest of the protocol needs


class VitalsPanel(QWidget):
    """Three gauges; and a `line` that stands wherever its panel has room for it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Recorder and machine")
        self.queue = Gauge(theme, "queue")
        self.disk = Gauge(theme, "disk left")
        self.cpu = Gauge(theme, "engine CPU")
        self.line = Elided("caption")
        row = QHBoxLayout()
        row.setSpacing(14)
        for gauge in (self.queue, self.disk, self.cpu):
            row.addWidget(gauge)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Follow the engine."""
        limit = snapshot.queue_limit_bytes
        fill = snapshot.queue_bytes / limit if limit else 0.0
        self.queue.say(f"{fill:.0%}" if limit else text.NOTHING, fill, loud=fill > _QUEUE_WARNS)
        left = snapshot.disk_minutes
        if left is not None:
            needed = _DISK_RESERVE * (snapshot.remaining_s or 0.0) / 60
            self.disk.say(text.minutes(left), None, loud=left < max(_DISK_WARNS_MIN, needed))
        else:
            self.disk.say(text.size(snapshot.disk_free_bytes) if snapshot.disk_free_bytes else text.NOTHING, None)
        cores = os.cpu_count() or 1
        self.cpu.say(f"{snapshot.cpu_percent:.0f} %", snapshot.cpu_percent / 100 / cores)
        parts = [f"{text.size(snapshot.written_bytes)} written"]
        if snapshot.encode_backlog:
            parts.append(f"{snapshot.encode_backlog} to encode")
        if snapshot.raw_frames:
            parts.append(f"{text.count(snapshot.raw_frames)} frames stored unencoded")
        past = text.past_alarms(snapshot)
        if past:
            ago = text.clock(snapshot.time - past[0].time)
            parts.append(f"last alarm raised {ago} ago, over: {past[0].source} {past[0].cause}")
        self.line.say("  ·  ".join(parts))


class Gauge(QWidget):
    """A caption, a figure, and where there is a limit a bar of how full it is."""

    def __init__(self, theme: Theme, caption: str) -> None:
        super().__init__()
        self._theme = theme
        self._caption = caption
        self._value = text.NOTHING
        self._fill: float | None = None
        self.is_loud = False
        self.setAccessibleName(caption)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def say(self, value: str, fill: float | None, *, loud: bool = False) -> None:
        """Show ``value``; ``fill`` is 0 to 1."""
        if (value, fill, loud) != (self._value, self._fill, self.is_loud):
            self._value, self._fill, self.is_loud = value, fill, loud
            self.setAccessibleDescription(value)
            self.update()

    def text(self) -> str:
        """Return the figure."""
        return self._value

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """One line and a bar."""
        return QSize(60, round(self.fontMetrics().height() * 1.65))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw caption left, figure right, bar below."""
        painter = QPainter(self)
        line = self.fontMetrics().height()
        words = QRectF(0, 0, self.width(), line * 1.2)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(self._theme.muted))
        painter.drawText(words, middle | Qt.AlignmentFlag.AlignLeft, self._caption)
        painter.setPen(QColor(self._theme.warning if self.is_loud else self._theme.text))
        painter.drawText(words, middle | Qt.AlignmentFlag.AlignRight, self._value)
        bar = QRectF(0, line * 1.32, self.width(), max(2.0, line * 0.16))
        painter.fillRect(bar, QColor(self._theme.line))
        if self._fill:
            bar.setWidth(bar.width() * min(1.0, max(0.0, self._fill)))
            painter.fillRect(bar, QColor(self._theme.warning if self.is_loud else self._theme.accent))
