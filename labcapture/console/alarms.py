"""Alarms that stand: cause and remedy, until the engine says that they are over."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from labcapture.console import text
from labcapture.console.parts import Elided, label
from labcapture.core.errors import LabcaptureError
from labcapture.engine.messages import Alarm, Snapshot

_SHOWN = 2  # more would push the pictures off a small screen; the rest are counted


class AlarmBanner(QWidget):
    """The newest alarms, one under the other; takes no room when there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Alarms")
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._rows = [_Row() for _ in range(_SHOWN)]
        for row in self._rows:
            self._layout.addWidget(row)
        self.hide()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Follow the engine's alarms."""
        alarms = text.active_alarms(snapshot)
        for i, row in enumerate(self._rows):
            row.setVisible(i < len(alarms))
            if i < len(alarms):
                more = len(alarms) - _SHOWN if i == _SHOWN - 1 else 0
                row.show_alarm(alarms[i], snapshot.time, more)
        self.setVisible(bool(alarms))
        self.setAccessibleDescription(" ".join(f"{alarm.cause}. {alarm.remedy}" for alarm in alarms))

    def show_lost(self, error: LabcaptureError) -> None:
        """Say that the engine cannot be reached, and that this alone loses nothing."""
        for row in self._rows:
            row.setVisible(row is self._rows[0])
        self._rows[0].say(
            error.what[:1].upper() + error.what[1:], f"{error.mend} What it recorded is on disk.".strip(), error.where
        )
        self.setAccessibleDescription(str(error))
        self.show()

    def texts(self) -> list[str]:
        """Return what the banner says, row by row."""
        return [row.text() for row in self._rows if not row.isHidden()]


class _Row(QFrame):
    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("alarm")
        self._cause = Elided("cause")
        self._remedy = Elided("remedy")
        self._since = label("", "remedy")
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 6, 14, 6)
        row.setSpacing(16)
        row.addWidget(self._cause, 2)
        row.addWidget(self._remedy, 3)
        row.addWidget(self._since)

    def show_alarm(self, alarm: Alarm, now: float, more: int) -> None:
        cause = alarm.cause if alarm.source in alarm.cause else f"{alarm.source}: {alarm.cause}"
        since = f"for {text.clock(now - alarm.time)}" + (f"   +{more} more" if more else "")
        self.say(cause, alarm.remedy, "", since)

    def say(self, cause: str, remedy: str, where: str, since: str = "") -> None:
        self._cause.say(cause)
        self._remedy.say(remedy)
        self._since.setText(since)
        self.setToolTip(where)

    def text(self) -> str:
        return f"{self._cause.text()} {self._remedy.text()} {self._since.text()}"
