"""Live figures of the devices' clocks: fitted now and then to the pairs of the last minute, beside the flow of data.

What is stored is fitted anew from all pairs when a trial, or the session, is closed: these are for the operator.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np

from labcapture.core.chunks import AudioBlock, Frame, StreamSpec
from labcapture.core.fit import fit_device_clock, fit_sample_clock
from labcapture.recording.schema import clock_name

PERIOD_S = 3.0
WINDOW_S = 60.0
_MOST_PAIRS = 8192


class LiveClock:
    """One device clock against LSL time.

    ``moved_s``: how far the device's clock has fallen behind LSL time since its first fit (negative: run ahead).
    ``uncertainty_s``: half width of the 95 % interval of the newest data's time. None until there is a fit.
    """

    def __init__(self) -> None:
        self.moved_s: float | None = None
        self.uncertainty_s: float | None = None
        self._first: tuple[float, float] | None = None  # of the first fit: device time, LSL time less device time

    def _fitted(self, device: float, offset: float, uncertainty: float) -> None:
        if not (math.isfinite(offset) and math.isfinite(uncertainty)):
            return
        if self._first is None or device < self._first[0]:  # a device that was opened again counts anew
            self._first = device, offset
        self.moved_s, self.uncertainty_s = offset - self._first[1], uncertainty

    def fit(self) -> None:
        """Bring the figures up to date; without new pairs they stay."""
        raise NotImplementedError


class FrameClock(LiveClock):
    """Of a camera: from the device time of its frames, of all its streams."""

    def __init__(self) -> None:
        super().__init__()
        self._pairs: deque[tuple[float, float]] = deque(maxlen=_MOST_PAIRS)

    def note(self, frame: Frame) -> None:
        """Keep a pair; called from the device's thread."""
        if math.isfinite(frame.device_time):
            self._pairs.append((frame.device_time, frame.arrival_time))

    def fit(self) -> None:
        """Fit the last minute."""
        pairs = np.array(self._pairs.copy())
        if not len(pairs):
            return
        pairs = pairs[pairs[:, 1] >= pairs[-1, 1] - WINDOW_S]
        time, uncertainty = fit_device_clock(*pairs.T).to_lsl(pairs[-1:, 0], pairs[-1:, 1])
        self._fitted(float(pairs[-1, 0]), float(time[0] - pairs[-1, 0]), float(uncertainty[0]))


class SampleClock(LiveClock):
    """Of a sound input: from its count of samples."""

    def __init__(self, rate_hz: float) -> None:
        super().__init__()
        self._rate_hz = rate_hz
        self._blocks: deque[tuple[float, float, float, float]] = deque(maxlen=_MOST_PAIRS)

    def note(self, block: AudioBlock) -> None:
        """Keep what is known of a block; called from the device's thread."""
        self._blocks.append((block.first_sample, len(block.samples), block.adc_time, block.arrival_time))

    def fit(self) -> None:
        """Fit the last minute."""
        blocks = np.array(self._blocks.copy())
        if not len(blocks):
            return
        blocks = blocks[blocks[:, 3] >= blocks[-1, 3] - WINDOW_S]
        first, samples, adc, arrival = blocks.T
        fit = fit_sample_clock(first, samples, adc, arrival, self._rate_hz)
        time, uncertainty = fit.to_lsl(first[-1:], arrival[-1:])
        device = float(first[-1]) / self._rate_hz
        self._fitted(device, float(time[0]) - device, float(uncertainty[0]))


class LiveClocks:
    """The clocks of a rig's cameras and sound inputs. LSL streams bring measured offsets of their own."""

    def __init__(self, streams: Sequence[StreamSpec]) -> None:
        shared: dict[str, FrameClock] = {}
        pictures = [spec for spec in streams if spec.kind == "frames"]
        self._cameras = {spec.name: shared.setdefault(clock_name(spec), FrameClock()) for spec in pictures}
        self._inputs = {spec.name: SampleClock(spec.rate_hz) for spec in streams if spec.kind == "audio"}
        self.by_stream: dict[str, LiveClock] = {**self._cameras, **self._inputs}
        self._turn = deque(dict.fromkeys(self.by_stream.values()))
        self._due = 0.0

    def note(self, chunk: Frame | AudioBlock) -> None:
        """Keep what a chunk says of its clock; called from the devices' threads, takes a microsecond."""
        if isinstance(chunk, Frame):
            self._cameras[chunk.stream].note(chunk)
        else:
            self._inputs[chunk.stream].note(chunk)

    def refresh(self, now: float) -> None:
        """Fit the clock whose turn it is, each every `PERIOD_S`; ``now``: seconds of any clock. Takes milliseconds."""
        if not self._turn or now < self._due:
            return
        self._due = now + PERIOD_S / len(self._turn)
        self._turn.rotate(-1)
        self._turn[0].fit()
