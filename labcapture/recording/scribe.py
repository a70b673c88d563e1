"""What the one HDF5 thread does: puts records into the files, finishes trials, keeps all of it safe on the disk."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.core.chunks import AudioBlock, ClockOffset, Gap, Samples, StreamSpec
from labcapture.core.fit import ClockFit, fit_device_clock
from labcapture.recording.assess import ONSET, Account, Pictures, Signal, assess, onset_of
from labcapture.recording.boundaries import trial_gaps
from labcapture.recording.folder import SessionHeader
from labcapture.recording.ledger import Around
from labcapture.recording.pipeline import Item
from labcapture.recording.quality import StreamCounts, TrialVerdict, route, trial_counts
from labcapture.recording.schema import clock_name, signal_path
from labcapture.recording.trial_file import TrialFile
from labcapture.recording.writer import SessionFile

_FIT_S = 300.0  # of pairs before a trial that its fit sees: enough for any drift, and a bound on its cost

Array = NDArray[np.float64]
Pairs = Mapping[str, Sequence[tuple[float, float]]]
"""(device time, arrival time) by clock."""


class Scribe:
    """The files of a session. All methods but the constructor belong to the HDF5 thread.

    Parameters
    ----------
    folder, header, streams
        Of the session.
    start_time
        LSL time of the session's start.
    clock
        LSL time now.

    Raises
    ------
    OSError
        The files exist, or cannot be created.
    """

    def __init__(
        self,
        folder: Path,
        header: SessionHeader,
        streams: Sequence[StreamSpec],
        start_time: float,
        clock: Callable[[], float],
    ) -> None:
        self._folder, self._header, self._clock = folder, header, clock
        self._pictures = [spec for spec in streams if spec.kind == "frames"]
        self._signals = [spec for spec in streams if spec.kind != "frames"]
        self._open: dict[str, TrialFile] = {}
        self.session = SessionFile(folder, header, streams, start_time)
        self.written_bytes = 0
        self.trials: list[dict[str, Any]] = []
        """What the summary says of each finished trial."""
        self.verdicts: dict[str, TrialVerdict] = {}
        self._taken: dict[str, dict[str, Array]] = {}  # when the pictures of each finished trial were taken, by stream

    # Records ----------------------------------------------------------------------------------------------------------

    def picture(self, item: Item) -> None:
        """Store a picture that the pipeline has made ready."""
        if item.error is not None:
            raise item.error
        self._open[item.trial].add(item.content, item.stored, item.filter_mask, item.digest)  # type: ignore[arg-type]
        self.written_bytes += len(item.stored)

    def record(self, chunk: AudioBlock | Samples | ClockOffset | Gap) -> None:
        """Store another record."""
        if isinstance(chunk, AudioBlock):
            self.session.audio(chunk)
        elif isinstance(chunk, Samples):
            self.session.samples(chunk)
        elif isinstance(chunk, ClockOffset):
            self.session.offset(chunk)
        else:
            self.session.gap(chunk)
        self.written_bytes += chunk.nbytes

    def pairs(self, pairs: Pairs) -> None:
        """Store pairs of device clocks."""
        for clock, rows in pairs.items():
            table = np.array(rows, np.float64)
            self.session.pairs(clock, table[:, 0], table[:, 1])

    def sync(self) -> None:
        """Have the disk itself hold everything so far; sample the wall clock."""
        before, unix, after = self._clock(), time.time(), self._clock()
        self.session.rows("/clock/wall", [((before + after) / 2, unix, (after - before) / 2)])
        for file in (self.session, *self._open.values()):
            file.sync()

    # Trials -----------------------------------------------------------------------------------------------------------

    def open_trial(self, trial: str, start: float, values: Mapping[str, Any]) -> None:
        """Create a trial's file."""
        file = TrialFile(self._folder, self._header, trial, start, values, self._pictures)
        self._open[trial] = file
        self.session.begin_trial(trial, file.start, values, file.streams)

    def close_trial(
        self, around: Around, gaps: Mapping[str, list[Gap]] | None = None, against: Sequence[str] = ()
    ) -> None:
        """Write what is missing from a trial, when its pictures were taken and what it is worth; close its file.

        Parameters
        ----------
        around
            The trial.
        gaps
            What is missing by stream, where it is known already.
        against
            Further reasons for which it cannot be annotated.
        """
        file = self._open.pop(around.trial)
        counts: list[StreamCounts] = []
        verdict = TrialVerdict(False, ("its file could not be finished",))
        try:
            missing, times = self._missing(file, around, gaps)
            taken = {name: (times[name][0], file.times(name)[1]) for name in times}
            counts, judged = assess(self._header.rule, self._account(around, missing, taken))
            self._taken[around.trial] = {name: taken[name][0] for name in taken}
            file.conclude(around.stop, around.closing, missing, times)  # what was counted stays if this fails
            verdict = TrialVerdict(False, (*against, *judged.reasons)) if against else judged
        finally:
            file.abandon()
            self.enter_trial(around, counts, verdict)
            self.session.end_trial(around.trial, around.stop, around.closing)

    def picture_time(self, trial: str, stream: str, *indices: int) -> tuple[float, ...]:
        """Return when pictures of a finished trial were taken (LSL s), NaN where there is no such picture."""
        times = self._taken.get(trial, {}).get(stream, np.empty(0))
        return tuple(float(times[i]) if 0 <= i < len(times) else math.nan for i in indices)

    def _missing(
        self, file: TrialFile, around: Around, known: Mapping[str, list[Gap]] | None
    ) -> tuple[dict[str, list[Gap]], dict[str, tuple[Array, Array]]]:
        """Return gaps, and (times of the pictures, their uncertainty), of a trial by stream."""
        fits = self._fits(around.start - _FIT_S)
        gaps: dict[str, list[Gap]] = {}
        times: dict[str, tuple[Array, Array]] = {}
        for spec in self._pictures:
            name = spec.name
            if known is None:
                take = dataclasses.replace(around.takes[name], stored=file.seen(name))
                gaps[name] = trial_gaps(take, around.reported)
            else:
                gaps[name] = known[name]
            device, arrival = file.times(name)
            fit = fits.get(clock_name(spec))
            unknown = np.full(len(device), np.nan), np.full(len(device), np.inf)
            times[name] = unknown if fit is None else fit.to_lsl(device, arrival)
        return gaps, times

    def _account(
        self, around: Around, gaps: Mapping[str, Sequence[Gap]], times: Mapping[str, tuple[Array, Array]]
    ) -> Account:
        """Return what a trial is to be judged by; ``times``: LSL time and arrival of its pictures, by stream."""
        pictures = {
            spec.name: Pictures(spec.rate_hz, *times[spec.name], gaps[spec.name])
            for spec in self._pictures
            if spec.name in gaps
        }
        signals: dict[str, Signal] = {}
        for spec in self._signals:
            if spec.name in self._header.rule.critical:
                path = f"{signal_path(spec)}/{'blocks/' if spec.kind == 'audio' else ''}arrival_time"
                heard = self.session.read(path).max(initial=-np.inf)
                signals[spec.name] = Signal(spec.rate_hz, around.reported, float(heard))
        onset = math.nan
        if self._header.rule.windows:
            marks = self.session.read("/markers")
            told = ((float(m["time"]), ONSET, _text(m["step"])) for m in marks if _text(m["label"]) == ONSET)
            onset = onset_of(told, str(around.values.get("step", "")), around.start, around.stop)
        clip = str(around.values.get("clip", ""))
        return Account(around.start, around.stop, onset, clip, pictures, signals)

    def keep_trial(
        self, around: Around, gaps: Mapping[str, Sequence[Gap]], times: Mapping[str, tuple[Array, Array]]
    ) -> None:
        """Enter a trial whose file was finished before; ``times``: LSL time and arrival of its pictures, by stream."""
        self.session.begin_trial(around.trial, around.start, around.values, gaps)
        counts, verdict = assess(self._header.rule, self._account(around, gaps, times))
        self.enter_trial(around, counts, verdict)
        self.session.end_trial(around.trial, around.stop, around.closing)

    def lost_trial(self, around: Around, reason: str) -> None:
        """Enter a trial whose file could not be created."""
        counts = [
            trial_counts(spec.name, spec.rate_hz, (), (), trial_gaps(around.takes[spec.name], around.reported))
            for spec in self._pictures
        ]
        self.enter_trial(around, counts, TrialVerdict(False, (f"not recorded: {reason}",)))

    def is_open(self, trial: str) -> bool:
        """Return whether a trial has a file."""
        return trial in self._open

    def enter_trial(self, around: Around, counts: Sequence[StreamCounts], verdict: TrialVerdict) -> None:
        """Write what a trial is worth, and keep it for the summary."""
        self.verdicts = {**self.verdicts, around.trial: verdict}
        self.trials.append(
            {
                "trial": around.trial,
                **around.values,
                **around.closing,
                "start": around.start,
                "stop": around.stop,
                "annotatable": verdict.annotatable,
                "reasons": list(verdict.reasons),
                "streams": {count.stream: dataclasses.asdict(count) for count in counts if not count.window},
            }
        )
        self.session.judge_trial(around.trial, counts, verdict)

    def _fits(self, since: float) -> dict[str, ClockFit]:
        fits = {}
        for clock in {clock_name(spec) for spec in self._pictures}:
            device = self.session.read(f"/clock/{clock}/device_time")
            arrival = self.session.read(f"/clock/{clock}/arrival_time")
            recent = (arrival >= since) & np.isfinite(device)
            if recent.any():
                fits[clock] = fit_device_clock(device[recent], arrival[recent])
        return fits

    # The end ----------------------------------------------------------------------------------------------------------

    def conclude(self, completed: bool, error: str) -> dict[str, Any]:
        """Finish session.h5; return part, verdict and reason."""
        again = self.session.superseded
        for trial in (trial for trial in self.trials if trial["trial"] in again):
            trial["superseded"] = True
            if f"/trials/{trial['trial']}" in self.session.file:  # not if it was lost before it had begun
                self.session.values(f"/trials/{trial['trial']}", {"superseded": True})
        counted = [self.verdicts[t["trial"]] for t in self.trials if t["trial"] not in again]
        routing = route(self._header.paradigm, counted, completed)
        self.session.conclude(routing, completed, error)
        return dataclasses.asdict(routing)

    def abandon(self) -> None:
        """Close what is still open, as far as it goes."""
        for file in (*self._open.values(), self.session):
            with contextlib.suppress(OSError, RuntimeError):  # the error that brought us here has been told
                file.abandon()


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
