"""Depth as a picture to look at: near is bright and warm, far is dark and cold, nothing measured is black.

Colours follow the disparity (1 / depth), as a stereo camera measures: a near face has more of them than a far curtain.
Every other centimetre is a little darker: its edges are contour lines.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import BadInput
from labcapture.reading.streams import FrameStream

_RAMP = np.array(
    [(255, 246, 200), (250, 190, 90), (225, 105, 75), (155, 55, 115), (75, 45, 125), (25, 30, 75)], np.float64
)
_SAMPLES = 9
_BAND_MM = 10.0
_BAND_DARKER = 0.88
_STEP = 4


def parse_range(text: str) -> tuple[float, float] | None:
    """Return (nearest, farthest) in mm of such as ``300-1500``; None of ``auto``.

    Raises
    ------
    BadInput
        It is neither.
    """
    if text == "auto":
        return None
    near, _, far = text.partition("-")
    try:
        limits = float(near), float(far)
    except ValueError:
        limits = (0.0, 0.0)
    if not 0 <= limits[0] < limits[1] < np.inf:
        raise BadInput("is neither NEAR-FAR in mm nor auto", f"--set depth_mm={text}", "Such as depth_mm=300-1500.")
    return limits


def measured_range(stream: FrameStream) -> tuple[float, float]:
    """Return between which depths (mm) nearly all of what was measured lies, by a few of its pictures."""
    at = {round(place) for place in np.linspace(0, len(stream) - 1, _SAMPLES)} if len(stream) else set()
    some = [picture[picture > 0] for picture in (stream[i][::_STEP, ::_STEP] for i in sorted(at))]
    values = np.concatenate([np.empty(0), *some])
    if not len(values):
        return 0.0, 1000.0
    near, far = np.percentile(values, (0.5, 98)) * _mm(stream)
    return float(near), float(max(far, near + 1.0))


def colours(stream: FrameStream, near_mm: float, far_mm: float) -> NDArray[np.uint8]:
    """Return the colour of each count of depth, (65536, 3): ``colours[picture]`` paints a picture."""
    depth = np.arange(1 << 16) * _mm(stream)
    near, far, here = (1 / np.maximum(mm, 1.0) for mm in (near_mm, far_mm, depth))
    place = np.clip((near - here) / (near - far), 0, 1) * (len(_RAMP) - 1)
    table = np.stack([np.interp(place, np.arange(len(_RAMP)), channel) for channel in _RAMP.T], axis=1)
    table[(depth // _BAND_MM) % 2 == 1] *= _BAND_DARKER
    table[0] = 0
    painted: NDArray[np.uint8] = np.round(table).astype(np.uint8)
    return painted


def _mm(stream: FrameStream) -> float:
    units: Any = stream.attributes.get("depth_units", 0.001)
    return 1000 * float(units)
