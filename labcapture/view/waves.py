"""Signals reduced to what a screen can show: extremes per column, gaps left open. No Qt."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.reading import AudioStream, SampleStream

BUCKET = 480  # samples of sound in a stroke: 10 ms at 48 kHz
_PIECE = BUCKET * 4000  # read at a time
_LATE = 1.5  # periods between two samples from which on something is missing


class Wave:
    """Extremes of a signal along LSL time.

    Parameters
    ----------
    time
        (n,) LSL seconds, growing.
    low, high
        (n,) or (n, channels).
    step_s
        Usual time between two rows: a longer step is a hole.
    """

    def __init__(self, time: NDArray[np.float64], low: NDArray[Any], high: NDArray[Any], step_s: float) -> None:
        self.time, self.low, self.high, self.step_s = time, low, high, step_s

    def strokes(
        self, start: float, stop: float, columns: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return (time, low, high, begins) of at most about ``columns`` strokes between two LSL times (s).

        ``begins`` tells where a stroke has nothing before it: it begins, or goes on after a hole.
        """
        first, last = np.searchsorted(self.time, [start - self.step_s, stop + self.step_s])
        time, low, high = (it[first:last] for it in (self.time, self.low, self.high))
        if not len(time):
            none = np.empty(0)
            return none, none, none, np.empty(0, bool)
        holes = np.diff(time, prepend=-np.inf) > _LATE * self.step_s
        if len(time) > 2 * columns:
            column = np.floor((time - start) / (stop - start) * columns)
            column += np.cumsum(holes) * 1e-3  # a hole within a column parts it
            at = np.flatnonzero(np.diff(column, prepend=-np.inf) > 0)
            low, high = np.minimum.reduceat(low, at), np.maximum.reduceat(high, at)
            time, holes = time[at], holes[at]
        return time, low, high, holes

    def extent(self) -> tuple[float, float]:
        """Return the smallest and the largest value; (0, 1) where nothing is known."""
        if not self.low.size or np.isnan(self.low).all():
            return 0.0, 1.0
        return float(np.nanmin(self.low)), float(np.nanmax(self.high))


def wave_of(stream: SampleStream) -> Wave:
    """Return a slow signal with all its channels, whole."""
    values = np.asarray(stream.values[()], float)
    rate = stream.rate_hz or (1 / float(np.median(np.diff(stream.time))) if len(stream) > 1 else 1.0)
    return Wave(stream.time, values, values, 1 / rate)


def envelope(stream: AudioStream, stop: threading.Event | None = None) -> Wave:
    """Return extremes of the loudest channel for every `BUCKET` samples, as shares of full scale.

    Reads the whole sound, a piece at a time; an empty wave once ``stop`` is set.
    """
    low, high, rows = [], [], np.arange(0, len(stream), BUCKET)
    for begin in range(0, len(stream), _PIECE):
        if stop is not None and stop.is_set():
            return Wave(np.empty(0), np.empty(0), np.empty(0), 1.0)
        piece = np.asarray(stream.values[begin : begin + _PIECE])
        at = np.arange(0, len(piece), BUCKET)
        low.append(np.minimum.reduceat(piece.min(axis=1), at))
        high.append(np.maximum.reduceat(piece.max(axis=1), at))
    if not low or not len(stream.blocks["row"]):
        return Wave(np.empty(0), np.empty(0), np.empty(0), 1.0)
    scale = float(np.iinfo(stream.values.dtype).max) if stream.values.dtype.kind == "i" else 1.0
    return Wave(
        stream.time_of(rows), np.concatenate(low) / scale, np.concatenate(high) / scale, BUCKET / stream.rate_hz
    )


class Background:
    """Runs one computation in a thread and hands over its result."""

    def __init__(self, work: Callable[[threading.Event], Any], done: Callable[[Any], None]) -> None:
        self._stop = threading.Event()
        self._work, self._done = work, done
        self._thread = threading.Thread(target=self._run, name="waveform")
        self._thread.start()

    def _run(self) -> None:
        result = self._work(self._stop)
        if not self._stop.is_set():
            self._done(result)

    def close(self) -> None:
        """End it."""
        self._stop.set()
        self._thread.join()
