"""Pictures decoded ahead in threads: the latest request wins, what was decoded last is kept. No Qt."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

from labcapture.core.errors import LabcaptureError

Pixels = NDArray[Any]
MAX_BYTES = 384_000_000  # about 80 pairs of 1280 x 720
_WORKERS = 2


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
        Decodes one picture; called in any thread.
    arrived
        Told of every picture that is there now; called in a thread of the cache.
    max_bytes
        Bound of what is kept.
    """

    def __init__(
        self,
        read: Callable[[Key], Pixels],
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

    def want(self, keys: Sequence[Key]) -> None:
        """Decode these next, the first one first, and nothing that was wanted before and is not among them."""
        with self._changed:
            self._wanted = [key for key in keys if key not in self._kept]
            for key in reversed(keys):  # the most urgent is the last to be forgotten
                if key in self._kept:
                    self._kept.move_to_end(key)
            self._changed.notify_all()

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

    def _next(self) -> Key | None:
        """Wait for a picture to decode; None once closed."""
        with self._changed:
            while not self._closed:
                for key in self._wanted:
                    if key not in self._busy and key not in self._kept:
                        self._busy.add(key)
                        return key
                self._changed.wait()
            return None

    def _work(self) -> None:
        while (key := self._next()) is not None:
            result: Pixels | LabcaptureError
            try:
                result = self._read(key)
            except LabcaptureError as error:
                result = error
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one picture, the others can be seen
                result = LabcaptureError(f"cannot be decoded ({error})", f"{key.trial}/{key.stream}[{key.frame}]")
            self._keep(key, result)
            if not self._closed:
                self._arrived(key)

    def _keep(self, key: Key, result: Pixels | LabcaptureError) -> None:
        with self._changed:
            self._busy.discard(key)
            self._kept[key] = result
            self._nbytes += _size(result)
            while self._nbytes > self._max_bytes and len(self._kept) > 1:
                _, old = self._kept.popitem(last=False)
                self._nbytes -= _size(old)
            self._wanted = [it for it in self._wanted if it not in self._kept]


def _size(result: Pixels | LabcaptureError) -> int:
    return 0 if isinstance(result, LabcaptureError) else int(result.nbytes)
