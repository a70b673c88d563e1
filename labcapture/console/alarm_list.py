"""All alarms of the session: when, what, and how it is mended; with a sound for new ones, if wished."""

from __future__ import annotations

from datetime import datetime, timedelta

from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QCheckBox,
    QDialog,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from labcapture.console import text
from labcapture.console.parts import label
from labcapture.console.theme import settings
from labcapture.engine.messages import Alarm, Snapshot

_SOUND = "alarm sound"
_COLUMNS = ("time", "since", "cause", "remedy")


class AlarmList(QDialog):
    """A window of its own beside the console; it blocks nothing and follows the engine."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Alarms of this session")
        self.setAccessibleName("Alarms of this session")
        self._settings: QSettings = settings()
        self._known: set[tuple[str, str, float]] = set()
        self._shown: list[tuple[str, ...]] = []
        self.beeps = 0
        """How often it sounded."""
        self.table = QTableWidget(0, len(_COLUMNS))
        self.table.setAccessibleName("Alarms")
        self.table.setObjectName("rows")
        self.table.setHorizontalHeaderLabels(_COLUMNS)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self.table.setShowGrid(False)
        self.table.setWordWrap(True)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        for i, mode in enumerate((0, 0, 1, 1)):
            resize = QHeaderView.ResizeMode.Stretch if mode else QHeaderView.ResizeMode.ResizeToContents
            self.table.horizontalHeader().setSectionResizeMode(i, resize)
        self.none = label("There was no alarm in this session.", "lead")
        self.sound = QCheckBox("Sound for a new alarm")
        self.sound.setChecked(self._settings.value(_SOUND, "false") == "true")
        self.sound.toggled.connect(lambda on: self._settings.setValue(_SOUND, "true" if on else "false"))
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(10)
        column.addWidget(label("Alarms", "detail"))
        column.addWidget(self.none)
        column.addWidget(self.table, 1)
        column.addWidget(self.sound)
        self.table.hide()
        key = QAction("Close", self)  # the key that opened it
        key.setShortcut(QKeySequence("L"))
        key.triggered.connect(self.close)
        self.addAction(key)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Follow the engine; sound if something new is wrong."""
        alarms = text.active_alarms(snapshot) + text.past_alarms(snapshot)
        active = {_name(alarm) for alarm in alarms if alarm.active}
        if active - self._known and self.sound.isChecked():
            self.beeps += 1
            QApplication.beep()
        self._known = active
        rows = [_row(alarm, snapshot.time) for alarm in alarms] if self.isVisible() else self._shown
        if rows != self._shown:
            self._shown = rows
            self._fill(rows)

    def toggle(self) -> None:
        """Open or close."""
        if self.isVisible():
            self.close()
            return
        above = self.parentWidget()
        if above is not None:
            self.resize(round(above.width() * 0.7), round(above.height() * 0.5))
        self._shown = []
        self._fill([])
        self.show()
        self.activateWindow()  # where no window manager does

    def _fill(self, rows: list[tuple[str, ...]]) -> None:
        self.none.setVisible(not rows)
        self.table.setVisible(bool(rows))
        self.table.setRowCount(len(rows))
        for i, row in enumerate(rows):
            for j, words in enumerate(row):
                item = QTableWidgetItem(words)
                item.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
                self.table.setItem(i, j, item)
        self.table.resizeRowsToContents()

    def texts(self) -> list[tuple[str, ...]]:
        """Return what stands in the list."""
        return list(self._shown)


def _name(alarm: Alarm) -> tuple[str, str, float]:
    return alarm.source, alarm.kind or alarm.cause, alarm.time


def _row(alarm: Alarm, now: float) -> tuple[str, ...]:
    raised = datetime.now().astimezone() - timedelta(seconds=now - alarm.time)
    cause = alarm.cause if alarm.source in alarm.cause else f"{alarm.source}: {alarm.cause}"
    since = f"for {text.clock(now - alarm.time)}" if alarm.active else "over"
    return f"{raised:%H:%M:%S}", since, cause, alarm.remedy
