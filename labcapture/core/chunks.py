"""The records that flow from devices to the recorder: frozen, one way, never changed on the way.

Raw device times stay as the device gave them; ``arrival_time`` is LSL time (`labcapture.core.clock.lsl_time`, seconds)
read when the data reached this process. Corrected times are computed later, beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

StreamKind = Literal["frames", "audio", "samples"]


class Cause(StrEnum):
    """Why data are missing. The first three are not our doing; the overflows are."""

    DROPPED = "dropped"
    """Lost before us: the device's own counter, or its clock, skipped."""
    SLOW = "slow"
    """The sensor slowed down: a long step of device time without a counter gap. Nothing was lost."""
    DISCONNECT = "disconnect"
    """The device or stream went away, or fell silent."""
    HOST_OVERFLOW = "host_overflow"
    """Lost by us between driver and this process: we did not fetch in time."""
    RECORDER_OVERFLOW = "recorder_overflow"
    """Lost by us in the recorder's queue."""


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """What a device says of one of its streams.

    Parameters
    ----------
    name
        Unique in the rig: ``color``, ``depth``, ``voice``, ``eda``, ...
    kind
        ``frames`` (one picture a record), ``audio`` (blocks counted by sample), ``samples`` (rows with a time each).
    dtype
        numpy name of the element type.
    shape
        Shape of one element: (height, width[, channels]) of a picture, (channels,) of a signal.
    units
        Physical unit of the values (``""`` for pictures).
    rate_hz
        Nominal rate in frames or samples per second; 0 where the source declares none (irregular).
    channels
        Label of each channel of a signal.
    clock
        Name of the device clock that stamps it. Streams of one clock share a fit.
    simulated
        True where no real instrument stands behind it.
    attributes
        Further facts for the file: intrinsics, firmware, serial number, ... (strings, numbers, arrays).
    """

    name: str
    kind: StreamKind
    dtype: str
    shape: tuple[int, ...]
    units: str
    rate_hz: float
    channels: tuple[str, ...] = ()
    clock: str = ""
    simulated: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def element_bytes(self) -> int:
        """Size of one frame, or of one sample of all channels, in bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a camera stream.

    ``pixels`` has the shape and dtype of the stream's `StreamSpec`. ``device_time`` is in seconds of the device clock,
    unwrapped but otherwise raw. ``frame_number`` is the instrument's own counter, -1 where it has none.

    ``metadata`` holds what came with the frame: integers, in the SDK's names and units (``sensor_timestamp`` us,
    ``time_of_arrival`` ms, ``actual_exposure`` us, ...). Two keys are the device's evidence on the stretch before this
    frame; who counts the gap of frame numbers (`labcapture.recording.quality.GapTracker`) names its cause by them:
    ``host_overflow`` 1: the driver's queue ran full, so frames missing here were lost by us (`Cause.HOST_OVERFLOW`);
    ``after_disconnect``: the first frame after a `Cause.DISCONNECT`; 1 where the device was silent and its counter went
    on, 2 where it was opened again and its counter and clock started anew.
    """

    stream: str
    pixels: NDArray[Any]
    frame_number: int
    device_time: float
    arrival_time: float
    metadata: Mapping[str, int] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Bytes that the frame holds in memory."""
        return int(self.pixels.nbytes)


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """A block of sound as PortAudio delivered it.

    ``samples`` is (n, channels) int16. ``first_sample`` counts from the opening of the stream; samples lost to an
    overflow are counted too where their number is known. ``adc_time`` is the LSL time (s) at which the first sample was
    captured as the host API told it, NaN where that could not be used; ``arrival_time`` is the entry of the callback.
    """

    stream: str
    samples: NDArray[np.int16]
    first_sample: int
    adc_time: float
    arrival_time: float

    @property
    def nbytes(self) -> int:
        """Bytes that the block holds in memory."""
        return int(self.samples.nbytes)


@dataclass(frozen=True, slots=True)
class Samples:
    """Rows of an LSL stream: ``values`` (n, channels), ``raw_time`` (n,) s as stamped by the sender, uncorrected.

    ``segment`` grows by one whenever the stream was lost and came back: its clock may have another epoch.
    """

    stream: str
    values: NDArray[Any]
    raw_time: NDArray[np.float64]
    arrival_time: float
    segment: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes that the rows hold in memory."""
        return int(self.values.nbytes + self.raw_time.nbytes)


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """A measurement of a sender's clock: local LSL time = raw time + ``offset`` (s), known to ± ``uncertainty`` (s)."""

    stream: str
    time: float
    offset: float
    uncertainty: float
    segment: int = 0
    nbytes: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of a stream that is missing, or that the sensor ran through too slowly.

    Parameters
    ----------
    stream, cause
        What is missing and why.
    first, last
        First and last missing frame number, or sample index; equal to each other's complement (last = first - 1) when
        nothing is missing (``Cause.SLOW``). -1 where the device has no counter.
    count
        How many frames or samples are missing (estimated from time where there is no counter).
    start, stop
        LSL arrival time (s) of the last record before and the first after the gap; ``stop`` is NaN while it is open.
    note
        What a reader should know: how the count was found, what the driver said.
    """

    stream: str
    cause: Cause
    first: int
    last: int
    count: int
    start: float
    stop: float
    note: str = ""
    nbytes: int = 0


Chunk = Frame | AudioBlock | Samples | ClockOffset | Gap
"""Everything that a device may emit."""
