"""How each stream is doing: counted from the chunks as they come in, told in every snapshot."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterable

import numpy as np

from labcapture.core.chunks import AudioBlock, Cause, ClockOffset, Frame, Gap, Samples, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.engine.clocks import LiveClock
from labcapture.engine.messages import StreamHealth

SILENT_S = 0.75  # so that the operator reads of it within a second
_WINDOW_S = 2.0
_BY_US = {Cause.HOST_OVERFLOW, Cause.RECORDER_OVERFLOW}


class StreamMonitor:
    """Counts one stream. Chunks come from one thread, `view` is called from another."""

    def __init__(self, spec: StreamSpec) -> None:
        self.spec = spec
        self._lock = threading.Lock()
        self._recent: deque[tuple[float, int]] = deque()  # (arrival time, elements), of the last two seconds
        self._received = 0
        self._lost_before_us = 0
        self._lost_by_us = 0
        self._slow = 0
        self._offset: ClockOffset | None = None
        self._waiting = (-math.inf, 0)  # arrival of the last frame, and how many waited behind it
        self.last_arrival: float | None = None

    def data(self, chunk: Frame | AudioBlock | Samples, accepted: bool) -> None:
        """Count a chunk that came in, and whether the recorder took it (false: lost by us)."""
        count = 1 if isinstance(chunk, Frame) else len(chunk.samples if isinstance(chunk, AudioBlock) else chunk.values)
        with self._lock:
            self._received += count
            self.last_arrival = chunk.arrival_time
            self._recent.append((chunk.arrival_time, count))
            while self._recent and self._recent[0][0] < chunk.arrival_time - _WINDOW_S:
                self._recent.popleft()
            self._lost_by_us += 0 if accepted else count
            if isinstance(chunk, Frame):
                self._waiting = chunk.arrival_time, chunk.metadata.get("queue_waiting", 0)

    def gap(self, gap: Gap) -> None:
        """Count a loss."""
        with self._lock:
            if gap.cause is Cause.SLOW:
                self._slow += 1
            elif gap.cause in _BY_US:
                self._lost_by_us += gap.count
            else:
                self._lost_before_us += gap.count

    def offset(self, offset: ClockOffset) -> None:
        """Keep the newest measurement of the sender's clock."""
        with self._lock:
            self._offset = offset

    @property
    def clock_offset(self) -> float:
        """Newest offset of the sender's clock to ours (s), 0 before the first measurement."""
        return self._offset.offset if self._offset else 0.0

    @property
    def lost_by_us(self) -> int:
        """Frames or samples that we failed to take or to store."""
        return self._lost_by_us

    @property
    def frames_waiting(self) -> int:
        """Pictures that waited in the driver when the last one was fetched, if that was lately; else 0."""
        arrival, waiting = self._waiting
        return waiting if lsl_time() - arrival < _WINDOW_S else 0

    def silent(self, now: float) -> bool:
        """Whether nothing came for `SILENT_S`, or for five periods of a slower stream."""
        patience = max(SILENT_S, 5.0 / self.spec.rate_hz) if self.spec.rate_hz else math.inf
        return self.last_arrival is not None and now - self.last_arrival > patience

    def view(self, now: float, recorded: int, preview_skipped: int, clock: LiveClock | None = None) -> StreamHealth:
        """Return the figures at LSL time ``now``; what is recorded and not shown is counted elsewhere.

        ``clock`` is the device's, of a stream that brings no measured offsets.
        """
        offset, uncertainty = (clock.moved_s, clock.uncertainty_s) if clock else (None, None)
        if self._offset is not None:
            offset, uncertainty = self._offset.offset, self._offset.uncertainty
        with self._lock:
            recent = [(time, count) for time, count in self._recent if time >= now - _WINDOW_S]
            return StreamHealth(
                name=self.spec.name,
                kind=self.spec.kind,
                units=self.spec.units,
                simulated=self.spec.simulated,
                nominal_rate_hz=self.spec.rate_hz,
                rate_hz=_slope(recent),
                received=self._received,
                recorded=recorded,
                lost_before_us=self._lost_before_us,
                lost_by_us=self._lost_by_us,
                slow_steps=self._slow,
                age_s=None if self.last_arrival is None else max(0.0, now - self.last_arrival),
                clock_offset_s=offset,
                clock_uncertainty_s=uncertainty,
                preview_skipped=preview_skipped,
            )


def _slope(arrivals: list[tuple[float, int]]) -> float:
    """Return elements per second as the least-squares slope of their count over arrival, which jitter hardly moves."""
    if len(arrivals) < 2 or arrivals[-1][0] <= arrivals[0][0]:
        return 0.0
    table = np.array(arrivals)
    times, counts = table[:, 0] - table[0, 0], np.cumsum(table[:, 1])
    times -= times.mean()
    return float(times @ counts / (times @ times))


class DiskForecast:
    """How long the disk still lasts, at the data rate of the last trial.

    Parameters
    ----------
    streams
        Before anything was written their uncompressed rate is assumed, which is too much rather than too little.
    """

    def __init__(self, streams: Iterable[StreamSpec]) -> None:
        self._bytes_per_s = sum(spec.element_bytes * spec.rate_hz for spec in streams)
        self.is_measured = False
        """Whether the data rate was measured in a trial, and is not a guess."""
        self._trial: str | None = None
        self._from = (0.0, 0)  # time (s) and bytes written when the trial was first seen

    def minutes(self, free_bytes: int, written_bytes: int, trial: str | None, now: float) -> float:
        """Return the minutes of recording that ``free_bytes`` hold."""
        if trial != self._trial:
            self._trial, self._from = trial, (now, written_bytes)
        elapsed = now - self._from[0]
        if trial is not None and elapsed > _WINDOW_S:
            self.is_measured = True
            self._bytes_per_s = max(1.0, (written_bytes - self._from[1]) / elapsed)
        return free_bytes / max(self._bytes_per_s, 1.0) / 60
