"""Depth as the colour camera would have measured it, and as points: by the two cameras' own lenses and poses.

Lengths are millimetres. A point (x, y, z) lies x to the right, y down and z away from a camera; pixel (0, 0) is the
middle of the first one. Where nothing was measured there is NaN, and no depth is invented: a depth pixel covers the
colour pixels that its own square falls on, and nothing beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import RecordingError
from labcapture.core.geometry import Lens, Pose
from labcapture.reading.pictures import FrameStream

Plane = NDArray[np.float32]
_BROWN = {"brown_conrady", "modified_brown_conrady", "inverse_brown_conrady"}
_BLOCK = 1 << 15  # depth pixels that are aligned at a time: what is computed of them stays in a core's cache
_STEPS = 20  # of the iteration that takes a distortion back; it gains a digit or more in each


@dataclass(frozen=True)
class Optics:
    """A lens with its distortion: ``model`` and ``coefficients`` (k1, k2, p1, p2, k3) as the RealSense SDK has them.

    Raises
    ------
    RecordingError
        The distortion is of a model that is not known here, and is not zero.
    """

    lens: Lens
    model: str = "none"
    coefficients: tuple[float, ...] = (0.0,) * 5

    def __post_init__(self) -> None:
        if self.is_distorted and self.model not in _BROWN:
            raise RecordingError(f"has a distortion of model '{self.model}', which is not known", "its lens")

    @classmethod
    def of(cls, stream: FrameStream) -> Optics:
        """Read them from a camera's stream.

        Raises
        ------
        RecordingError
            It has no intrinsics.
        """
        attributes = stream.attributes
        try:
            lens = Lens.of(attributes)
        except KeyError as error:
            mend = "Its camera did not tell its lens: depth cannot be aligned."
            raise RecordingError(f"has no {error.args[0]}", stream.where, mend) from None
        coefficients = tuple(float(c) for c in np.ravel(attributes.get("intrinsics_coeffs", cls.coefficients)))
        return cls(lens, str(attributes.get("intrinsics_model", "none")), coefficients)

    @property
    def is_distorted(self) -> bool:
        """Whether its pictures are not those of a pinhole."""
        return self.model != "none" and any(self.coefficients)

    def distort(self, x: Plane, y: Plane) -> tuple[Plane, Plane]:
        """Return where a ray (x, y, 1) of a pinhole meets the picture, in focal lengths: the model of Brown-Conrady.

        Source: librealsense, ``rs2_project_point_to_pixel``. Its "modified" and "inverse" variants add the tangential
        part to the radially distorted point, the plain one to the point itself.
        """
        if not self.is_distorted:
            return x, y
        k1, k2, p1, p2, k3 = self.coefficients
        square = x * x + y * y
        radial = 1 + square * (k1 + square * (k2 + square * k3))
        far_x, far_y = x * radial, y * radial
        near_x, near_y = (x, y) if self.model == "brown_conrady" else (far_x, far_y)
        return (
            (far_x + 2 * p1 * near_x * near_y + p2 * (square + 2 * near_x * near_x)).astype(x.dtype),
            (far_y + 2 * p2 * near_x * near_y + p1 * (square + 2 * near_y * near_y)).astype(x.dtype),
        )

    def rays(self, shift: float = 0.0) -> tuple[Plane, Plane]:
        """Return (height, width) x and y of the ray (x, y, 1) of each pixel, or of ``shift`` pixels right and down."""
        lens = self.lens
        column = (np.arange(lens.width) + shift - lens.ppx) / lens.fx
        row = (np.arange(lens.height) + shift - lens.ppy) / lens.fy
        seen_x, seen_y = (plane.astype(np.float32) for plane in np.meshgrid(column, row))
        x, y = seen_x, seen_y
        if self.is_distorted:
            for _ in range(_STEPS):
                far_x, far_y = self.distort(x, y)
                x, y = x + seen_x - far_x, y + seen_y - far_y
        return x, y


class Alignment:
    """From a depth camera's pictures to those of a colour camera beside it.

    Parameters
    ----------
    depth, color
        Their optics.
    pose
        From the depth camera's coordinates to the colour camera's.
    """

    def __init__(self, depth: Optics, color: Optics, pose: Pose) -> None:
        self.depth, self.color, self.pose = depth, color, pose

    @classmethod
    def of(cls, depth: FrameStream, color: FrameStream) -> Alignment:
        """Read it from two streams of a trial.

        Raises
        ------
        RecordingError
            They do not tell their lenses, or where they stand to each other.
        """
        try:
            pose = Pose.of(depth.attributes, color.name)
        except KeyError as error:
            mend = f"The camera did not tell where {color.name} stands to {depth.name}."
            raise RecordingError(f"has no {error.args[0]}", depth.where, mend) from None
        return cls(Optics.of(depth), Optics.of(color), pose)

    @property
    def _corners(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Rays (3, height * width) of the two ends of each depth pixel's square, in the colour camera's directions."""
        return self._turned(-0.5), self._turned(0.5)

    @property
    def _middle(self) -> NDArray[np.float32]:
        """Rays (3, height * width) of the middle of each depth pixel, in the colour camera's directions."""
        return self._turned(0.0)

    def _turned(self, shift: float) -> NDArray[np.float32]:
        return _turned(self.depth, tuple(self.pose.rotation.ravel().tolist()), shift)

    def points(self, depth_mm: Plane) -> NDArray[np.float32]:
        """Return (height, width, 3) mm: the point of each depth pixel in the colour camera's coordinates; NaN: none."""
        x, y, z = self._moved(self._middle, depth_mm.ravel())
        return np.stack([x, y, z], axis=-1).reshape(*depth_mm.shape, 3)

    def _moved(self, rays: NDArray[np.float32], z_mm: Plane) -> tuple[Plane, Plane, Plane]:
        across, down, away = self.pose.translation_mm.astype(np.float32)
        return rays[0] * z_mm + across, rays[1] * z_mm + down, rays[2] * z_mm + away

    def align(self, depth_mm: Plane) -> Plane:
        """Return (height, width) of the colour picture, mm along the colour camera's axis; NaN where nothing is known.

        Where several depth pixels fall on one colour pixel, the nearest one is seen. A pixel whose square does not
        lie in the colour picture as a whole is left out, as the SDK's own alignment does.
        """
        lens = self.color.lens
        # A column and a row more take what lies outside: -1 is the last one, too.
        seen = np.full((lens.height + 1, lens.width + 1), np.inf, np.float32)
        z_mm = depth_mm.ravel()
        for begin in range(0, z_mm.size, _BLOCK):
            self._splat(seen.ravel(), slice(begin, begin + _BLOCK), z_mm[begin : begin + _BLOCK])
        picture = seen[:-1, :-1].copy()
        picture[np.isinf(picture)] = np.nan
        return picture

    def _splat(self, seen: Plane, block: slice, z_mm: Plane) -> None:
        """Lay the squares of a block of depth pixels into ``seen``, a flat picture of a column and a row more."""
        lens, pitch = self.color.lens, self.color.lens.width + 1
        left, top = self._pixels(self._corners[0][:, block], z_mm)
        right, bottom = self._pixels(self._corners[1][:, block], z_mm)
        z = self._middle[2, block] * z_mm + np.float32(self.pose.translation_mm[2])
        inside = (left >= 0) & (top >= 0) & (right < lens.width) & (bottom < lens.height) & (z > 0)  # False of NaN
        inside &= (left <= right) & (top <= bottom)
        z[np.flatnonzero(~inside)] = np.inf
        wide, high = (int((size * inside).max()) for size in (right - left, bottom - top))
        columns = [left, *(np.minimum(left + across, right) for across in range(1, wide + 1))]
        rows = [top, *(np.minimum(top + down, bottom) for down in range(1, high + 1))]
        for row in rows:  # a square that is smaller lays its last row and column again: that changes nothing
            start = row * pitch
            for column in columns:
                np.minimum.at(seen, start + column, z)

    def _pixels(self, rays: NDArray[np.float32], z_mm: Plane) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return (column, row) of the colour pixel on which each point lies; far outside where it lies behind."""
        lens = self.color.lens
        x, y, z = self._moved(rays, z_mm)
        with np.errstate(invalid="ignore", divide="ignore"):
            x, y = self.color.distort(x / z, y / z)
            return _whole(x * lens.fx + (lens.ppx + 0.5), lens.width), _whole(
                y * lens.fy + (lens.ppy + 0.5), lens.height
            )


@lru_cache(maxsize=6)  # 11 MB each at 1280 x 720; the trials of a session have them in common
def _turned(optics: Optics, rotation: tuple[float, ...], shift: float) -> NDArray[np.float32]:
    """Return rays (3, height * width) of all pixels, moved by ``shift`` pixels, after a rotation."""
    x, y = optics.rays(shift)
    rays = np.stack([x.ravel(), y.ravel(), np.ones(x.size, np.float32)])
    turned: NDArray[np.float32] = (np.reshape(rotation, (3, 3)).astype(np.float32) @ rays).astype(np.float32)
    return turned


def _whole(at: Plane, size: int) -> NDArray[np.int32]:
    """Return the whole part; -1 of what lies before 0, ``size`` of what lies behind that or is not known."""
    whole: NDArray[np.int32] = np.fmax(np.floor(np.fmin(at, np.float32(size))), np.float32(-1)).astype(np.int32)
    return whole


def millimetres(depth: FrameStream) -> np.float32:
    """Return how many millimetres a count of a depth stream is.

    Raises
    ------
    RecordingError
        It does not tell.
    """
    units: Mapping[str, Any] = depth.attributes
    if "depth_units" not in units:
        raise RecordingError("has no depth_units", depth.where, "Its camera did not tell how long a count is.")
    return np.float32(1000 * float(units["depth_units"]))


def in_mm(counts: NDArray[Any], count_mm: np.float32) -> Plane:
    """Return counts of depth in mm, NaN where nothing was measured."""
    depth: Plane = counts * count_mm
    depth[counts == 0] = np.nan
    return depth
