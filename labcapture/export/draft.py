"""What every export does alike: a folder that is made beside its final name, file by file, and renamed once whole.

::

    <out>/<name>.partial/        while it is made; a later run goes on with what is finished in it
        .export.json             of which session, in which format, with which options
        .making/                 the file that is just being written; discarded when it was cut off
        a.csv, sub/b.csv, ...    finished files
    <out>/<name>/                only once all of them are
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from labcapture.core.errors import RecordingError
from labcapture.reading.session import Session
from labcapture.recording.hold import Hold
from labcapture.recording.journal import sync_file

Progress = Callable[[str, int, int], None]
"""Told (what is being done, how much is done, how much there is in all)."""

_ABOUT = ".export.json"
_MAKING = ".making"
_OF_NO_CONSEQUENCE = {"workers", "verify"}  # options that no file depends on


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of a session.

    Parameters
    ----------
    format, path
        Which, and where it lies: a folder, or a file.
    files, bytes
        How many files it has, and their size.
    notes
        What the format has no place for, or was not in the session; a sentence each.
    """

    format: str
    path: str
    files: int
    bytes: int
    notes: tuple[str, ...] = ()


class Draft:
    """The folder of an export while it is made. Use it in a ``with`` statement: leaving it well renames it.

    Parameters
    ----------
    final
        Folder that it shall become.
    session, format, options
        What is exported, and how: a draft of something else is not gone on with.

    Raises
    ------
    RecordingError
        ``final`` exists, cannot be made, is being made by another process, or its draft is of another export.
    """

    def __init__(self, final: Path, session: Session, format: str, options: Mapping[str, Any] | None = None) -> None:
        self.final = final.resolve()
        self.folder = self.final.with_name(f"{self.final.name}.partial")
        if session.holds(self.final):
            raise RecordingError("lies in the session itself", str(final), "Name another folder for the export.")
        if self.final.exists():
            raise RecordingError(
                "exists already; nothing was changed", str(final), "Name another folder, or remove it."
            )
        self._unsettled: list[str] = []
        chosen = {name: value for name, value in (options or {}).items() if name not in _OF_NO_CONSEQUENCE}
        about = {"format": format, "session": session.fingerprint, "options": chosen}
        text = json.dumps(about, sort_keys=True, ensure_ascii=False)
        try:
            self.folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            self._hold = Hold(self.folder)
        except OSError as error:
            raise RecordingError(f"cannot be created ({error.strerror})", str(final), "Name another folder.") from error
        try:
            self._begin(text)
        except BaseException:
            self._hold.release()
            raise

    def _begin(self, text: str) -> None:
        note = self.folder / _ABOUT
        if note.exists():
            if note.read_text("utf-8") != text:
                what = "is there from another export that was cut off"
                raise RecordingError(what, str(self.folder), "Remove it, or name another folder.")
        else:
            note.write_text(text, "utf-8")
        shutil.rmtree(self.folder / _MAKING, ignore_errors=True)  # there is none if the last file was finished

    def __enter__(self) -> Draft:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._hold.release()
            if kind is not None and not any(path.is_file() for path in self.folder.rglob("[!.]*")):
                shutil.rmtree(self.folder, ignore_errors=True)  # nothing that a later run could go on with

    def _finish(self) -> None:
        self.settle()
        shutil.rmtree(self.folder / _MAKING, ignore_errors=True)
        (self.folder / _ABOUT).unlink()
        self._hold.release()
        if self.final.exists():
            raise RecordingError("appeared meanwhile; nothing was changed", str(self.final))
        self.folder.rename(self.final)

    def lacks(self, name: str) -> bool:
        """Return whether the file ``name`` (with ``/`` between folders) is still to be made."""
        return not (self.folder / name).exists()

    @contextmanager
    def making(self, name: str) -> Iterator[Path]:
        """Give a path to write the file ``name`` to; it takes its place when the block is left well."""
        target = self.folder / name
        path = self._beside(name)
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        yield path
        with path.open("rb+") as file:
            sync_file(file.fileno())
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)

    def put(self, name: str, data: bytes) -> None:
        """Write the small file ``name``, from any thread; `settle` sees to it that it outlasts a power failure.

        Call `prepare` for its folder before.
        """
        path = self._beside(name)
        path.write_bytes(data)
        path.replace(self.folder / name)
        self._unsettled.append(name)

    def prepare(self, *folders: str) -> None:
        """Make ``folders`` (with ``/`` between), for `put`."""
        for folder in (_MAKING, *folders):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)

    def settle(self) -> None:
        """Have on the disk what was `put`: thousands of files at once cost little, one by one an hour."""
        if self._unsettled and hasattr(os, "sync"):
            os.sync()
        else:
            for name in self._unsettled:
                with (self.folder / name).open("rb+") as file:
                    sync_file(file.fileno())
        self._unsettled.clear()

    def _beside(self, name: str) -> Path:
        return self.folder / _MAKING / name.replace("/", "+")

    def exported(self, format: str, notes: tuple[str, ...] = ()) -> Exported:
        """Return what was made, once it has its final name."""
        files = [path for path in self.final.rglob("*") if path.is_file()]
        return Exported(format, str(self.final), len(files), sum(path.stat().st_size for path in files), notes)
