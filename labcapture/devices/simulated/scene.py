"""A person before a green curtain, as a D415 would see them: geometry, light, texture and the noise of the sensors.

Lengths in millimetres, x to the right, y down, z away from the left imager. ``distance_mm`` is that of the nearest
point of the face, the tip of the nose. As with a real camera, depth errs in disparity (so its noise grows with the
square of the distance), comes in steps of 1/32 pixel, and has no value nearer than minZ, in the shadow between the two
imagers, in dark hair and here and there along edges. Colour has its noise in luma; chroma is sampled at half width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from labcapture.core.config import Model
from labcapture.devices.simulated.d415 import BASELINE_MM, DEPTH_UNITS, DISPARITY_LEVELS, Optics

Floats = NDArray[np.float32]

CURTAIN_MM = 1500.0
_SUBPIXEL = 32  # steps of disparity per pixel
_DISPARITY_NOISE_PX = 0.055
_LUMA_NOISE, _CHROMA_NOISE = 2.9, 1.4  # grey levels; steady LED light on a D415 at gain 64
_HEAD_MM, _NOSE_MM = (76.0, 108.0, 96.0), (15.0, 30.0, 26.0)
_NOSE_OUT_MM = 12.0  # how far the tip of the nose stands out of the head


class SimulatedHead(Model):
    """How the simulated person holds the head. Turned about its centre; angles as the camera sees them."""

    size: float = Field(default=1.0, ge=0.7, le=1.4, description="Size of the head, 1 for that of an adult")
    x_mm: float = Field(default=0.0, ge=-300, le=300, description="Place to the right in the picture (mm)")
    y_mm: float = Field(default=0.0, ge=-200, le=200, description="Place further down in the picture (mm)")
    roll_deg: float = Field(default=0.0, ge=-45, le=45, description="Tilted to the right in the picture")
    pitch_deg: float = Field(default=0.0, ge=-45, le=45, description="Chin raised")
    yaw_deg: float = Field(default=0.0, ge=-90, le=90, description="Turned to the left in the picture")
    holes: float = Field(default=0.0, ge=0, le=0.9, description="Share of the face without depth")
    light: float = Field(default=1.0, ge=0.02, le=4, description="Brightness of the scene")

    def rotation(self) -> NDArray[np.float64]:
        """Return (3, 3), from the head's axes to those of the picture."""
        (sr, sp, sy), (cr, cp, cy) = (
            f(np.radians([self.roll_deg, self.pitch_deg, self.yaw_deg])) for f in (np.sin, np.cos)
        )
        roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        pitch = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        turned: NDArray[np.float64] = roll @ yaw @ pitch
        return turned


@dataclass(frozen=True)
class _Body:
    """An ellipsoid: centre, half axes and rotation; ``origin`` is its centre in the head's own axes. Lengths in mm."""

    centre: NDArray[np.float64]
    axes: tuple[float, float, float]
    rotation: NDArray[np.float64]
    origin: NDArray[np.float64]

    @property
    def nearest_mm(self) -> float:
        """Least z of its surface."""
        return float(self.centre[2] - np.linalg.norm(self.rotation[2] * self.axes))


_CURTAIN, _HEAD, _NOSE, _NECK, _CHEST = range(5)


def _bodies(distance_mm: float, pose: SimulatedHead) -> tuple[_Body, ...]:
    """Return head, nose, neck and chest of a person whose nose is ``distance_mm`` away when the head is upright."""
    size, turned, straight = pose.size, pose.rotation(), np.eye(3)
    head_z = distance_mm + size * (_NOSE_OUT_MM + _HEAD_MM[2])
    middle = np.array([pose.x_mm, pose.y_mm, head_z])
    tip = np.array([0.0, 12.0, _NOSE_MM[2] - _NOSE_OUT_MM - _HEAD_MM[2]]) * size
    nothing = np.zeros(3)

    def scaled(axes: tuple[float, float, float]) -> tuple[float, float, float]:
        return axes[0] * size, axes[1] * size, axes[2] * size

    return (
        _Body(middle, scaled(_HEAD_MM), turned, nothing),
        _Body(middle + turned @ tip, scaled(_NOSE_MM), turned, tip),
        _Body(middle + np.array([0.0, 130.0, 25.0]), (56.0, 90.0, 56.0), straight, nothing),
        _Body(middle + np.array([0.0, 330.0, 45.0]), (225.0, 190.0, 120.0), straight, nothing),
    )


