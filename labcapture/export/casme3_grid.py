"""Numbers of the pictures of a clip: number ``i`` was taken ``i`` periods after number 0.

A picture that is missing leaves its number out, so that durations counted in numbers stay true. The period is the
camera's own, as measured on the session's clock: at a nominal 30 Hz it is a thirtieth of a second to within a few ppm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LONG = 1.5  # periods: a longer step may hold a missing picture
_REACH = 0.55  # periods: half of one, and a little for jitter


@dataclass(frozen=True, slots=True)
class Grid:
    """Which picture has which number.

    Parameters
    ----------
    zero
        LSL time (s) of number 0: the first colour picture.
    period_s
        Of the camera, mean over all steps without a gap.
    numbers
        (n,) number of each colour picture, growing.
    depth
        (n,) index of the depth picture of the same moment; -1: there is none.
    alone
        Indices of the depth pictures that belong to no colour picture.
    """

    zero: float
    period_s: float
    numbers: NDArray[np.int64]
    depth: NDArray[np.int64]
    alone: NDArray[np.int64]


def lay(color: NDArray[np.float64], depth: NDArray[np.float64], rate_hz: float) -> Grid:
    """Return the grid of the times (LSL s, growing) of colour and depth pictures at a nominal rate.

    ``color`` has one time at least, ``depth`` may be empty.
    """
    steps = np.diff(color)
    normal = steps[steps < _LONG / rate_hz]
    period = float(normal.mean()) if normal.size else 1 / rate_hz
    wish = np.rint((color - color[0]) / period).astype(np.int64)
    # Growing by one at least: the largest of (wish - place) so far, plus the place.
    place = np.arange(len(color))
    numbers = np.maximum.accumulate(wish - place) + place
    pairs = _pair(color, depth, _REACH * period)
    alone = np.setdiff1d(np.arange(len(depth)), pairs)
    return Grid(float(color[0]), period, numbers, pairs, alone)


def _pair(color: NDArray[np.float64], depth: NDArray[np.float64], reach: float) -> NDArray[np.int64]:
    """Return the index of the nearest depth picture of each colour picture, each used once, in order; -1: none."""
    pairs = np.full(len(color), -1, np.int64)
    if not len(depth):
        return pairs
    right = np.clip(np.searchsorted(depth, color), 1, max(len(depth) - 1, 1))
    left = right - 1
    right = np.minimum(right, len(depth) - 1)
    nearest = np.where(np.abs(depth[left] - color) <= np.abs(depth[right] - color), left, right)
    last = -1
    for i, near in enumerate(nearest):
        j = max(int(near), last + 1)
        if j < len(depth) and abs(depth[j] - color[i]) <= reach:
            pairs[i] = last = j
    return pairs
