"""A film, decoded a little ahead of its showing and handed out by film time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import StageError

_AHEAD_BYTES = 64_000_000  # about 0.8 s of 720p
_LEAST_AHEAD, _MOST_AHEAD = 4, 60
_READY = 24  # pictures that are there before the first is shown
SOUND_RATE_HZ = 48_000


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: ``index`` in the file, ``time`` (s) from the first one, ``pixels`` (height, width, 3) RGB."""

    index: int
    time: float
    pixels: NDArray[np.uint8]


class Reel:
    """Pictures with times, decoded by a thread of its own into a bounded queue.

    Parameters
    ----------
    where
        What is decoded, for errors.
    picture_bytes
        Size of a decoded picture.
    pictures
        Yields them in order; runs in that thread.
    last_s
        How long the last picture is on.

    Raises
    ------
    StageError
        There is no picture.
    """

    def __init__(
        self, where: str, picture_bytes: int, pictures: Callable[[], Iterator[Picture]], last_s: float
    ) -> None:
        self._where, self._decode, self._last_s = where, pictures, last_s
        self._ahead = min(max(_LEAST_AHEAD, _AHEAD_BYTES // picture_bytes), _MOST_AHEAD)
        self._pictures: deque[Picture] = deque()
        self._changed = threading.Condition()
        self._read = 0  # pictures decoded so far
        self._whole = False  # decoded to its end
        self._end = 0.0
        self._error: Exception | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._decode_ahead, daemon=True, name="film")
        self._thread.start()
        self._wait_until_loaded()

    @property
    def frames(self) -> int | None:
        """How many pictures the film has; None until it has been decoded to its end."""
        with self._changed:
            return self._read if self._whole else None

    @property
    def starved(self) -> bool:
        """True while decoding has fallen behind: it is not known when the next picture is due."""
        with self._changed:
            return not self._pictures and not self._whole

    def at(self, time: float) -> Picture | None:
        """Return the newest picture due at film ``time`` (s) and drop those before it; None if no further one is due.

        Raises
        ------
        StageError
            The film is damaged from here on.
        """
        due: Picture | None = None
        with self._changed:
            while self._pictures and self._pictures[0].time <= time:
                due = self._pictures.popleft()
            if due is None and self._error is not None and not self._pictures:
                raise StageError(f"the film is damaged ({self._error})", self._where) from self._error
            self._changed.notify_all()
        return due

    def is_over(self, time: float) -> bool:
        """Tell whether the last picture has been on for its whole time at film ``time`` (s)."""
        with self._changed:
            return self._whole and not self._pictures and time >= self._end

    def close(self) -> None:
        """Stop decoding."""
        with self._changed:
            self._closed = True
            self._pictures.clear()
            self._changed.notify_all()
        self._thread.join()

    def _wait_until_loaded(self) -> None:
        with self._changed:
            while len(self._pictures) < min(self._ahead, _READY) and not self._whole and self._error is None:
                self._changed.wait()
            if not self._pictures:
                raise StageError(f"not a film that can be shown ({self._error or 'no pictures'})", self._where)

    def _decode_ahead(self) -> None:
        try:
            for picture in self._decode():
                with self._changed:
                    while len(self._pictures) >= self._ahead and not self._closed:
                        self._changed.wait()
                    if self._closed:
                        return
                    self._pictures.append(picture)
                    self._read, self._end = picture.index + 1, picture.time + self._last_s
                    self._changed.notify_all()
        except Exception as error:  # noqa: BLE001 - carried over to the thread that shows the film
            with self._changed:
                self._error = error
                self._changed.notify_all()
        else:
            with self._changed:
                self._whole = True
                self._changed.notify_all()


class Film(Reel):
    """Pictures of a film.

    Parameters
    ----------
    path
        The film.
    room
        Width and height in pixels that it may fill on the screen; larger pictures are scaled down while decoding.

    Raises
    ------
    StageError
        It cannot be opened, or holds no picture.
    """

    def __init__(self, path: Path, room: tuple[int, int]) -> None:
        self.path = path
        try:
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                self.rate_hz = float(stream.average_rate or 0)
                self.declared_frames = int(stream.frames)
                aspect = Fraction(stream.width, stream.height) * (stream.sample_aspect_ratio or 1)
        except (OSError, IndexError, ValueError) as error:  # PyAV's own errors are OSErrors and ValueErrors
            raise StageError(f"not a film that can be shown ({error})", str(path)) from error
        if self.rate_hz <= 0:
            raise StageError("the film has no frame rate", str(path))
        self.shown_size = fit(aspect, room)
        self._size = min((stream.width, stream.height), self.shown_size)
        super().__init__(str(path), self._size[0] * self._size[1] * 3, self._decode_film, 1 / self.rate_hz)

    def _decode_film(self) -> Iterator[Picture]:
        first: float | None = None
        with av.open(str(self.path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for index, frame in enumerate(container.decode(stream)):
                if frame.time is None:
                    raise ValueError(f"picture {index} has no time")
                first = frame.time if first is None else first
                small = frame.reformat(width=self._size[0], height=self._size[1], format="rgb24")
                yield Picture(index, frame.time - first, small.to_ndarray().astype(np.uint8, copy=False))


def read_sound(path: Path) -> NDArray[np.int16] | None:
    """Return the sound track of a film as (n, 2) at `SOUND_RATE_HZ`, None where it has none.

    Raises
    ------
    StageError
        The track is damaged.
    """
    blocks: list[NDArray[np.int16]] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                return None
            resampler = av.AudioResampler(format="s16", layout="stereo", rate=SOUND_RATE_HZ)
            for frame in container.decode(audio=0):
                blocks += [_interleaved(block) for block in resampler.resample(frame)]
            blocks += [_interleaved(block) for block in resampler.resample(None)]
    except (OSError, ValueError) as error:
        raise StageError(f"its sound track is damaged ({error})", str(path)) from error
    return np.concatenate(blocks) if blocks else None


def _interleaved(block: av.AudioFrame) -> NDArray[np.int16]:
    return block.to_ndarray().astype(np.int16, copy=False).reshape(-1, 2)


def fit(aspect: Fraction, room: tuple[int, int]) -> tuple[int, int]:
    """Return the largest width and height (pixels) of that aspect within ``room``."""
    width = min(Fraction(room[0]), room[1] * aspect)
    return max(2, round(width)), max(2, round(width / aspect))
