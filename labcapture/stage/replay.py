"""A recorded trial as a film: its pictures at the times at which they were taken."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import StageError
from labcapture.reading.trial_file import TrialFile
from labcapture.stage.film import Picture, Reel, fit

_LEAST_STEP_S = 1e-4  # times that stand still or run back are spread by this


class Replay(Reel):
    """The pictures of a camera stream, read ahead by a thread of its own.

    Parameters
    ----------
    path, stream
        The trial's finished file, and the name of its colour stream.
    room
        Width and height in pixels that it may fill on the screen.
    speed
        How much faster than it was recorded.

    Raises
    ------
    StageError
        The stream holds no pictures that can be shown.
    RecordingError
        The file cannot be read.
    """

    def __init__(self, path: Path, stream: str, room: tuple[int, int], speed: float) -> None:
        self._file = TrialFile(path)
        try:
            self._stream = self._file[stream]
            if len(self._stream.shape) != 4 or len(self._stream) == 0:
                raise StageError(f"stream '{stream}' has no colour pictures", str(path))  # noqa: TRY301 - closed below
            self.times = self._times() / speed
            """(n,) s of the film at which each picture is due, the first at 0."""
            _, height, width, _ = self._stream.shape
            self.shown_size = fit(Fraction(width, height), room)
            shown_bytes = self.shown_size[0] * self.shown_size[1] * 3
            last_s = float(np.median(np.diff(self.times))) if len(self.times) > 1 else 1 / 30
            super().__init__(str(path), shown_bytes, self._read_pictures, last_s)
        except BaseException:
            self._file.close()
            raise

    @property
    def seconds(self) -> float:
        """How long it runs."""
        return float(self.times[-1]) + self._last_s

    def close(self) -> None:
        """Stop reading, close the file."""
        super().close()
        self._file.close()

    def _times(self) -> NDArray[np.float64]:
        return film_times(len(self._stream), self._stream.time, self._stream.arrival_time, self._stream.rate_hz)

    def _read_pictures(self) -> Iterator[Picture]:
        for index, time in enumerate(self.times):
            pixels = cv2.resize(self._stream[index], self.shown_size, interpolation=cv2.INTER_AREA)
            yield Picture(index, float(time), np.asarray(pixels, np.uint8))


def film_times(
    count: int, time: NDArray[np.float64], arrival: NDArray[np.float64], rate_hz: float
) -> NDArray[np.float64]:
    """Return when each of ``count`` pictures is due (s, the first at 0): as taken, else as arrived, else by the rate.

    The times of a trial that has just ended lack the fit that is made when the session is closed.
    """
    for times in (time, arrival):
        if len(times) == count and np.isfinite(times).all():
            steps = np.maximum(np.diff(times), _LEAST_STEP_S)
            return np.concatenate([[0.0], np.cumsum(steps)])
    return np.arange(count) / (rate_hz or 30.0)
