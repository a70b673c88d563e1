"""Hands a session on from the browser: exported to a format of others, or opened in the viewer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

from PySide6.QtCore import QProcess, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from labcapture.console.parts import Choice, label
from labcapture.console.report_process import Chore, ChoreProcess
from labcapture.console.theme import Theme, scale_layouts
from labcapture.export.formats import MODULES


class BrowserChore(ChoreProcess):
    """The chores of the console, and exports."""

    def start_export(self, session: Path, format: str, out: Path) -> None:
        """Begin to export; nothing happens if a chore is busy."""
        if self._process is not None:
            return
        self._chore = cast(Chore, "export")
        self._folder, self._rest, self._answered = str(session), b"", False
        process = self._process = QProcess(self)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._error)
        given = ["export", str(session), format, str(out)]
        process.start(sys.executable, ["-m", "labcapture.console.browser_child", *given])
        process.closeWriteChannel()


class ExportDialog(QDialog):
    """Asks for a format and a folder.

    Parameters
    ----------
    parent, theme, scale
        The browser, its colours and its scale.
    session, out
        What is exported, and the folder that is offered.
    """

    chosen = Signal(str, str)
    """Format and folder."""

    def __init__(self, parent: QWidget, theme: Theme, scale: float, session: Path, out: Path) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export")
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.format = Choice(theme, list(MODULES), editable=False)
        self.format.setAccessibleName("Format")
        self.out = QLineEdit(str(out))
        self.out.setAccessibleName("Folder that receives the export")
        choose, self.yes, no = QPushButton("Choose folder"), QPushButton("Export"), QPushButton("Cancel")
        choose.setAutoDefault(False)
        no.setAutoDefault(False)
        self.yes.setDefault(True)
        choose.clicked.connect(self._choose)
        self.yes.clicked.connect(self._answer)
        no.clicked.connect(self.close)
        folder = QHBoxLayout()
        folder.addWidget(self.out, 1)
        folder.addWidget(choose)
        form = QFormLayout()
        form.addRow("Format", self.format)
        form.addRow("Into", folder)
        buttons = QHBoxLayout()
        buttons.addStretch()
        buttons.addWidget(no)
        buttons.addWidget(self.yes)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 18)
        layout.setSpacing(14)
        layout.addWidget(label(f"Export {session.name}", "heading"))
        layout.addLayout(form)
        layout.addLayout(buttons)
        scale_layouts(self.findChildren(QLayout), scale)

    def _choose(self) -> None:
        dialog = QFileDialog(self, "Folder that receives the export", self.out.text())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(self.out.setText)
        dialog.open()

    def _answer(self) -> None:
        if self.out.text().strip():
            self.chosen.emit(self.format.currentText(), self.out.text().strip())
            self.close()


def open_viewer(session: Path) -> bool:
    """Open the viewer on a session as a program of its own, which outlives the browser; return whether it began."""
    began, _ = QProcess.startDetached(sys.executable, ["-m", "labcapture.cli", "view", str(session)], "")
    return bool(began)
