"""The head as it is measured, against simulated heads whose place is known."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcapture.core.geometry import Lens, Pose, min_z_mm
from labcapture.core.head import HeadTargets
from labcapture.devices.simulated.d415 import BASELINE_MM, COLOR_FROM_DEPTH_MM, Optics, color_optics, depth_optics
from labcapture.devices.simulated.scene import Scene, SimulatedHead
from labcapture.engine.head_judge import HeadJudge, advise, judge, least_mm
from labcapture.engine.head_measure import HeadMeter, HeadOptics, HeadReading
from labcapture.engine.head_messages import HeadView

COLOR = color_optics(640, 360)
TARGETS = HeadTargets()
GOOD = HeadReading(
    0.0,
    "face",
    500.0,
    525.0,
    510.0,
    0.99,
    0.1,
    (0.01, 0.02),
    1.0,
    2.0,
    -3.0,
    140.0,
    0.0,
    (500, 200, 280, 280),
    (640, 360),
)


def lens(optics: Optics) -> Lens:
    return Lens(optics.width, optics.height, optics.focal_px, optics.focal_px, *optics.centre_px)


def meter(width: int = 640, height: int = 360) -> HeadMeter:
    depth = depth_optics(width, height)
    pose = Pose(np.eye(3), np.array([COLOR_FROM_DEPTH_MM, 0.0, 0.0]))
    return HeadMeter(HeadOptics(lens(COLOR), lens(depth), pose, 1.0, min_z_mm(depth.focal_px, BASELINE_MM), math.inf))


def readings(it: HeadMeter, distance_mm: float, head: SimulatedHead, count: int = 3) -> tuple[list[HeadReading], Scene]:
    depth = depth_optics(it.optics.depth.width, it.optics.depth.height)
    scene = Scene(COLOR, depth, distance_mm, seed=round(distance_mm), head=head)
    return [it.measure(scene.color(), scene.depth(), i * 0.2) for i in range(count)], scene


def view(it: HeadMeter, found: list[HeadReading]) -> HeadView:
    judge = HeadJudge(TARGETS, it.optics.min_z_mm)
    return [judge.update(reading) for reading in found][-1]


@pytest.mark.parametrize(
    ("size", "distances"), [((1280, 720), (350, 500)), ((640, 360), (350, 440, 460, 550, 575, 800))]
)
def test_every_distance_is_measured_and_judged_right(size: tuple[int, int], distances: tuple[int, ...]) -> None:
    """From 350 to 800 mm: found in every picture, right to 2 mm, and told where to go."""
    it = meter(*size)
    for distance_mm in distances:
        found, scene = readings(it, distance_mm, SimulatedHead())
        assert [reading.seen for reading in found] == ["face"] * 3
        told = view(it, found)
        if scene.nearest_mm > it.optics.min_z_mm:
            assert told.nearest_mm == pytest.approx(scene.nearest_mm, abs=2)
        limit = told.limits[0]
        assert limit.ok == (450 <= scene.nearest_mm <= 560), distance_mm
        if scene.nearest_mm < 450:
            assert told.sentence.startswith("Move back")
        elif scene.nearest_mm > 560:
            words = told.sentence.split()
            assert (words[0], words[2:]) == ("Come", ["cm", "closer."])
            assert int(words[1]) == pytest.approx((scene.nearest_mm - 545) / 10, abs=1)
        else:
            assert told.sentence == "Good, hold still."


@pytest.mark.parametrize(
    "head",
    [
        SimulatedHead(size=0.85),
        SimulatedHead(size=1.15),
        SimulatedHead(roll_deg=12),
        SimulatedHead(roll_deg=-12),
        SimulatedHead(yaw_deg=10),
        SimulatedHead(pitch_deg=12),
        SimulatedHead(holes=0.25),
        SimulatedHead(x_mm=70, y_mm=-20),
    ],
    ids=str,
)
def test_the_distance_of_any_head_is_right(head: SimulatedHead) -> None:
    it = meter()
    found, scene = readings(it, 510, head)
    told = view(it, found)
    assert told.seen == "face"
    assert told.nearest_mm == pytest.approx(scene.nearest_mm, abs=2)


def test_tilt_and_chin_are_measured_and_told() -> None:
    it = meter()
    for head, name, angle, sentence in (
        (SimulatedHead(roll_deg=14), "roll_deg", 14, "Tilt the head to your right, until it is upright."),
        (SimulatedHead(roll_deg=-14), "roll_deg", -14, "Tilt the head to your left, until it is upright."),
        (SimulatedHead(pitch_deg=24), "pitch_deg", 24, "Chin down."),
    ):
        told = view(it, readings(it, 510, head)[0])
        assert getattr(told, name) == pytest.approx(angle, abs=4)
        assert told.sentence == sentence


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (SimulatedHead(light=0.3), "Turn the lamp up."),
        (SimulatedHead(light=2.2), "Turn the lamp down."),
        (SimulatedHead(holes=0.25), "Take off what shines or hides the face: the depth has holes."),
        (SimulatedHead(holes=0.6), "Take off what shines or hides the face: the depth has holes."),
        (SimulatedHead(holes=0.6, size=0.85), "Take off what shines or hides the face: the depth has holes."),
        (SimulatedHead(x_mm=110), "Move to your right."),
        (SimulatedHead(x_mm=-110), "Move to your left."),
        (SimulatedHead(yaw_deg=75), "Turn the face to the camera."),
    ],
    ids=str,
)
def test_what_is_wrong_is_what_is_told(head: SimulatedHead, sentence: str) -> None:
    it = meter()
    assert view(it, readings(it, 510, head)[0]).sentence == sentence


def test_what_hides_a_face_is_told_apart() -> None:
    it = meter()
    found, scene = readings(it, 510, SimulatedHead())
    color, depth = scene.color(), scene.depth()
    assert found[-1].face_box is not None
    left, top, width, height = found[-1].face_box
    part = slice(top, top + height), slice(max(0, left - 60), left + width + 60)
    nothing_color, nothing_depth = color.copy(), depth.copy()
    nothing_color[part], nothing_depth[part] = (38, 122, 62), 1500
    assert it.measure(nothing_color, nothing_depth, 1.0).seen == "out of frame"
    hand_color, hand_depth = color.copy(), depth.copy()
    hand_color[part], hand_depth[part] = (208, 164, 140), 445
    assert it.measure(hand_color, hand_depth, 2.0).seen == "covered"
    hand_depth[part] = 0  # nearer than the camera can measure
    assert it.measure(hand_color, hand_depth, 3.0).seen == "covered"
    assert it.measure(color, depth, 4.0).seen == "face"


# The judge, without pictures ------------------------------------------------------------------------------------------


def test_green_needs_all_limits_for_the_whole_time() -> None:
    judge = HeadJudge(TARGETS, 438.0)
    greens = [judge.update(dataclasses.replace(GOOD, time=i * 0.2)).green for i in range(15)]
    assert greens == [False] * 10 + [True] * 5
    moved = [judge.update(dataclasses.replace(GOOD, time=3 + i * 0.2, nearest_mm=600.0)) for i in range(6)]
    assert moved[0].green  # one reading of many does not move the median
    assert not moved[-1].green
    assert moved[-1].held_s == 0


def test_a_time_without_pictures_does_not_count_as_held() -> None:
    judge = HeadJudge(TARGETS, 438.0)
    for i in range(5):
        judge.update(dataclasses.replace(GOOD, time=i * 0.2))
    after = judge.update(dataclasses.replace(GOOD, time=5.0))
    assert (after.green, after.held_s) == (False, 0.0)
    assert judge.update(dataclasses.replace(GOOD, time=5.2)).held_s == pytest.approx(0.2)


def test_a_face_that_is_gone_is_not_green() -> None:
    judge = HeadJudge(TARGETS, 438.0)
    for i in range(15):
        judge.update(dataclasses.replace(GOOD, time=i * 0.2))
    assert not judge.update(HeadReading(3.0, "covered")).green


@given(st.floats(200, 1200), st.floats(100, 600), st.floats(0, 100))
def test_the_nearest_point_may_never_be_nearer_than_min_z(nearest: float, min_z: float, beyond: float) -> None:
    targets = HeadTargets(beyond_min_z_mm=beyond)
    limits = judge([dataclasses.replace(GOOD, nearest_mm=nearest)], targets, min_z)
    assert limits[0].ok == (max(450, min_z + beyond) <= nearest <= 560)
    assert least_mm(targets, min_z) >= min_z


def _broken() -> Iterator[tuple[str, object]]:
    yield from (("nearest_mm", 300.0), ("nearest_mm", 900.0), ("centre", (0.3, 0.0)), ("face_share", 0.01))
    yield from (("roll_deg", 20.0), ("yaw_deg", -30.0), ("pitch_deg", -40.0), ("brightness", 20.0))
    yield from (("clipped", 0.5), ("fill_rate", 0.5), ("nearest_mm", None), ("fill_rate", None))


@pytest.mark.parametrize(("name", "value"), list(_broken()))
def test_each_limit_can_be_broken_and_has_its_advice(name: str, value: object) -> None:
    reading = dataclasses.replace(GOOD, **{name: value})  # type: ignore[arg-type] # any field of it
    limits = judge([reading], TARGETS, 438.0)
    assert [limit.name for limit in limits if not limit.ok] == ["off_centre" if name == "centre" else name]
    assert advise(limits, [reading], TARGETS, 438.0).endswith(".")
    assert advise(judge([GOOD], TARGETS, 438.0), [GOOD], TARGETS, 438.0) == ""


def test_eyes_that_are_hidden_break_no_limit() -> None:
    hidden = dataclasses.replace(GOOD, roll_deg=None, yaw_deg=None, pitch_deg=None)
    assert all(limit.ok for limit in judge([hidden], TARGETS, 438.0))
