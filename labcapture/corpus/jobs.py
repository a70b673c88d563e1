"""What is done to one session of a corpus, in a worker: never raises, and says whether another try may help."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from labcapture.core.errors import LabcaptureError, printable
from labcapture.corpus import rerouting
from labcapture.export import formats
from labcapture.reading import open_session
from labcapture.reading.catalogue import row
from labcapture.recording import schema
from labcapture.recording.hold import Hold
from labcapture.recording.recover import recover
from labcapture.recording.transcode import transcode
from labcapture.recording.verify import verify

State = Literal["done", "skipped", "failed"]
MAKING = ".making"
"""Folder below a target, in which copies are made; the names in it begin a session's copy that is not whole yet."""
DONE = ".labcapture"
"""Folder below a target that says what was exported to it."""

_PASSING = {
    getattr(errno, name)
    for name in (
        *("EIO", "EAGAIN", "EBUSY", "EINTR", "ETIMEDOUT", "ESTALE", "ECONNRESET", "ENETDOWN", "ENETUNREACH"),
        *("EHOSTUNREACH", "EHOSTDOWN", "ENOLCK", "EMFILE", "ENFILE", "ENOMEM", "EREMOTEIO"),
    )
    if hasattr(errno, name)  # Windows lacks some
}


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work: ``work`` on the session in ``folder``, called ``name`` in its corpus, with ``options``."""

    work: str
    folder: str
    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job.

    Parameters
    ----------
    name
        The session's, in its corpus.
    state
        ``skipped``: it had been done before.
    what
        In a sentence.
    passing
        Of a failed one: the cause may pass, so that another try may help.
    tries
        How often it was tried.
    seconds
        How long the last try took.
    facts
        Its figures.
    """

    name: str
    state: State
    what: str
    passing: bool = False
    tries: int = 1
    seconds: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)


def do(job: Job) -> Outcome:
    """Do a job."""
    begin = time.monotonic()
    try:
        outcome = _WORK[job.work](job, Path(job.folder))
    except Exception as error:  # noqa: BLE001 - one bad session must not end the work on all others
        told = str(error) if isinstance(error, LabcaptureError) else f"{type(error).__name__}: {error}"
        outcome = Outcome(job.name, "failed", printable(told[:500]), passes(error))
    return replace(outcome, seconds=round(time.monotonic() - begin, 3))


def passes(error: BaseException | None) -> bool:
    """Return whether the cause of ``error`` is one that may pass: of the disk, the network or the memory."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, MemoryError | TimeoutError | ConnectionError):
            return True
        if isinstance(error, OSError) and error.errno in _PASSING:
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


def _verify(job: Job, folder: Path) -> Outcome:
    mark = files_mark(folder)
    if job.options.get("known") == mark:
        return Outcome(job.name, "skipped", "whole, and unchanged since it was verified")
    result = verify(folder)
    facts = {"mark": mark, "problems": result.problems[:100], "count": len(result.problems)}
    if result.whole:
        return Outcome(job.name, "done", "whole", facts=facts)
    more = f" (and {len(result.problems) - 1} more)" if len(result.problems) > 1 else ""
    return Outcome(job.name, "failed", f"not whole: {result.problems[0]}{more}", facts=facts)


def files_mark(folder: Path) -> str:
    """Return a digest of the names, sizes and times of all files of a session."""
    marks = []
    for path in sorted(folder.rglob("*")):
        facts = path.lstat()
        marks.append(f"{path.relative_to(folder).as_posix()} {facts.st_size} {facts.st_mtime_ns}")
    return hashlib.sha256("\n".join(marks).encode()).hexdigest()


def _recover(job: Job, folder: Path) -> Outcome:
    result = recover(folder)
    facts = {"lost": result.lost[:100], "notes": result.notes[:100], "complete": result.is_complete}
    if not result.recovered:
        return Outcome(job.name, "skipped", "was closed in order")
    if result.is_complete:
        return Outcome(job.name, "done", "recovered", facts=facts)
    return Outcome(job.name, "failed", f"recovered in part; lost: {result.lost[0]}", facts=facts)


def _transcode(job: Job, folder: Path) -> Outcome:
    codec, final = str(job.options["codec"]), Path(job.options["out"]) / job.name
    mine = row(folder).fingerprint
    if final.exists():
        with open_session(final) as copy:
            if copy.attributes.get("transcoded_from") == mine and copy.attributes.get("codec") == codec:
                return Outcome(job.name, "skipped", f"is there: {final}")
        return Outcome(job.name, "failed", f"{final}: exists already and is something else. Name another folder.")
    making = Path(job.options["out"]) / MAKING / hashlib.sha256(job.name.encode()).hexdigest()[:16]
    making.mkdir(mode=0o750, parents=True, exist_ok=True)
    hold = Hold(making)
    try:
        for left in making.iterdir():  # by a worker that was cut off
            if left.name != schema.HOLD_FILE:
                shutil.rmtree(left)
        done = transcode(folder, codec, making, workers=1)
        final.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        Path(done.folder).rename(final)
    finally:
        hold.release()
        shutil.rmtree(making, ignore_errors=True)
    facts = {"path": str(final), "pictures": done.pictures, "bytes_before": done.bytes_before}
    return Outcome(job.name, "done", f"{done.pictures} pictures", facts={**facts, "bytes_after": done.bytes_after})


def _export(job: Job, folder: Path) -> Outcome:
    out = (Path(job.options["out"]) / job.name).parent
    options = dict(job.options["options"])
    with open_session(folder) as session:
        about = {"format": job.options["format"], "options": options, "session": session.fingerprint}
        key = hashlib.sha256(f"{job.options['format']} {job.name}".encode()).hexdigest()[:24]
        note = Path(job.options["out"]) / DONE / f"{key}.json"
        had = json.loads(note.read_text("utf-8")) if note.is_file() else {}
        if {name: had.get(name) for name in about} == about and Path(had["path"]).exists():
            return Outcome(job.name, "skipped", f"is there: {had['path']}")
        out.mkdir(mode=0o750, parents=True, exist_ok=True)
        done = formats.exporter(job.options["format"])(session, out, options, lambda *_: None)
    note.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    draft = note.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps({**about, "name": job.name, "path": done.path}, ensure_ascii=False), "utf-8")
    draft.replace(note)
    facts = {"path": done.path, "files": done.files, "bytes": done.bytes, "notes": list(done.notes)}
    return Outcome(job.name, "done", f"{done.files} files, {done.bytes / 1e6:.1f} MB", facts=facts)


def _reroute(job: Job, folder: Path) -> Outcome:
    known = job.options.get("known")
    if known and known == row(folder).fingerprint:
        return Outcome(job.name, "skipped", "was held against this rule before")
    facts = rerouting.reroute(folder, job.options["rule"])
    return Outcome(job.name, "done", f"Part {facts['part']}, was {facts['had_part']}", facts=facts)


_WORK: Mapping[str, Callable[[Job, Path], Outcome]] = {
    "verify": _verify,
    "recover": _recover,
    "transcode": _transcode,
    "export": _export,
    "reroute": _reroute,
}
