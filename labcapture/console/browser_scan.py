"""Looks through a folder for sessions in a thread."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from labcapture.core.errors import LabcaptureError
from labcapture.reading.catalogue import SessionRow, scan

_BATCH = 200
_EVERY_S = 0.25
_PAUSE_S = 0.0002


class FolderScan(QObject):
    """One look through a folder; batches come as signals, in the thread of whoever receives them."""

    found = Signal(int, object)
    """Number of the scan, and a list of `SessionRow`."""
    ended = Signal(int, str)
    """Number of the scan, and why it failed; empty if it did not."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, root: Path) -> None:
        """Begin; a scan that is going on is ended first."""
        self.stop()
        self.number += 1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(root, self.number, self._stop), name="session scan")
        self._thread.start()

    def stop(self) -> None:
        """End the scan and wait for that."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self, root: Path, number: int, stop: threading.Event) -> None:
        batch: list[SessionRow] = []
        last = time.monotonic()
        failure = ""
        try:
            for row in scan(root, stop):
                batch.append(row)
                time.sleep(_PAUSE_S)  # the window draws from the same interpreter, and goes first
                if len(batch) >= _BATCH or time.monotonic() - last > _EVERY_S:
                    self.found.emit(number, batch)
                    batch, last = [], time.monotonic()
        except (LabcaptureError, OSError) as error:
            failure = str(error)
        if not stop.is_set():
            self.found.emit(number, batch)
            self.ended.emit(number, failure)
