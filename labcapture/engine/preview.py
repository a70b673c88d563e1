"""Previews in shared memory: the newest picture of each camera stream and the last seconds of each signal.

The engine writes, any number of consoles read, and no one ever waits: a picture slot holds two buffers and a counter
that is raised after a buffer is complete; a reader that was overtaken while it copied tries again at the next refresh.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.core.chunks import StreamSpec
from labcapture.engine.messages import PictureSlot, PreviewLayout, TraceSlot

_HEAD = 32  # count uint64, frame number int64, time float64, spare
_TRACE_SECONDS = 30.0
STAGE = "stage"
"""Name under which the participant's screen is among the pictures."""
_owned: set[str] = set()  # memories that this very process made
VOICE_BUCKET = 480  # samples per (min, max) pair: 10 ms at 48 kHz, finer than a pixel of any window


@dataclass(frozen=True, slots=True)
class Picture:
    """A preview: ``pixels`` (h, w[, 3]), ``frame_number``, ``time`` LSL s of arrival, ``count`` of previews so far."""

    pixels: NDArray[Any]
    frame_number: int
    time: float
    count: int


def _size(slot: PictureSlot) -> int:
    return int(np.prod(slot.shape)) * np.dtype(slot.dtype).itemsize


def plan(streams: Sequence[StreamSpec], stage: tuple[int, int] | None = None) -> PreviewLayout:
    """Lay out the memory for ``streams``: pictures at half size, 30 s of each signal (voice: min and max per 10 ms).

    ``stage`` is the width and height of the pictures of the participant's screen, if there are such.
    """
    offset = 0
    pictures: list[PictureSlot] = []
    traces: list[TraceSlot] = []
    for spec in streams:
        if spec.kind == "frames":
            shape = (-(-spec.shape[0] // 2), -(-spec.shape[1] // 2), *spec.shape[2:])
            step_mm = 1000 * float(spec.attributes.get("depth_units", 0.001))
            slot = PictureSlot(name=spec.name, offset=offset, shape=shape, dtype=spec.dtype, step_mm=step_mm)
            pictures.append(slot)
            offset += _HEAD + 2 * _size(slot)
        else:
            voice = spec.kind == "audio"
            rate = spec.rate_hz / VOICE_BUCKET if voice else spec.rate_hz or 100.0
            channels = ("min", "max") if voice else (spec.channels or tuple(str(i) for i in range(spec.shape[0])))
            capacity = max(16, int(rate * _TRACE_SECONDS))
            traces.append(
                TraceSlot(
                    name=spec.name, offset=offset, capacity=capacity, channels=channels, units=spec.units, rate_hz=rate
                )
            )
            offset += _HEAD + capacity * 8 * (1 + len(channels))
        offset = -(-offset // 64) * 64
    if stage is not None and STAGE not in {spec.name for spec in streams}:
        slot = PictureSlot(name=STAGE, offset=offset, shape=(stage[1], stage[0], 3), dtype="uint8")
        pictures.append(slot)
        offset += _HEAD + 2 * _size(slot)
    return PreviewLayout(memory="", size=max(offset, 64), pictures=tuple(pictures), traces=tuple(traces))


class _Memory:
    """Views into the block, by slot."""

    def __init__(self, layout: PreviewLayout, memory: SharedMemory) -> None:
        self.memory = memory
        self.pictures = {s.name: s for s in layout.pictures}
        self.traces = {s.name: s for s in layout.traces}

    def _array(self, offset: int, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
        return np.ndarray(shape, dtype, self.memory.buf, offset)

    def count(self, offset: int) -> NDArray[np.uint64]:
        return self._array(offset, (1,), "uint64")

    def head(self, offset: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        return self._array(offset + 8, (1,), "int64"), self._array(offset + 16, (1,), "float64")

    def buffer(self, slot: PictureSlot, which: int) -> NDArray[Any]:
        return self._array(slot.offset + _HEAD + which * _size(slot), slot.shape, slot.dtype)

    def ring(self, slot: TraceSlot) -> NDArray[np.float64]:
        return self._array(slot.offset + _HEAD, (slot.capacity, 1 + len(slot.channels)), "float64")


class PreviewBoard:
    """The engine's side: creates the memory and writes into it. One thread at a time for each picture and signal."""

    def __init__(self, streams: Sequence[StreamSpec], stage: tuple[int, int] | None = None) -> None:
        draft = plan(streams, stage)
        memory = SharedMemory(create=True, size=draft.size)
        _owned.add(memory.name)
        self.layout = draft.model_copy(update={"memory": memory.name})
        self._memory = _Memory(self.layout, memory)

    def show(self, stream: str, pixels: NDArray[Any], frame_number: int, time: float) -> None:
        """Publish a full-size picture; every second row and column of it is kept."""
        self._publish(self._memory.pictures[stream], pixels[::2, ::2], frame_number, time)

    def show_stage(self, pixels: NDArray[np.uint8], time: float) -> None:
        """Publish what the participant's screen showed at LSL ``time`` (s), if that has a place and its very size."""
        slot = self._memory.pictures.get(STAGE)
        if slot is not None and slot.shape == pixels.shape:
            self._publish(slot, pixels, int(self._memory.count(slot.offset)[0]), time)

    def _publish(self, slot: PictureSlot, pixels: NDArray[Any], frame_number: int, time: float) -> None:
        count = self._memory.count(slot.offset)
        following = int(count[0]) + 1
        self._memory.buffer(slot, following % 2)[...] = pixels
        number, when = self._memory.head(slot.offset)
        number[0], when[0] = frame_number, time
        count[0] = following

    def trace(self, stream: str, times: NDArray[np.float64], values: NDArray[Any]) -> None:
        """Append rows to a signal's ring: ``times`` (n,) LSL s, ``values`` (n, channels)."""
        slot = self._memory.traces[stream]
        ring = self._memory.ring(slot)
        count = self._memory.count(slot.offset)
        total = int(count[0])
        times, values = times[-slot.capacity :], values[-slot.capacity :]
        rows = (total + np.arange(len(times))) % slot.capacity
        ring[rows, 0] = times
        ring[rows, 1:] = values
        count[0] = total + len(times)

    def close(self) -> None:
        """Give the memory back; readers that still hold it keep their view until they let go."""
        self._memory.memory.close()
        self._memory.memory.unlink()
        _owned.discard(self._memory.memory.name)


class PreviewReader:
    """A console's side.

    Raises
    ------
    FileNotFoundError
        The engine that made the memory is gone.
    """

    def __init__(self, layout: PreviewLayout) -> None:
        self.layout = layout
        if sys.version_info >= (3, 13):
            memory = SharedMemory(layout.memory, track=False)
        else:
            memory = SharedMemory(layout.memory)
            # Before 3.13 a mere reader is registered as an owner, and its exit would unlink the engine's memory.
            if sys.platform != "win32" and layout.memory not in _owned:
                resource_tracker.unregister(memory._name, "shared_memory")  # type: ignore[attr-defined]
        self._memory = _Memory(layout, memory)

    def picture(self, stream: str, newer_than: int = 0) -> Picture | None:
        """Return a copy of the newest picture, or None if there is none newer than count ``newer_than``."""
        slot = self._memory.pictures[stream]
        count = self._memory.count(slot.offset)
        before = int(count[0])
        if before <= newer_than:
            return None
        number, when = self._memory.head(slot.offset)
        picture = Picture(self._memory.buffer(slot, before % 2).copy(), int(number[0]), float(when[0]), before)
        return picture if int(count[0]) <= before + 1 else None  # overtaken twice: the buffer may be torn

    def trace(self, stream: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (times (n,), values (n, channels)) of the ring, oldest first."""
        slot = self._memory.traces[stream]
        ring = self._memory.ring(slot).copy()
        total = int(self._memory.count(slot.offset)[0])
        ring = ring[:total] if total < slot.capacity else np.roll(ring, -(total % slot.capacity), axis=0)
        return ring[:, 0], ring[:, 1:]

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.memory.close()
