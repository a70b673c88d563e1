"""What the tests of sound and LSL devices share: running a device for a while, and looking at what it left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psutil

from labcapture.core.chunks import Chunk
from labcapture.devices.base import Device

C = TypeVar("C")


class Running:
    """A device that runs in a thread, and all that it emitted so far."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.chunks: list[Chunk] = []
        self.error: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.device.run(self.chunks.append, self._stop)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def of(self, kind: type[C]) -> list[C]:
        """Return the chunks of one kind, in order."""
        return [chunk for chunk in list(self.chunks) if isinstance(chunk, kind)]

    def until(self, condition: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait until ``condition()`` holds; a machine at rest needs a fraction of ``seconds``."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} s; error: {self.error!r}"
            time.sleep(0.02)

    def ended(self) -> bool:
        """Whether `run` has returned."""
        return not self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30.0)
        assert self.ended(), "run() did not return after stop"


@contextmanager
def running(device: Device) -> Iterator[Running]:
    """Open ``device`` and run it; stop and close it at the end."""
    run = Running(device)
    try:
        device.open()
        run.start()
        try:
            yield run
        finally:
            run.stop()
    finally:
        device.close()


def children() -> set[int]:
    """Return the process ids of all that descends from this process."""
    return {child.pid for child in psutil.Process().children(recursive=True)}
