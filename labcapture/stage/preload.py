"""Films are got ready before they are shown, so that showing one is immediate."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labcapture.stage.film import Film, read_sound


@dataclass(frozen=True, slots=True)
class Loaded:
    """A film, its first pictures decoded, and its sound track: (n, 2) int16, None where it has none."""

    film: Film
    sound: NDArray[np.int16] | None


class Shelf:
    """Holds the one film that was asked for in advance.

    Parameters
    ----------
    room
        Width and height in pixels that a film may fill on the screen.
    """

    def __init__(self, room: tuple[int, int]) -> None:
        self._room = room
        self._pool = ThreadPoolExecutor(1, "preload")
        self._path: Path | None = None
        self._loading: Future[Loaded] | None = None

    def preload(self, path: Path) -> None:
        """Begin to get a film ready; the one before is put away. Returns at once."""
        if path != self._path:
            self._put_away()
            self._path, self._loading = path, self._pool.submit(self._load, path)

    def take(self, path: Path) -> Loaded:
        """Return a film, which now is the caller's to close. One that was not preloaded is loaded now.

        Raises
        ------
        StageError
            It cannot be shown.
        """
        self.preload(path)
        assert self._loading is not None  # noqa: S101 - preload has just seen to it
        loading, self._path, self._loading = self._loading, None, None
        return loading.result()

    def close(self) -> None:
        """Put away what was not taken."""
        self._put_away()
        self._pool.shutdown()

    def _load(self, path: Path) -> Loaded:
        return Loaded(sound=read_sound(path), film=Film(path, self._room))

    def _put_away(self) -> None:
        if self._loading is not None:
            self._loading.add_done_callback(_close)
        self._path = self._loading = None


def _close(loading: Future[Loaded]) -> None:
    if loading.exception() is None:
        loading.result().film.close()
