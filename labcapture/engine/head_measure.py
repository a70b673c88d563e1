"""One colour and one depth picture in, the measures of the head out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labcapture.core import geometry as geo
from labcapture.core.chunks import StreamSpec
from labcapture.core.errors import DeviceError
from labcapture.core.geometry import Box, Lens, Pose
from labcapture.engine.head_face import Face, FaceFinder
from labcapture.engine.head_messages import Seen

FACE_BOX_MM = 170.0
"""Width (mm) of what the cascades frame of an adult's face; says roughly how far a face is that has no depth."""
_NEAREST_FROM_BOX_MM = 25.0  # the nose stands out of the plane at which the box has its width
_LEAST_DEPTH = 0.5  # share of the face that must have a depth for its distance to be believed
_INNER = 0.7  # part of the cascades' box that is face alone, from brows to lips: around it are hair and background
_SOMEONE_MM = 1000.0  # what stands in the middle and is nearer than this is somebody
_COVERED_MM = 60.0  # something nearer than the face was by so much covers it
_LOST_MM = 250.0  # and what is further away by so much is not the face
_MOUTH = 1.1  # the mouth is so many distances between the eyes below them


@dataclass(frozen=True)
class HeadOptics:
    """What must be known of a camera to measure a head."""

    color: Lens
    depth: Lens
    pose: Pose  # from colour to depth
    mm_per_count: float
    min_z_mm: float
    max_z_mm: float

    @classmethod
    def of(cls, streams: Sequence[StreamSpec]) -> HeadOptics:
        """Read it from the specs of a camera's colour and depth streams.

        Raises
        ------
        DeviceError
            One is missing, or does not say what is needed.
        """
        color, depth = camera_streams(streams)
        told = depth.attributes
        try:
            lens = Lens.of(told)
            baseline = float(told["stereo_baseline_mm"])
            shift = int(told.get("disparity_shift", 0))
            return cls(
                Lens.of(color.attributes),
                lens,
                Pose.of(color.attributes, "depth"),
                float(told["depth_units"]) * 1000,
                geo.min_z_mm(lens.fx, baseline, shift),
                geo.max_z_mm(lens.fx, baseline, shift),
            )
        except KeyError as error:
            raise DeviceError(f"the camera does not tell its {error.args[0]}", color.clock, "Update it.") from error


def camera_streams(streams: Sequence[StreamSpec]) -> tuple[StreamSpec, StreamSpec]:
    """Return the specs of the first camera's colour and depth streams.

    Raises
    ------
    DeviceError
        There is none with both.
    """
    pictures = [spec for spec in streams if spec.kind == "frames"]
    for color in pictures:
        for depth in pictures:
            if len(color.shape) == 3 and len(depth.shape) == 2 and color.clock == depth.clock:
                return color, depth
    raise DeviceError("no camera with colour and depth", "rig", "Add a device of kind realsense.")


@dataclass(frozen=True, slots=True)
class HeadReading:
    """The measures of one pair of pictures; None where there is none. See `HeadView` for their meaning."""

    time: float
    seen: Seen
    nearest_mm: float | None = None
    median_mm: float | None = None
    size_mm: float | None = None  # distance by the size of the face alone: rough, but also where there is no depth
    fill_rate: float | None = None
    face_share: float | None = None
    centre: tuple[float, float] | None = None
    roll_deg: float | None = None
    yaw_deg: float | None = None
    pitch_deg: float | None = None
    brightness: float | None = None
    clipped: float | None = None
    face_box: Box | None = None
    nearest_px: tuple[int, int] | None = None


