"""How the last session ended: verdict, part, reason, folder and counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices, QKeySequence
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from labcapture.console import text
from labcapture.console.outcome_check import SessionCheck
from labcapture.console.parts import KeyButton, label, panel
from labcapture.console.report_page import ReportPage
from labcapture.console.theme import Theme
from labcapture.engine.messages import SessionResult

_WORDY = 3  # column of the trials that gives way


class OutcomeView(QWidget):
    """The result of a session that is closed."""

    left = Signal()
    """The experimenter has read it and wants to go on."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setAccessibleName("Result of the session")
        self.heading = label("", "title")
        self.reason = label("", "lead")
        self.reason.setWordWrap(True)
        self.error = label("")
        self.error.setObjectName("refusal")
        self.error.setWordWrap(True)
        self.folder = label("")
        self.folder.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.folder.setAccessibleName("Session folder")
        self.check = SessionCheck(theme)
        self.report = ReportPage(theme)
        self.views = QStackedWidget()
        self._trials = QGridLayout()
        self._counts = QGridLayout()
        for grid in (self._trials, self._counts):
            grid.setHorizontalSpacing(28)
            grid.setVerticalSpacing(6)
        self._lay_out()

    def _lay_out(self) -> None:
        again = KeyButton(self._theme, "New session", "")
        again.setProperty("prime", "true")
        again.clicked.connect(self.left)
        open_folder = KeyButton(self._theme, "Open folder", "")
        open_folder.clicked.connect(self._open_folder)
        report = KeyButton(self._theme, "Report", "R")
        report.clicked.connect(self._show_report)
        file = KeyButton(self._theme, "HTML file", "H")
        file.setToolTip("Write the report into one file beside the session's folder, and open it")
        file.clicked.connect(self._write_report)
        self.report.left.connect(self._leave_report)
        self.report.file_wanted.connect(self._write_report)

        frame, column = panel("Session closed")
        column.setContentsMargins(28, 20, 28, 20)
        column.setSpacing(10)
        for widget in (self.heading, self.reason, self.error, self.check, self.folder):
            column.addWidget(widget)
        column.addSpacing(10)
        self._trials.setColumnStretch(_WORDY, 1)
        self._counts.setColumnStretch(_WORDY + 1, 1)
        for grid in (self._counts, self._trials):
            column.addLayout(grid)
            column.addSpacing(10)
        column.addStretch()
        row = QHBoxLayout()
        row.addStretch()
        for button in (report, file, open_folder, again):
            row.addWidget(button)
        column.setSizeConstraint(QVBoxLayout.SizeConstraint.SetMinimumSize)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setWidget(frame)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        result = self._result = QWidget()
        for name, act in (("R", self._show_report), ("H", self._write_report)):
            key = QAction(name, result)
            key.setShortcut(QKeySequence(name))
            key.triggered.connect(act)
            result.addAction(key)
        centre = QHBoxLayout(result)
        centre.setContentsMargins(0, 0, 0, 0)
        middle = QVBoxLayout()
        middle.addWidget(scroll, 1)
        middle.addLayout(row)  # in sight, however many clips there are
        centre.addStretch(1)
        centre.addLayout(middle, 8)
        centre.addStretch(1)
        self.views.addWidget(result)
        self.views.addWidget(self.report)
        layout.addWidget(self.views)

    def show_result(self, result: SessionResult) -> None:
        """Show ``result``."""
        ended = "" if result.completed else "  ·  ended before the protocol did"
        part = f"Part {result.part}" if result.part not in {"", "none"} else ""
        self.heading.setText("  ·  ".join(filter(None, (result.verdict, part))) + ended)
        self.reason.setText(result.reason)
        self.error.setText(result.error)
        self.error.setVisible(bool(result.error))
        self.folder.setText(result.folder)
        self._leave_report()
        self.report.forget()
        self.check.begin(Path(result.folder))
        self.setAccessibleDescription(f"{self.heading.text()}. {result.reason} {result.error}")
        rows = [
            (
                str(trial.get("trial", "")),
                str(trial.get("clip", "")),
                "annotatable" if trial.get("annotatable") else "not annotatable",
                "\n".join(str(reason) for reason in trial.get("reasons", ())),
            )
            for trial in result.trials
        ]
        _fill(
            self._trials,
            ("trial", "clip", "verdict", "why" if any(row[3] for row in rows) else ""),
            rows,
            figures=False,
        )
        names = sorted({*result.recorded, *result.lost_before_us, *result.lost_by_us})
        counted = (result.recorded, result.lost_before_us, result.lost_by_us)
        _fill(
            self._counts,
            ("stream", "recorded", "lost before us", "lost by us"),
            [(name, *(text.count(table.get(name, 0)) for table in counted)) for name in names],
            figures=True,
        )

    def parts(self) -> list[QWidget]:
        """Return what is dressed by itself."""
        return [self._result, *self.report.parts()]

    def words(self) -> list[str]:
        """Return every word of the two tables."""
        return [
            widget.text()
            for grid in (self._trials, self._counts)
            for i in range(grid.count())
            if isinstance(widget := _widget(grid, i), QLabel)
        ]

    def stop(self) -> None:
        """End what is going on."""
        self.check.stop()
        self.report.stop()

    def _show_report(self) -> None:
        self.views.setCurrentWidget(self.report)
        self.report.read(Path(self.folder.text()))

    def _leave_report(self) -> None:
        self.views.setCurrentIndex(0)

    def _write_report(self) -> None:
        self._leave_report()  # where the check says how far it is, and where the file stands
        self.check.open_report()

    def _open_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(self.folder.text()))))


def _fill(grid: QGridLayout, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, figures: bool) -> None:
    while grid.count():
        old = _widget(grid, 0)
        if old is not None:
            grid.removeWidget(old)
            old.hide()
            old.deleteLater()
    if not rows:
        return
    for line, cells in enumerate([headings, *rows]):
        for column, cell in enumerate(cells):
            made = label(cell, "section" if line == 0 else "")
            wraps = column == _WORDY and not figures
            made.setWordWrap(wraps)
            side = Qt.AlignmentFlag.AlignRight if figures and column else Qt.AlignmentFlag.AlignLeft
            grid.addWidget(made, line, column, Qt.AlignmentFlag.AlignTop if wraps else side | Qt.AlignmentFlag.AlignTop)


def _widget(grid: QGridLayout, index: int) -> QWidget | None:
    item = grid.itemAt(index)
    return item.widget() if item is not None else None
