"""Looks through a folder for sessions by a process of its own: the window's interpreter has nothing to do with it."""

from __future__ import annotations

import json
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QProcess, QTimer, Signal

from labcapture.console.report_process import await_all, let_go
from labcapture.reading.catalogue import SessionRow


class FolderScan(QObject):
    """One look through a folder at a time; what it finds comes in pieces, one for each turn of the event loop."""

    found = Signal(int, object)
    """Number of the scan, and a list of `SessionRow`: new ones, or known ones as they now are."""
    gone = Signal(int, object)
    """Number of the scan, and folders that were found in the index and are there no more."""
    ended = Signal(int, str)
    """Number of the scan, and why it failed; empty if it did not."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.number = 0
        self._process: QProcess | None = None
        self._lines: deque[bytes] = deque()
        self._rest = b""
        self._over = False
        self._turn = QTimer(self)
        self._turn.setSingleShot(True)
        self._turn.timeout.connect(self._take)

    @property
    def busy(self) -> bool:
        """Whether a scan is going on."""
        return self._process is not None

    def start(self, root: Path) -> None:
        """Begin; a scan that is going on is ended first."""
        self.leave()
        self.number += 1
        process = self._process = QProcess(self)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._finish)
        process.errorOccurred.connect(self._fail)
        process.start(sys.executable, ["-m", "labcapture.console.browser_child", "scan", str(root)])
        process.closeWriteChannel()

    def leave(self) -> None:
        """End the scan."""
        self._turn.stop()
        self._lines.clear()
        self._rest, self._over = b"", False
        if self._process is not None:
            process, self._process = self._process, None
            let_go(process)

    def stop(self) -> None:
        """Do the same at the end of the window: wait until its process is gone."""
        self.leave()
        await_all(self)

    def _read(self) -> None:
        if self._process is not None:
            *lines, self._rest = (self._rest + bytes(self._process.readAllStandardOutput().data())).split(b"\n")
            self._lines.extend(lines)
            if self._lines and not self._turn.isActive():
                self._turn.start(0)

    def _fail(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            self._finish()

    def _finish(self) -> None:
        self._read()
        self._over = True
        self._turn.start(0)

    def _take(self) -> None:
        """Pass on one line, so that the window draws and listens in between."""
        if self._lines:
            said: dict[str, Any] = {}
            with suppress(ValueError):
                said = json.loads(self._lines.popleft())
            if "rows" in said:
                self.found.emit(self.number, [SessionRow(Path(folder), *rest) for folder, *rest in said["rows"]])
            elif "gone" in said:
                self.gone.emit(self.number, [Path(folder) for folder in said["gone"]])
            elif "result" in said or "error" in said:
                self._lines.clear()
                self._end(str(said.get("error", "")))
                return
        if self._lines:
            self._turn.start(0)
        elif self._over and self._process is not None:
            self._end("the look through the folder ended without an answer")

    def _end(self, failure: str) -> None:
        number = self.number
        if self._process is not None:
            process, self._process = self._process, None
            let_go(process)
        self._rest, self._over = b"", False
        self.ended.emit(number, failure)
