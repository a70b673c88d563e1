"""When each picture and each sound of a film is to be seen and heard: on one axis, in ticks, from the trial's start.

::

    LSL time ──> minus zero ──> ticks of 10 us     zero: start of the trial, or its first picture if that is earlier
    voice    ──> blocks, each at its own time      lost samples ──> silence, listed
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import RecordingError
from labcapture.reading.session import Trial
from labcapture.reading.streams import AudioStream

TICK_HZ = 100_000
"""Ticks per second of every film."""
TICK = Fraction(1, TICK_HZ)
_PIECE = 1 << 16


class Pictures(Protocol):
    """What a film is made of: the part of a `FrameStream` that it needs."""

    @property
    def name(self) -> str:
        """Of the camera."""

    @property
    def rate_hz(self) -> float:
        """Nominal rate; 0: irregular."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, height, width) or (n, height, width, 3)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the pixels."""

    @property
    def time(self) -> NDArray[np.float64]:
        """(n,) LSL s."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> NDArray[Any]: ...


def zero_of(trial: Trial) -> float:
    """Return the LSL time (s) that is zero in all films of a trial."""
    firsts = [float(trial[name].time[0]) for name in trial if len(trial[name])]
    return min([trial.start, *firsts])


def ticks_of(stream: Pictures, zero: float) -> NDArray[np.int64]:
    """Return when each picture is shown, (n,) ticks from ``zero``; each later than the one before.

    Raises
    ------
    RecordingError
        A picture has no time.
    """
    if not np.isfinite(stream.time).all():
        raise RecordingError("has pictures without a time", stream.name, "Run: labcapture verify.")
    ticks = np.round((stream.time - zero) * TICK_HZ).astype(np.int64)
    steps = np.arange(len(ticks))
    later: NDArray[np.int64] = np.maximum.accumulate(ticks - steps) + steps
    return later


@dataclass(frozen=True, slots=True)
class Silence:
    """Sound that was lost, and stands in the film as silence: ``samples`` from ``start_s`` of the film on."""

    start_s: float
    samples: int


class Sound:
    """The part of a sound that belongs to a film.

    Parameters
    ----------
    stream
        Of the whole session.
    start, stop
        LSL times (s) between which it is wanted.
    zero
        LSL time (s) that is zero in the film.
    """

    def __init__(self, stream: AudioStream, start: float, stop: float, zero: float) -> None:
        self.name = stream.name
        self.rate_hz = round(stream.rate_hz)
        self.channels = min(2, len(stream.channels))
        self._stream = stream
        self._pieces: list[tuple[int, int, int]] = []  # (first row, row behind the last, lost samples after it)
        self._places: list[int] = []  # sample of the film at which each piece begins
        self._times: list[float] = []  # and its time in the film, s
        self.silences: list[Silence] = []
        self.samples = 0
        rows = np.append(stream.blocks["row"], len(stream))
        times, counted = stream.blocks["time"], stream.blocks["first_sample"]
        for block, time in enumerate(times):
            count = int(rows[block + 1] - rows[block])
            first = max(0, round((start - time) * stream.rate_hz))
            behind = min(count, round((stop - time) * stream.rate_hz))
            if first < behind:
                lost = 0
                if behind == count and block + 1 < len(times) and times[block + 1] < stop:
                    lost = int(counted[block + 1] - counted[block]) - count
                    if lost < 0:  # it was opened again, and counts from 0
                        lost = max(0, round((times[block + 1] - time) * stream.rate_hz) - count)
                self._add(int(rows[block]), first, behind, lost, float(time) - zero)

    def _add(self, row: int, first: int, behind: int, lost: int, time: float) -> None:
        self._places.append(self.samples)
        self._times.append(time + first / self._stream.rate_hz)
        self._pieces.append((row + first, row + behind, lost))
        self.samples += behind - first
        if lost:
            self.silences.append(Silence(time + behind / self._stream.rate_hz, lost))
            self.samples += lost

    @property
    def start_s(self) -> float:
        """When its first sample is heard, in the film."""
        return self._times[0]

    @property
    def rows(self) -> tuple[int, int]:
        """Rows of the session's sound that it is made of: the first, and the one behind the last."""
        return self._pieces[0][0], self._pieces[-1][1]

    def time_of(self, sample: int) -> float:
        """Return when a sample of the film is heard, in seconds of the film; before the first one, too."""
        piece = max(0, int(np.searchsorted(self._places, sample, side="right")) - 1)
        return self._times[piece] + (sample - self._places[piece]) / self._stream.rate_hz

    def read(self) -> Iterator[NDArray[np.int16]]:
        """Yield its samples, (n, channels) each, with silence for what was lost."""
        wanted = slice(0, self.channels)
        run: tuple[int, int] | None = None
        for first, behind, lost in self._pieces:  # blocks are short: what follows at once is read at once
            run = (run[0] if run else first, behind)
            if lost or run[1] - run[0] >= _PIECE:
                yield self._values(run)[:, wanted]
                run = None
            for done in range(0, lost, _PIECE):
                yield np.zeros((min(_PIECE, lost - done), self.channels), np.int16)
        if run:
            yield self._values(run)[:, wanted]

    def _values(self, run: tuple[int, int]) -> NDArray[np.int16]:
        values: NDArray[Any] = self._stream.values[run[0] : run[1]]
        return values.astype(np.int16)
