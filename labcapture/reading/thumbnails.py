"""Small pictures of recorded frames, as JPEG: colour as it is, depth coloured by distance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from labcapture.reading.streams import FrameStream

WIDTH = 480
"""Thumbnails are at least this wide (px) and less than twice it; smaller pictures stay as they are."""
_QUALITY = 82
_HOLE = (110, 110, 110)  # no data
_NEAR_TO_FAR = ((255, 224, 110), (236, 120, 84), (160, 58, 120), (72, 44, 120), (24, 22, 52))


@dataclass(frozen=True)
class Thumbnail:
    """A JPEG, its size in px, which frame it shows, and what the colours of depth stand for."""

    jpeg: bytes
    width: int
    height: int
    frame: int
    legend: str


def thumbnail(stream: FrameStream, index: int) -> Thumbnail:
    """Return a small picture of frame ``index``; only that frame is decoded.

    Raises
    ------
    RecordingError
        It cannot be decoded.
    """
    pixels = stream[index]
    step = max(1, pixels.shape[1] // WIDTH)
    legend = ""
    if pixels.ndim == 3:
        small = _averaged(pixels, step)
    elif "depth_units" in stream.attributes:
        millimetres = pixels[::step, ::step] * (1000 * float(stream.attributes["depth_units"]))
        small, legend = _by_distance(millimetres)
    else:
        scaled = pixels[::step, ::step] / max(1, int(pixels.max()))
        small = np.repeat((255 * scaled).astype(np.uint8)[..., None], 3, axis=2)
    jpeg = bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(small), level=_QUALITY))
    return Thumbnail(jpeg, small.shape[1], small.shape[0], index, legend)


def _averaged(pixels: NDArray[Any], step: int) -> NDArray[np.uint8]:
    """Return (h, w, 3) uint8 in which each pixel is the mean of ``step`` by ``step`` of them."""
    height, width = (size - size % step for size in pixels.shape[:2])
    blocks = pixels[:height, :width, :3].reshape(height // step, step, width // step, step, -1)
    small = blocks.mean(axis=(1, 3), dtype=np.float32).astype(np.uint8)
    return small if small.shape[2] == 3 else np.repeat(small[..., :1], 3, axis=2)


def _by_distance(millimetres: NDArray[np.float64]) -> tuple[NDArray[np.uint8], str]:
    """Return (h, w, 3) coloured from near to far over what most of the picture spans, and that span in words."""
    there = millimetres > 0
    if not there.any():
        return np.full((*millimetres.shape, 3), _HOLE, np.uint8), "no depth at all"
    near, far = np.percentile(millimetres[there], [1, 90])
    place = np.clip((millimetres - near) / max(far - near, 1.0), 0, 1)
    stops = np.linspace(0, 1, len(_NEAR_TO_FAR))
    ramp = np.array(_NEAR_TO_FAR, np.float64)
    coloured = np.stack([np.interp(place, stops, ramp[:, channel]) for channel in range(3)], axis=-1)
    coloured[~there] = _HOLE
    filled = 100 * there.mean()
    return coloured.astype(np.uint8), f"bright {near:.0f} mm to dark {far:.0f} mm, grey: none; {filled:.0f} % filled"
