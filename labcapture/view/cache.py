"""Pictures decoded ahead in threads: the latest request wins, what was decoded last is kept. No Qt."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

from labcapture.core.errors import LabcaptureError

Pixels = NDArray[Any]
MAX_BYTES = 384_000_000  # about 80 pairs of 1280 x 720
_WORKERS = 2
_CARRY = 0.8  # of what was known of how long a picture takes, when another one was decoded


class Key(NamedTuple):
    """One picture: trial, stream (``color``, ``depth``, ``aligned``), index of its frame."""

    trial: str
    stream: str
    frame: int


class PictureCache:
    """Holds decoded pictures up to a bound and decodes those that are wanted, in order, in threads of its own.

    Parameters
    ----------
    read
        Decodes one picture by so many threads; called in any thread.
    arrived
        Told of every picture that is there now; called in a thread of the cache.
    max_bytes
        Bound of what is kept.
    """

    def __init__(
        self,
        read: Callable[[Key, int], Pixels],
        arrived: Callable[[Key], None],
        max_bytes: int = MAX_BYTES,
        workers: int = _WORKERS,
    ) -> None:
        self._read = read
        self._arrived = arrived
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Key, Pixels | LabcaptureError] = OrderedDict()
        self._nbytes = 0
        self._wanted: list[Key] = []
        self._urgent: set[Key] = set()
        self._took: dict[str, float] = {}
        self._busy: set[Key] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [threading.Thread(target=self._work, name=f"decode-{i}") for i in range(workers)]
        for thread in self._threads:
            thread.start()

    def get(self, key: Key) -> Pixels | LabcaptureError | None:
        """Return a picture if it is there (or why it cannot be decoded), else None. Never waits for a decoder."""
        with self._changed:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def want(self, now: Sequence[Key], later: Sequence[Key] = ()) -> None:
        """Decode these next, the first one first, and nothing that was wanted before and is not among them.

        All threads work on each picture that is wanted ``now``; of those for ``later`` each has one, which is less
        work on the whole, and leaves the others room.
        """
        with self._changed:
            keys = (*now, *later)
            self._wanted = [key for key in keys if key not in self._kept]
            self._urgent = set(now)
            for key in reversed(keys):  # the most urgent is the last to be forgotten
                if key in self._kept:
                    self._kept.move_to_end(key)
            self._changed.notify_all()

    def begun(self, key: Key) -> bool:
        """Return whether a picture is there, or being decoded."""
        with self._changed:
            return key in self._kept or key in self._busy

    @property
    def seconds(self) -> float:
        """How long the slowest kind of picture takes of late; 0 before the first one."""
        with self._changed:
            return max(self._took.values(), default=0.0)

    def forget(self) -> None:
        """Keep nothing of what was decoded."""
        with self._changed:
            self._kept.clear()
            self._nbytes = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the pictures kept."""
        return self._nbytes

    def close(self) -> None:
        """End the threads; a picture that is being decoded is waited for."""
        with self._changed:
            self._closed = True
            self._wanted = []
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _next(self) -> tuple[Key, int] | None:
        """Wait for a picture to decode, and by how many threads; None once closed."""
        with self._changed:
            while not self._closed:
                for key in self._wanted:
                    if key not in self._busy and key not in self._kept:
                        self._busy.add(key)
                        return key, len(self._threads) if key in self._urgent else 1
                self._changed.wait()
            return None

    def _work(self) -> None:
        while (found := self._next()) is not None:
            (key, threads), since = found, time.perf_counter()
            result: Pixels | LabcaptureError
            try:
                result = self._read(key, threads)
            except LabcaptureError as error:
                result = error
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one picture, the others can be seen
                result = LabcaptureError(f"cannot be decoded ({error})", f"{key.trial}/{key.stream}[{key.frame}]")
            self._keep(key, result, time.perf_counter() - since)
            if not self._closed:
                self._arrived(key)

    def _keep(self, key: Key, result: Pixels | LabcaptureError, seconds: float) -> None:
        with self._changed:
            self._took[key.stream] = seconds + _CARRY * (self._took.get(key.stream, seconds) - seconds)
            self._busy.discard(key)
            self._kept[key] = result
            self._nbytes += _size(result)
            while self._nbytes > self._max_bytes and len(self._kept) > 1:
                _, old = self._kept.popitem(last=False)
                self._nbytes -= _size(old)
            self._wanted = [it for it in self._wanted if it not in self._kept]


def _size(result: Pixels | LabcaptureError) -> int:
    return 0 if isinstance(result, LabcaptureError) else int(result.nbytes)
