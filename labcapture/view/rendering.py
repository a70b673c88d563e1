"""Pictures for the eye: distances as colours, lines of equal distance, what changed between two frames. No Qt.

Depth comes as counts, (h, w) uint16 of ``count_mm`` millimetres each; 0: nothing was measured.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

Counts = NDArray[np.uint16]
Argb = NDArray[np.uint32]
"""(h, w) 0xAARRGGBB."""

UNKNOWN = 0xFF20242A
"""Colour of what was not measured."""
_SHADES = 1024
_COUNTS = 65536


@lru_cache
def _scale(name: str) -> NDArray[np.uint32]:
    steps = np.asarray(pg.colormap.get(name).getLookupTable(0.0, 1.0, _SHADES, alpha=False), np.uint32)
    return (np.uint32(0xFF000000) | steps[:, 0] << 16 | steps[:, 1] << 8 | steps[:, 2]).astype(np.uint32)


@lru_cache(maxsize=32)
def _table(count_mm: float, near_mm: float, far_mm: float, see_through: bool) -> NDArray[np.uint32]:
    """Return a colour for every count."""
    near, far = 1 / near_mm, 1 / far_mm
    place = (1 / (np.arange(1, _COUNTS) * count_mm) - far) / (near - far)
    table = np.empty(_COUNTS, np.uint32)
    table[1:] = _scale("viridis")[(np.clip(place, 0, 1) * (_SHADES - 1)).astype(int)]
    table[0] = 0 if see_through else UNKNOWN
    if see_through:
        table[1:][place < 0] = 0
    return table


def depth_colours(counts: Counts, count_mm: float, near_mm: float, far_mm: float, *, see_through: bool = False) -> Argb:
    """Return the distances as colours, near ones bright; equal steps are equal steps of disparity.

    Parameters
    ----------
    see_through
        Whether what is unknown or farther than ``far_mm`` is transparent, to lie over another picture.
    """
    table = _table(count_mm, near_mm, max(far_mm, near_mm + 1), see_through)
    shown: Argb = np.take(table, counts, mode="clip")
    return shown


def fitted_range(counts: Counts, count_mm: float) -> tuple[float, float]:
    """Return a range (mm) around what is nearest in the picture: a face with its shoulders."""
    coarse = counts[::4, ::4]
    known = coarse[coarse > 0]
    if not known.size:
        return 400.0, 1600.0
    near = float(np.percentile(known, 0.5)) * count_mm
    return float(max(10.0, np.floor(near / 10) * 10 - 10)), float(np.ceil((near + 200) / 10) * 10)


@lru_cache(maxsize=8)
def _bands(count_mm: float, every_mm: float) -> NDArray[np.uint16]:
    """Return the number of the band in which each count lies; exact multiples begin a band."""
    bands = np.floor(np.arange(_COUNTS) * (count_mm / every_mm) + 1e-6)
    table: NDArray[np.uint16] = np.minimum(bands, _COUNTS - 1).astype(np.uint16)
    return table


def contours(counts: Counts, count_mm: float, every_mm: float, far_mm: float = np.inf) -> NDArray[np.bool_]:
    """Return where lines of equal distance run, one for each multiple of ``every_mm`` up to ``far_mm``.

    A line runs at a point when its right or lower neighbour lies in another band; both must have been measured.
    """
    band, known = np.take(_bands(count_mm, every_mm), counts, mode="clip"), counts > 0
    if far_mm < _COUNTS * count_mm:
        known &= counts <= far_mm / count_mm
    lines = np.zeros(counts.shape, bool)
    lines[:, :-1] = (band[:, 1:] != band[:, :-1]) & known[:, 1:] & known[:, :-1]
    lines[:-1] |= (band[1:] != band[:-1]) & known[1:] & known[:-1]
    return lines


def line_picture(lines: NDArray[np.bool_], colour: int) -> Argb:
    """Return lines (h, w) in ``colour`` 0xAARRGGBB on nothing."""
    return np.where(lines, np.uint32(colour), np.uint32(0))


def color_difference(now: NDArray[np.uint8], before: NDArray[np.uint8], gain: float) -> NDArray[np.uint8]:
    """Return 128 + ``gain`` * (now - before) for each channel, cut to 0..255; (h, w, 3) each. Grey: nothing moved."""
    steps = np.clip(128 + gain * np.arange(-255, 256), 0, 255).astype(np.uint8)
    change: NDArray[np.uint8] = np.take(steps, now.astype(np.int16) - before + 255, mode="clip")
    return change


def depth_difference(now: Counts, before: Counts, count_mm: float, gain: float, full_mm: float = 20.0) -> Argb:
    """Return what came nearer in red, what went away in blue, both full at ``full_mm`` / ``gain``; grey: unknown."""
    nearer = before.astype(np.int32) - now
    reach = max(1, int(np.ceil(full_mm / gain / count_mm)))
    place = (np.arange(-reach, reach + 1) * (count_mm * gain / full_mm) + 1) * ((_SHADES - 1) / 2)
    table = _scale("CET-D1")[np.clip(place, 0, _SHADES - 1).astype(int)]
    shown: Argb = np.take(table, nearer + reach, mode="clip")
    shown[(now == 0) | (before == 0)] = UNKNOWN
    return shown
