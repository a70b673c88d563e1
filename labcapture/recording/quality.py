"""What a recording is worth: gaps while it runs, counts and a verdict per trial, a part per session.

Pure: nothing here opens a device or a file.

Four ways to miss a frame are told apart by evidence, never by guess. A skip of the frame counter is DROPPED, unless
the frame after it says that the driver's queue had run full (HOST_OVERFLOW, our fault) or that the device had gone
away (DISCONNECT). A step of device time of more than 1.5 periods *without* a skip is SLOW: the sensor took its time,
nothing is missing. Where there is no counter, such a step is the skip.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from labcapture.core.chunks import Cause, Frame, Gap, StreamSpec
from labcapture.protocol.rule import QualityRule

LONG_STEP = 1.5  # periods of device time
_REOPENED = 2  # of ``after_disconnect``: counter and clock began anew; 1 is the same device after a silence
LOST_BEFORE_US = frozenset({Cause.DROPPED, Cause.DISCONNECT})
LOST_BY_US = frozenset({Cause.HOST_OVERFLOW, Cause.RECORDER_OVERFLOW})


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the tracker keeps of a frame: not its pixels."""

    number: int
    device_time: float
    arrival_time: float


class GapTracker:
    """Finds the gaps of one frame stream, frame by frame."""

    def __init__(self, spec: StreamSpec) -> None:
        self._stream = spec.name
        self._rate_hz = spec.rate_hz
        self._last: _Seen | None = None

    def update(self, frame: Frame) -> Gap | None:
        """Return what is missing between the previous frame and this one, or None.

        The evidence is the frame's counter, its device time, and the keys ``host_overflow`` and ``after_disconnect`` of
        its metadata (see `labcapture.core.chunks.Frame`).
        """
        now = _Seen(frame.frame_number, frame.device_time, frame.arrival_time)
        before, self._last = self._last, now
        return None if before is None else self._between(before, now, frame.metadata)

    def _between(self, before: _Seen, now: _Seen, evidence: Mapping[str, int]) -> Gap | None:
        away = evidence.get("after_disconnect", 0)
        cause = Cause.HOST_OVERFLOW if evidence.get("host_overflow", 0) else Cause.DROPPED
        cause = Cause.DISCONNECT if away else cause
        counted = now.number >= 0 and before.number >= 0
        step = now.number - before.number
        long = (now.device_time - before.device_time) * self._rate_hz
        if away == _REOPENED or (counted and (step < 0 or (step == 0 and long != 0))):
            return self._anew(before, now)
        if not counted:
            return self._by_time(before, now, cause)
        if step > 1:
            return self._gap(before, now, cause, step - 1, "by the frame counter")
        if away:
            lost = self._periods(now.device_time - before.device_time)  # 0 where all was only delivered late
            return self._gap(before, now, cause, lost, "silent without counting: by device time")
        if step == 1 and long > LONG_STEP:
            return self._gap(before, now, Cause.SLOW, 0, f"step of {long:.2f} periods")
        return None  # also for a frame delivered twice, which has no gap before it: verification names it

    def _by_time(self, before: _Seen, now: _Seen, cause: Cause) -> Gap | None:
        """Judge a stream without a counter by its device time."""
        long = now.device_time - before.device_time
        if not long * self._rate_hz > LONG_STEP:
            return None
        return self._gap(before, now, cause, self._periods(long), "no counter: estimated from device time")

    def _anew(self, before: _Seen, now: _Seen) -> Gap:
        """Judge by arrival times: the device was reset or away, and its counter began anew or stood still."""
        lost = self._periods(now.arrival_time - before.arrival_time)
        note = f"counter went from {before.number} to {now.number}: estimated from arrival times"
        return Gap(self._stream, Cause.DISCONNECT, -1, -1, lost, before.arrival_time, now.arrival_time, note)

    def _periods(self, seconds: float) -> int:
        return max(0, round(seconds * self._rate_hz) - 1) if math.isfinite(seconds) else 0

    def _gap(self, before: _Seen, now: _Seen, cause: Cause, count: int, note: str) -> Gap:
        counted = now.number >= 0 and before.number >= 0 and count == now.number - before.number - 1
        first, last = (before.number + 1, now.number - 1) if counted else (-1, -1)
        return Gap(self._stream, cause, first, last, count, before.arrival_time, now.arrival_time, note)


@dataclass(frozen=True, slots=True)
class StreamCounts:
    """What one critical stream delivered in one trial.

    Parameters
    ----------
    stream
        Its name.
    due
        Frames that should have come: recorded and missing ones.
    recorded
        Frames in the file.
    lost_before_us, lost_by_us
        Missing frames by who lost them.
    longest_run
        Most missing frames in a row, whatever their causes.
    slow_steps
        Steps of device time that were too long without a missing frame.
    mean_rate_hz
        Rate between the first and the last recorded frame, missing frames counted as taken; 0 below two frames.
    nominal_rate_hz
        Rate that the stream declares; 0: irregular.
    """

    stream: str
    due: int
    recorded: int
    lost_before_us: int
    lost_by_us: int
    longest_run: int
    slow_steps: int
    mean_rate_hz: float
    nominal_rate_hz: float

    @property
    def lost(self) -> int:
        """All missing frames."""
        return self.lost_before_us + self.lost_by_us

    @property
    def lost_fraction(self) -> float:
        """Missing frames / frames due; 1 when none was due, since then nothing is there."""
        return self.lost / self.due if self.due else 1.0


