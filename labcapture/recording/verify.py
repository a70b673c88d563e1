"""Whether a session is whole: nothing missing, nothing changed since it was written, nothing out of order.

Four witnesses are heard. The checksums cover every file but those of pictures. The journal says what was written,
picture by picture and row by row, and is held against the HDF5 files. The schema says what must be there. And the data
must agree with themselves: times and frame numbers rise, every skip has its row in a gap table, counts add up.

A packed file has the last word of all four in its digests.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from labcapture.core.errors import RecordingError, printable
from labcapture.recording import packed, schema
from labcapture.recording.conduct_laws import conduct_contradictions
from labcapture.recording.conformity import nonconformities, plainly
from labcapture.recording.consistency import picture_contradictions, sample_contradictions, sound_contradictions
from labcapture.recording.folder import checksummed, is_packed, read_whole, session_folder
from labcapture.recording.guard import DAMAGE, check_file, check_inside, reading
from labcapture.recording.witness import Witness

Progress = Callable[[str, int, int], None]
"""Told (what is being checked, bytes done, bytes in all)."""

_MOST_PROBLEMS = 10_000  # nobody reads more; a session with so many is no session


@dataclass
class VerifyResult:
    """What was found: ``problems``, a sentence each with file, dataset and frame, and how much was ``checked``."""

    folder: str
    problems: list[str] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("files", "frames", "rows", "bytes"), 0))

    @property
    def whole(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.problems

    def gather(self, problems: Iterator[str]) -> None:
        """Take down ``problems`` until there are more than anybody reads."""
        for problem in problems:
            self.problems.append(printable(problem))  # it may quote the file
            if len(self.problems) == _MOST_PROBLEMS:
                self.problems.append("and more: verification was ended here")
                break


def verify(path: str | os.PathLike[str], progress: Progress | None = None) -> VerifyResult:
    """Check a session; it is only read.

    Parameters
    ----------
    path
        Its folder, or the ``session.h5`` in it; or a file that ``labcapture pack`` made of one.
    progress
        Called now and then.

    Raises
    ------
    RecordingError
        There is no session at ``path``.
    """
    tell = progress or (lambda *_: None)
    given = Path(path)
    if is_packed(given):
        with reading(given):
            return _verify_packed(given, tell)
    folder = session_folder(given)
    with reading(folder):
        return _Check(folder, tell).run()


def _verify_packed(file: Path, progress: Progress) -> VerifyResult:
    result, total = VerifyResult(str(file)), file.stat().st_size

    def tick(what: str, nbytes: int) -> None:
        result.checked["bytes"] += nbytes
        progress(what, min(result.checked["bytes"], total), total)

    result.gather(packed.problems(file, tick, result.checked))
    progress("done", total, total)
    return result


class _NotForUs(Exception):  # noqa: N818 - a turn of the way, not an error
    """The file is of a newer version."""


class _Check:
    """One verification."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self.folder = folder
        self.result = VerifyResult(str(folder))
        self._progress = progress
        self._unread = False  # whether a file could not be read: then nothing adds up, and that says nothing
        files = [file for file in folder.rglob("*") if file.is_file()]
        self._total = sum(file.stat().st_size for file in files)

    def run(self) -> VerifyResult:
        self.result.gather(self._problems())
        self._progress("done", self._total, self._total)
        return self.result

    def _problems(self) -> Iterator[str]:
        counts: dict[str, int] = {}
        for kind, name, trial in self._files():
            self._progress(name, self.result.checked["bytes"], self._total)
            yield from self._file(kind, name, schema.journal_path(trial), counts, trial)
            self.result.checked["files"] += 1
        yield from self._checksums()  # after the files: why one cannot be read is told before that it was changed
        yield from self._summary(counts)

    def _files(self) -> Iterator[tuple[schema.File, str, str | None]]:
        """Yield (kind, path, trial) of every HDF5 file that is there, or that a journal tells of."""
        yield "session", schema.SESSION_FILE, None
        there = {path.stem for path in (self.folder / schema.TRIALS_FOLDER).glob("*.h5")}
        journalled = {path.stem for path in (self.folder / schema.journal_path("x")).parent.glob("*.jsonl")}
        for trial in sorted(there | journalled):
            yield "trial", schema.trial_path(trial), trial

    def _checksums(self) -> Iterator[str]:
        file = self.folder / schema.CHECKSUMS_FILE
        there = set()
        for name in sorted(set(checksummed(self.folder)) | {file.name for file in (file,) if file.is_file()}):
            if problem := self._outside(name):
                yield problem
            else:
                there.add(name)
        if file.name not in there:
            yield f"{file.name}: is missing: the session was not closed; run: labcapture recover {self.folder}"
            return
        there.discard(file.name)
        known: dict[str, str] = {}
        for number, line in enumerate(read_whole(file, errors="replace").splitlines(), 1):
            digest, separator, name = line.partition("  ")
            if not separator or len(digest) != 64:
                yield f"{file.name}: line {number} is damaged"
                continue
            known[name] = digest
        for name in sorted(there - known.keys()):
            yield f"{name}: does not stand in {file.name}: it was added later"
        for name, digest in known.items():
            if name not in there:  # and whatever else the name may lead to is not touched
                yield f"{name}: is missing"
                continue
            with (self.folder / name).open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != digest:
                    yield f"{name}: was changed after the session was closed (SHA-256 differs)"
            self.result.checked["files"] += 1

    def _outside(self, name: str) -> str:
        """Return what is wrong if the file ``name`` of the session is a link that leads out of its folder."""
        try:
            check_inside(self.folder, self.folder / name)
        except RecordingError as error:
            return f"{name}: {error.what}"
        return ""

    def _file(
        self, kind: schema.File, name: str, journal: str, counts: dict[str, int], trial: str | None
    ) -> Iterator[str]:
        path = self.folder / name
        if not path.is_file():
            yield f"{name}: is missing"
            return
        if problem := self._outside(name) or ((self.folder / journal).is_file() and self._outside(journal)):
            yield problem
            return
        try:
            h5 = h5py.File(path, "r")
        except DAMAGE as error:
            self._unread = True
            yield f"{name}: cannot be opened ({plainly(error)}); run: labcapture recover {self.folder}"
            return
        with h5:
            try:
                check_file(h5, name, self.folder if kind == "session" else None)
            except RecordingError as error:
                self._unread = True
                yield str(error)
                return
            witness = Witness(self.folder, h5, kind, name, journal, self._tick)
            hearings = (
                self._head(h5, name),
                nonconformities(h5, kind, name),
                witness.hear(),
                _contradictions(h5, kind, name),
                _count_signals(h5, kind, counts),
            )
            for hearing in hearings:
                try:
                    yield from hearing
                except DAMAGE as error:
                    yield f"{name}: is damaged: {plainly(error)}"
                except _NotForUs:
                    self._unread = True
                    break
        self.result.checked["rows"] += witness.rows
        for dataset, count in witness.frames.items():
            self.result.checked["frames"] += count
            counts[f"{trial}{dataset}"] = count

    def _head(self, h5: h5py.File, name: str) -> Iterator[str]:
        if not h5.attrs.get("closed", False):
            yield f"{name}: was not closed; run: labcapture recover {self.folder}"
        version = int(h5.attrs.get("version", 0))
        if version > schema.VERSION:
            yield f"{name}: of format version {version}, this program knows up to {schema.VERSION}"
            raise _NotForUs

    def _tick(self, what: str, nbytes: int) -> None:
        self.result.checked["bytes"] += nbytes
        self._progress(what, min(self.result.checked["bytes"], self._total), self._total)

    def _summary(self, counts: dict[str, int]) -> Iterator[str]:
        file = self.folder / schema.SUMMARY_FILE
        try:
            check_inside(self.folder, file)
            summary: dict[str, Any] = json.loads(read_whole(file))
        except FileNotFoundError:
            yield f"{file.name}: is missing"
            return
        except RecordingError as error:
            yield f"{file.name}: {error.what}"
            return
        except DAMAGE as error:
            yield f"{file.name}: is damaged ({error})"
            return
        if self._unread:
            return
        try:
            yield from self._add_up(summary, counts)
        except DAMAGE as error:
            yield f"{file.name}: is damaged: {type(error).__name__} {error}"

    def _add_up(self, summary: dict[str, Any], counts: dict[str, int]) -> Iterator[str]:
        """Yield where the counts of the summary are not those of the files."""
        name, seen = schema.SUMMARY_FILE, set()
        totals: dict[str, int] = dict.fromkeys(summary.get("recorded", {}), 0)
        for trial in summary.get("trials", []):
            for stream, said in trial["streams"].items():
                key = f"{trial['trial']}/{stream}/frames"
                seen.add(key)
                totals[stream] = totals.get(stream, 0) + said["recorded"]
                if counts.get(key, 0) != said["recorded"]:  # a trial of which nothing came may have no file
                    there = counts.get(key, "no")
                    yield f"{name}: trial {trial['trial']} has {said['recorded']} frames of {stream}, its file {there}"
        for key in sorted(counts.keys() - seen):
            if key.endswith("/frames"):
                yield f"{name}: does not tell of {key.removesuffix('/frames')}, of which there is a file"
        for stream, said in summary.get("recorded", {}).items():
            there = counts.get(stream, totals.get(stream, 0))
            if said != there:
                yield f"{name}: {stream} was recorded {said} times, the files have {there}"