class HeadMeter:
    """Measures heads; belongs to one thread. It remembers where the face was last."""

    def __init__(self, optics: HeadOptics) -> None:
        self.optics = optics
        self._finder = FaceFinder()
        self._last: tuple[Box, float] | None = None  # box in colour, median distance

    def measure(self, color: NDArray[np.uint8], depth: NDArray[np.uint16], time: float) -> HeadReading:
        """Return what ``color`` (h, w, 3) and ``depth`` (h, w), taken at ``time`` (LSL s), show of a head."""
        face = self._finder.find(color)
        if face is None:
            return HeadReading(time, self._without_face(depth))
        optics = self.optics
        left, top, width, height = face.box
        by_size = optics.color.fx * FACE_BOX_MM / width
        z, region, part, box = self._part(face.box, by_size, depth)
        if z is not None:  # map once more, now that the distance is known: the cameras see the face from two places
            z, region, part, box = self._part(face.box, z.median_mm, depth)
        fill = geo.fill_rate(part, region)
        known = z if fill >= _LEAST_DEPTH else None
        if known is not None:
            self._last = face.box, known.median_mm
        roll, yaw, pitch = self._angles(face, depth, known.median_mm) if known else (None, None, None)
        inside = color[top : top + height, left : left + width]
        inside = inside[geo.oval(width, height, _INNER)[: inside.shape[0], : inside.shape[1]]]
        return HeadReading(
            time=time,
            seen="face" if face.frontal else "turned away",
            nearest_mm=known.nearest_mm if known else None,
            median_mm=known.median_mm if known else None,
            size_mm=by_size - _NEAREST_FROM_BOX_MM,
            fill_rate=fill,
            face_share=geo.face_share(face.box, optics.color.width, optics.color.height),
            centre=((left + width / 2) / optics.color.width - 0.5, (top + height / 2) / optics.color.height - 0.5),
            roll_deg=roll,
            yaw_deg=yaw,
            pitch_deg=pitch,
            brightness=float(inside.mean()),
            clipped=float(((inside >= 250).any(axis=1) | (inside <= 5).all(axis=1)).mean()),
            face_box=face.box,
            nearest_px=(known.nearest_px[0] + box[0], known.nearest_px[1] + box[1]) if known else None,
        )

    def _part(
        self, face: Box, z_mm: float, depth: NDArray[np.uint16]
    ) -> tuple[geo.Distances | None, NDArray[np.bool_], NDArray[np.float32], Box]:
        """Return distances, region and depth (mm) of a face that is ``z_mm`` away, and its box in the depth picture."""
        optics = self.optics
        box = geo.map_box(face, z_mm, optics.color, optics.depth, optics.pose)
        left, top, width, height = box
        part = depth[top : top + height, left : left + width].astype(np.float32) * np.float32(optics.mm_per_count)
        region = geo.oval(width, height, _INNER)
        return geo.distances(part, region), region, part, box

    def _angles(
        self, face: Face, depth: NDArray[np.uint16], z_mm: float
    ) -> tuple[float | None, float | None, float | None]:
        """Return roll, yaw and pitch (degrees) from the distances of eyes and mouth."""
        if face.eyes is None:
            return None, None, None
        (x0, y0), (x1, y1) = face.eyes
        middle = (x0 + x1) / 2, (y0 + y1) / 2
        below = middle[0] - _MOUTH * (y1 - y0), middle[1] + _MOUTH * (x1 - x0)
        left, right, eyes, mouth = (self._point(place, depth, z_mm) for place in ((x0, y0), (x1, y1), middle, below))
        if left is None or right is None:
            return None, None, None
        roll, yaw = geo.roll_yaw(left, right)
        pitch = None if mouth is None or eyes is None else geo.pitch_deg((left + right) / 2, mouth)
        return roll, yaw, pitch

    def _point(self, place: tuple[float, float], depth: NDArray[np.uint16], z_mm: float) -> NDArray[np.float64] | None:
        """Return (3,) mm, as the depth camera sees it, the point at ``place`` in the colour picture."""
        optics = self.optics
        box = (round(place[0]), round(place[1]), 0, 0)
        column, row, _, _ = geo.map_box(box, z_mm, optics.color, optics.depth, optics.pose)
        radius = max(2, round(4 * optics.depth.fx / z_mm))  # 4 mm
        counts = geo.patch_median(depth, column, row, radius)
        return None if counts is None else geo.point(column, row, counts * optics.mm_per_count, optics.depth)

    def _without_face(self, depth: NDArray[np.uint16]) -> Seen:
        """Say what is where the face was last."""
        if self._last is None:
            height, width = depth.shape
            middle = depth[height // 4 : -height // 4, width // 3 : -width // 3] * np.float32(self.optics.mm_per_count)
            someone = np.mean((middle > 0) & (middle < _SOMEONE_MM)) > 0.2
            return "turned away" if someone else "out of frame"
        box, median = self._last
        _, region, part, _ = self._part(box, median, depth)
        values = part[region & (part > 0)]
        if values.size < 0.1 * np.count_nonzero(region):
            return "covered"  # something too near to be measured
        nearer = np.mean(values < median - _COVERED_MM)
        if nearer > 0.1:
            return "covered"
        return "turned away" if np.mean(np.abs(values - median) < _LOST_MM) > 0.5 else "out of frame"
