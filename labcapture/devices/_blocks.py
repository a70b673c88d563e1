"""Blocks of sound between a sound system and the recorder: a bounded queue, and the count of samples.

Pure: no PortAudio. A sound system numbers nothing, so the count is ours, and so is the duty to find what is missing.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from labcapture.core.chunks import AudioBlock, Cause, Gap

SILENT_S = 2.0
SETTLE_S = 0.5  # after trouble a backlog comes in a burst; the count can be checked when it is through:
BURST = 1.5  # as long as more than this comes of what is taken meanwhile, it is not
BACKLOG_S = 60.0  # of sound; no sound system keeps more
BEFORE_S = 10.0
FINDABLE_S = 0.005  # by capture times; less cannot be told from their jitter
FINDABLE_BLOCKS = 2  # by arrival times: these wander by a whole block against the sound system's own period
AHEAD_S = 0.001  # rounding and drift between the sound card and the host within one block
STALE_S = 10.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Block:
    """What a sound system delivered.

    ``samples`` (n, channels) int16; ``adc_time`` LSL s of the first sample, NaN where it cannot be used;
    ``arrival_time`` LSL s; ``overflow``: the sound system says that samples before these were lost; ``refused``: so
    many samples before these came, but we had no room.
    """

    samples: NDArray[np.int16]
    adc_time: float
    arrival_time: float
    overflow: bool = False
    refused: int = 0


class BoundedQueue(Generic[T]):
    """From one thread that must never wait to one that may. What finds no room is refused, and counted by its size."""

    def __init__(self, bound: int) -> None:
        self._queue: SimpleQueue[tuple[T, int]] = SimpleQueue()
        self._bound = bound
        self._refused = 0

    def put(self, item: T, size: int) -> None:
        """Add ``item``, or count its ``size`` as refused."""
        if self._queue.qsize() >= self._bound:
            self._refused += size
        else:
            self._queue.put((item, self._refused))
            self._refused = 0

    def get(self, timeout: float) -> tuple[T, int] | None:
        """Return the oldest item and the size refused just before it, or None if none came in ``timeout`` seconds."""
        try:
            return self._queue.get(timeout=timeout) if timeout > 0 else self._queue.get_nowait()
        except Empty:
            return None


def adc_fault(adc_time: float, previous: float, arrival_time: float, seconds: float) -> str:
    """Return why the host API's time of a block cannot be true; empty if it can. All LSL s, on one clock.

    Parameters
    ----------
    adc_time, previous
        Claimed time of the first sample of this block and of the one before (NaN: none).
    arrival_time
        When the block was handed over.
    seconds
        Length of the block: its last sample cannot have been taken after it was handed over.
    """
    if not math.isfinite(adc_time) or adc_time + STALE_S < arrival_time:
        return "no time of this clock"
    if adc_time == previous:
        return "unmoving"
    if adc_time + seconds > arrival_time + AHEAD_S:
        return "ahead of the callback"
    return ""


class SampleCounter:
    """Counts samples, and finds how many are missing when the sound system lost some or fell silent.

    Blocks come late, never early: the smallest ``time - samples counted / rate`` of the blocks after the trouble, less
    the smallest before it, is the time that is missing. Capture times are used where there are any, else arrival times.
    The blocks after the trouble are held back until that is known, half a second after a backlog has come, so that
    every block goes out with its final number.

    Parameters
    ----------
    stream
        Name of the stream.
    rate_hz
        Nominal rate.
    start
        LSL s at which the flow was started.
    """

    def __init__(self, stream: str, rate_hz: float, start: float) -> None:
        self._stream = stream
        self._rate = rate_hz
        self._next = 0
        self._last_arrival = start
        self._block_frames = 0
        self._before: deque[tuple[float, float, float]] = deque()  # arrival, lateness by arrival and by capture time
        self._held: list[Block] = []
        self._cause = Cause.DISCONNECT
        self._told = False

    def add(self, block: Block) -> Sequence[AudioBlock | Gap]:
        """Take the next block; return what can go out now."""
        out: list[AudioBlock | Gap] = []
        last = self._held[-1].arrival_time if self._held else self._last_arrival
        # What was lost before the first block was never part of the count.
        trouble = self._block_frames and (block.overflow or block.arrival_time - last > SILENT_S)
        self._block_frames = len(block.samples)
        if block.refused:
            out += self._release()
            note = "the block queue was full; counted"
            out.append(self._gap(Cause.HOST_OVERFLOW, block.refused, block.arrival_time, note))
        if trouble:
            if self._held and self._is_settled(block):
                out += self._release()
            if not self._held:
                self._cause = Cause.HOST_OVERFLOW if block.overflow else Cause.DISCONNECT
            self._held.append(block)
        elif self._held:
            self._held.append(block)
            if self._is_settled(block):
                out += self._release()
        else:
            out.append(self._number(block))
        if not self._held:
            self._last_arrival = block.arrival_time
        self._told = False
        return out

    def _is_settled(self, newest: Block) -> bool:
        """Return whether the backlog after the trouble is through when ``newest`` comes."""
        if newest.arrival_time - self._held[0].arrival_time < SETTLE_S:
            return False
        lately = 0
        for block in reversed(self._held):
            if block.arrival_time <= newest.arrival_time - SETTLE_S:
                break
            lately += len(block.samples)
        is_full = len(self._held) * self._block_frames > BACKLOG_S * self._rate
        return is_full or lately <= BURST * SETTLE_S * self._rate

    def tick(self, now: float) -> Sequence[AudioBlock | Gap]:
        """Look at the clock when no block came; return an open gap (count 0) once it has been silent for `SILENT_S`."""
        last = self._held[-1].arrival_time if self._held else self._last_arrival
        if self._told or now - last <= SILENT_S:
            return ()
        out = self._release()
        self._told = True
        note = "fell silent; another row tells what was missing when it came back or ended"
        return [*out, Gap(self._stream, Cause.DISCONNECT, self._next, self._next - 1, 0, last, math.nan, note)]

    def lost(self) -> Sequence[AudioBlock | Gap]:
        """Tell that the input is gone for good: an open gap (count 0), unless it has been told."""
        if self._told:
            return ()
        out = self._release()
        self._told = True
        note = "the sound input ended by itself"
        return [*out, self._gap(Cause.DISCONNECT, 0, math.nan, note)]

    def finish(self, now: float) -> Sequence[AudioBlock | Gap]:
        """End the count at LSL time ``now``."""
        out = self._release()
        silent = now - self._last_arrival
        if silent > SILENT_S:
            note = f"silent for the last {silent:.1f} s; counted by time"
            out.append(self._gap(Cause.DISCONNECT, round(silent * self._rate), math.nan, note))
        return out

    def _release(self) -> list[AudioBlock | Gap]:
        """Decide how many samples are missing before the blocks held back, and let these go."""
        if not self._held:
            return []
        held, self._held = self._held, []
        at, late = self._next, []
        for block in held:
            late.append(self._lateness(block, at))
            at += len(block.samples)
        missing, sure, how = self._missing(late)
        event = "overflow reported" if self._cause is Cause.HOST_OVERFLOW else "fell silent"
        if missing < sure:
            missing, how = 0.0, f"less than {sure * 1000:.0f} ms is missing, by {how}"
        else:
            how = f"counted by {how}, ± {sure * 1000:.0f} ms"
        out: list[AudioBlock | Gap] = [
            self._gap(self._cause, round(missing * self._rate), held[0].arrival_time, f"{event}; {how}")
        ]
        for block in held:
            out.append(self._number(block))
            self._last_arrival = block.arrival_time
        return out

    def _missing(self, after: list[tuple[float, float]]) -> tuple[float, float, str]:
        """Return (seconds missing, ± seconds, by which time) from the lateness of the blocks after the trouble."""
        # Minima over equal stretches: the smallest of many blocks is smaller than the smallest of few.
        stretch = [int(arrival / SETTLE_S) for arrival, _, _ in self._before]
        wander = FINDABLE_BLOCKS * self._block_frames / self._rate
        for column, sure, how in ((2, FINDABLE_S, "capture times"), (1, wander, "arrival times")):
            smallest: dict[int, float] = {}
            for key, record in zip(stretch, self._before, strict=True):
                if math.isfinite(record[column]):
                    smallest[key] = min(record[column], smallest.get(key, math.inf))
            now = [late[column - 1] for late in after if math.isfinite(late[column - 1])]
            if smallest and now:
                return min(now) - float(np.median(list(smallest.values()))), sure, how
        raise AssertionError("arrival times are always there, and trouble is only seen after a block")

    def _lateness(self, block: Block, first: int) -> tuple[float, float]:
        ended = (first + len(block.samples)) / self._rate
        return block.arrival_time - ended, block.adc_time - first / self._rate

    def _number(self, block: Block) -> AudioBlock:
        by_arrival, by_adc = self._lateness(block, self._next)
        self._before.append((block.arrival_time, by_arrival, by_adc))
        while self._before[0][0] < block.arrival_time - BEFORE_S:
            self._before.popleft()
        numbered = AudioBlock(self._stream, block.samples, self._next, block.adc_time, block.arrival_time)
        self._next += len(block.samples)
        return numbered

    def _gap(self, cause: Cause, count: int, stop: float, note: str) -> Gap:
        gap = Gap(self._stream, cause, self._next, self._next + count - 1, count, self._last_arrival, stop, note)
        self._next += count
        return gap


def facts_of(faults: Sequence[str]) -> dict[str, Any]:
    """Return what the file says of the capture times, from the faults of the first blocks."""
    wrong = [fault for fault in faults if fault]
    if len(wrong) * 4 < len(faults):
        return {"adc_time": "used"}
    worst = max(set(wrong), key=wrong.count, default="none came")
    return {"adc_time": f"not used: {worst} in {wrong.count(worst)} of {len(faults)} blocks"}
