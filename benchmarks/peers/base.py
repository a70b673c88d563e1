"""What is asked of a recorder here, and the bounded queue of those that have none of their own."""

# ruff: noqa: D102 - what the methods do is told by the class Peer
from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.peers.frames import PAIR_BYTES, Pixels

Pair = tuple[int, Pixels, Pixels]
"""Number of the frame, colour, depth."""
Read = Callable[[int], tuple[int, Pixels]]
"""Of a place in the recording: number and colour of the frame there."""


class Peer(ABC):
    """One recorder.

    Parameters
    ----------
    folder
        Empty; where it records.
    limit_bytes
        Of pictures that may wait in memory.
    """

    @abstractmethod
    def __init__(self, folder: Path, limit_bytes: int) -> None: ...

    @abstractmethod
    def offer(self, number: int, color: Pixels, depth: Pixels) -> None:
        """Take a pair, or lose it; never wait."""

    @abstractmethod
    def waiting(self) -> float | None:
        """Return which share of the queue is in use; None where nobody can know."""

    @abstractmethod
    def close(self) -> dict[str, int]:
        """Write what waits, close the files; return what it says of itself."""

    @classmethod
    @abstractmethod
    def stored(cls, folder: Path) -> int:
        """Return the number of pairs in a recording, without decoding them."""

    @classmethod
    @abstractmethod
    def survivors(cls, folder: Path) -> Iterator[Pair]:
        """Yield the pairs that can be had of a recording that was cut off."""

    @classmethod
    @abstractmethod
    def reader(cls, folder: Path) -> tuple[int, Read]:
        """Open a recording; return the number of its colour frames, and how one is read."""


class Queued(Peer):
    """A recorder that is a loop of its own: threads that take pairs from a bounded queue."""

    writers = 1

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self._limit = max(1, limit_bytes // PAIR_BYTES)
        self._pairs: deque[Pair] = deque()
        self._change = threading.Condition()
        self._closed = False
        self._error: BaseException | None = None
        self.open()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(self.writers)]
        for thread in self._threads:
            thread.start()

    @abstractmethod
    def open(self) -> None:
        """Create the files."""

    @abstractmethod
    def write(self, number: int, color: Pixels, depth: Pixels) -> None:
        """Write one pair."""

    @abstractmethod
    def finish(self) -> None:
        """Close the files."""

    def offer(self, number: int, color: Pixels, depth: Pixels) -> None:
        with self._change:
            if len(self._pairs) < self._limit:
                self._pairs.append((number, color, depth))
                self._change.notify()

    def waiting(self) -> float | None:
        return len(self._pairs) / self._limit

    def close(self) -> dict[str, int]:
        with self._change:
            self._closed = True
            self._change.notify_all()
        for thread in self._threads:
            thread.join()
        if self._error is not None:
            raise self._error
        self.finish()
        return {}

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: bool(self._pairs) or self._closed)
                if not self._pairs:
                    return
                pair = self._pairs.popleft()
            try:
                self.write(*pair)
            except BaseException as error:  # noqa: BLE001 - raised by close
                self._error = error
                return
