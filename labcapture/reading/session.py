"""A session as an analyst meets it: who, what, which trials, which signals."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import h5py

from labcapture.core.errors import RecordingError
from labcapture.reading.base import still_open
from labcapture.reading.events import events
from labcapture.reading.streams import AudioStream, SampleStream, Table, read_attributes, read_table
from labcapture.reading.trial import Trial
from labcapture.recording import schema
from labcapture.recording.conformity import plainly
from labcapture.recording.guard import check_file, check_inside, reading
from labcapture.recording.hold import is_held

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Session", "Trial", "open_session"]


def open_session(path: str | os.PathLike[str]) -> Session:
    """Open a session for reading.

    Parameters
    ----------
    path
        Its folder, or the ``session.h5`` in it; or a file that ``labcapture pack`` made of one.

    Raises
    ------
    RecordingError
        It is no session, is being recorded just now (`labcapture.reading.LiveSession` reads that), was not closed, is
        damaged, or of a newer version of the format.
    """
    given = Path(path)
    with reading(given):
        file = given / schema.SESSION_FILE if given.is_dir() else given
        there = file.is_file()
    if not there:
        raise RecordingError("no session", str(given), f"Give the session's folder or its {schema.SESSION_FILE}.")
    check_inside(file.parent, file)
    if not h5py.is_hdf5(file):
        if file.name == schema.SESSION_FILE and (file.parent / schema.journal_path()).is_file():
            raise RecordingError("is damaged at its start", str(file), f"Run: labcapture recover {file.parent}")
        raise RecordingError("not a session", str(given), f"Give the session's folder or its {schema.SESSION_FILE}.")
    is_packed = file.name != schema.SESSION_FILE
    if not is_packed and is_held(file.parent):
        mend = "Its finished trials can be read now: labcapture.reading.LiveSession(folder)."
        raise RecordingError("is being recorded just now", str(file.parent), mend)
    try:
        h5 = h5py.File(file, "r")
    except OSError as error:
        mend = "Take another copy of it." if is_packed else f"Run: labcapture recover {file.parent}"
        raise RecordingError(f"cannot be opened: {plainly(error)}", str(file), mend) from error
    try:
        check_file(h5, str(file), None if is_packed else file.parent)
        if is_packed:
            _check_packed(h5, given)
        with reading(file):
            return Session(file.parent, h5)
    except BaseException:
        h5.close()
        raise


def _check_packed(h5: h5py.File, given: Path) -> None:
    if "packed_from" not in h5.attrs:
        mend = f"Give the session's folder, its {schema.SESSION_FILE}, or a packed file."
        raise RecordingError("not a session", str(given), mend)


class Session:
    """A closed session, read only. Use it in a ``with`` statement, or call `close`."""

    def __init__(self, folder: Path, h5: h5py.File) -> None:
        self.folder = folder
        self._h5, self._path = h5, Path(h5.filename)
        self.attributes: Mapping[str, Any] = read_attributes(h5)
        if self.attributes.get("format") != schema.FORMAT:
            raise RecordingError("not a session of labcapture", str(h5.filename), "Is it the right file?")
        version = self.attributes.get("version", 0)
        if version > schema.VERSION:
            what = f"of format version {version}, this program reads up to {schema.VERSION}"
            raise RecordingError(what, str(h5.filename), "Update labcapture.")
        if not self.attributes.get("closed", False):
            raise RecordingError("was not closed", str(h5.filename), f"Run: labcapture recover {folder}")

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Session {self.name}: {len(self.trials)} trials, part {self.part}>"

    def close(self) -> None:
        """Close its files; what was read stays."""
        for trial in self.__dict__.get("trials", {}).values():  # none if nobody asked for them
            trial.close()
        self._h5.close()

    @property
    def h5(self) -> h5py.File:
        """The file itself, for whatever this class does not offer."""
        return still_open(self._h5, self.name)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of its checksums: what was made of this session, and of no other, says so by it."""
        if self.is_packed:
            return str(self.attributes["packed_from"])
        path = self.folder / schema.CHECKSUMS_FILE
        if not path.is_file():
            raise RecordingError("is missing", str(path), f"Run: labcapture recover {self.folder}")
        with reading(path):
            return hashlib.sha256(path.read_bytes()).hexdigest()

    @property
    def is_packed(self) -> bool:
        """Whether it lies in one file, with its pictures, and not in a folder."""
        return "packed_from" in self.attributes

    @property
    def name(self) -> str:
        """Name of its folder, or of the file that it was packed into."""
        return self._path.stem if self.is_packed else self.folder.resolve().name

    def holds(self, path: Path) -> bool:
        """Return whether ``path`` lies in the session's own folder, where nothing may be written."""
        return not self.is_packed and path.resolve().is_relative_to(self.folder.resolve())

    @property
    def participant(self) -> str:
        """Pseudonym of the participant."""
        return str(self.attributes["participant"])

    @property
    def session(self) -> str:
        """Id of the session."""
        return str(self.attributes["session"])

    @property
    def paradigm(self) -> str:
        """``neutralization``, ``mock_crime``, ``perception`` or ``none``."""
        return str(self.attributes["paradigm"])

    @property
    def part(self) -> str:
        """``A``, ``B``, ``C``, ``C-unlabelled`` or ``none``."""
        return str(self.attributes["part"])

    @property
    def verdict(self) -> str:
        """``labelled`` or ``unlabelled``."""
        return str(self.attributes["verdict"])

    @property
    def simulated(self) -> bool:
        """Whether any instrument was simulated: then it is no measurement of anyone."""
        return bool(self.attributes["simulated"])

    @property
    def start_time(self) -> float:
        """LSL time (s) at which the session began: ``started_utc`` of its attributes."""
        return float(self.attributes["start_time"])

    @property
    def rule(self) -> dict[str, Any]:
        """The quality rule as it was applied."""
        rule: dict[str, Any] = json.loads(self.h5["quality"].attrs["rule"])
        return rule

    @cached_property
    def trials(self) -> Mapping[str, Trial]:
        """The recorded trials by id, in order."""
        trials = [Trial(self, name) for name in self.h5["trials"]]
        return {trial.id: trial for trial in sorted(trials, key=lambda trial: trial.start)}

    @cached_property
    def streams(self) -> Mapping[str, Mapping[str, Any]]:
        """What each stream of the rig says of itself, by name."""
        return {name: read_attributes(group) for name, group in self.h5["streams"].items()}

    @cached_property
    def audio(self) -> Mapping[str, AudioStream]:
        """Sound of the whole session by name; usually there is one, ``voice``."""
        names = (name for name, facts in self.streams.items() if facts["kind"] == "audio")
        return {name: AudioStream(name, self.h5[name]) for name in names}

    @cached_property
    def samples(self) -> Mapping[str, SampleStream]:
        """LSL streams of the whole session by name, ``eda`` among them."""
        names = (name for name, facts in self.streams.items() if facts["kind"] == "samples")
        return {name: SampleStream(name, self.h5[name if name == "eda" else f"lsl/{name}"]) for name in names}

    @property
    def voice(self) -> AudioStream:
        """The voice; `KeyError` if there is none."""
        if "voice" not in self.audio:
            raise KeyError(f"the session has no voice; it has {', '.join(self.streams) or 'no streams'}")
        return self.audio["voice"]

    @property
    def eda(self) -> SampleStream:
        """Electrodermal activity; `KeyError` if there is none."""
        if "eda" not in self.samples:
            raise KeyError(f"the session has no eda; it has {', '.join(self.streams) or 'no streams'}")
        return self.samples["eda"]

    def gaps(self, stream: str) -> Table:
        """Return the gaps of a stream over the whole session, those between trials included.

        Raises
        ------
        KeyError
            There is no such stream.
        """
        if self.streams[stream]["kind"] == "frames":
            return read_table(self.h5[f"streams/{stream}/gaps"])
        return (self.audio[stream] if stream in self.audio else self.samples[stream]).gaps

    @cached_property
    def events(self) -> pd.DataFrame:
        """Everything that happened, a row per event in order of time: see `labcapture.reading.events.events`."""
        return events(self)

    @cached_property
    def markers(self) -> Table:
        """Events: time (LSL s), label, source, step."""
        return read_table(self.h5["markers"])

    @cached_property
    def self_report(self) -> Table:
        """What the participant felt: time, step, trial, question, value, number, reaction_time, since_clip_s, by."""
        return read_table(self.h5["self_report"])

    @cached_property
    def answers(self) -> Table:
        """All other answers, with the columns of ``self_report``."""
        return read_table(self.h5["answers"])

    @cached_property
    def calibrations(self) -> Table:
        """How each calibration of the head ended: time (LSL s), step, take, skipped, reason, distances, ..."""
        return read_table(self.h5["calibration/results"])

    @cached_property
    def steps(self) -> Table:
        """What moved the protocol along: time (LSL s), event, step, take, trial, state, detail."""
        return read_table(self.h5["steps"])

    @cached_property
    def responses(self) -> Table:
        """Questions of the interviewer: what was asked, expected and answered, when, and the latency of the voice."""
        return read_table(self.h5["responses"])

    @cached_property
    def ledger(self) -> Table:
        """The participant's account: time (LSL s), mark, step, trial, change, balance."""
        return read_table(self.h5["ledger"])

    @cached_property
    def review_flags(self) -> Table:
        """Pictures that the participant flagged in a review, as intervals of indices and of LSL time."""
        return read_table(self.h5["review_flags"])

    @cached_property
    def assignments(self) -> Table:
        """Variables that got their value in the session: time (LSL s), variable, value, how, by, within."""
        return read_table(self.h5["assignments"])

    @cached_property
    def preflight(self) -> Table:
        """The look at the rig before the session: time (LSL s), group, name, verdict, reading, limit, override."""
        return read_table(self.h5["preflight"])

    @cached_property
    def stimulus_flips(self) -> Table:
        """Every flip of a film: trial, step, flip, time (LSL s), movie_time (s), late."""
        return read_table(self.h5["stimulus_flips"])

    @cached_property
    def notes(self) -> Table:
        """What the experimenter wrote: time (LSL s), text."""
        return read_table(self.h5["notes"])

    @cached_property
    def counts(self) -> Table:
        """Frames due, recorded and lost per trial and stream."""
        return read_table(self.h5["quality/counts"])

    @cached_property
    def verdicts(self) -> Mapping[str, tuple[bool, list[str]]]:
        """(annotatable, reasons why not) of each trial, by its id."""
        rows = read_table(self.h5["quality/verdicts"])
        return {row["trial"]: (bool(row["annotatable"]), row["reasons"].splitlines()) for row in rows}
