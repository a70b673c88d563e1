"""Colour and depth pictures in pairs, decoded ahead in threads."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.reading.pictures import FrameStream, Pictures

_AHEAD = 3  # pairs a worker that are decoded, or being so, before they are asked for
_HALF_PERIOD = 0.55  # and a little: two streams half a period apart would fall out of step by their jitter alone

Pixels = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Pair:
    """A colour picture and the depth picture that was taken with it.

    ``index`` is that of the colour picture; ``depth``, ``depth_index`` (-1), ``depth_time`` and ``difference_s`` (NaN:
    depth_time - color_time) say so where there is no depth picture within half a period.
    """

    index: int
    color: NDArray[Any]
    depth: NDArray[Any] | None
    color_time: float
    depth_time: float
    difference_s: float
    depth_index: int


def nearest(color: FrameStream, depth: Pictures, rows: Sequence[int]) -> NDArray[np.int64]:
    """Return the index of the depth picture that belongs to each of ``rows`` of the colour pictures; -1: none does."""
    at = color.time[np.asarray(rows, np.int64)]
    times = depth.time
    if not len(times):
        return np.full(len(at), -1)
    after = np.clip(np.searchsorted(times, at), 1, max(1, len(times) - 1))
    before = after - 1
    after = np.minimum(after, len(times) - 1)
    found = np.where(at - times[before] <= times[after] - at, before, after)
    period = depth.period_s
    reach = math.inf if math.isnan(period) else _HALF_PERIOD * period
    return np.where(np.abs(times[found] - at) <= reach, found, -1)


def pairs(color: FrameStream, depth: Pictures | None, rows: Sequence[int], workers: int) -> Iterator[Pair]:
    """Yield the pairs of ``rows`` of the colour pictures, in order; see `labcapture.reading.trial.Trial.frames`."""
    beside = nearest(color, depth, rows) if depth is not None else np.full(len(rows), -1)
    waiting: deque[tuple[int, int, Future[Pixels], Future[Pixels] | None]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    try:
        for row, other in zip(rows, beside.tolist(), strict=True):
            is_there = depth is not None and other >= 0
            second = pool.submit(depth.read_picture, other) if depth is not None and is_there else None
            waiting.append((row, other, pool.submit(color.read_picture, row), second))
            if len(waiting) >= _AHEAD * workers:
                yield _pair(color, depth, *waiting.popleft())
        while waiting:
            yield _pair(color, depth, *waiting.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _pair(
    color: FrameStream,
    depth: Pictures | None,
    row: int,
    other: int,
    first: Future[Pixels],
    second: Future[Pixels] | None,
) -> Pair:
    taken = float(color.time[row])
    beside = float(depth.time[other]) if depth is not None and second is not None else math.nan
    return Pair(
        row, first.result(), second.result() if second is not None else None, taken, beside, beside - taken, other
    )
