"""After a crash: a session made whole again from its journals, and from the pictures that lie in its HDF5 files.

One way for every crash. The journals are told once more to the writers that recorded the session, which then do what
closing it would have done: times, gaps, verdicts, summary, checksums. Pictures are copied byte for byte and proven by
their digests. A trial whose file is whole stays where it is; nothing that the crash left is changed or removed. The
superblock of an unclosed HDF5 file is mended only in memory, and only where its journal is missing or worse than the
file.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labcapture.core.chunks import Gap
from labcapture.core.errors import RecordingError
from labcapture.recording import schema
from labcapture.recording.folder import SessionHeader, session_folder, write_summary
from labcapture.recording.guard import check_folder, opened, reading
from labcapture.recording.hold import Hold, is_held
from labcapture.recording.journal import JournalReader
from labcapture.recording.ledger import Ledger
from labcapture.recording.pipeline import Item
from labcapture.recording.recover_draft import FOLDER, READY, Draft
from labcapture.recording.recover_evidence import UNREADABLE, Account
from labcapture.recording.recover_replay import Replay, Told
from labcapture.recording.recover_trial import AGAINST, CrashedTrial, TrialOutcome, is_usable, nothing_of
from labcapture.recording.scribe import Scribe
from labcapture.recording.summary import summary

Progress = Callable[[str, int, int], None]
"""Told (what is being done, bytes done, bytes in all)."""

_ROOM = 64_000_000
_MOST_TRIALS = 2000


@dataclass
class Recovery:
    """What `recover` did.

    Parameters
    ----------
    folder
        The session's.
    recovered
        False: it had been closed in order, and nothing was touched.
    originals
        Folder in it that holds the replaced files as the crash left them; empty if there is none.
    trials
        What became of each.
    lost
        Everything that had been written down and could not be saved, in sentences.
    notes
        What else was found.
    """

    folder: str
    recovered: bool = False
    originals: str = ""
    trials: list[TrialOutcome] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether everything that had been written down was saved."""
        return not self.lost


def recover(path: str | os.PathLike[str], progress: Progress | None = None) -> Recovery:
    """Make a session whole again that was not closed in order. May be called again, also after an interruption.

    Parameters
    ----------
    path
        Its folder, or the ``session.h5`` in it.
    progress
        Called now and then.

    Raises
    ------
    RecordingError
        There is no session at ``path``, it is being recorded, the disk has no room, or nothing is left to begin with.
    """
    folder = session_folder(path, schema.SESSION_FILE, schema.journal_path(), f"{FOLDER}/{READY}")
    check_folder(folder)
    with reading(folder):
        return _recover(folder, progress or (lambda *_: None))


def _recover(folder: Path, progress: Progress) -> Recovery:
    draft = Draft(folder)
    if is_held(folder):
        raise RecordingError("is being recorded", str(folder), "Recover it once its recording has ended.")
    try:
        if not draft.is_ready and not _is_needed(folder):
            return Recovery(str(folder))
        hold = Hold(folder)
        try:
            if draft.is_ready:
                return Recovery(str(folder), True, draft.move(), notes=["an interrupted recovery was finished"])
            return _Recovering(folder, draft, progress).run()
        finally:
            hold.release()
    except OSError as error:
        what = f"cannot be recovered now ({error}); what the crash left is still there"
        raise RecordingError(what, str(folder), "Mend that and recover it again.") from error


def trials_of(folder: Path) -> list[str]:
    """Return the trials of which there is a file or a journal, sorted."""
    files = (folder / schema.TRIALS_FOLDER).glob("*.h5")
    journals = (folder / schema.journal_path("x")).parent.glob("*.jsonl")
    return sorted({path.stem for path in (*files, *journals) if is_usable(path.stem)})


def _is_needed(folder: Path) -> bool:
    """Return whether something was not closed in order."""
    if not all((folder / name).is_file() for name in (schema.SUMMARY_FILE, schema.CHECKSUMS_FILE)):
        return True
    names = [(schema.SESSION_FILE, schema.journal_path())]
    names += [(schema.trial_path(trial), schema.journal_path(trial)) for trial in trials_of(folder)]
    return not all(_is_closed(folder, name, journal) for name, journal in names)


def _is_closed(folder: Path, name: str, journal: str) -> bool:
    reader = JournalReader(folder / journal)
    try:
        for _ in reader:
            pass
        with opened(folder, name) as h5:
            return reader.ended and not reader.torn and bool(h5.attrs["closed"])
    except (RecordingError, *UNREADABLE):
        return False


