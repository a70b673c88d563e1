"""Robust lines through clouds of clock pairs: the geometry behind `labcapture.core.fit`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MAX_DRIFT = 1e-3  # no crystal is off by more than 1000 ppm
MAX_DRIFT_CHANGE = 30e-6  # nor does it wander by more than 30 ppm from its own mean rate
MIN_PAIRS = 8  # fewer say nothing of the smallest delay
STAMP_RESOLUTION_S = 1e-6


@dataclass(frozen=True)
class Line:
    """A line through one window: its height ``level`` at ``at``, known to ``uncertainty``, and half the width."""

    at: float
    level: float
    slope: float
    uncertainty: float
    half: float
    used: int


def fit_window(x: Array, y: Array, drift: float, reach: float) -> Line:
    """Return the highest line below the pairs of one window.

    The uncertainty is twice the delay that 3 % of the pairs (eight at least) stay below: a smallest delay that is
    often met is known well, one that is rarely met is not. By simulation over exponential, Rayleigh, half-normal,
    uniform and gamma delays this holds the truth in 95 % of the cases or more, see the tests.
    """
    centre = float(np.clip(x.mean(), x[0], x[-1]))  # rounding must not put it outside
    half = max(float(x[-1] - x[0]) / 2, 1e-6)
    if len(x) < MIN_PAIRS:
        slope, level = envelope(x - centre, y, 0.0, 0.0)
        return Line(centre, level, slope, np.inf, half, len(x))
    sane = _not_too_early(x - centre, y)
    x, y = x[sane], y[sane]
    slope, level = envelope(x - centre, y, drift, reach)
    delays = np.sort(y - level - slope * (x - centre))
    rank = min(max(MIN_PAIRS, round(0.03 * len(x))), len(x) - 1)
    return Line(centre, level, slope, 2 * float(delays[rank]) + STAMP_RESOLUTION_S, half, len(x))


def envelope(x: Array, y: Array, drift: float, reach: float) -> tuple[float, float]:
    """Return (slope, height at x = 0) of the line below all points that is highest at 0.

    Its slope is ``drift`` give or take ``reach``. The height is a concave function of the slope: golden section finds
    its maximum.
    """
    ratio = (np.sqrt(5) - 1) / 2
    y = y - drift * x
    low, high = -reach, reach
    a, b = high - ratio * (high - low), low + ratio * (high - low)
    at_a, at_b = (y - a * x).min(), (y - b * x).min()
    for _ in range(48):  # 2e-3 * 0.618**48 = 2e-13
        if at_a < at_b:
            low, a, at_a = a, b, at_b
            b = low + ratio * (high - low)
            at_b = (y - b * x).min()
        else:
            high, b, at_b = b, a, at_a
            a = high - ratio * (high - low)
            at_a = (y - a * x).min()
    slope = (low + high) / 2
    return float(drift + slope), float((y - slope * x).min())


def _not_too_early(x: Array, y: Array) -> NDArray[np.bool_]:
    """Return which points are credible: a few isolated ones far below all others are wrong stamps, not short delays."""
    parts = np.array_split(np.arange(len(x)), 8)
    px, py = np.array([x[p].mean() for p in parts]), np.array([np.median(y[p]) for p in parts])
    i, j = np.triu_indices(len(px), 1)
    slope = float(np.median((py[j] - py[i]) / np.maximum(px[j] - px[i], 1e-9)))
    level = y - np.clip(slope, -MAX_DRIFT, MAX_DRIFT) * x
    q10, q50 = np.quantile(level, [0.1, 0.5])
    early = level < q50 - 5 * (q50 - q10) - 1e-3
    few = early.sum() <= max(1, 0.002 * len(x))
    return ~early if few else np.ones(len(x), bool)


def weighted_line(x: Array, y: Array, spread: Array) -> Line:
    """Return the robust line through offsets that are each known to plus or minus ``spread``."""
    centre, half = float(x.mean()), max(float(x[-1] - x[0]) / 2, 1e-6)
    weight = np.ones(len(x))
    level = slope = 0.0
    for _ in range(20):  # Huber's weights, found by iteration
        w = weight / spread**2
        mx, my = float(np.average(x, weights=w)), float(np.average(y, weights=w))
        across = float(np.sum(w * (x - mx) ** 2))
        slope = float(np.sum(w * (x - mx) * (y - my))) / across if across > 0 else 0.0
        slope = float(np.clip(slope, -MAX_DRIFT, MAX_DRIFT))
        level = my + slope * (centre - mx)
        weight = 1 / np.maximum(1, np.abs(y - level - slope * (x - centre)) / spread)
    scatter = float(np.median(np.abs(y - level - slope * (x - centre))))
    return Line(centre, level, slope, float(np.median(spread)) + 3 * scatter, half, len(x))


def cap(lines: Sequence[Line], drift: float) -> list[Line]:
    """Cap each window's level by what its neighbours allow.

    A window in which every record was late stands out of the others by more than a clock can wander.
    """
    at = np.array([line.at for line in lines])
    level = np.array([line.level for line in lines]) - drift * at
    room = MAX_DRIFT_CHANGE * np.abs(at[:, None] - at[None, :])
    best = (level[None, :] + room).argmin(axis=1)
    return [
        replace(
            line,
            level=float(level[j] + room[i, j] + drift * at[i]),
            uncertainty=lines[j].uncertainty + float(room[i, j]),
        )
        for i, (line, j) in enumerate(zip(lines, best, strict=True))
    ]


def with_ends(lines: Sequence[Line], first: float, last: float) -> tuple[Array, Array, Array]:
    """Return knots (time, level, uncertainty): the middle of each window, and both ends of the data."""
    rows = [(line.at, line.level, line.uncertainty) for line in lines]
    for end, line, place in ((first, lines[0], 0), (last, lines[-1], len(rows) + 1)):
        away = end - line.at
        if away:
            grown = line.uncertainty * (1 + abs(away) / line.half)
            rows.insert(place, (end, line.level + line.slope * away, grown))
    at, level, uncertainty = (np.array(column) for column in zip(*rows, strict=True))
    return at, level, uncertainty


def piecewise(x: Array, at: Array, value: Array) -> Array:
    """Interpolate linearly between knots and go straight on beyond them."""
    if len(at) == 1:
        return np.full(x.shape, value[0])
    i = np.clip(np.searchsorted(at, x) - 1, 0, len(at) - 2)
    slope = np.diff(value) / np.diff(at)
    result: Array = value[i] + slope[i] * (x - at[i])
    return result
