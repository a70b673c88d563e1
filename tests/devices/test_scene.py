"""The scene is where it says, seen as a D415 would see it."""

from __future__ import annotations

import numpy as np
import pytest

from labcapture.devices.simulated.d415 import BASELINE_MM, Optics, color_optics, depth_optics, min_z_mm
from labcapture.devices.simulated.scene import CURTAIN_MM, Scene, SimulatedHead

SIZE = (640, 360)


def scene(distance_mm: float, seed: int = 0) -> Scene:
    return Scene(color_optics(*SIZE), depth_optics(*SIZE), distance_mm, seed)


def face(picture: np.ndarray) -> np.ndarray:
    """The middle of the picture: forehead to mouth of a face at 400 to 700 mm."""
    height, width = picture.shape[:2]
    return picture[height // 2 - 20 : height // 2 + 20, width // 2 - 20 : width // 2 + 20]


@pytest.mark.parametrize(("width", "height", "published_mm"), [(1280, 720, 438), (640, 360, 219), (848, 480, 292)])
def test_min_z_is_the_published_one(width: int, height: int, published_mm: float) -> None:
    assert min_z_mm(depth_optics(width, height)) == pytest.approx(published_mm, abs=1)


@pytest.mark.parametrize("optics", [depth_optics(1280, 720), color_optics(1280, 720)])
def test_field_of_view(optics: Optics) -> None:
    half = np.degrees(np.arctan(optics.width / 2 / optics.focal_px))
    assert 2 * half == pytest.approx(65 if optics.x_mm == 0 else 69)


@pytest.mark.parametrize("distance_mm", [400, 520, 650])
def test_depth_measures_the_distance(distance_mm: float) -> None:
    depth = scene(distance_mm).depth()
    assert depth.shape == SIZE[::-1]
    assert depth.dtype == np.uint16
    assert face(depth).min() == pytest.approx(distance_mm, abs=6)
    assert (face(depth) > 0).mean() > 0.99
    curtain = depth[20:100, -120:-20]
    assert np.median(curtain) == pytest.approx(CURTAIN_MM, abs=25)


def test_nearer_than_min_z_is_no_depth() -> None:
    nearest = min_z_mm(depth_optics(*SIZE))
    depth = scene(205).depth()
    assert (depth[depth > 0] >= nearest - 2).all()
    assert (face(depth) == 0).mean() > 0.05
    assert (face(scene(260).depth()) == 0).mean() < 0.01


def test_the_shadow_lies_left_of_the_head() -> None:
    depth = scene(520).depth()
    row = depth[SIZE[1] // 2]
    head = np.flatnonzero((row > 0) & (row < 800))
    left, right = row[: head[0]], row[head[-1] + 1 :]
    expected = depth_optics(*SIZE).focal_px * BASELINE_MM * (1 / 600 - 1 / CURTAIN_MM)
    assert (left[-int(expected) + 3 :] == 0).all()
    assert (right == 0).sum() < 5


def test_noise_is_new_in_each_picture_and_follows_the_seed() -> None:
    one, two = scene(520), scene(520)
    first, second = one.color(), one.color()
    assert (first != second).mean() > 0.5
    assert 1 < (first.astype(int) - second).std() < 8
    assert (two.color() == first).all()
    assert (scene(520, seed=1).color() != first).any()
    a, b = one.depth().astype(int), one.depth().astype(int)
    steady = (face(a) > 0) & (face(b) > 0)
    assert 0.1 < (face(a) - face(b))[steady].std() < 4  # mm


def test_the_face_is_skin_before_a_green_curtain() -> None:
    color = scene(520).color()
    red, green, blue = (face(color)[..., c].mean() for c in range(3))
    assert red > green > blue * 0.95
    curtain = color[20:100, -120:-20].reshape(-1, 3).mean(axis=0)
    assert curtain[1] > 1.5 * curtain[0]
    assert curtain[1] > 1.5 * curtain[2]


def test_depth_and_colour_agree_on_where_the_head_is() -> None:
    """The head's middle, seen from the colour sensor 15 mm further left, lies further right."""
    it = scene(520)
    depth, color = it.depth(), it.color()
    row = SIZE[1] // 2
    in_depth = np.flatnonzero((depth[row] > 0) & (depth[row] < 800)).mean()
    in_color = np.flatnonzero(color[row, :, 0] > color[row, :, 1].astype(int) + 10).mean()
    shift = color_optics(*SIZE).focal_px * 15 / 600
    assert in_color - (SIZE[0] - 1) / 2 == pytest.approx(shift, abs=4)
    assert in_depth - (SIZE[0] - 1) / 2 == pytest.approx(0, abs=4)


def test_a_head_that_is_turned_moved_or_of_another_size_has_its_nearest_point_where_it_says() -> None:
    for head in (
        SimulatedHead(yaw_deg=25),
        SimulatedHead(pitch_deg=-20),
        SimulatedHead(roll_deg=20, size=0.8),
        SimulatedHead(x_mm=60, y_mm=-30, size=1.2),
    ):
        it = Scene(color_optics(*SIZE), depth_optics(*SIZE), 520, head=head)
        depth = it.depth()
        at_x, at_y = SIZE[0] // 2 + round(head.x_mm / 590 * depth_optics(*SIZE).focal_px), SIZE[1] // 2
        around = depth[at_y - 70 : at_y + 70, at_x - 50 : at_x + 50]
        assert np.percentile(around[around > 0], 0.5) == pytest.approx(it.nearest_mm, abs=4)


def test_the_chin_rises_and_the_face_turns_as_the_words_say() -> None:
    def mouth(head: SimulatedHead) -> np.ndarray:
        """Middle (column, row) of the lips: red beyond skin."""
        red, green, _ = (
            Scene(color_optics(*SIZE), depth_optics(*SIZE), 520, head=head).color().astype(int).transpose(2, 0, 1)
        )
        rows, columns = np.nonzero((red > 90) & (red > 1.55 * green))
        return np.array([np.median(columns), np.median(rows)])

    straight = mouth(SimulatedHead())
    assert mouth(SimulatedHead(pitch_deg=20))[1] < straight[1] - 5  # up
    assert mouth(SimulatedHead(yaw_deg=20))[0] < straight[0] - 5  # to the left in the picture
    assert mouth(SimulatedHead(roll_deg=20))[0] < straight[0] - 5  # tilted to the right: the chin goes left


def test_holes_and_light() -> None:
    def holes_of(share: float) -> float:
        it = Scene(color_optics(*SIZE), depth_optics(*SIZE), 520, head=SimulatedHead(holes=share))
        return float((face(it.depth()) == 0).mean())

    assert holes_of(0.0) < 0.01
    assert holes_of(0.3) == pytest.approx(0.3, abs=0.15)
    dim = Scene(color_optics(*SIZE), depth_optics(*SIZE), 520, head=SimulatedHead(light=0.3)).color()
    assert face(dim).mean() == pytest.approx(0.3 * face(scene(520).color()).mean(), rel=0.15)
