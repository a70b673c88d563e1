"""What the participant sees just now, in words, and how far a film has come."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from labcapture.console import text
from labcapture.console.prompt import on_screen
from labcapture.console.theme import Theme
from labcapture.engine.messages import EngineState, Snapshot


class StageStrip(QWidget):
    """One line: the screen's content, the time in the step, and its length where that is known."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._step = ""
        self._words = ""
        self._time = ""
        self._share: float | None = None
        self.setAccessibleName("What the participant sees")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Follow the engine."""
        words, share = on_screen(snapshot)
        step = text.running_step(snapshot)
        is_on = step is not None and step.state == "running"
        self._step = text.title(step) if step is not None and is_on else ""
        self._words = f"{words}, held" if snapshot.state is EngineState.PAUSED else words
        self._time = text.clock(snapshot.step_elapsed_s) if is_on else ""
        if is_on and step is not None and share is not None:
            self._time += f" of {text.clock(step.expected_s)}"
        self._share = share
        self.setAccessibleDescription(self.text())
        self.update()

    def text(self) -> str:
        """Return what is shown."""
        return "  ".join(filter(None, ("screen", self._step, self._words, self._time)))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """One line with some air."""
        return QSize(100, round(self.fontMetrics().height() * 1.9))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw a line of words over a bar that grows."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = self.fontMetrics().height()
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QColor(self._theme.line))
        painter.setBrush(QColor(self._theme.panel))
        painter.drawRoundedRect(frame, 5, 5)
        if self._share is not None:
            bar = QRectF(frame.left() + 2, frame.bottom() - line * 0.2, (frame.width() - 4) * self._share, line * 0.16)
            painter.fillRect(bar, QColor(self._theme.accent))
        room = frame.adjusted(line * 0.7, 0, -line * 0.7, -line * 0.08)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(self._theme.text))
        painter.drawText(room, middle | Qt.AlignmentFlag.AlignRight, self._time)
        room.setRight(room.right() - painter.fontMetrics().horizontalAdvance(self._time) - line)
        painter.setPen(QColor(self._theme.muted))
        painter.drawText(room, middle, "participant's screen")
        room.setLeft(room.left() + painter.fontMetrics().horizontalAdvance("participant's screen") + line)
        font = QFont(self.font())
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(self._theme.text))
        told = "  ·  ".join(filter(None, (self._step, self._words)))
        shown = painter.fontMetrics().elidedText(told, Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(room, middle, shown)
