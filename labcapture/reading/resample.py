"""A signal at other times than its own, NaN wherever a sample that a value stands on is missing."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Holes = NDArray[np.float64]
"""(k, 2) LSL seconds of the last sample before and the first one after each stretch without samples."""

_ROWS = 1_000_000  # of the signal that are in memory at a time


class Source(Protocol):
    """What is asked of a signal."""

    @property
    def values(self) -> Any:  # noqa: ANN401, D102 - h5py.Dataset, or an array
        ...

    @property
    def holes(self) -> Holes: ...  # noqa: D102

    @property
    def period_s(self) -> float: ...  # noqa: D102

    def __len__(self) -> int: ...

    def time_of(self, rows: ArrayLike) -> Array: ...  # noqa: D102

    def rows_between(self, start: float, stop: float) -> slice: ...  # noqa: D102


def resample(source: Source, grid: Array, rate_hz: float) -> Array:
    """Return values (len(grid), channels) at the times of ``grid`` (LSL s, ``rate_hz`` per second).

    See `labcapture.reading.signals.Signal.resampled` for the rule.
    """
    values = np.full((len(grid), source.values.shape[1]), np.nan)
    if not len(source) or not len(grid):
        return values
    is_mean = rate_hz * source.period_s <= 0.5
    reach = 0.5 / rate_hz if is_mean else source.period_s
    step = max(1, int(_ROWS * source.period_s * rate_hz)) if source.period_s > 0 else len(grid)
    for begin in range(0, len(grid), step):
        part = grid[begin : begin + step]
        rows = source.rows_between(part[0] - reach - 1e-9, part[-1] + reach + 1e-9)
        rows = slice(max(0, rows.start - 1), min(len(source), rows.stop + 1))  # a neighbour on either side
        time = source.time_of(np.arange(rows.start, rows.stop))
        known = np.asarray(source.values[rows], np.float64)
        if not len(known):
            continue
        found = _means(time, known, part, reach) if is_mean else _lines(time, known, part)
        values[begin : begin + step] = found
    margin = reach if is_mean else 0.0
    values[_missing(source, grid, margin)] = np.nan
    return values


def _means(time: Array, values: Array, grid: Array, half: float) -> Array:
    """Return the mean of the samples within ``half`` around each time; NaN where there are none."""
    first = np.searchsorted(time, grid - half)
    last = np.searchsorted(time, grid + half)
    unknown = np.isnan(values)
    level = np.nanmean(values, axis=0) if not unknown.all() else np.zeros(values.shape[1])  # keeps the sums small
    zero = np.zeros((1, values.shape[1]))
    sums = np.concatenate([zero, np.cumsum(np.where(unknown, 0.0, values - level), axis=0)])
    counts = (last - first)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Array = (sums[last] - sums[first]) / counts + level
    if unknown.any():
        holes = np.concatenate([zero, np.cumsum(unknown, axis=0)])
        means[holes[last] > holes[first]] = np.nan
    return means


def _lines(time: Array, values: Array, grid: Array) -> Array:
    """Return values on the straight lines between samples; NaN before the first and after the last one."""
    columns = [np.interp(grid, time, column, left=np.nan, right=np.nan) for column in values.T]
    return np.stack(columns, axis=1)


def _missing(source: Source, grid: Array, margin: float) -> NDArray[np.bool_]:
    """Return where a value would stand on samples of which one at least is missing, or lies outside of the signal."""
    period = source.period_s
    first, last = source.time_of([0, len(source) - 1])
    slack = 1e-6 * period
    missing: NDArray[np.bool_] = (grid - margin < first - period - slack) | (grid + margin > last + period + slack)
    for begin, end in source.holes:
        if margin:  # the samples that are missing lie between, a period from either end
            missing |= (grid + margin > begin + period - slack) & (grid - margin < end - period + slack)
        else:
            missing |= (grid > begin + slack) & (grid < end - slack)
    return missing