def _contradictions(h5: h5py.File, kind: schema.File, name: str) -> Iterator[str]:
    """Yield what a file says against itself."""
    if kind == "trial":
        for stream in h5:
            yield from picture_contradictions(h5[stream], name)
        return
    for stream, kind_of_stream in _kinds(h5).items():
        if kind_of_stream == "audio":
            yield from sound_contradictions(h5[stream], name)
        elif kind_of_stream == "samples":
            yield from sample_contradictions(h5[stream if stream == "eda" else f"lsl/{stream}"], name)
    yield from conduct_contradictions(h5, name)


def _count_signals(h5: h5py.File, kind: schema.File, counts: dict[str, int]) -> Iterator[str]:
    """Enter the number of samples of every signal into ``counts`` by its name; there is nothing to tell."""
    yield from ()
    if kind == "session":
        kinds = _kinds(h5)
        for name in (name for name, what in kinds.items() if what != "frames"):
            place = name if kinds[name] == "audio" or name == "eda" else f"lsl/{name}"
            counts[name] = len(h5[place]["samples"])


def _kinds(h5: h5py.File) -> dict[str, str]:
    """Return the kind of every stream. `items` would give None for what is damaged, where indexing raises."""
    return {name: str(h5["streams"][name].attrs["kind"]) for name in h5["streams"]}
