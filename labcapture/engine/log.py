"""The session's log: one JSON object a line, with wall time and LSL time."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, TextIO

import structlog

from labcapture.core.clock import lsl_time


class SessionLog:
    """Structured log that keeps its first lines until the session's folder exists. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._early: list[str] = []
        self._file: TextIO | None = None
        self._chain: list[Any] = [
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]

    def open(self, path: Path) -> None:
        """Write to ``path`` (created exclusively) from now on, the lines so far first."""
        with self._lock:
            self._file = path.open("x", encoding="utf-8", buffering=1)
            self._file.writelines(self._early)
            self._early.clear()

    def info(self, event: str, **facts: Any) -> None:  # noqa: ANN401 - any JSON
        """Log what happened."""
        self._write("info", event, facts)

    def warning(self, event: str, **facts: Any) -> None:  # noqa: ANN401 - any JSON
        """Log what the operator should know."""
        self._write("warning", event, facts)

    def error(self, event: str, **facts: Any) -> None:  # noqa: ANN401 - any JSON
        """Log a failure; pass ``exc_info=error`` for its trace."""
        self._write("error", event, facts)

    def close(self) -> None:
        """Close the file; later lines are kept in memory."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _write(self, level: str, event: str, facts: dict[str, Any]) -> None:
        record: Any = {"level": level, "event": event, "lsl_time": lsl_time(), **facts}
        for process in self._chain:
            record = process(None, level, record)
        with self._lock:
            if self._file is not None:
                self._file.write(record + "\n")
            else:
                self._early.append(record + "\n")
