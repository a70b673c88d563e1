"""When a voice begins after a question: the level of the sound against its background. Pure numpy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEP_S = 0.010
RISE_DB = 12.0  # over the background
HELD_STEPS = 6  # a click or a breath is shorter
FLOOR_DBFS = -60.0  # what is softer is no voice, however quiet the room
_BACKGROUND_PERCENTILE = 10
_FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class Onset:
    """``time``: LSL s, NaN if no voice was found; ``method`` says how it was looked for, with what parameters."""

    time: float
    method: str


def find_onset(samples: NDArray[np.int16], rate_hz: float, start: float, after: float) -> Onset:
    """Find the first voice after a moment.

    The level is taken in steps of 10 ms over all channels. Its 10th percentile is the background. A voice begins with
    the first of six steps in a row that are 12 dB louder, and louder than -60 dBFS. A voice that is on already at
    ``after`` (the end of the question) has to end first.

    Parameters
    ----------
    samples
        (n, channels), without holes.
    rate_hz
        Samples per second, as measured.
    start
        LSL time of the first sample (s).
    after
        LSL time from which on a voice counts (s).
    """
    length = max(1, round(STEP_S * rate_hz))
    count = len(samples) // length
    if count < HELD_STEPS or not math.isfinite(after):
        return Onset(math.nan, "no sound" if count < HELD_STEPS else "the end of the question was not marked")
    steps = samples[: count * length].astype(np.float64).reshape(count, -1)
    steps -= steps.mean()  # an input's offset is no sound
    power = np.mean(np.square(steps), axis=1) / _FULL_SCALE**2
    level = 10 * np.log10(np.maximum(power, 1e-12))
    background = float(np.percentile(level, _BACKGROUND_PERCENTILE))
    limit = max(background + RISE_DB, FLOOR_DBFS)
    method = f"rms in 10 ms steps, 60 ms above {limit:.1f} dBFS (background {background:.1f}, 12 dB over it)"
    loud = level > limit
    first = max(0, math.ceil((after - start) / STEP_S))
    while first < count and loud[first]:
        first += 1
    held = np.convolve(loud.astype(int), np.ones(HELD_STEPS, int))[HELD_STEPS - 1 :] == HELD_STEPS
    found = np.flatnonzero(held[first : count - HELD_STEPS + 1])
    if not len(found):
        return Onset(math.nan, f"no voice: {method}")
    return Onset(start + (first + int(found[0])) * length / rate_hz, method)
