"""After a session: whether it is safe, which is said only after everything was read back; and its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from labcapture.console import text
from labcapture.console.browser_ledger import VerifiedLedger
from labcapture.console.parts import label
from labcapture.console.report_process import ChoreProcess
from labcapture.console.theme import Theme, mark


class SessionCheck(QWidget):
    """Verifies the session that was closed, in a process of its own, and writes its report when asked."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Verification")
        self.verdict = label("", "lead")
        self.verdict.setWordWrap(True)
        self.message = label("", "caption")
        self.message.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setFixedHeight(6)
        self.bar.setStyleSheet(f"""
            QProgressBar {{ background: {theme.raised}; border: none; border-radius: 3px; }}
            QProgressBar::chunk {{ background: {theme.accent}; border-radius: 3px; }}""")
        self.chore = ChoreProcess(self)
        self.chore.progress.connect(self._progress)
        self.chore.done.connect(self._done)
        self.chore.failed.connect(self._failed)
        self._folder: Path | None = None
        self._found: dict[str, Any] | None = None
        self._wanted = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 4)
        layout.setSpacing(6)
        for widget in (self.verdict, self.bar, self.message):
            layout.addWidget(widget)

    def begin(self, folder: Path) -> None:
        """Verify the session in ``folder``."""
        self.chore.leave()
        self._folder, self._found, self._wanted = folder, None, False
        self.message.setText("")
        if not folder.is_dir():  # the engine may run on another machine
            self._folder = None
            self._say("Not verified: the session's folder cannot be seen from here.", calm=False)
            return
        self._say("Reading everything back …", calm=True)
        self.bar.setValue(0)
        self.bar.show()
        self.chore.start("verify", folder)

    def stop(self) -> None:
        """End what is going on."""
        self.chore.stop()

    def open_report(self) -> None:
        """Write the report beside the session's folder and open it, as soon as the session is verified."""
        if self._folder is None:
            self.message.setText("No report: the session's folder cannot be seen from here.")
        elif self.chore.busy:
            self._wanted = True
            self.message.setText("The report follows as soon as everything was read back.")
        else:
            self.message.setText("Writing the report …")
            self.chore.start("report", self._folder, self._found)

    def _say(self, words: str, *, calm: bool) -> None:
        self.bar.hide()
        self.verdict.setText(words)
        self.verdict.setObjectName("" if calm else "refusal")
        mark(self.verdict, tone="calm" if calm else "odd")
        self.setAccessibleDescription(words)

    def _progress(self, what: str, share: float) -> None:
        self.bar.setValue(round(1000 * share))

    def _done(self, chore: str, folder: str, result: dict[str, Any]) -> None:
        if chore == "report":
            self.message.setText(f"Report: {result['file']}")
            QDesktopServices.openUrl(QUrl.fromLocalFile(result["file"]))
            return
        self._found = result
        problems, checked = result["problems"], result["checked"]
        VerifiedLedger().add(result["fingerprint"], len(problems), result["utc"])
        counted = f"{text.count(checked['frames'])} frames, {text.count(checked['rows'])} rows and "
        counted += f"{text.size(checked['bytes'])} in {text.count(checked['files'])} files"
        if problems:
            first = "\n".join(problems[:5])
            more = f"\nand {len(problems) - 5} more; the report has them" if len(problems) > 5 else ""
            self._say(f"Not safe: read back, and found wrong:\n{first}{more}", calm=False)
        else:
            self._say(f"Safe: all on disk, read back and whole: {counted}.", calm=True)
        if self._wanted:
            self._wanted = False
            self.open_report()

    def _failed(self, chore: str, folder: str, why: str) -> None:
        if chore == "report":
            self.message.setText(why)
        else:
            self._say(f"Not verified: {why}", calm=False)
