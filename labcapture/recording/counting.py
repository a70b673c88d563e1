"""Frames and samples counted: recorded, lost by whom, how many in a row, how long nothing came.

Pure: arrays and gaps in, counts out, for a whole trial or for a part of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labcapture.core.chunks import Cause, Gap

LOST_BEFORE_US = frozenset({Cause.DROPPED, Cause.DISCONNECT})
LOST_BY_US = frozenset({Cause.HOST_OVERFLOW, Cause.RECORDER_OVERFLOW})
SILENT_S = 1.0  # a signal that came less than this before the end of a trial was still flowing
_MOST_MISSING = 5_000_000  # frames of a trial: two days of them; a counter that leaps further is no counter
_EDGE_PERIODS = 3.0  # a gap over the edge of a trial is judged by arrival times, which jitter by as much

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StreamCounts:
    """What one stream delivered in one trial, or in a window of it.

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
    longest_step_s
        Longest time between two frames that follow each other in the file; 0 where there are no two, and for signals.
    kind
        ``frames``, or ``samples`` for a signal (sound, EDA, ...), of which only what is missing is counted.
    window
        Label of the window; empty for the whole trial.
    start, stop
        LSL s of the window, by the time at which frames were taken; NaN for the whole trial.
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
    longest_step_s: float = 0.0
    kind: str = "frames"
    window: str = ""
    start: float = math.nan
    stop: float = math.nan

    @property
    def lost(self) -> int:
        """All missing frames."""
        return self.lost_before_us + self.lost_by_us

    @property
    def lost_fraction(self) -> float:
        """Missing frames / frames due; 1 when none was due, since then nothing is there."""
        return self.lost / self.due if self.due else 1.0


class FrameLine:
    """The frames of one stream in one trial, recorded and missing ones, in order.

    Parameters
    ----------
    stream, nominal_rate_hz
        Of the stream.
    time
        (n,) s, one per recorded frame: when it was taken, on the LSL or on the device clock. Where it is not known,
        the arrival less the usual delay stands in for it.
    arrival_time
        (n,) LSL s, when it reached us, rising.
    gaps
        The trial's own rows: counts cut to the trial, with what is missing at its head and tail.

    Raises
    ------
    ValueError
        More frames are missing than any trial has.
    """

    def __init__(
        self, stream: str, nominal_rate_hz: float, time: ArrayLike, arrival_time: ArrayLike, gaps: Iterable[Gap]
    ) -> None:
        self._stream, self._rate_hz = stream, nominal_rate_hz
        self._arrivals = np.asarray(arrival_time, np.float64)
        self._taken = _known(np.asarray(time, np.float64), self._arrivals)
        self._gaps = sorted((gap for gap in gaps if gap.stream == stream), key=lambda gap: gap.start)
        self._place()

    def _place(self) -> None:
        """Put the missing frames between the recorded ones."""
        missing = sum(gap.count for gap in self._gaps)
        if missing > _MOST_MISSING:  # each takes some bytes of memory
            raise ValueError(f"{missing} frames of {self._stream} are told to be missing, more than any trial has")
        runs: dict[int, list[Gap]] = {}  # by how many recorded frames came before them
        for gap in self._gaps:
            if gap.count:
                runs.setdefault(int(np.searchsorted(self._arrivals, gap.start, side="right")), []).append(gap)
        times, owners, place = [], [], 0
        for after, gaps in sorted(runs.items()):
            times += [self._taken[place:after], self._between(after, sum(gap.count for gap in gaps), gaps[0])]
            owners.append(np.zeros(after - place, np.int8))
            owners += [np.full(gap.count, 2 if gap.cause in LOST_BY_US else 1, np.int8) for gap in gaps]
            place = after
        self._time = np.concatenate([*times, self._taken[place:]])
        self._owner = np.concatenate([*owners, np.zeros(len(self._taken) - place, np.int8)])

    def _between(self, after: int, count: int, first: Gap) -> Array:
        """Return when ``count`` missing frames were due that come after ``after`` recorded ones."""
        taken, steps = self._taken, np.arange(1, count + 1)
        period = 1 / self._rate_hz if self._rate_hz else 0.0
        if 0 < after < len(taken):
            return np.asarray(taken[after - 1] + (taken[after] - taken[after - 1]) * steps / (count + 1), np.float64)
        if after == 0 and len(taken):
            return np.asarray(taken[0] - period * steps[::-1], np.float64)
        return np.asarray((taken[-1] if len(taken) else first.start) + period * steps, np.float64)

    def counts(
        self, begin: float = -math.inf, end: float = math.inf, window: str = "", *, trial: tuple[float, float] = (0, 0)
    ) -> StreamCounts:
        """Count what was due from ``begin`` on and before ``end`` (s, by the time at which frames were taken).

        ``trial``: LSL s (start, stop) by arrival, to tell a sensor that stood still over the edge of the trial.
        """
        inside = (self._time >= begin) & (self._time < end)
        owner = self._owner[inside]
        here = np.flatnonzero(inside & (self._owner == 0))
        span = float(self._time[here[-1]] - self._time[here[0]]) if len(here) > 1 else 0.0
        is_part = math.isfinite(begin) or math.isfinite(end)
        return StreamCounts(
            stream=self._stream,
            due=len(owner),
            recorded=len(here),
            lost_before_us=int((owner == 1).sum()),
            lost_by_us=int((owner == 2).sum()),
            longest_run=_longest_run(inside & (self._owner > 0)),
            slow_steps=sum(gap.cause is Cause.SLOW and self._touches(gap, begin, end) for gap in self._gaps),
            mean_rate_hz=int(here[-1] - here[0]) / span if span > 0 else 0.0,
            nominal_rate_hz=self._rate_hz,
            longest_step_s=max(self._longest_step(begin, end), 0.0 if is_part else self._over_edges(*trial)),
            window=window,
            start=begin if is_part else math.nan,
            stop=end if is_part else math.nan,
        )

    def _longest_step(self, begin: float, end: float) -> float:
        """Return the longest time without a picture, as far as it lies between ``begin`` and ``end``."""
        inner = self._taken[(self._taken >= begin) & (self._taken < end)]
        edges = [edge for edge in (begin, end) if math.isfinite(edge)]
        points = np.sort(np.concatenate([inner, edges]))
        return float(np.diff(points).max()) if len(points) > 1 else 0.0

    def _over_edges(self, start: float, stop: float) -> float:
        """Return the longest part inside of the trial of a standstill that reaches over one of its edges."""
        longest = 0.0
        for gap in self._gaps:
            over = min(gap.stop, stop) - max(gap.start, start)
            if not (gap.start < start or gap.stop > stop) or not over > 0:
                continue
            excess = (gap.stop - gap.start) * self._rate_hz - gap.count - 1
            if gap.cause is Cause.SLOW or (gap.cause is not Cause.DISCONNECT and excess > _EDGE_PERIODS):
                longest = max(longest, over)
        return longest

    def _touches(self, gap: Gap, begin: float, end: float) -> bool:
        after = int(np.searchsorted(self._arrivals, gap.start, side="right"))
        low = self._taken[after - 1] if after else -math.inf
        high = self._taken[after] if after < len(self._taken) else math.inf
        return bool(low < end and high > begin)