@dataclass(frozen=True)
class _View:
    """What each pixel sees: ``z`` mm, which body, where on it (``x``, ``y``, mm), and how it faces us (0 to 1)."""

    z: Floats
    body: NDArray[np.uint8]
    x: Floats
    y: Floats
    facing: Floats


def _look(optics: Optics, distance_mm: float, pose: SimulatedHead) -> _View:
    """Cast one ray per pixel."""
    cx, cy = optics.centre_px
    u = ((np.arange(optics.width, dtype=np.float32) - cx) / optics.focal_px)[None, :]
    v = ((np.arange(optics.height, dtype=np.float32) - cy) / optics.focal_px)[:, None]
    shape = (optics.height, optics.width)
    folds = 18 * np.sin((u * CURTAIN_MM + optics.x_mm) / 38) + 6 * np.sin((u * CURTAIN_MM + optics.x_mm) / 11)
    z = np.broadcast_to(CURTAIN_MM + folds, shape).astype(np.float32)
    body = np.zeros(shape, np.uint8)
    x, y = (u * z + optics.x_mm).astype(np.float32), (v * z).astype(np.float32)
    facing = np.broadcast_to(0.75 + 0.25 * np.cos((u * CURTAIN_MM + optics.x_mm) / 38), shape).astype(np.float32)
    for number, it in enumerate(_bodies(distance_mm, pose), start=1):
        turn = it.rotation.T.astype(np.float32)  # from the picture's axes to the body's
        ray = [r[0] * u + r[1] * v + r[2] for r in turn]
        place = (turn @ (it.centre - (optics.x_mm, 0, 0))).astype(np.float32)
        # The point (ray z) of the ray meets the ellipsoid where a z^2 - 2 b z + c = 0.
        a = sum((r / axis) ** 2 for r, axis in zip(ray, it.axes, strict=True))
        b = sum(r * p / axis**2 for r, p, axis in zip(ray, place, it.axes, strict=True))
        c = sum((p / axis) ** 2 for p, axis in zip(place, it.axes, strict=True)) - 1
        root = b * b - a * c
        hit = (b - np.sqrt(np.maximum(root, 0))) / a
        nearer = (root > 0) & (hit > 0) & (hit < z)
        z[nearer] = hit[nearer]
        body[nearer] = number
        local = [r * hit - p for r, p in zip(ray, place, strict=True)]
        normal = np.stack([part / axis**2 for part, axis in zip(local, it.axes, strict=True)])
        normal /= np.linalg.norm(normal, axis=0)
        facing[nearer] = np.clip(-np.tensordot(it.rotation[2].astype(np.float32), normal, 1), 0, 1)[nearer]
        if number in {_HEAD, _NOSE}:  # features are painted in the axes of an upright head of size 1
            x[nearer] = ((local[0] + it.origin[0]) / pose.size)[nearer]
            y[nearer] = ((local[1] + it.origin[1]) / pose.size)[nearer]
        else:
            x[nearer], y[nearer] = (u * z + optics.x_mm)[nearer], (v * z)[nearer]
    return _View(z, body, x, y, facing)