def trial_counts(
    stream: str, nominal_rate_hz: float, time: ArrayLike, arrival_time: ArrayLike, gaps: Iterable[Gap]
) -> StreamCounts:
    """Count a stream of one trial.

    Parameters
    ----------
    stream, nominal_rate_hz
        Of the stream.
    time
        (n,) s, one per recorded frame: when it was taken, on the LSL or on the device clock.
    arrival_time
        (n,) LSL s, when it reached us, rising. Only used to tell which gaps lie between which frames.
    gaps
        The trial's own rows: counts cut to the trial, with what is missing at its head and tail.
    """
    times, arrivals = np.asarray(time, np.float64), np.asarray(arrival_time, np.float64)
    rows = [gap for gap in gaps if gap.stream == stream]
    runs: dict[int, int] = {}  # missing frames by how many recorded frames came before them
    for gap in rows:
        if gap.count:
            after = int(np.searchsorted(arrivals, gap.start, side="right"))
            runs[after] = runs.get(after, 0) + gap.count
    before_us = sum(gap.count for gap in rows if gap.cause in LOST_BEFORE_US)
    by_us = sum(gap.count for gap in rows if gap.cause in LOST_BY_US)
    inside = sum(count for after, count in runs.items() if 0 < after < len(times))
    span = float(times[-1] - times[0]) if len(times) > 1 else 0.0
    return StreamCounts(
        stream=stream,
        due=len(times) + before_us + by_us,
        recorded=len(times),
        lost_before_us=before_us,
        lost_by_us=by_us,
        longest_run=max(runs.values(), default=0),
        slow_steps=sum(gap.cause is Cause.SLOW for gap in rows),
        mean_rate_hz=(len(times) - 1 + inside) / span if span > 0 else 0.0,
        nominal_rate_hz=nominal_rate_hz,
    )


@dataclass(frozen=True, slots=True)
class TrialVerdict:
    """Whether a trial can be annotated; if not, ``reasons`` has a sentence for each limit that was not kept."""

    annotatable: bool
    reasons: tuple[str, ...] = ()


def judge(rule: QualityRule, counts: Iterable[StreamCounts]) -> TrialVerdict:
    """Apply ``rule`` to the counts of one trial."""
    by_stream = {count.stream: count for count in counts}
    reasons: list[str] = []
    for name in rule.critical:
        count = by_stream.get(name)
        if count is None or not count.recorded:
            reasons.append(f"{name} has no frames")
            continue
        if count.lost_fraction > rule.max_lost_fraction:
            reasons.append(
                f"{name} lost {count.lost} of {count.due} frames ({_percent(count.lost_fraction)}), "
                f"limit {_percent(rule.max_lost_fraction)}"
            )
        if count.longest_run > rule.max_lost_run:
            reasons.append(f"{name} lost {_frames(count.longest_run)} in a row, limit {rule.max_lost_run}")
        if count.lost_by_us > rule.max_lost_by_us:
            reasons.append(
                f"{name} lost {_frames(count.lost_by_us)} to a host or recorder overflow, limit {rule.max_lost_by_us}"
            )
        error = abs(count.mean_rate_hz / count.nominal_rate_hz - 1) if count.nominal_rate_hz else 0.0
        if error > rule.max_rate_error:
            reasons.append(
                f"{name} ran at {count.mean_rate_hz:.2f} Hz instead of {count.nominal_rate_hz:g} Hz "
                f"({_percent(error)} off), limit {_percent(rule.max_rate_error)}"
            )
    return TrialVerdict(not reasons, tuple(reasons))


@dataclass(frozen=True, slots=True)
class Routing:
    """Where a session belongs: ``part``, ``verdict`` (labelled or unlabelled), and why, in a sentence."""

    part: str
    verdict: str
    reason: str


def route(paradigm: str, verdicts: Sequence[TrialVerdict], completed: bool) -> Routing:
    """Return the part of a session, from the verdicts of its trials in order.

    A session is labelled when it was completed and every trial is annotatable. Neutralization goes to part A when
    labelled, else to B; mock crime to C, else to C-unlabelled. Other paradigms belong to no part ("none"); whether they
    are labelled is told all the same.
    """
    good = sum(verdict.annotatable for verdict in verdicts)
    labelled = completed and bool(verdicts) and good == len(verdicts)
    if not verdicts:
        reason = "no trial was recorded"
    elif good < len(verdicts):
        place, worst = next((i, v) for i, v in enumerate(verdicts, 1) if not v.annotatable)
        reason = f"{len(verdicts) - good} of {len(verdicts)} trials are not annotatable, first trial {place}: "
        reason += worst.reasons[0] if worst.reasons else "no reason given"
    elif not completed:
        reason = "the protocol was not run to its end"
    else:
        reason = f"all {len(verdicts)} trials are annotatable" if good > 1 else "the only trial is annotatable"
    parts = {"neutralization": ("A", "B"), "mock_crime": ("C", "C-unlabelled")}
    part = parts.get(paradigm, ("none", "none"))[0 if labelled else 1]
    return Routing(part, "labelled" if labelled else "unlabelled", reason)


def _percent(fraction: float) -> str:
    """Return a share with two significant digits: ``1.6 %``."""
    return f"{100 * fraction:.2g} %" if fraction < 0.995 else f"{100 * fraction:.0f} %"


def _frames(count: int) -> str:
    return f"{count} frame" if count == 1 else f"{count} frames"
