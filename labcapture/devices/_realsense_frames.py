"""From a frame of the SDK to a `Frame` of ours: pixels copied out, every stamp kept, nothing guessed."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from labcapture.core.chunks import Frame
from labcapture.core.counters import CounterUnwrapper
from labcapture.devices._realsense_sdk import Sdk, rs

_VALUES: tuple[tuple[str, Sdk], ...] = tuple(rs.frame_metadata_value.__members__.items())
_HARDWARE = int(rs.timestamp_domain.hardware_clock)


class DeviceClock:
    """The 32-bit microsecond counter that all sensors of a camera share, unwrapped.

    It wraps after 71.6 minutes. One instance serves all streams, so that all of them count the same wraps.
    """

    def __init__(self) -> None:
        self._unwrap = CounterUnwrapper(32)

    def seconds(self, counter_us: int) -> float:
        """Return the reading as seconds without wraps."""
        return self._unwrap(counter_us) / 1e6


class FrameReader:
    """Reads the frames of one stream.

    ``device_time`` comes from the best stamp that the stream's first frame has: ``sensor_timestamp`` (mid-exposure),
    else ``frame_timestamp`` (start of the transfer), both in us of the device clock; else the SDK's own time stamp
    (ms), of the device clock only where ``timestamp_domain`` says so (0). A later frame without that stamp has a NaN.
    """

    def __init__(self, name: str, clock: DeviceClock) -> None:
        self._name = name
        self._clock = clock
        self._stamp: str | None = None

    def read(self, frame: Sdk, arrival_time: float, evidence: Mapping[str, int]) -> Frame:
        """Return a copy of ``frame``; the caller releases the SDK's own at once.

        Parameters
        ----------
        arrival_time
            LSL time (s) at which it was fetched.
        evidence
            What else the record shall keep in its metadata.
        """
        metadata = {name: int(frame.get_frame_metadata(v)) for name, v in _VALUES if frame.supports_frame_metadata(v)}
        domain = int(frame.get_frame_timestamp_domain())
        number = int(frame.get_frame_number())
        metadata |= {"timestamp_domain": domain, "sdk_frame_number": number, **evidence}
        return Frame(
            stream=self._name,
            pixels=np.array(frame.get_data()),
            # Without the camera's counter the SDK counts what reached it, and such a count hides every loss.
            frame_number=number if "frame_counter" in metadata else -1,
            device_time=self._device_time(metadata, domain, float(frame.get_timestamp())),
            arrival_time=arrival_time,
            metadata=metadata,
        )

    def _device_time(self, metadata: Mapping[str, int], domain: int, stamp_ms: float) -> float:
        if self._stamp is None:
            names = ("sensor_timestamp", "frame_timestamp")
            self._stamp = next((name for name in names if name in metadata), f"domain {domain}")
        if self._stamp in metadata:
            return self._clock.seconds(metadata[self._stamp])
        if self._stamp != f"domain {domain}":
            return math.nan
        return self._clock.seconds(round(stamp_ms * 1e3)) if domain == _HARDWARE else stamp_ms / 1e3
