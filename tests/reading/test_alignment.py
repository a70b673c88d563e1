"""Depth in the colour picture: against scenes that are known by formula, and against the SDK's own alignment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyrealsense2 as rs  # type: ignore[import-untyped]  # ships no types
import pytest
from numpy.typing import NDArray

from labcapture.core.errors import RecordingError
from labcapture.core.geometry import Lens, Pose
from labcapture.reading.align import Alignment, Optics, in_mm

DEPTH = Lens(424, 240, 320.0, 323.2, 210.0, 119.0)
COLOR = Lens(480, 270, 450.0, 454.5, 244.0, 133.0)
BENT = (0.1, -0.05, 0.001, -0.002, 0.01)
Depth = NDArray[Any]


def turned(angle: float) -> NDArray[np.float64]:
    """Return a rotation about the vertical axis."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def of(rotation: NDArray[np.float64], across_mm: tuple[float, float, float], color: Optics | None = None) -> Alignment:
    return Alignment(Optics(DEPTH), color or Optics(COLOR), Pose(rotation, np.array(across_mm)))


def plane(lens: Lens, normal: NDArray[np.float64], distance: float) -> Depth:
    """Return the depth (mm) at which each pixel of a pinhole sees the plane ``normal . p = distance``."""
    x, y = Optics(lens).rays()
    depth: Depth = distance / (normal[0] * x + normal[1] * y + normal[2])
    return depth


def sphere(lens: Lens, centre: NDArray[np.float64], radius: float) -> Depth:
    """Return the depth (mm) at which each pixel of a pinhole first sees a sphere; NaN where it sees none."""
    x, y = Optics(lens).rays()
    rays = np.stack([x, y, np.ones_like(x)], axis=-1).astype(np.float64)
    a, b = (rays**2).sum(-1), rays @ centre
    root = b**2 - a * (centre @ centre - radius**2)
    with np.errstate(invalid="ignore"):
        depth: Depth = (b - np.sqrt(root)) / a
    return depth


@pytest.mark.parametrize("angle", [0.0, 0.02, -0.03])
def test_a_plane_is_where_the_colour_camera_sees_it(angle: float) -> None:
    rotation, across = turned(angle), np.array([-15.0, 1.0, 2.0])
    normal, distance = np.array([0.1, -0.2, 1.0]), 600.0
    found = of(rotation, (-15.0, 1.0, 2.0)).align(plane(DEPTH, normal, distance).astype(np.float32))
    # the same plane in the colour camera's coordinates: q = R p + t
    truth = plane(COLOR, rotation @ normal, distance + (rotation @ normal) @ across)
    known = ~np.isnan(found)
    assert known[20:-20, 20:-20].all()
    slope = sum(np.abs(np.gradient(truth, axis=axis)).max() for axis in (0, 1))
    assert np.abs(found - truth)[known].max() < 1.3 * slope  # a pixel of depth covers 1.4 of colour, and their edges
    assert abs(float(np.median((found - truth)[known]))) < 0.3


def test_a_sphere_hides_what_is_behind_it() -> None:
    rotation, across = turned(0.01), np.array([-55.0, 0.0, 0.0])
    centre = np.array([10.0, 5.0, 400.0])
    near, wall = sphere(DEPTH, centre, 80.0), plane(DEPTH, np.array([0.0, 0.0, 1.0]), 800.0)
    found = of(rotation, (-55.0, 0.0, 0.0)).align(np.where(np.isnan(near), wall, near).astype(np.float32))
    truth = sphere(COLOR, rotation @ centre + across, 80.0)
    seen = ~np.isnan(truth)
    inner = seen.copy()
    for shift in (-3, 3):
        for axis in (0, 1):
            inner &= np.roll(seen, shift, axis)
    off = np.abs(found - truth)[inner & ~np.isnan(found)]
    assert np.percentile(off, 99) < 4
    assert off.max() < 20  # the steep rim at most, never the wall behind at 800 mm
    assert np.isnan(found[inner]).mean() < 0.12  # what the depth camera cannot see on the far side
    wide = np.zeros_like(seen)
    for shift in range(-4, 5):
        wide |= np.roll(seen, shift, 1) | np.roll(seen, shift, 0)
    shadow = np.isnan(found) & ~wide
    shadow[:, :60] = shadow[:, -90:] = shadow[:15] = shadow[-15:] = False
    assert shadow.any()  # wall that the sphere hid from the depth camera stays a hole


