"""A simulated camera that films an X display: its pixels, in order, at the time at which they stood there."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from Xlib.display import Display as Client  # type: ignore[import-untyped]  # ships no types

from labcapture.core.clock import lsl_time
from labcapture.core.errors import DeviceError
from labcapture.devices._realsense_config import ColorStream, Config, DepthStream
from labcapture.devices.realsense import Camera
from labcapture.devices.simulated.camera import SimulatedCamera, SoftwareD415
from labcapture.devices.simulated.screen import Eye, XScreen
from labcapture.devices.simulated.strip import read_index
from labcapture.stage.display import Display
from tests.devices.flows import flowing

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("Xvfb") is None, reason="needs Xvfb"
)
ORANGE, BLUE = (255, 128, 0), (10, 20, 250)


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[Display]:
    monkeypatch.delenv("DISPLAY", raising=False)  # ours is put back after the test
    virtual = Display("virtual", (640, 360))
    yield virtual
    virtual.close()


def _paint(client: Client, color: tuple[int, int, int], x: int = 0, y: int = 0) -> None:
    """Fill the screen from x, y on; return when it is done."""
    root = client.screen().root
    root.fill_rectangle(root.create_gc(foreground=int.from_bytes(bytes(color), "big")), x, y, 4000, 4000)
    client.sync()


def test_pixels_are_those_of_the_display(display: Display) -> None:
    client = Client(display.name)
    _paint(client, ORANGE)
    _paint(client, BLUE, 100, 50)
    screen = XScreen(display.name)
    before = lsl_time()
    shot = screen.shoot()
    after = lsl_time()
    client.close()
    assert shot is not None
    assert before <= shot.time - shot.half_s
    assert shot.time + shot.half_s <= after
    assert shot.pixels.shape == (720, 1280, 3)
    expected = np.full((720, 1280, 3), ORANGE, np.uint8)
    expected[50:, 100:] = BLUE
    np.testing.assert_array_equal(shot.pixels, expected)
    display.close()
    assert screen.shoot() is None  # and this process goes on
    screen.close()


def test_a_camera_of_another_size_sees_all_of_the_screen(display: Display) -> None:
    client = Client(display.name)
    _paint(client, ORANGE)
    for size, seen in (((1920, 1080), (1280, 720)), ((424, 240), (320, 180))):
        eye = Eye(size)
        eye.expose(0)
        assert not eye.pixels(0).any()  # there is nothing to be seen yet
        eye.open(display.name)
        eye.expose(1)
        pixels = eye.pixels(1)
        assert pixels.shape == (size[1], size[0], 3)
        np.testing.assert_array_equal(pixels[: seen[1], : seen[0]], np.full((seen[1], seen[0], 3), ORANGE, np.uint8))
        assert not pixels[seen[1] :].any()
        eye.close()
    client.close()


def test_what_cannot_be_filmed_is_told() -> None:
    for name in ("", ":4321"):
        with pytest.raises(DeviceError) as caught:
            XScreen(name, "camera")
        assert str(caught.value).startswith("camera")


def test_frames_show_the_change_at_the_time_that_they_tell(display: Display) -> None:
    """Frames exposed before the screen changed are of the one colour, those after it of the other."""
    client = Client(display.name)
    _paint(client, ORANGE)
    camera = Camera(
        Config(
            name="camera",
            source="simulated",
            color=ColorStream(width_px=1280, height_px=720),
            depth=DepthStream(width_px=424, height_px=240),
            simulated=SimulatedCamera(films="stage", pictures=1),
        )
    )
    assert camera._config.perceives_stage
    camera.open()
    camera.film(display.name)
    changes = []
    with flowing(camera) as flow:
        for color in (BLUE, ORANGE, BLUE):
            flow.wait_for("color", len(flow.frames("color")) + 5)
            before = lsl_time()
            _paint(client, color)
            changes.append((before, lsl_time(), color))
        flow.wait_for("color", len(flow.frames("color")) + 5)
    camera.close()
    client.close()
    frames = flow.frames("color")
    source = camera.source
    assert isinstance(source, SoftwareD415)
    truth = {row.number: row for row in source.truth() if row.stream == "color"}
    for frame in frames:
        row = truth[frame.frame_number]
        assert read_index(frame.pixels) == row.index
        # The device's own clock tells the moment of the grab, wherever it began.
        assert frame.device_time - frames[0].device_time == pytest.approx(
            row.captured - truth[frames[0].frame_number].captured, abs=2e-6
        )
        shown = tuple(int(value) for value in frame.pixels[300, 600])
        done = [color for _, after, color in changes if row.captured > after + 0.002]
        begun = [color for before, _, color in changes if row.captured > before - 0.002]
        assert shown in {done[-1] if done else ORANGE, begun[-1] if begun else ORANGE}
    assert len({tuple(int(v) for v in frame.pixels[300, 600]) for frame in frames}) == 2
