"""A session's folder: made once, closed to others, summed up and checksummed at the end."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py

from labcapture.core.errors import RecordingError
from labcapture.protocol.rule import QualityRule
from labcapture.recording.encodings import DEFAULT
from labcapture.recording.guard import reading
from labcapture.recording.journal import sync_file
from labcapture.recording.schema import (
    CHECKSUMS_FILE,
    FORMAT,
    HOLD_FILE,
    JOURNAL_FOLDER,
    SESSION_FILE,
    SUMMARY_FILE,
    TRIALS_FOLDER,
    VERSION,
)

_MOST_BYTES = 64_000_000  # of a file that is read whole; summary and checksums have some kilobytes
_LEAST_FREE_BYTES = 16_000_000  # tables and journals of a session without a single picture


@dataclass(frozen=True)
class SessionHeader:
    """Who, what and with what: known before the first frame.

    Parameters
    ----------
    participant, session, protocol, paradigm, rig, language
        Ids and names.
    protocol_text, rig_text
        The files as run.
    simulated
        True where any instrument is simulated.
    autopilot
        Seed of the autopilot that answers, None where a participant does.
    software
        Versions by name.
    rule
        By which the session is judged.
    started_utc
        Wall clock at the start, with a time zone.
    experimenter
        Pseudonym.
    seed, place
        Of the order of steps: seed, and how many sessions of this protocol came before.
    variables
        Of the protocol, as set for this session.
    resumed_from
        Folder name of the session that this one goes on with.
    codec
        Encoding of the pictures, one of `labcapture.recording.encodings.RECORDED`.
    """

    participant: str
    session: str
    protocol: str
    paradigm: str
    protocol_text: str
    rig: str
    rig_text: str
    language: str
    simulated: bool
    autopilot: int | None
    software: Mapping[str, str]
    rule: QualityRule
    started_utc: datetime
    experimenter: str = ""
    seed: int = 0
    place: int = 0
    variables: Mapping[str, Any] = field(default_factory=dict)
    resumed_from: str = ""
    codec: str = DEFAULT

    def identity(self) -> dict[str, Any]:
        """Return the attributes that every file of the session carries."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "participant": self.participant,
            "session": self.session,
            "protocol": self.protocol,
            "paradigm": self.paradigm,
            "rig": self.rig,
            "language": self.language,
            "simulated": self.simulated,
            "autopilot": -1 if self.autopilot is None else self.autopilot,
            "software": dict(self.software),
            "started_utc": self.started_utc.astimezone(UTC).isoformat(),
            "experimenter": self.experimenter,
            "seed": self.seed,
            "place": self.place,
            "variables": dict(self.variables),
            "resumed_from": self.resumed_from,
            "codec": self.codec,
            "NX_class": "NXroot",
        }


def is_packed(path: Path) -> bool:
    """Return whether ``path`` is a single file that may be a packed session: HDF5, and not the one in a folder."""
    with reading(path):
        return path.name != SESSION_FILE and path.is_file() and bool(h5py.is_hdf5(path))


def session_folder(path: str | os.PathLike[str], *names: str) -> Path:
    """Return the folder of the session at ``path``: its folder, or the ``session.h5`` in it.

    Parameters
    ----------
    path
        As the user gave it.
    names
        Files of the session, at least one of which must be there; ``session.h5`` unless given.

    Raises
    ------
    RecordingError
        There is no session.
    """
    given = Path(path)
    folder = given.parent if given.name == SESSION_FILE else given
    if is_packed(given):
        mend = "A packed file can be verified, read and exported; for all else give the session's folder."
        raise RecordingError("is a single file", str(given), mend)
    with reading(given):
        there = any((folder / name).is_file() for name in names or (SESSION_FILE,))
    if not there:
        raise RecordingError("no session", str(given), f"Give the session's folder or its {SESSION_FILE}.")
    return folder


def read_whole(path: Path, errors: str = "strict") -> str:
    """Return a file of at most some megabytes as text.

    Raises
    ------
    OSError, ValueError
        It cannot be read, is larger, or is not UTF-8.
    """
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError(f"more than {_MOST_BYTES} bytes")
    return data.decode("utf-8", errors)


def create_folder(out: Path, header: SessionHeader) -> Path:
    """Create ``<participant>_<session>_<UTC start>`` below ``out``, and its folders for trials and journals.

    Raises
    ------
    RecordingError
        It exists, or cannot be written; nothing is left behind.
    """
    folder = out / f"{header.participant}_{header.session}_{header.started_utc.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    try:
        out.mkdir(mode=0o750, parents=True, exist_ok=True)
        if (free := shutil.disk_usage(out).free) < _LEAST_FREE_BYTES:
            raise RecordingError(f"the disk is full ({free / 1e6:.0f} MB free)", str(out), "Free some space.")
        folder.mkdir(mode=0o750)
    except FileExistsError:
        if not out.is_dir():
            raise RecordingError("is no folder", str(out), "Name a folder for sessions.") from None
        raise RecordingError("exists already; nothing was changed", str(folder), "Begin another session.") from None
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        for part in (TRIALS_FOLDER, JOURNAL_FOLDER, f"{JOURNAL_FOLDER}/{TRIALS_FOLDER}"):
            (folder / part).mkdir(mode=0o750)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise _unwritable(folder, error) from error
    return folder


def _unwritable(folder: Path, error: OSError) -> RecordingError:
    return RecordingError(f"cannot be created ({error.strerror})", str(folder), "Name a folder that you may write to.")


def remove_empty(folder: Path) -> None:
    """Remove the folders that `create_folder` made, as far as they hold nothing."""
    for part in (TRIALS_FOLDER, f"{JOURNAL_FOLDER}/{TRIALS_FOLDER}", JOURNAL_FOLDER, ""):
        with contextlib.suppress(OSError):  # not empty: it is not ours to remove
            (folder / part).rmdir()


def create_file(path: Path, text: str) -> None:
    """Write a new UTF-8 file, readable by its owner and group, and have the disk hold it.

    Raises
    ------
    OSError
        It exists, or the disk is full.
    """
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o640)
    try:
        view = memoryview(text.encode())
        while view:
            view = view[os.write(file, view) :]
        sync_file(file)
    finally:
        os.close(file)


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Write summary.json."""
    create_file(folder / SUMMARY_FILE, json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_checksums(folder: Path) -> None:
    """Write SHA-256 of every file but the trials', whose pictures have digests in the journal; as sha256sum does."""
    write_digests(folder, {name: folder / name for name in checksummed(folder)})


def write_digests(folder: Path, files: Mapping[str, Path]) -> None:
    """Write ``checksums`` into ``folder``: SHA-256 of each file by the name that stands there for it."""
    lines = [f"{_sha256(files[name])}  {name}\n" for name in sorted(files)]
    create_file(folder / CHECKSUMS_FILE, "".join(lines))


def checksummed(folder: Path) -> Iterator[str]:
    """Yield the files that stand in ``checksums``, relative to the folder, in order."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in {CHECKSUMS_FILE, HOLD_FILE} and not name.startswith(f"{TRIALS_FOLDER}/"):
            yield name


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