def trial_counts(
    stream: str,
    nominal_rate_hz: float,
    time: ArrayLike,
    arrival_time: ArrayLike,
    gaps: Iterable[Gap],
    trial: tuple[float, float] = (0, 0),
) -> StreamCounts:
    """Count a camera stream of one trial; the arguments are those of `FrameLine` and `FrameLine.counts`."""
    return FrameLine(stream, nominal_rate_hz, time, arrival_time, gaps).counts(trial=trial)


def signal_counts(
    stream: str, nominal_rate_hz: float, gaps: Sequence[Gap], heard: float, begin: float, end: float, window: str = ""
) -> StreamCounts:
    """Count what a signal misses between ``begin`` and ``end`` (LSL s, by arrival).

    Parameters
    ----------
    stream, nominal_rate_hz
        Of the signal; of an irregular one (0) only interruptions are counted, as one missing sample at least.
    gaps
        All gaps of the session.
    heard
        Arrival of the last sample that is known of; minus infinity if none came.
    """
    mine = [gap for gap in gaps if gap.stream == stream]
    closed = [gap for gap in mine if not math.isnan(gap.stop)]
    still = [g for g in mine if math.isnan(g.stop) and not any(c.start <= g.start < c.stop for c in closed)]
    lost: list[tuple[int, Cause]] = []
    for gap in closed:
        over = min(gap.stop, end) - max(gap.start, begin)
        if over > 0 and nominal_rate_hz:
            lost.append((round(gap.count * over / (gap.stop - gap.start)), gap.cause))
        elif over > 0:
            lost.append((max(1, gap.count), gap.cause))
    silent = [(gap.start, gap.cause) for gap in still]
    if heard < end - SILENT_S and not silent:
        silent = [(heard, Cause.DISCONNECT)]
    if silent:
        since, cause = min(silent)
        if since < end:
            lost.append((max(1, round((end - max(since, begin)) * nominal_rate_hz)), cause))
    by_us = sum(count for count, cause in lost if cause in LOST_BY_US)
    before_us = sum(count for count, cause in lost if cause in LOST_BEFORE_US)
    due = max(round((end - begin) * nominal_rate_hz), before_us + by_us)
    return StreamCounts(
        stream=stream,
        due=due,
        recorded=due - before_us - by_us,
        lost_before_us=before_us,
        lost_by_us=by_us,
        longest_run=max((count for count, cause in lost if cause is not Cause.SLOW), default=0),
        slow_steps=sum(cause is Cause.SLOW for _, cause in lost),
        mean_rate_hz=0.0,
        nominal_rate_hz=nominal_rate_hz,
        kind="samples",
        window=window,
        start=begin if window else math.nan,
        stop=end if window else math.nan,
    )


def _known(time: Array, arrival: Array) -> Array:
    """Return ``time``, with the arrival less the usual delay where it is not known."""
    unknown = ~np.isfinite(time)
    if not unknown.any():
        return time
    delay = float(np.median((arrival - time)[~unknown])) if not unknown.all() else 0.0
    return np.where(unknown, arrival - delay, time)


def _longest_run(missing: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], missing.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
