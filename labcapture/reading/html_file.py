"""Writes the session report to a file that was not there before."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from labcapture import reading
from labcapture.core.errors import BadInput
from labcapture.reading.html import Verification, page
from labcapture.reading.overview import overview
from labcapture.recording.schema import SESSION_FILE
from labcapture.recording.verify import Progress, verify


def verified(path: Path, progress: Progress | None = None) -> Verification:
    """Verify the session at ``path`` now.

    Raises
    ------
    RecordingError
        There is no session.
    """
    result = verify(path, progress)
    return Verification(_now(), result.problems, result.checked)


def check_target(path: Path, file: Path) -> None:
    """Refuse a place where the report of the session at ``path`` cannot or should not stand.

    Raises
    ------
    BadInput
        Something is there, its folder is not, or it lies in the session, whose checksums cover every file.
    """
    if file.is_dir() or os.path.lexists(file):
        raise BadInput("exists already; nothing was changed", str(file), "Name a new file.")
    if file.name == "-" or not file.parent.is_dir():
        raise BadInput("no place for a report", str(file), "Name a new file in a folder that exists.")
    folder = path.parent if path.name == SESSION_FILE else path
    if file.parent.resolve().is_relative_to(folder.resolve()):
        what = "lies in the session, where a file of later origin breaks its verification"
        raise BadInput(what, str(file), "Name a file beside the session's folder.")


def write_report(path: Path, file: Path, verification: Verification | None) -> None:
    """Write the report of the session at ``path`` to ``file``.

    Raises
    ------
    BadInput
        See `check_target`; or the file cannot be written.
    RecordingError
        The session cannot be read.
    """
    check_target(path, file)
    with reading.open(path) as session:
        seen = overview(session)
    words = page(seen, verification, _now()).encode("utf-8", "replace")
    try:
        with os.fdopen(
            os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o640), "wb"
        ) as out:
            out.write(words)
    except OSError as error:
        raise BadInput(f"cannot be written ({error.strerror})", str(file), "Name a new file elsewhere.") from error


def free_name(path: Path) -> Path:
    """Return a name beside the session's folder that is not taken: ``<folder>.html``, ``<folder>-2.html``, ..."""
    folder = (path.parent if path.name == SESSION_FILE else path).resolve()
    file, count = folder.with_name(f"{folder.name}.html"), 1
    while os.path.lexists(file):
        count += 1
        file = folder.with_name(f"{folder.name}-{count}.html")
    return file


def _now() -> str:
    return datetime.now(UTC).isoformat()
