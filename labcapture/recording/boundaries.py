"""Which frames a trial misses, to its very edges.

A gap is reported when a frame ends it. What a trial needs besides: gaps that reach over its start or stop, cut to the
frames that were due in it; a stream that fell silent and never came back; and skips of the counter that no one
reported.
Frames recorded plus the counts of these rows are the frames that were due. Pure: numbers in, rows out.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from labcapture.core.chunks import Cause, Gap

_SLACK = 1e-6  # of a period, against rounding
_HEAD_PERIODS = 1.25  # a first frame that comes later than this, jitter included, has one missing before it


@dataclass(frozen=True, slots=True)
class Seen:
    """Number and arrival (LSL s) of a frame."""

    number: int
    arrival: float


@dataclass(frozen=True, slots=True)
class Take:
    """What was seen of one stream around one trial.

    Parameters
    ----------
    stream, rate_hz
        Name and nominal rate; 0: irregular.
    start, stop
        LSL s; the trial holds the frames that arrived from ``start`` on and before ``stop``.
    stored
        Frames in the file, in order.
    before, after
        Last frame before ``start``, first one from ``stop`` on; None if none came.
    last
        Last frame that came before ``stop``, stored or not.
    """

    stream: str
    rate_hz: float
    start: float
    stop: float
    stored: Sequence[Seen]
    before: Seen | None
    after: Seen | None
    last: Seen | None


def trial_gaps(take: Take, reported: Iterable[Gap]) -> list[Gap]:
    """Return the rows of a trial's gap table, in order of their start.

    Parameters
    ----------
    take
        The stream.
    reported
        Gaps as devices, engine and recorder reported them; those that do not touch the trial are left out.
    """
    mine = [gap for gap in reported if gap.stream == take.stream]
    closed = [gap for gap in mine if not math.isnan(gap.stop)]
    ended = [gap for gap in closed if gap.stop > take.start and gap.start < take.stop]
    still = [gap for gap in mine if math.isnan(gap.stop) and gap.start < take.stop]
    rows = [cut for gap in ended if (cut := _cut(gap, take)) is not None]
    rows += [cut for gap in _unreported(take, closed) if (cut := _cut(gap, take)) is not None]
    rows += _head(take, closed)
    tail = _tail(take, still)
    if tail is not None:
        rows.append(tail)
    else:
        # An open row says that the stream fell silent; the frame that ended the silence brought a row of its own.
        rows += [gap for gap in still if gap.start >= take.start and not any(_spans(c, gap.start) for c in closed)]
    return sorted(rows, key=lambda gap: (gap.start, gap.first))


def _spans(gap: Gap, time: float) -> bool:
    return gap.start - _SLACK <= time < gap.stop


def _cut(gap: Gap, take: Take) -> Gap | None:
    """Return the part of a closed gap that was due in the trial, or None if that is nothing.

    The missing frames are taken as evenly spread between the frames around the gap.
    """
    inside = take.start <= gap.start and gap.stop <= take.stop
    if inside or gap.count == 0:
        return gap
    step = (gap.stop - gap.start) / (gap.count + 1)
    places = range(1, gap.count + 1)
    first_due, after_due = (bisect_left(places, t, key=lambda k: gap.start + k * step) for t in (take.start, take.stop))
    due = places[first_due:after_due]
    if not due:
        return None
    if len(due) == gap.count:
        return gap
    note = f"{gap.count} in all, the others outside of the trial; {gap.note}"
    if gap.first < 0 or gap.last - gap.first + 1 != gap.count:
        return replace(gap, count=len(due), note=note)
    first, last = gap.first + due[0] - 1, gap.first + due[-1] - 1
    return replace(gap, first=first, last=last, count=len(due), note=note)


def _unreported(take: Take, closed: Sequence[Gap]) -> Iterator[Gap]:
    """Yield skips of the counter, from the frame before the trial to the one after it, that no reported gap covers."""
    line = [*([take.before] if take.before else []), *take.stored, *([take.after] if take.after else [])]
    for a, b in pairwise(line):
        if a.number < 0 or b.number <= a.number + 1:
            continue
        around = [gap for gap in closed if gap.start < b.arrival and gap.stop > a.arrival]
        if any(gap.first < 0 and gap.count for gap in around):
            continue
        known = sorted((gap.first, gap.last) for gap in around if gap.last >= gap.first >= 0)
        first = a.number + 1
        for low, high in [*known, (b.number, b.number)]:
            if low > first:
                step = (b.arrival - a.arrival) / (b.number - a.number)
                start, stop = a.arrival + (first - 1 - a.number) * step, a.arrival + (low - a.number) * step
                note = "by the frame counter, when the trial was closed"
                yield Gap(take.stream, Cause.DROPPED, first, low - 1, low - first, start, stop, note)
            first = max(first, high + 1)


def _head(take: Take, closed: Sequence[Gap]) -> list[Gap]:
    """Return a row for the time before the very first frame of the stream."""
    if take.before is not None or not take.rate_hz:
        return []
    first = take.stored[0] if take.stored else take.after
    if first is None or any(gap.start < first.arrival and gap.stop > take.start for gap in closed):
        return []
    due = (first.arrival - take.start) * take.rate_hz
    if due <= _HEAD_PERIODS:
        return []
    count = math.floor(due + _SLACK)
    later = max(0, math.floor((first.arrival - take.stop) * take.rate_hz + _SLACK)) if not take.stored else 0
    low, high = first.number - count, first.number - 1 - later
    numbers = (low, high) if low >= 0 else (-1, -1)
    note = "no frame before: estimated from the start of the trial"
    return [Gap(take.stream, Cause.DISCONNECT, *numbers, count - later, take.start, first.arrival, note)]


def _tail(take: Take, still: Sequence[Gap]) -> Gap | None:
    """Return a row for the frames due after the last one, if none came after the trial either."""
    if take.after is not None:
        return None
    said = still[-1] if still else None
    cause = said.cause if said else Cause.DISCONNECT
    note = "; ".join(part for part in ("the stream was silent until the trial was closed", said and said.note) if part)
    if take.last is None:
        count = round((take.stop - take.start) * take.rate_hz)
        return Gap(take.stream, cause, -1, -1, count, take.start, math.nan, note)
    if not take.rate_hz:
        return replace(said, note=note) if said else None
    low = max(1, math.ceil((take.start - take.last.arrival) * take.rate_hz - _SLACK))
    high = math.ceil((take.stop - take.last.arrival) * take.rate_hz - _SLACK) - 1
    if high < low:
        return None
    number = take.last.number
    numbers = (number + low, number + high) if number >= 0 else (-1, -1)
    return Gap(take.stream, cause, *numbers, high - low + 1, take.last.arrival, math.nan, note)