class _Recovering:
    """One recovery."""

    def __init__(self, folder: Path, draft: Draft, progress: Progress) -> None:
        self._folder, self._draft, self._progress = folder, draft, progress
        self.result = Recovery(str(folder), True)
        self._account = Account(folder, None)
        self._told = Told()
        self._reported: list[Gap] = []
        self._done = self._total = 0

    def run(self) -> Recovery:
        try:
            for line in self._account:
                if isinstance(line, Mapping):
                    self._told.hear(line)
            if int(self._told.root["version"]) > schema.VERSION:
                raise RecordingError("is of a newer version of the format", str(self._folder), "Update labcapture.")
            header = self._told.header()
        except UNREADABLE as error:
            if self._account.refusal is not None:
                raise self._account.refusal from error
            what = f"cannot be recovered: neither {schema.SESSION_FILE} nor its journal can be read"
            raise RecordingError(what, str(self._folder), "Its trials may still be: keep the folder.") from error
        names = [*self._told.trials, *trials_of(self._folder)]
        names = list(dict.fromkeys(filter(is_usable, names)))
        if len(names) > _MOST_TRIALS:
            raise RecordingError(f"tells of more than {_MOST_TRIALS} trials", str(self._folder), "Do not use it.")
        trials = {name: CrashedTrial(self._folder, name) for name in names}
        whole = {name for name, trial in trials.items() if trial.is_whole()}
        self._check_room([trial for name, trial in trials.items() if name not in whole])
        self._draft.begin()
        try:
            aside = self._rebuild(header, trials, whole)
            self._draft.seal(aside)
        except BaseException as error:
            self._draft.discard()
            if isinstance(error, OSError) or not isinstance(error, UNREADABLE):
                raise
            what = f"cannot be recovered: its journal contradicts itself ({type(error).__name__}: {error})"
            raise RecordingError(what, str(self._folder), "Nothing was changed.") from error
        self.result.originals = self._draft.move()
        return self.result

    def _check_room(self, trials: Sequence[CrashedTrial]) -> None:
        self._total = sum(chunk.size for trial in trials for chunk in trial.chunks)
        files = [self._folder / name for name in (schema.SESSION_FILE, schema.journal_path())]
        session = max(path.stat().st_size for path in files if path.is_file())
        needed = self._total + 3 * session + _ROOM
        if shutil.disk_usage(self._folder).free < needed:
            what = f"needs {needed / 1e6:.0f} MB of free disk, since what the crash left is kept"
            raise RecordingError(what, str(self._folder), "Free some space.")

    # Making it anew ---------------------------------------------------------------------------------------------------

    def _rebuild(self, header: SessionHeader, trials: Mapping[str, CrashedTrial], whole: set[str]) -> list[str]:
        """Write all files into the draft; return the names of those that are only to be moved aside."""
        told, session = self._told, self._account
        for trial in trials.values():  # session.h5 does not know type and shape of the pictures, its journal does
            told.specs |= {n: s for n, s in trial.specs.items() if n not in told.specs or not told.specs[n].shape}
        for trial in trials.values():  # whose journal may break off before it has named all of its streams
            trial.specs = {n: s for n, s in told.specs.items() if s.kind == "frames"} | trial.specs
        start, streams = float(told.root["start_time"]), list(told.specs.values())
        scribe = Scribe(self._draft.path, header, streams, start, lambda: math.nan)
        try:
            replay = Replay(session, told, scribe)
            replay.run(trials.values())
            self._reported = replay.reported
            for name in told.not_recorded.keys() - trials.keys():
                scribe.lost_trial(nothing_of(name, streams), told.not_recorded[name])
            aside: list[str] = []
            for trial in sorted(trials.values(), key=lambda t: (not math.isfinite(t.start), t.start)):
                aside += self._trial(scribe, header, trial, trial.trial in whole)
            ended = told.ended_utc(replay.newest)
            error = str(told.root.get("error") or "")
            if not session.ended:
                error = error or f"the recording broke off at about {ended:%Y-%m-%d %H:%M:%S} UTC and was recovered"
            completed = bool(told.root.get("completed"))
            scribe.session.values("/", {"recovered": True})
            outcome = scribe.conclude(completed, error)
        finally:
            scribe.abandon()
        books = Ledger(streams)
        books.reported = replay.reported
        for name, stream in books.streams.items():
            if stream.spec.kind == "frames":
                stream.recorded = sum(result.recovered.get(name, 0) for result in self.result.trials)
            else:
                stream.recorded = scribe.session.count(f"{schema.signal_path(stream.spec)}/samples")
        raw = sum(chunk.filter_mask for trial in trials.values() for chunk in trial.chunks)
        facts = summary(
            header,
            books,
            scribe.trials,
            outcome,
            completed=completed,
            error=error,
            raw_frames=raw,
            more={"assigned": scribe.session.assigned},
        )
        write_summary(self._draft.path, {**facts, "ended_utc": ended.isoformat(), "recovered": True})
        self._tell(replay.unfit)
        return aside

    def _trial(self, scribe: Scribe, header: SessionHeader, trial: CrashedTrial, is_whole: bool) -> list[str]:
        """Enter a trial, its file made anew unless it is whole; return the files that nothing replaces."""
        outcome = TrialOutcome(trial.trial, source=trial.account.source)
        self.result.trials.append(outcome)
        for name in trial.specs:
            mine = [chunk.index for chunk in trial.chunks if chunk.dataset == f"/{name}/frames"]
            outcome.journalled[name], outcome.recovered[name] = max(mine, default=-1) + 1, 0
        values = trial.own_values(header.identity())
        if is_whole:
            outcome.state, outcome.recovered = "kept", dict(outcome.journalled)
            scribe.keep_trial(trial.around((), values), trial.gaps, trial.kept_times())
        elif not trial.known:
            if trial.trial in self._told.trials or trial.account.damaged or trial.unfit:
                why = f" ({trial.account.refusal.what})" if trial.account.refusal is not None else ""
                self.result.lost.append(f"trial {trial.trial}: neither its file nor its journal can be read{why}")
            else:
                self.result.notes.append(f"trial {trial.trial}: the crash came before its first frame")
            scribe.lost_trial(nothing_of(trial.trial, self._told.specs.values()), "nothing of it outlived the crash")
            return [trial.account.name, trial.account.journal]
        else:
            self._remake(scribe, trial, values, outcome)
        outcome.lost = {name: count - outcome.recovered[name] for name, count in outcome.journalled.items()}
        for name, count in outcome.lost.items():
            if count:
                self.result.lost.append(
                    f"trial {trial.trial}: {count} of {outcome.journalled[name]} frames of {name} were not on the disk"
                )
        if trial.account.damaged + trial.unfit:
            outcome.notes.append(
                f"{trial.account.damaged + trial.unfit} lines of its {trial.account.source} are damaged"
            )
        return []

    def _remake(self, scribe: Scribe, trial: CrashedTrial, values: dict[str, Any], outcome: TrialOutcome) -> None:
        outcome.state, outcome.broke_off = "rebuilt", trial.broke_off
        if trial.account.source == "file":
            told = f"trial {trial.trial}: its journal is missing or damaged, so no digest proves its pictures"
            self.result.notes.append(told)
        scribe.open_trial(trial.trial, trial.start, {**values, "recovered": True})
        losses: list[Gap] = []
        for frame, data, mask, digest in trial.pictures(losses):
            item = Item(frame, len(data), trial.trial, stored=data, filter_mask=mask, digest=digest)
            scribe.picture(item)
            outcome.recovered[frame.stream] += 1
            self._done += len(data)
            self._progress(trial.trial, self._done, self._total)
        for gap in losses:
            scribe.record(gap)
        around = trial.around((*self._reported, *losses), {**values, "recovered": True})
        scribe.close_trial(around, trial.whole_gaps(losses), (AGAINST,) if trial.broke_off else ())

    def _tell(self, unfit: int) -> None:
        """Enter into the result what could not be read of the session's tables and signals."""
        result, account = self.result, self._account
        unreadable = account.damaged + unfit
        if account.source == "file":
            result.notes.append(f"{account.journal} is missing or damaged: {account.name} itself was read")
        elif account.of_file:
            paths = ", ".join(sorted(account.of_file))
            result.notes.append(f"{account.journal} is damaged: {account.name} itself was read for {paths}")
        if unreadable:
            where = account.journal if account.source == "journal" else account.name
            result.lost.append(f"{where}: {unreadable} lines of tables and signals are damaged")
        result.lost += [f"trial {trial.trial}: {note}" for trial in result.trials for note in trial.notes]
