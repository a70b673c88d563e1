"""The last minute of sound, kept to find when somebody began to speak."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from labcapture.core.chunks import AudioBlock, StreamSpec
from labcapture.core.fit import fit_sample_clock

KEPT_S = 90.0


class SoundTap:
    """Keeps the newest blocks of one stream of sound. `note` is called from the device's thread.

    Parameters
    ----------
    spec
        The stream.
    """

    def __init__(self, spec: StreamSpec) -> None:
        self.stream, self._rate_hz = spec.name, spec.rate_hz
        self._blocks: deque[AudioBlock] = deque()

    def note(self, block: AudioBlock) -> None:
        """Keep a block, forget those that are too old."""
        self._blocks.append(block)
        while self._blocks[0].arrival_time < block.arrival_time - KEPT_S:
            self._blocks.popleft()

    def cut(self, start: float, stop: float) -> tuple[NDArray[np.int16], float, float]:
        """Return what was captured from LSL time ``start`` to ``stop``: samples (n, channels), their start, their rate.

        The times are those of the line through all blocks kept, as for the stored sound; missing samples are zeros.
        """
        blocks = list(self._blocks.copy())
        if not blocks:
            return np.empty((0, 1), np.int16), start, self._rate_hz
        first = np.array([block.first_sample for block in blocks])
        arrival = np.array([block.arrival_time for block in blocks])
        fit = fit_sample_clock(
            first,
            [len(block.samples) for block in blocks],
            [block.adc_time for block in blocks],
            arrival,
            self._rate_hz,
        )
        time, _ = fit.to_lsl(first, arrival)
        wanted = [
            (block, float(t))
            for block, t in zip(blocks, time, strict=True)
            if t < stop and t + len(block.samples) / self._rate_hz > start
        ]
        if not wanted:
            return np.empty((0, 1), np.int16), start, self._rate_hz
        begin, end = wanted[0][0].first_sample, wanted[-1][0].first_sample + len(wanted[-1][0].samples)
        samples = np.zeros((end - begin, wanted[0][0].samples.shape[1]), np.int16)
        for block, _ in wanted:
            at = block.first_sample - begin
            samples[at : at + len(block.samples)] = block.samples
        return samples, wanted[0][1], fit.rate_hz