class Scene:
    """Renders pictures of a person at a distance; each call draws new noise.

    Parameters
    ----------
    color, depth
        Optics of the two streams.
    distance_mm
        From the left imager to the tip of the nose.
    seed
        Of texture and noise.
    head
        How the person holds the head.
    """

    def __init__(
        self, color: Optics, depth: Optics, distance_mm: float, seed: int = 0, head: SimulatedHead | None = None
    ) -> None:
        head = head or SimulatedHead()
        self.nearest_mm = min(body.nearest_mm for body in _bodies(distance_mm, head)[:2])
        """Distance (mm) of the nearest point of head and nose: ``distance_mm`` for an upright head."""
        self._rng = np.random.default_rng(seed)
        self._depth = depth
        self._color: Floats = np.minimum(
            _paint(_look(color, distance_mm, head), np.random.default_rng([seed, 1])) * head.light, 255
        )
        view = _look(depth, distance_mm, head)
        self._disparity = (depth.focal_px * BASELINE_MM / view.z).astype(np.float32)
        self._seen = _matched(self._disparity) & ~(_is_hair(view) & (_texture(view.z.shape, 9, self._rng) > -0.4))
        if head.holes:
            blobs = _texture(view.z.shape, 5, np.random.default_rng([seed, 2]))
            self._seen &= (view.body == _CURTAIN) | (blobs > np.quantile(blobs, head.holes))

    def color(self) -> NDArray[np.uint8]:
        """Return (height, width, 3) uint8 RGB."""
        height, width = self._color.shape[:2]
        luma = self._noise((height, width, 1), _LUMA_NOISE)
        chroma = self._noise((height, -(-width // 2), 3), _CHROMA_NOISE).repeat(2, axis=1)[:, :width]
        return np.clip(self._color + luma + chroma + 0.5, 0, 255).astype(np.uint8)

    def depth(self) -> NDArray[np.uint16]:
        """Return (height, width) uint16 in `DEPTH_UNITS`; 0 where there is no measurement."""
        height, width = self._disparity.shape
        # Neighbours share most of a matching window, and so their error.
        coarse = self._noise((-(-height // 4), -(-width // 4)), _DISPARITY_NOISE_PX)
        error = _smooth(coarse.repeat(4, axis=0).repeat(4, axis=1)[:height, :width])
        steps = np.round((self._disparity + error) * _SUBPIXEL)
        metres = self._depth.focal_px * BASELINE_MM / 1000 * _SUBPIXEL / np.maximum(steps, 1)
        flicker = coarse.repeat(4, axis=0).repeat(4, axis=1)[:height, :width] > 2 * _DISPARITY_NOISE_PX
        seen = self._seen & ~(flicker & _edges(self._disparity))
        return np.where(seen, np.round(metres / DEPTH_UNITS), 0).astype(np.uint16)

    def _noise(self, shape: tuple[int, ...], sigma: float) -> Floats:
        return self._rng.standard_normal(shape, np.float32) * np.float32(sigma)


def _matched(disparity: Floats) -> NDArray[np.bool_]:
    """Return where both imagers see the point, near enough to match and far enough to search."""
    there = np.arange(disparity.shape[1], dtype=np.float32) - disparity  # column in the right imager
    # A point is hidden from the right imager when one further right in the left picture lies further left in the right.
    nearest = np.minimum.accumulate(there[:, ::-1], axis=1)[:, ::-1]
    matched: NDArray[np.bool_] = (there >= 0) & (there <= nearest) & (disparity <= DISPARITY_LEVELS)
    return matched


def _edges(disparity: Floats) -> NDArray[np.bool_]:
    """Return where disparity jumps by more than a pixel within three."""
    jump = np.zeros(disparity.shape, bool)
    jump[:, 3:] |= np.abs(disparity[:, 3:] - disparity[:, :-3]) > 1
    jump[3:] |= np.abs(disparity[3:] - disparity[:-3]) > 1
    return jump


def _is_hair(view: _View) -> NDArray[np.bool_]:
    line = -62 + 10 * np.cos(view.x / 22)  # mm above the middle of the head
    hair: NDArray[np.bool_] = (view.body == _HEAD) & ((view.y < line) | (np.abs(view.x) > 70) & (view.y < 10))
    return hair


def _paint(view: _View, rng: np.random.Generator) -> Floats:
    """Return (height, width, 3) float32 RGB of what is seen, lit from the front, without noise."""
    x, y = view.x, view.y
    shape = view.z.shape
    picture = np.empty((*shape, 3), np.float32)
    picture[:] = (38, 122, 62)  # curtain
    skin = (view.body == _HEAD) | (view.body == _NOSE) | (view.body == _NECK)
    picture[skin] = (208, 164, 140)
    picture[skin] += (_texture(shape, 14, rng)[skin, None] * 5 + _texture(shape, 2, rng)[skin, None] * 3) * (
        1,
        1.2,
        1.1,
    )
    picture[view.body == _CHEST] = (58, 66, 92)
    cheeks = np.exp(-(((np.abs(x) - 38) / 20) ** 2) - ((y - 28) / 18) ** 2)
    picture += np.where(view.body == _HEAD, cheeks, 0)[..., None] * np.array((14, -14, -8), np.float32)
    head = view.body == _HEAD
    for side in (-1, 1):
        eye_x, eye_y = (x - side * 32) / 15, (y + 18) / 6.5
        eye = head & (eye_x**2 + eye_y**2 < 1)
        picture[eye] = (228, 222, 216)
        picture[eye & (((x - side * 32) ** 2 + (y + 18) ** 2) < 6.2**2)] = (74, 52, 38)
        picture[eye & (((x - side * 32) ** 2 + (y + 18) ** 2) < 2.6**2)] = (14, 12, 12)
        brow = head & (np.abs(x - side * 33) < 19) & (np.abs(y + 34 + 3 * np.cos((x - side * 33) / 12)) < 3.4)
        picture[brow] = (66, 46, 36)
    lips = head & ((x / 25) ** 2 + ((y - 56) / 8) ** 2 < 1)
    picture[lips] = (176, 96, 94)
    picture[lips & (np.abs(y - 56 - 0.004 * x**2) < 1.2)] = (92, 42, 44)
    nostrils = ((np.abs(x) - 8) / 4) ** 2 + ((y - 36) / 2.5) ** 2 < 1
    picture[nostrils & skin] = (96, 58, 50)
    hair = _is_hair(view)
    picture[hair] = (34, 27, 24)
    picture[hair] += _texture(shape, 1, rng)[hair, None] * 9
    weave = np.where(view.body == _CHEST, 4, np.where(view.body == _CURTAIN, 2.5, 0))
    picture += (weave * _texture(shape, 1, rng))[..., None]
    light = 0.35 + 0.65 * view.facing
    vignette = 1 - 0.18 * (((np.arange(shape[1]) / shape[1] - 0.5) * 2) ** 2)[None, :]
    return np.clip(_smooth_color(picture * (light * vignette)[..., None]), 4, 250).astype(np.float32)


def _texture(shape: tuple[int, int], grain: int, rng: np.random.Generator) -> Floats:
    """Return smooth random values of about unit variance whose blobs are ``grain`` pixels wide."""
    coarse = rng.standard_normal((shape[0] // grain + 2, shape[1] // grain + 2), np.float32)
    fine = coarse.repeat(grain, axis=0).repeat(grain, axis=1)
    for _ in range(2 if grain > 1 else 1):
        fine = _box(fine, max(2, grain))
    fine = fine[: shape[0], : shape[1]]
    return fine / np.float32(fine.std())


def _box(values: Floats, width: int) -> Floats:
    """Return the running mean over ``width`` pixels along both axes (edges repeat)."""
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (width // 2 + 1, width - width // 2 - 1)
        total = np.cumsum(np.pad(values, pad, mode="edge"), axis=axis, dtype=np.float64)
        upper, lower = (
            np.take(total, range(width, total.shape[axis]), axis),
            np.take(total, range(total.shape[axis] - width), axis),
        )
        values = ((upper - lower) / width).astype(np.float32)
    return values


def _smooth(values: Floats) -> Floats:
    return _box(values, 3)


def _smooth_color(picture: Floats) -> Floats:
    """Return the picture as a lens and a colour filter array soften it."""
    return np.stack([_box(picture[..., channel], 2) for channel in range(3)], axis=-1)
