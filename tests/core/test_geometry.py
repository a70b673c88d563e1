"""Distances, angles and the way from one camera's picture to the other's, against truth that is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcapture.core import geometry as geo
from labcapture.core.geometry import Lens, Pose
from labcapture.devices._realsense_facts import lens, pose, stereo
from labcapture.devices._realsense_sdk import rs
from labcapture.devices.simulated import d415

LENS = Lens(1280, 720, 1000.0, 1000.0, 639.5, 359.5)
ANGLES = st.floats(-30, 30)


def test_min_z_is_the_formula_for_every_depth_profile() -> None:
    """With intrinsics, baseline and shift as the opened device tells them."""
    device, offered = d415.build("TEST")
    sensor, profiles = offered["depth"]
    assert len(profiles) == len(d415.PROFILES["depth"])
    told = stereo(device, sensor, "camera")
    assert sensor.get_option(rs.option.stereo_baseline) == pytest.approx(told["stereo_baseline_mm"])
    for (width, height, _), profile in profiles.items():
        it = Lens.of(lens(profile))
        assert (it.width, it.height) == (width, height)
        got = geo.min_z_mm(it.fx, told["stereo_baseline_mm"], told.get("disparity_shift", 0))
        assert got == pytest.approx(it.fx * 55 / 126, rel=1e-6)
        # Of the data sheet: 65 degrees across at 16:9, cut at the sides for narrower pictures.
        assert got == pytest.approx(height * 8 / 9 / math.tan(math.radians(32.5)) * 55 / 126, rel=1e-5)


@pytest.mark.parametrize(("size", "published_mm"), [((1280, 720, 30), 438), ((640, 360, 30), 219)])
def test_min_z_is_the_published_one(size: tuple[int, int, int], published_mm: float) -> None:
    _, offered = d415.build("TEST")
    it = Lens.of(lens(offered["depth"][1][size]))
    assert geo.min_z_mm(it.fx, 55.0) == pytest.approx(published_mm, abs=1)


def test_a_disparity_shift_brings_both_limits_nearer() -> None:
    assert geo.max_z_mm(1000, 55) == math.inf
    assert geo.min_z_mm(1000, 55, 30) == pytest.approx(1000 * 55 / 156)
    assert geo.max_z_mm(1000, 55, 30) == pytest.approx(1000 * 55 / 30)


@given(st.integers(200, 900), st.integers(100, 500), st.floats(300, 1500))
def test_a_box_is_mapped_to_where_the_sdk_maps_it(column: int, row: int, z_mm: float) -> None:
    """The SDK's own projection, with the extrinsics of the device."""
    _, offered = d415.build("TEST")
    color, depth = offered["color"][1][(1280, 720, 30)], offered["depth"][1][(1280, 720, 30)]
    source, target = lens(color), lens(depth)
    across = Pose.of(pose(color, depth, "depth"), "depth")
    got = geo.map_box((column, row, 100, 100), z_mm, Lens.of(source), Lens.of(target), across)
    seen = color.as_video_stream_profile().get_intrinsics()
    there = depth.as_video_stream_profile().get_intrinsics()
    for corner, (x, y) in zip(
        ((column, row), (column + 100, row + 100)), (got[:2], np.add(got[:2], got[2:])), strict=True
    ):
        point = rs.rs2_deproject_pixel_to_point(seen, [float(side) for side in corner], z_mm / 1000)
        moved = rs.rs2_transform_point_to_point(color.get_extrinsics_to(depth), point)
        expected = rs.rs2_project_point_to_pixel(there, moved)
        assert (x, y) == pytest.approx(np.clip(expected, 0, (1280, 720)), abs=1.01)


@given(ANGLES, ANGLES)
def test_roll_and_yaw_of_a_turned_pair_of_eyes(roll: float, yaw: float) -> None:
    r, y = math.radians(roll), math.radians(yaw)
    half = np.array([32 * math.cos(r) * math.cos(y), 32 * math.sin(r) * math.cos(y), -32 * math.sin(y)])
    middle = np.array([20.0, -10.0, 520.0])
    assert geo.roll_yaw(middle - half, middle + half) == pytest.approx((roll, yaw), abs=1e-6)


@given(ANGLES)
def test_a_raised_chin_brings_the_mouth_nearer(pitch: float) -> None:
    p = math.radians(pitch)
    mouth = np.array([0.0, 70 * math.cos(p), 520 - 70 * math.sin(p)])
    assert geo.pitch_deg(np.array([0.0, 0.0, 520.0]), mouth) == pytest.approx(pitch, abs=1e-6)


@given(st.integers(300, 900), st.floats(0, 0.5))
def test_distances_withstand_holes_stray_points_and_the_background(nearest_mm: int, holes: float) -> None:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[-100:100, -100:100]
    face = (nearest_mm + (x**2 + y**2) / 200).astype(np.float32)
    truth_median = float(np.median(face[geo.oval(200, 200)]))
    face[:, :8] = 1500  # the wall beside it
    face[rng.random(face.shape) < holes] = 0
    face[50, 50:60] = 160  # dust before the lens
    region = geo.oval(200, 200)
    got = geo.distances(face, region)
    assert got is not None
    assert got.nearest_mm == pytest.approx(nearest_mm, abs=2)
    assert got.median_mm == pytest.approx(truth_median, abs=2)
    assert math.dist(got.nearest_px, (100, 100)) < 30
    assert geo.fill_rate(face, region) == pytest.approx(1 - holes, abs=0.02)


def test_nothing_measured_is_no_distance() -> None:
    empty = np.zeros((100, 100), np.float32)
    region = geo.oval(100, 100)
    assert geo.distances(empty, region) is None
    assert geo.fill_rate(empty, region) == 0
    assert math.isnan(geo.fill_rate(empty[:0], region[:0]))
    assert geo.patch_median(empty, 50, 50, 3) is None
    assert geo.face_share((0, 0, 128, 72), 1280, 720) == pytest.approx(0.01)
