"""Where a face is, from one picture of distances: pure functions of numbers and arrays.

Lengths in millimetres, x to the right, y down, z away from the camera; pictures are indexed [row, column].
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DISPARITY_LEVELS = 126
"""Largest disparity (pixels) that the stereo matcher of the D400 series searches, before its shift."""
NEAREST_PERCENT = 0.2
"""Share of a face's points that may lie nearer than its nearest point is said to be: stray ones are so few."""
_LEAST_POINTS = 50  # of which a plane or a percentile means something

Box = tuple[int, int, int, int]
"""(left, top, width, height) in pixels."""


@dataclass(frozen=True, slots=True)
class Lens:
    """A pinhole camera: size, focal lengths and principal point in pixels."""

    width: int
    height: int
    fx: float
    fy: float
    ppx: float
    ppy: float

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> Lens:
        """Read it from the attributes of a camera's stream (``intrinsics_*``). Raises `KeyError` without them."""
        return cls(**{name: attributes[f"intrinsics_{name}"] for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Pose:
    """From the coordinates of one camera to those of another: ``rotation`` (3, 3), then ``translation_mm`` (3,)."""

    rotation: NDArray[np.float64]
    translation_mm: NDArray[np.float64]

    @classmethod
    def of(cls, attributes: Mapping[str, Any], other: str) -> Pose:
        """Read it from the attributes of a stream (``extrinsics_to_<other>_*``: column by column, and in metres)."""
        rotation = np.reshape(np.asarray(attributes[f"extrinsics_to_{other}_rotation"], float), (3, 3)).T
        return cls(rotation, np.asarray(attributes[f"extrinsics_to_{other}_translation"], float) * 1000)


def min_z_mm(focal_px: float, baseline_mm: float, disparity_shift: int = 0) -> float:
    """Return the least distance (mm) at which a stereo camera finds a point: fx * baseline / (126 + shift).

    ``focal_px`` is that of the active depth profile. Source: Intel, *Tuning depth cameras for best performance*,
    section on Min-Z.
    """
    return focal_px * baseline_mm / (DISPARITY_LEVELS + disparity_shift)


def max_z_mm(focal_px: float, baseline_mm: float, disparity_shift: int = 0) -> float:
    """Return the greatest distance (mm): fx * baseline / shift; infinite without a shift. Source as `min_z_mm`."""
    return focal_px * baseline_mm / disparity_shift if disparity_shift > 0 else math.inf


def map_box(box: Box, z_mm: float, source: Lens, target: Lens, pose: Pose) -> Box:
    """Return where ``target`` sees what ``source`` sees in ``box``, ``z_mm`` away; cut to the picture, maybe empty."""
    left, top, width, height = box
    corners = []
    for column, row in ((left, top), (left + width, top + height)):
        ray = np.array([(column - source.ppx) / source.fx, (row - source.ppy) / source.fy, 1.0])
        x, y, z = pose.rotation @ (ray * z_mm) + pose.translation_mm
        corners.append((x / z * target.fx + target.ppx, y / z * target.fy + target.ppy))
    (x0, y0), (x1, y1) = corners
    x0, x1 = (float(np.clip(x, 0, target.width)) for x in (x0, x1))
    y0, y1 = (float(np.clip(y, 0, target.height)) for y in (y0, y1))
    return round(x0), round(y0), max(0, round(x1) - round(x0)), max(0, round(y1) - round(y0))


def oval(width: int, height: int, part: float = 1.0) -> NDArray[np.bool_]:
    """Return an ellipse in the middle of a box, (height, width), that fills ``part`` of its width and height."""
    x = (np.arange(width) + 0.5) / max(width, 1) * 2 - 1
    y = (np.arange(height) + 0.5) / max(height, 1) * 2 - 1
    inside: NDArray[np.bool_] = x[None, :] ** 2 + y[:, None] ** 2 <= part**2
    return inside


def face_share(box: Box, width: int, height: int) -> float:
    """Return the share (0 to 1) of a picture of ``width`` x ``height`` pixels that ``box`` fills."""
    return box[2] * box[3] / (width * height)


def fill_rate(depth_mm: NDArray[np.floating[Any]], region: NDArray[np.bool_]) -> float:
    """Return the share of the points of ``region`` (same shape as ``depth_mm``) with a measured distance; NaN if empty.

    Intel, *Depth quality testing methodology*, "Fill rate".
    """
    inside = depth_mm[region]
    return float(np.count_nonzero(inside) / inside.size) if inside.size else math.nan


@dataclass(frozen=True, slots=True)
class Distances:
    """Of a face: nearest point and median (mm), and the pixel (column, row) of the nearest point."""

    nearest_mm: float
    median_mm: float
    nearest_px: tuple[int, int]


def distances(
    depth_mm: NDArray[np.floating[Any]], region: NDArray[np.bool_], reach_mm: float = 150.0
) -> Distances | None:
    """Return the distances of the face in ``region``; None where too little was measured.

    The nearest point is a low percentile (`NEAREST_PERCENT`) of the points within ``reach_mm`` of the median, so that
    neither stray points nor the background count.
    """
    known = region & (depth_mm > 0)
    values = depth_mm[known]
    if values.size < _LEAST_POINTS:
        return None
    near = values[np.abs(values - np.median(values)) < reach_mm]
    if near.size < _LEAST_POINTS:
        return None
    nearest = float(np.percentile(near, NEAREST_PERCENT))
    rows, columns = np.nonzero(known & (depth_mm <= nearest) & (depth_mm > np.median(values) - reach_mm))
    return Distances(nearest, float(np.median(near)), (int(np.median(columns)), int(np.median(rows))))


def point(column: float, row: float, z_mm: float, lens: Lens) -> NDArray[np.float64]:
    """Return (3,) where a pixel's point lies that is ``z_mm`` away, in mm."""
    return np.array([(column - lens.ppx) / lens.fx * z_mm, (row - lens.ppy) / lens.fy * z_mm, z_mm])


def patch_median(depth: NDArray[Any], column: float, row: float, radius: int) -> float | None:
    """Return the median of the known depths around a pixel; None where too little was measured."""
    top, left = max(0, round(row) - radius), max(0, round(column) - radius)
    values = depth[top : round(row) + radius + 1, left : round(column) + radius + 1]
    values = values[values > 0]
    return float(np.median(values)) if values.size >= radius else None


def roll_yaw(left_eye: NDArray[np.float64], right_eye: NDArray[np.float64]) -> tuple[float, float]:
    """Return (roll, yaw) in degrees of a face by its eyes, (3,) mm each; left and right as in the picture.

    Roll > 0: tilted to the right in the picture. Yaw > 0: turned to the left in the picture, its right eye is nearer.
    """
    across, down, away = right_eye - left_eye
    return math.degrees(math.atan2(down, across)), -math.degrees(math.atan2(away, math.hypot(across, down)))


def pitch_deg(eyes: NDArray[np.float64], mouth: NDArray[np.float64]) -> float:
    """Return how far the chin is raised (degrees): by the mouth's distance against that of the eyes, (3,) mm each.

    The lips stand out further than the eyes, by some degrees, and not in everyone alike.
    """
    across, down, away = mouth - eyes
    return -math.degrees(math.atan2(away, math.hypot(across, down)))
