"""What sessions lie in a folder, told from their summaries: fit for thousands of them, none of which is opened."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import h5py

from labcapture.core.errors import BadInput, LabcaptureError, printable
from labcapture.recording import schema
from labcapture.recording.guard import DAMAGE, check_inside
from labcapture.recording.hold import is_held

State = Literal["closed", "recovered", "never closed", "being recorded", "damaged"]

_DEPTH = 3  # folders below the one that is looked through
_MOST_BYTES = 8_000_000  # of a summary or of checksums; they have some kilobytes


@dataclass(frozen=True)
class SessionRow:
    """A session in a table of many.

    Parameters
    ----------
    folder
        Where it lies.
    participant, session, protocol, part, verdict, started_utc
        As in its summary, empty where that is not known; the time is ISO 8601.
    good, bad
        Clips that are annotatable, and that are not.
    length_s
        From its start to its end; None where that is not known.
    nbytes
        Of all its files.
    fingerprint
        SHA-256 of its ``checksums``, which changes with any of its files; empty if it has none.
    state
        Whether it was closed in order.
    simulated
        Whether an instrument was simulated.
    problem
        What is wrong with the summary of a damaged one.
    """

    folder: Path
    participant: str = ""
    session: str = ""
    protocol: str = ""
    part: str = ""
    verdict: str = ""
    started_utc: str = ""
    good: int = 0
    bad: int = 0
    length_s: float | None = None
    nbytes: int = 0
    fingerprint: str = ""
    state: State = "never closed"
    simulated: bool = False
    problem: str = ""


def scan(root: Path, stop: threading.Event | None = None) -> Iterator[SessionRow]:
    """Yield the sessions in ``root`` and in the folders below it, by name, until ``stop`` is set."""
    return map(row, folders(root, stop))


def folders(root: Path, stop: threading.Event | None = None) -> Iterator[Path]:
    """Yield the folders of the sessions in ``root`` and in the folders below it, by name, until ``stop`` is set.

    Links to folders are not followed. Nothing is changed.

    Raises
    ------
    BadInput
        There is no such folder.
    """
    if not root.is_dir():
        raise BadInput("no such folder", str(root), "Name a folder with sessions.")
    yield from _below(root, _DEPTH, stop or threading.Event())


def _below(folder: Path, depth: int, stop: threading.Event) -> Iterator[Path]:
    if stop.is_set():
        return
    if _is_session(folder):
        yield folder
        return
    if depth < 0:
        return
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                it.name for it in entries if it.is_dir(follow_symlinks=False) and not it.name.startswith(".")
            )
    except OSError:
        return  # not ours to read
    for name in names:
        yield from _below(folder / name, depth - 1, stop)


def _is_session(folder: Path) -> bool:
    names = (schema.SESSION_FILE, schema.SUMMARY_FILE, schema.HOLD_FILE, schema.journal_path())
    return any((folder / name).is_file() for name in names)


def stamp(folder: Path) -> str:
    """Return what changes whenever the session in ``folder`` is written to; empty if it is being written just now.

    It is made of the times and sizes of the files that are written last, and of the folders that files are added to.
    """
    if is_held(folder):
        return ""
    marks = []
    names = ("", schema.TRIALS_FOLDER, schema.CHECKSUMS_FILE, schema.SUMMARY_FILE, schema.SESSION_FILE)
    for name in names:
        try:
            facts = (folder / name).stat()
        except OSError:
            marks.append("-")
        else:
            is_file = stat.S_ISREG(facts.st_mode)
            marks.append(f"{facts.st_mtime_ns}:{facts.st_size}" if is_file else str(facts.st_mtime_ns))
    return " ".join(marks)


def row(folder: Path) -> SessionRow:
    """Return what is known of the session in ``folder``, whatever its condition."""
    known: dict[str, Any] = {"nbytes": _size(folder)}
    try:
        checksums = _bytes(folder, schema.CHECKSUMS_FILE)
        known["fingerprint"] = "" if checksums is None else hashlib.sha256(checksums).hexdigest()
        summary = _bytes(folder, schema.SUMMARY_FILE)
        if summary is None:
            known |= _from_file(folder)
        else:
            facts = json.loads(summary)
            known |= _identity(facts) | _counts(facts)
            known["state"] = _state(known, facts)
    except (LabcaptureError, *DAMAGE) as error:
        known |= {"state": "damaged", "problem": printable(str(error)[:300])}
    if is_held(folder):
        known["state"] = "being recorded"
    return SessionRow(folder, **known)


def _state(known: Mapping[str, Any], facts: Mapping[str, Any]) -> State:
    if not known["fingerprint"]:
        return "never closed"
    return "recovered" if facts.get("recovered") else "closed"


def _bytes(folder: Path, name: str) -> bytes | None:
    """Return a file of the session, None if it is not there."""
    path = folder / name
    if not path.is_file():
        return None
    check_inside(folder, path)
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError(f"{name} has more than {_MOST_BYTES} bytes")
    return data


def _identity(facts: Mapping[str, Any]) -> dict[str, Any]:
    names = ("participant", "session", "protocol", "part", "verdict", "started_utc")
    known: dict[str, Any] = {name: printable(str(facts.get(name, ""))[:200]) for name in names}
    return {**known, "simulated": bool(facts.get("simulated", False))}


def _counts(facts: Mapping[str, Any]) -> dict[str, Any]:
    verdicts = [bool(trial["annotatable"]) for trial in facts.get("trials", [])]
    return {"good": sum(verdicts), "bad": len(verdicts) - sum(verdicts), "length_s": _length(facts)}


def _length(facts: Mapping[str, Any]) -> float | None:
    try:
        start, end = (datetime.fromisoformat(str(facts[name])) for name in ("started_utc", "ended_utc"))
        return (end - start).total_seconds()
    except (KeyError, ValueError, TypeError):
        return None


def _from_file(folder: Path) -> dict[str, Any]:
    """Return what session.h5 says of a session that has no summary."""
    path = folder / schema.SESSION_FILE
    check_inside(folder, path)
    try:
        with h5py.File(path, "r") as h5:
            facts = {
                name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
                for name in ("format", "participant", "session", "protocol", "started_utc", "simulated")
                if (value := h5.attrs.get(name)) is not None
            }
    except OSError:  # still open for writing when it was cut off
        if not ((folder / schema.journal_path()).is_file() or h5py.is_hdf5(path)):
            raise
        return _from_name(folder.name)
    if facts.get("format") != schema.FORMAT:
        raise ValueError(f"{schema.SESSION_FILE} is not a session of labcapture")
    return _identity(facts)


def _from_name(name: str) -> dict[str, Any]:
    """Return what a session's folder is called by: participant, session and start."""
    participant, _, rest = name.partition("_")
    session, _, stamp = rest.partition("_")
    try:
        started = datetime.strptime(stamp, "%Y%m%dT%H%M%S%z").isoformat()
    except ValueError:
        return {}
    return {"participant": participant, "session": session, "started_utc": started}


def _size(folder: Path) -> int:
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    total += _size(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    total += entry.stat(follow_symlinks=False).st_size
    except OSError:
        return total
    return total
