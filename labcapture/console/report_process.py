"""Verification, recovery and reports as processes of their own, followed by signals."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, QProcess, Signal

Chore = Literal["verify", "recover", "report", "overview"]
_GONE_MS = 5000


def let_go(process: QProcess) -> None:
    """End ``process`` without waiting for it: on a share that hangs, even a killed one may take long to go."""
    for signal in (process.readyReadStandardOutput, process.finished, process.errorOccurred):
        signal.disconnect()
    if process.state() is QProcess.ProcessState.NotRunning:
        process.deleteLater()
    else:
        process.finished.connect(process.deleteLater)
        process.kill()


def await_all(owner: QObject) -> None:
    """Wait until no process of ``owner`` is left: Qt complains of one that outlives it."""
    for process in owner.findChildren(QProcess):
        process.waitForFinished(_GONE_MS)


class ChoreProcess(QObject):
    """One chore at a time."""

    progress = Signal(str, float)
    """What is being done, and the share that is done (0 to 1)."""
    done = Signal(str, str, object)
    """The chore, the session's folder, and its result as a dict."""
    failed = Signal(str, str, str)
    """The chore, the session's folder, and why it failed."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._chore: Chore = "verify"
        self._folder = ""
        self._rest = b""
        self._answered = False

    @property
    def busy(self) -> bool:
        """Whether a chore is being done."""
        return self._process is not None

    def start(self, chore: Chore, folder: Path, given: object = None) -> None:
        """Begin; ``given`` is what `report` is told of the session's verification. Nothing happens if one is busy."""
        if self._process is not None:
            return
        self._chore, self._folder, self._rest, self._answered = chore, str(folder), b"", False
        process = self._process = QProcess(self)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._error)
        process.start(sys.executable, ["-m", "labcapture.console.report_child", chore, str(folder)])
        process.write(json.dumps(given).encode())
        process.closeWriteChannel()

    def leave(self) -> None:
        """End a chore before its time; all of them can be begun anew."""
        if self._process is not None:
            process, self._process = self._process, None
            let_go(process)

    def stop(self) -> None:
        """Do the same at the end of the window: wait until its process is gone."""
        self.leave()
        await_all(self)

    def _read(self) -> None:
        if self._process is None:
            return
        *lines, self._rest = (self._rest + bytes(self._process.readAllStandardOutput().data())).split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError):
                self._take(json.loads(line))

    def _take(self, said: dict[str, Any]) -> None:
        if "result" in said or "error" in said:
            self._answer = said
            self._answered = True
        elif said.get("total"):
            self.progress.emit(str(said["what"]), min(1.0, said["done"] / said["total"]))

    def _error(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            self._finished()

    def _finished(self) -> None:
        if self._process is None:
            return
        self._read()
        process, self._process = self._process, None
        words = bytes(process.readAllStandardError().data()).decode("utf-8", "replace").strip().splitlines()
        process.deleteLater()
        if self._answered and "result" in self._answer:
            self.done.emit(self._chore, self._folder, self._answer["result"])
        elif self._answered:
            self.failed.emit(self._chore, self._folder, str(self._answer["error"]))
        else:
            why = words[-1] if words else "its process ended without an answer"
            self.failed.emit(self._chore, self._folder, f"{self._chore} failed: {why}")
