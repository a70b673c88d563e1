"""Runs a device in a thread of its own and keeps what it emits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from labcapture.core.chunks import AudioBlock, Chunk, Frame, Gap, Samples
from labcapture.devices.base import Device, Emit

PATIENCE_S = 40.0  # for what takes a second on a machine with nothing else to do


class Flow:
    """A device that runs in a thread of its own, and what it emitted."""

    def __init__(self, device: Device, emit: Emit | None = None) -> None:
        self.chunks: list[Chunk] = []
        self.error: BaseException | None = None
        self._emit = emit or self.chunks.append
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(device,))

    def _run(self, device: Device) -> None:
        try:
            device.run(self._emit, self._stop)
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            self.error = error

    def start(self) -> None:
        self._thread.start()

    def wait_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.error is None, self.error
            assert self._thread.is_alive(), "run ended by itself"
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.01)

    def data(self, stream: str) -> list[Frame | AudioBlock | Samples]:
        return [c for c in self.chunks if isinstance(c, Frame | AudioBlock | Samples) and c.stream == stream]

    def wait_for(self, stream: str, count: int) -> None:
        self.wait_until(lambda: len(self.data(stream)) >= count)

    def frames(self, stream: str) -> list[Frame]:
        return [c for c in self.chunks if isinstance(c, Frame) and c.stream == stream]

    def gaps(self) -> list[Gap]:
        return [c for c in self.chunks if isinstance(c, Gap)]

    def join(self) -> None:
        """Wait for a run that ends by itself."""
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "run did not end by itself"
        assert self.error is None, self.error

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "run did not end"


@contextmanager
def flowing(device: Device, emit: Emit | None = None) -> Iterator[Flow]:
    flow = Flow(device, emit)
    flow.start()
    try:
        yield flow
    finally:
        flow.stop()
