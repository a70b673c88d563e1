"""The session's log: one JSON object a line, with wall time and LSL time."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TextIO

import structlog

from labcapture.core.clock import lsl_time


class SessionLog:
    """Structured log that keeps its first lines until the session's folder exists. Any thread; none waits for the disk.

    A thread of the log's own writes the lines. What a full disk does not take is left out: the engine has an alarm for
    that, and goes on.
    """

    def __init__(self) -> None:
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._writer: threading.Thread | None = None
        self._chain: list[Any] = [
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]

    def open(self, path: Path) -> None:
        """Write to ``path`` (created exclusively) from now on, the lines so far first."""
        file = path.open("x", encoding="utf-8")
        self._writer = threading.Thread(target=self._write, args=(file,), name="session log")
        self._writer.start()

    def info(self, event: str, **facts: Any) -> None:  # noqa: ANN401 - any JSON
        """Log what happened."""
        self._put("info", event, facts)

    def warning(self, event: str, **facts: Any) -> None:  # noqa: ANN401 - any JSON
        """Log what the operator should know."""
        self._put("warning", event, facts)

    def error(self, event: str, **facts: Any) -> None:  # noqa: ANN401 - any JSON
        """Log a failure; pass ``exc_info=error`` for its trace."""
        self._put("error", event, facts)

    def close(self) -> None:
        """Write what waits and close the file; later lines are kept in memory. May be called again."""
        if self._writer is not None:
            self._lines.put(None)
            self._writer.join()
            self._writer = None

    def _put(self, level: str, event: str, facts: dict[str, Any]) -> None:
        record: Any = {"level": level, "event": event, "lsl_time": lsl_time(), **facts}
        for process in self._chain:
            record = process(None, level, record)
        self._lines.put(record + "\n")

    def _write(self, file: TextIO) -> None:
        while (line := self._lines.get()) is not None:
            with suppress(OSError):
                file.write(line)
                file.flush()
        with suppress(OSError):
            file.close()
