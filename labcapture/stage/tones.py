"""When a sync_test flashes, and the tones that it plays."""

from __future__ import annotations

from random import Random

import numpy as np
from numpy.typing import NDArray

from labcapture.protocol.steps import SyncTest

TONE_HZ = 1000.0
TONE_S = 0.05
RISE_S = 0.001
"""A harder edge would click in a loudspeaker."""
_PEAK = 16000


def onsets(step: SyncTest, rate_hz: int) -> NDArray[np.float64]:
    """Return when each pair is due (s from the start), on a sample; a step of the same id has the same times."""
    draw = Random(step.id)  # noqa: S311 - no secret
    waits = [draw.uniform(*step.every_s) for _ in range(step.pairs)]
    return np.round(np.cumsum(waits) * rate_hz) / rate_hz


def track(times: NDArray[np.float64], rate_hz: int) -> NDArray[np.int16]:
    """Return the sound, (n,), with a tone at each of ``times`` (s)."""
    t = np.arange(round(TONE_S * rate_hz)) / rate_hz
    shape = np.minimum(1, np.minimum(t, TONE_S - t) / RISE_S)
    tone = np.round(_PEAK * shape * np.sin(2 * np.pi * TONE_HZ * t)).astype(np.int16)
    samples = np.zeros(round(times[-1] * rate_hz) + len(tone), np.int16)
    for time in times:
        at = round(time * rate_hz)
        samples[at : at + len(tone)] = tone
    return samples
