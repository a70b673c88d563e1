"""The participant's screen as it is just now: its picture, and what is on it in words."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QVBoxLayout

from labcapture.console import text
from labcapture.console.parts import Bar, Elided, label
from labcapture.console.pictures import PictureView
from labcapture.console.prompt import on_screen
from labcapture.console.theme import Theme
from labcapture.engine.messages import Alarm, EngineState, PictureSlot, Snapshot
from labcapture.engine.preview import STAGE

STALE_S = 3.0
"""A picture so old is told to be old; the stage skips some where a flip would be late."""


class StageMirror(PictureView):
    """A picture of the participant's screen, whose age is told as soon as it deceives."""

    def __init__(self, theme: Theme, slot: PictureSlot) -> None:
        super().__init__(theme, slot, stale_s=STALE_S)
        self.setAccessibleName("Live picture of the participant's screen")
        self.gone = ""

    def say_gone(self, why: str) -> None:
        """Say that there is no such screen just now, or, where ``why`` is empty, show it again."""
        if why != self.gone:
            self.gone = why
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the screen, or a sign that it is gone."""
        if not self.gone:
            super().paintEvent(event)
            return
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._theme.raised))
        font = QFont(self.font())
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(self._theme.warning))
        wraps = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(self.rect().adjusted(8, 8, -8, -8), wraps, self.gone)

    def draw_over(self, painter: QPainter, place: QRect) -> None:
        """Draw nothing over it: what the participant sees is to be seen."""


class StagePanel(QFrame):
    """Stands beside the signals while the stage sends pictures."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.mirror: StageMirror | None = None
        self.setProperty("role", "panel")
        self.setAccessibleName("What the participant sees")
        self.heading: QLabel = label("Participant sees", "section")
        self.step = Elided("strong")
        self.words = Elided("caption")
        self.time = Elided("caption")
        self.bar = Bar(theme)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(10, 8, 10, 10)
        self._column.setSpacing(5)
        for widget in (self.heading, self.step, self.words, self.time, self.bar):
            self._column.addWidget(widget)
        self._column.addStretch()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.hide()

    def attach(self, slot: PictureSlot) -> StageMirror:
        """Make room for the pictures of ``slot``."""
        self.mirror = StageMirror(self._theme, slot)
        self._column.insertWidget(1, self.mirror)
        self._share()
        return self.mirror

    def let_go(self) -> None:
        """Have no pictures any longer."""
        self.mirror = None
        self.hide()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Follow the engine."""
        words, share = on_screen(snapshot)
        step = text.running_step(snapshot)
        is_on = step is not None and step.state == "running"
        self.step.say(text.title(step) if step is not None and is_on else "No step")
        self.words.say(f"{words}, held" if snapshot.state is EngineState.PAUSED else words)
        time = text.clock(snapshot.step_elapsed_s) if is_on else ""
        if is_on and step is not None and share is not None:
            time += f" of {text.clock(step.expected_s)}"
        self.time.say(time)
        self.bar.say(share)
        if self.mirror is not None:
            alarm = next((it for it in text.active_alarms(snapshot) if is_of_screen(it)), None)
            self.mirror.say_gone(alarm.cause if alarm is not None else "")

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Give the picture its own shape."""
        super().resizeEvent(event)
        self._share()

    def _share(self) -> None:
        if self.mirror is not None:
            margins = self._column.contentsMargins()
            width = self.width() - margins.left() - margins.right()
            self.mirror.setFixedHeight(max(40, round(width / self.mirror.aspect)))


def is_of_screen(alarm: Alarm) -> bool:
    """Return whether the alarm says that the participant's screen is gone, or does not answer."""
    return alarm.source == STAGE and alarm.kind in {"lost", "silent"}