def test_holes_stay_holes_and_nothing_is_invented() -> None:
    depth = np.full((240, 424), np.nan, np.float32)
    depth[120, 200] = 500.0
    found = of(np.eye(3), (-15.0, 0.0, 0.0)).align(depth)
    rows, columns = np.nonzero(~np.isnan(found))
    assert set(found[rows, columns]) == {500.0}
    u = ((200 - 210.0) / 320.0 - 15.0 / 500) * 450.0 + 244.0
    v = (120 - 119.0) / 323.2 * 454.5 + 133.0
    assert (np.abs(columns - u) <= 1.3).all()
    assert (np.abs(rows - v) <= 1.3).all()
    assert np.isnan(of(np.eye(3), (0.0, 0.0, 0.0)).align(np.full_like(depth, np.nan))).all()


@pytest.mark.parametrize("angle", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("lens", [Lens(96, 54, 90.0, 91.0, 48.8, 26.6), Lens(480, 270, 450.0, 454.5, 244.0, 133.0)])
def test_each_depth_pixel_covers_its_square_and_the_nearest_one_is_seen(angle: float, lens: Lens) -> None:
    depth_lens = Lens(120, 68, 90.0, 91.0, 59.0, 33.0)
    counts = np.random.default_rng(2).integers(0, 900, (68, 120))
    depth = in_mm(counts, np.float32(1))
    alignment = Alignment(Optics(depth_lens), Optics(lens), Pose(turned(angle), np.array([-15.0, 40.0, -120.0])))
    found = alignment.align(depth)
    truth = np.full((lens.height, lens.width), np.nan, np.float32)
    (left, top), (right, bottom) = (alignment._pixels(corner, depth.ravel()) for corner in alignment._corners)
    distance = alignment.points(depth)[..., 2].ravel()
    for x0, y0, x1, y1, z in zip(left, top, right, bottom, distance, strict=True):
        if z > 0 and 0 <= x0 <= x1 < lens.width and 0 <= y0 <= y1 < lens.height:
            truth[y0 : y1 + 1, x0 : x1 + 1] = np.fmin(truth[y0 : y1 + 1, x0 : x1 + 1], z)
    np.testing.assert_array_equal(found, truth)
    assert found.flags.c_contiguous
    assert 0 < np.isnan(found).mean() < 1


def test_points_lie_on_the_plane() -> None:
    rotation, across = turned(0.05), np.array([-15.0, 1.0, 2.0])
    normal = np.array([0.1, -0.2, 1.0])
    depth = plane(DEPTH, normal, 600.0).astype(np.float32)
    depth[5, 7] = np.nan
    points = of(rotation, (-15.0, 1.0, 2.0)).points(depth)
    assert points.shape == (240, 424, 3)
    assert np.isnan(points[5, 7]).all()
    there = points[~np.isnan(points[..., 2])].astype(np.float64)
    np.testing.assert_allclose(there @ (rotation @ normal), 600 + (rotation @ normal) @ across, atol=1e-3)


def test_counts_become_millimetres() -> None:
    depth = in_mm(np.array([[0, 1, 5000]], np.uint16), np.float32(0.1))
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, [[np.nan, 0.1, 500.0]], rtol=1e-6)


# The SDK ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["brown_conrady", "modified_brown_conrady", "inverse_brown_conrady"])
def test_distortions_are_those_of_the_sdk(model: str) -> None:
    lens = _intrinsics(COLOR, model, BENT)
    optics = Optics(COLOR, model, BENT)
    x, y = optics.rays()
    for point in ([0.2, 0.15, 1.0], [-0.3, 0.1, 1.0], [0.0, -0.25, 1.0]):
        u, v = optics.distort(np.float64(point[0]), np.float64(point[1]))  # type: ignore[arg-type]  # a single point
        ours = [u * COLOR.fx + COLOR.ppx, v * COLOR.fy + COLOR.ppy]
        np.testing.assert_allclose(ours, rs.rs2_project_point_to_pixel(lens, point), atol=1e-3)
    for row, column in ((10, 20), (200, 300), (133, 470)):
        back = rs.rs2_project_point_to_pixel(lens, [float(x[row, column]), float(y[row, column]), 1.0])
        np.testing.assert_allclose(back, [column, row], atol=2e-3)


def test_an_unknown_distortion_is_refused() -> None:
    with pytest.raises(RecordingError, match="kannala_brandt4"):
        Optics(COLOR, "kannala_brandt4", BENT)
    assert not Optics(COLOR, "kannala_brandt4").is_distorted


