"""What lies between two moments: seconds, frames, and how far a signal went. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from labcapture.reading import SampleStream
from labcapture.view.film import Camera, Film

_SHORT = {"microsiemens": "µS", "uS": "µS", "microvolts": "µV", "millivolts": "mV"}
_HELD = 1.5  # periods: a sample so far from a moment still stands for it


@dataclass(frozen=True)
class Between:
    """From A to B.

    Parameters
    ----------
    seconds
        B - A.
    frames
        Frame periods between the frames shown at A and B; None if they are of two trials, or one has no frame.
    index_a, index_b
        Of these frames in their trials.
    eda_a, eda_b
        First channel of electrodermal activity; NaN where it is not known.
    units
        Of it.
    """

    seconds: float
    frames: int | None
    index_a: int | None
    index_b: int | None
    eda_a: float
    eda_b: float
    units: str


def short(units: str) -> str:
    """Return the sign of a unit where it is a well-known one."""
    return _SHORT.get(units, units)


def value_at(stream: SampleStream, time: float) -> float:
    """Return the first channel at the sample nearest to LSL ``time`` (s); NaN where something is missing."""
    times = stream.time
    if not len(times):
        return math.nan
    after = int(np.searchsorted(times, time))
    near = min((at for at in (after - 1, after) if 0 <= at < len(times)), key=lambda at: abs(times[at] - time))
    period = 1 / stream.rate_hz if stream.rate_hz > 0 else float(np.median(np.diff(times)))
    return float(stream.values[near, 0]) if abs(times[near] - time) <= _HELD * period else math.nan


def between(film: Film, camera: Camera, a: float, b: float) -> Between:
    """Measure from LSL time ``a`` to ``b`` (s)."""
    name = camera.color or camera.depth
    first, second = film.at(a, name), film.at(b, name)
    frames = None
    if first.trial and first.trial == second.trial and first.index is not None and second.index is not None:
        reel = film.reel(film.session.trials[first.trial], first.stream)
        frames = round((second.time - first.time) / reel.period)
    eda = film.session.samples.get("eda")
    values = (math.nan, math.nan) if eda is None else (value_at(eda, a), value_at(eda, b))
    return Between(b - a, frames, first.index, second.index, *values, "" if eda is None else short(eda.units))
