"""What really became of every frame of a simulated camera, kept small: a session may last for hours."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import get_args

from labcapture.devices.simulated.d415 import Stream
from labcapture.devices.simulated.faults import Loss

_STREAMS: tuple[Stream, ...] = get_args(Stream)
_LOSSES: tuple[Loss | None, ...] = (None, *get_args(Loss))
_ROW = struct.Struct("<BBqqqdd")  # stream, loss, index, number, life, captured, delivered


@dataclass(frozen=True, slots=True)
class Truth:
    """What really became of one frame.

    ``captured`` is the LSL time (s) of mid-exposure; ``delivered`` that of the hand-over to the SDK, None for a frame
    that was ``lost``. ``index`` stands in the pixels, ``number`` in the device's counter, which starts anew with each
    ``life`` of the device.
    """

    stream: Stream
    index: int
    number: int
    life: int
    captured: float
    delivered: float | None
    lost: Loss | None


class Truths:
    """The truth of all frames so far, 42 bytes each. One thread adds, any may ask."""

    def __init__(self) -> None:
        self._rows = bytearray()

    def add(self, truth: Truth) -> None:
        """Append one."""
        delivered = math.nan if truth.delivered is None else truth.delivered
        stream, loss = _STREAMS.index(truth.stream), _LOSSES.index(truth.lost)
        self._rows += _ROW.pack(stream, loss, truth.index, truth.number, truth.life, truth.captured, delivered)

    def all(self) -> list[Truth]:
        """Return them in order."""
        rows = _ROW.iter_unpack(bytes(self._rows))
        return [
            Truth(_STREAMS[stream], index, number, life, captured, _known(delivered), _LOSSES[loss])
            for stream, loss, index, number, life, captured, delivered in rows
        ]


def _known(time: float) -> float | None:
    return None if math.isnan(time) else time