@pytest.mark.parametrize(
    ("angle", "across_mm", "coefficients"),
    [(0.0, (-55.0, 0.0, 0.0), (0.0,) * 5), (0.02, (-15.0, 1.0, 2.0), (0.0,) * 5), (0.01, (-15.0, 0.0, 0.0), BENT)],
)
def test_it_agrees_with_the_sdk(
    angle: float, across_mm: tuple[float, float, float], coefficients: tuple[float, ...]
) -> None:
    """The SDK keeps the distance along the depth camera's axis; taken into the colour camera's, both are the same."""
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:240, :424]
    counts = (500 + 60 * np.sin(columns / 17) + 40 * np.cos(rows / 11)).astype(np.uint16)
    counts[80:160, 100:220] = 350  # in front of the rest
    counts[rng.random(counts.shape) < 0.1] = 0
    rotation, model = turned(angle), "modified_brown_conrady" if any(coefficients) else "inverse_brown_conrady"
    theirs = _aligned_by_sdk(counts, rotation, across_mm, model, coefficients).astype(np.float64)
    optics = Optics(COLOR, model, coefficients)
    ours = of(rotation, across_mm, optics).align(in_mm(counts, np.float32(1)))
    seen = theirs > 0
    assert seen.mean() > 0.9
    assert (seen == ~np.isnan(ours)).mean() > 0.99  # they differ where a pixel's edge is rounded otherwise
    x, y = optics.rays()
    rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ rotation
    along = (theirs + (np.array(across_mm) @ rotation)[2]) / rays[..., 2]
    both = seen & ~np.isnan(ours)
    off = np.abs(ours - along)[both]
    assert (off < 1.0).mean() > 0.98
    assert np.median(off) < 0.5


def _intrinsics(lens: Lens, model: str, coefficients: tuple[float, ...]) -> Any:  # noqa: ANN401 - SDK ships no types
    it = rs.intrinsics()
    it.width, it.height, it.fx, it.fy, it.ppx, it.ppy = (
        lens.width,
        lens.height,
        lens.fx,
        lens.fy,
        lens.ppx,
        lens.ppy,
    )
    it.model, it.coeffs = getattr(rs.distortion, model), list(coefficients)
    return it


def _aligned_by_sdk(
    counts: Depth,
    rotation: NDArray[np.float64],
    across_mm: tuple[float, float, float],
    model: str,
    coefficients: tuple[float, ...],
) -> Depth:
    """Feed a software device, and let ``rs.align`` align what comes out of it."""
    device = rs.software_device()
    made: list[tuple[Any, Any, Depth]] = []
    for kind, pixel_format, lens, pixels, distortion, coeffs in (
        (rs.stream.depth, rs.format.z16, DEPTH, counts, "brown_conrady", (0.0,) * 5),
        (rs.stream.color, rs.format.rgb8, COLOR, np.zeros((270, 480, 3), np.uint8), model, coefficients),
    ):
        video = rs.video_stream()
        video.type, video.fmt, video.index, video.uid = kind, pixel_format, 0, len(made) + 1
        video.width, video.height, video.fps = lens.width, lens.height, 30
        video.bpp = pixels.itemsize * (pixels.shape[2] if pixels.ndim == 3 else 1)
        video.intrinsics = _intrinsics(lens, distortion, coeffs)
        sensor = device.add_sensor(kind.name)
        made.append((sensor, sensor.add_video_stream(video), pixels))
    made[0][0].add_read_only_option(rs.option.depth_units, 0.001)
    across = rs.extrinsics()
    across.rotation, across.translation = rotation.T.ravel().tolist(), [mm / 1000 for mm in across_mm]
    made[0][1].register_extrinsics_to(made[1][1], across)
    device.create_matcher(rs.matchers.default)
    sync, align = rs.syncer(), rs.align(rs.stream.color)
    for sensor, profile, _ in made:
        sensor.open(profile)
        sensor.start(sync)
    try:
        for number in range(30):
            for sensor, profile, pixels in made:
                frame = rs.software_video_frame()
                frame.bpp = pixels.itemsize * (pixels.shape[2] if pixels.ndim == 3 else 1)
                frame.stride, frame.pixels = pixels.shape[1] * frame.bpp, pixels
                frame.profile = profile.as_video_stream_profile()
                frame.frame_number, frame.timestamp = number, 1000 + number * 1000 / 30
                frame.domain = rs.timestamp_domain.hardware_clock
                if frame.bpp == 2:
                    frame.depth_units = 0.001
                sensor.on_video_frame(frame)
            frames = sync.wait_for_frames(15000)
            if frames.get_depth_frame() and frames.get_color_frame():
                return np.asarray(align.process(frames).get_depth_frame().get_data()).copy()
    finally:
        for sensor, _, _ in made:
            sensor.stop()
            sensor.close()
    raise AssertionError("the SDK never paired depth and colour")
