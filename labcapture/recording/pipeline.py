"""From any thread to the one that owns HDF5: a queue bounded in bytes, with a pool that encodes pictures on the way.

Order is kept. Nothing that puts ever waits: what finds no room is refused, and refusing is for the caller to count.
Pictures may not use the last sixteenth of the room, so that a flood of them never costs a sample of voice or EDA. When
too many bytes wait for an encoder, pictures go on as they are: a raw picture on disk is better than none.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.core.chunks import AudioBlock, ClockOffset, Frame, Gap, Samples
from labcapture.recording.journal import digest

_NO_PIXELS = np.empty(0, np.uint8)


@dataclass(slots=True)
class Item:
    """What travels: a picture of a trial, another record, or something to do."""

    content: Frame | AudioBlock | Samples | ClockOffset | Gap | Callable[[], None]
    nbytes: int = 0
    trial: str = ""
    ready: bool = True
    stored: bytes | memoryview = b""
    """Bytes of the picture's chunk."""
    filter_mask: int = 0
    digest: str = ""
    error: Exception | None = None
    """Why the picture could not even be stored raw."""


class Pipeline:
    """The queue and its encoders.

    Parameters
    ----------
    limit_bytes
        Bound of everything that waits.
    raw_above_bytes
        Pictures are stored raw while more than this waits for an encoder.
    workers
        Number of encoders.
    encode
        What they do: of a picture, the bytes of its chunk.
    """

    def __init__(
        self, limit_bytes: int, raw_above_bytes: int, workers: int, encode: Callable[[NDArray[Any]], bytes]
    ) -> None:
        self.limit_bytes = limit_bytes
        self.raw_frames = 0
        """Pictures stored raw because encoding fell behind."""
        self._raw_above = raw_above_bytes
        self._encode_picture = encode
        self._bytes = 0
        self._waiting_bytes = 0
        self._items: deque[Item] = deque()
        self._waiting: deque[Item] = deque()
        self._closed = False
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._arrived = threading.Condition(self._lock)
        names = [f"recorder-encode-{i}" for i in range(workers)]
        self._threads = [threading.Thread(target=self._encode, name=name, daemon=True) for name in names]
        for thread in self._threads:
            thread.start()

    @property
    def nbytes(self) -> int:
        """Bytes that wait."""
        return self._bytes

    @property
    def backlog(self) -> int:
        """Pictures that wait for an encoder."""
        return len(self._waiting)

    def put_frame(self, frame: Frame, trial: str) -> bool:
        """Queue a picture; False if there is no room."""
        size = frame.nbytes
        with self._lock:
            if self._bytes + size > self.limit_bytes - self.limit_bytes // 16:
                return False
            item = Item(frame, size, trial, ready=False)
            self._items.append(item)
            self._waiting.append(item)
            self._bytes += size
            self._waiting_bytes += size
            self._work.notify()
        return True

    def put(self, record: AudioBlock | Samples | ClockOffset | Gap) -> bool:
        """Queue another record; False if there is no room."""
        size = record.nbytes
        with self._lock:
            if size and self._bytes + size > self.limit_bytes:
                return False
            self._items.append(Item(record, size))
            self._bytes += size
            self._arrived.notify()
        return True

    def put_action(self, action: Callable[[], None]) -> None:
        """Queue something to do, in its place among the records. There is always room."""
        with self._lock:
            self._items.append(Item(action))
            self._arrived.notify()

    def take(self, timeout: float) -> Item | None:
        """Return the oldest item once it is ready, or None after ``timeout`` seconds. Give it to `done` afterwards."""
        with self._lock:
            if not self._arrived.wait_for(lambda: bool(self._items) and self._items[0].ready, timeout):
                return None
            return self._items.popleft()

    def done(self, item: Item) -> None:
        """Free the room of an item."""
        with self._lock:
            self._bytes -= item.nbytes

    def close(self) -> None:
        """End the encoders once no picture waits, and wait for them."""
        with self._lock:
            self._closed = True
            self._work.notify_all()
        for thread in self._threads:
            thread.join()

    def _encode(self) -> None:
        while True:
            with self._lock:
                self._work.wait_for(lambda: bool(self._waiting) or self._closed)
                if not self._waiting:
                    return
                item = self._waiting.popleft()
                raw = self._waiting_bytes > self._raw_above
                self._waiting_bytes -= item.nbytes
            try:
                frame = item.content
                assert isinstance(frame, Frame)  # noqa: S101 - only pictures wait for an encoder
                item.stored, item.filter_mask = self._stored(frame.pixels, raw)
                item.digest = digest(item.stored)
                item.content = replace(frame, pixels=_NO_PIXELS)
            except Exception as error:  # noqa: BLE001 - told by the item; the order must go on
                item.error = error
            with self._lock:
                self.raw_frames += raw
                self._bytes += len(item.stored) - item.nbytes
                item.nbytes = len(item.stored)
                item.ready = True
                self._arrived.notify()

    def _stored(self, pixels: NDArray[Any], raw: bool) -> tuple[bytes | memoryview, int]:
        """Return the bytes of a picture's chunk, and its filter mask: 1 where they are raw."""
        if not raw:
            try:
                encoded = self._encode_picture(pixels)
            except Exception:  # noqa: BLE001 - whatever an encoder has against a picture, the picture itself is kept
                return _plain(pixels), 1
            if len(encoded) < pixels.nbytes:  # pure noise grows; so would the queue, beyond its bound
                return encoded, 0
        return _plain(pixels), 1


def _plain(pixels: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(pixels).data.cast("B")
