"""What several sessions in one tree have in common: made by one process at a time, and never made anew.

A file that stands is left as it is: people may have filled it in.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from labcapture.core.errors import RecordingError
from labcapture.recording.hold import Hold
from labcapture.recording.journal import sync_file

_PATIENCE_S = 60.0  # what is done under the lock takes milliseconds


@contextmanager
def shared(tree: Path) -> Iterator[None]:
    """Have the files that all sessions in ``tree`` share for oneself; others wait. Makes the folder.

    Raises
    ------
    RecordingError
        It cannot be made, or another process does not give it back.
    """
    try:
        tree.mkdir(mode=0o750, parents=True, exist_ok=True)
        hold = _patiently(tree)
    except OSError as error:
        raise RecordingError(f"cannot be written ({error.strerror})", str(tree), "Name another folder.") from error
    try:
        yield
    finally:
        hold.release()


def _patiently(tree: Path) -> Hold:
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return Hold(tree)
        except RecordingError:
            if time.monotonic() > end:
                raise
        time.sleep(0.02)


def once(path: Path, write: Callable[[Path], None]) -> bool:
    """Have ``write`` make the file, unless it stands; return whether it was made. Call it within `shared`."""
    if path.exists():
        return False
    draft = path.with_name(f".{path.name}.{os.getpid()}{path.suffix}")
    try:
        write(draft)
        with draft.open("rb+") as file:
            sync_file(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return True


def read_rows(path: Path, columns: Sequence[str], delimiter: str = ",") -> list[dict[str, str]]:
    """Return the rows of a table with a line of names; none if there is no such file.

    Raises
    ------
    RecordingError
        It lacks a column.
    """
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=delimiter))
    for row in rows:
        if any(row.get(name) is None for name in columns):
            raise RecordingError(f"has no column {', '.join(columns)}", str(path), "Put back the file as it was.")
    return rows


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, object]], delimiter: str = ",") -> None:
    """Write a table in one go: who reads it meanwhile sees the old one or the new one. Call it within `shared`."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, delimiter=delimiter, lineterminator="\n", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
            file.flush()
            sync_file(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
