"""A trial held against a rule: the same while it is recorded and years later, with another rule.

Pure: what is known of the trial goes in as `Account`, counts and verdict come out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from labcapture.core.chunks import Gap
from labcapture.protocol.rule import QualityRule, Window
from labcapture.recording.counting import FrameLine, StreamCounts, signal_counts
from labcapture.recording.quality import TrialVerdict, judge

ONSET = "movie_onset"
"""Label of the marker at the flip that shows the film's first picture: zero of a window."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """A camera stream in the trial: nominal rate, (n,) s taken and arrived, and the trial's own gap rows."""

    rate_hz: float
    time: ArrayLike
    arrival_time: ArrayLike
    gaps: Sequence[Gap]


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal of the session: nominal rate, all its gaps, and the arrival (LSL s) of its last sample so far."""

    rate_hz: float
    gaps: Sequence[Gap]
    heard: float


@dataclass(frozen=True, slots=True)
class Account:
    """What is known of one trial.

    Parameters
    ----------
    start, stop
        LSL s, by arrival.
    onset
        LSL s of the film's first picture; NaN if there was none.
    clip
        What was shown; empty if nothing.
    pictures, signals
        By stream.
    """

    start: float
    stop: float
    onset: float
    clip: str
    pictures: Mapping[str, Pictures]
    signals: Mapping[str, Signal]


def assess(rule: QualityRule, account: Account) -> tuple[list[StreamCounts], TrialVerdict]:
    """Return the counts of the trial and of its windows, and the verdict.

    All camera streams are counted, signals only where they are critical. A window that cannot be placed, because no
    film began or because the trial ended before it did, is a reason: what nobody looked at is not known to be whole.
    """
    lines = {
        name: FrameLine(name, seen.rate_hz, seen.time, seen.arrival_time, seen.gaps)
        for name, seen in account.pictures.items()
    }
    counts = [line.counts(trial=(account.start, account.stop)) for line in lines.values()]
    heard = {name: account.signals[name] for name in rule.critical if name in account.signals}
    counts += [
        signal_counts(name, signal.rate_hz, signal.gaps, signal.heard, account.start, account.stop)
        for name, signal in heard.items()
    ]
    unplaced: list[str] = []
    for window in rule.windows:
        if window.clip and window.clip != account.clip:
            continue
        begin, end = account.onset + window.from_s, account.onset + window.to_s
        problem = _misplaced(window, account, end)
        if problem:
            unplaced.append(problem)
            continue
        counts += [lines[name].counts(begin, end, window.label) for name in rule.critical if name in lines]
        counts += [
            signal_counts(name, signal.rate_hz, signal.gaps, signal.heard, begin, end, window.label)
            for name, signal in heard.items()
        ]
    verdict = judge(rule, counts)
    if unplaced:
        verdict = replace(verdict, annotatable=False, reasons=(*verdict.reasons, *unplaced))
    return counts, verdict


def _misplaced(window: Window, account: Account, end: float) -> str:
    if math.isnan(account.onset):
        return f"window {window.label} cannot be placed: the trial has no {ONSET} marker"
    if end > account.stop:
        lasts = account.stop - account.onset
        return f"window {window.label} is not within the trial, which ends {lasts:.1f} s after the onset of its film"
    return ""


def onset_of(markers: Iterable[tuple[float, str, str]], step: str, start: float, stop: float) -> float:
    """Return when the film of a trial began (LSL s), NaN if it did not.

    Parameters
    ----------
    markers
        (time, label, step) of the session's markers.
    step
        Step of the trial; empty: any.
    start, stop
        LSL s of the trial.
    """
    fit = (t for t, label, of in markers if label == ONSET and start <= t <= stop and step in {"", of})
    return min(fit, default=math.nan)
