"""What a recording is worth: gaps while it runs, a verdict per trial, a part per session.

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

from labcapture.core.chunks import Cause, Frame, Gap, StreamSpec
from labcapture.protocol.rule import JITTER_PERIODS, QualityRule
from labcapture.recording.counting import LOST_BEFORE_US, LOST_BY_US, StreamCounts, trial_counts

__all__ = [
    "LOST_BEFORE_US",
    "LOST_BY_US",
    "GapTracker",
    "Measure",
    "Routing",
    "StreamCounts",
    "TrialVerdict",
    "judge",
    "measures",
    "route",
    "trial_counts",
]

LONG_STEP = 1.5  # periods of device time
_REOPENED = 2  # of ``after_disconnect``: counter and clock began anew; 1 is the same device after a silence
_UNITS = {"frames": "frame", "samples": "sample"}


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
class TrialVerdict:
    """Whether a trial can be annotated; if not, ``reasons`` has a sentence for each limit that was not kept."""

    annotatable: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a stream against one limit of the rule.

    Parameters
    ----------
    limit
        Name of the limit in the rule.
    value, bound
        What was found, and what is allowed at most; in the limit's own unit.
    sentence
        What to say when it is exceeded.
    """

    limit: str
    value: float
    bound: float
    sentence: str

    @property
    def is_kept(self) -> bool:
        """Whether the figure is within its limit."""
        return self.value <= self.bound


def measures(rule: QualityRule, count: StreamCounts) -> list[Measure]:
    """Hold the counts of one stream against every limit that applies to it."""
    what, name = _UNITS[count.kind], count.stream
    if count.window:
        window = next((w for w in rule.windows if w.label == count.window), None)
        if window is None:
            return []
        rule, name = rule.within(window), f"{name} in window {count.window}"
    if count.kind != "frames" and not count.nominal_rate_hz:
        away = f"{name} was interrupted: {count.lost} or more samples are missing, limit 0"
        return [Measure("max_lost_fraction", count.lost, 0, away)]
    share = (
        f"{name} lost {count.lost} of {count.due} {what}s ({_percent(count.lost_fraction)}), "
        f"limit {_percent(rule.max_lost_fraction)}"
    )
    lost = f"{name} lost {_some(count.lost_by_us, what)} to a host or recorder overflow, limit {rule.max_lost_by_us}"
    found = [
        Measure("max_lost_fraction", count.lost_fraction, rule.max_lost_fraction, share),
        Measure("max_lost_by_us", count.lost_by_us, rule.max_lost_by_us, lost),
    ]
    if count.kind != "frames":
        return found
    row = f"{name} lost {_some(count.longest_run, what)} in a row, limit {rule.max_lost_run}"
    found.insert(1, Measure("max_lost_run", count.longest_run, rule.max_lost_run, row))
    if not count.nominal_rate_hz:
        return found
    off = abs(count.mean_rate_hz / count.nominal_rate_hz - 1)
    rate = (
        f"{name} ran at {count.mean_rate_hz:.2f} Hz instead of {count.nominal_rate_hz:g} Hz "
        f"({_percent(off)} off), limit {_percent(rule.max_rate_error)}"
    )
    if not count.window:
        found.append(Measure("max_rate_error", off, rule.max_rate_error, rate))
    steps, allowed = count.longest_step_s * count.nominal_rate_hz, rule.step_periods
    hole = (
        f"{name} has no frame for {count.longest_step_s:.3f} s ({steps:.1f} periods), "
        f"limit {allowed / count.nominal_rate_hz:.3f} s ({allowed:g} periods)"
    )
    is_told = count.longest_run > rule.max_lost_run and steps <= count.longest_run + 1 + JITTER_PERIODS
    if not is_told:  # the same hole, counted in frames
        found.append(Measure("max_step_periods", steps, allowed, hole))
    return found


def judge(rule: QualityRule, counts: Iterable[StreamCounts]) -> TrialVerdict:
    """Apply ``rule`` to the counts of one trial, and of its windows."""
    counts = list(counts)
    reasons: list[str] = []
    for name in rule.critical:
        whole = next((count for count in counts if count.stream == name and not count.window), None)
        if whole is None or not (whole.recorded or (whole.kind != "frames" and not whole.nominal_rate_hz)):
            reasons.append(f"{name} has no {_UNITS[whole.kind if whole else 'frames']}s")
            continue
        mine = [whole, *(count for count in counts if count.stream == name and count.window)]
        reasons += [m.sentence for count in mine for m in measures(rule, count) if not m.is_kept]
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


def _some(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
