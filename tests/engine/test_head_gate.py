"""The head in a session: the gate over a simulated camera, and the events that it makes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rich.console import Console

from labcapture.cli.calibrate import calibrate_head
from labcapture.core.chunks import Chunk, Frame
from labcapture.core.head import HeadTargets
from labcapture.devices import realsense
from labcapture.devices.simulated.d415 import color_optics, depth_optics
from labcapture.devices.simulated.scene import Scene
from labcapture.engine.driving import Driver
from labcapture.engine.head_gate import REMEDIES, HeadEvent, HeadGate, HeadMarks
from labcapture.engine.head_messages import HeadView, Seen
from labcapture.engine.log import SessionLog

PATIENCE_S = 60.0


def camera(distance_mm: float) -> realsense.Config:
    small = {"width_px": 640, "height_px": 360}
    simulated = {"pictures": 2, "distance": [{"at_s": 0, "distance_mm": distance_mm}]}
    return realsense.Config.model_validate(
        {"name": "camera", "source": "simulated", "color": small, "depth": small, "simulated": simulated}
    )


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("distance_mm", [500, 620])
def test_a_gate_over_a_running_camera(distance_mm: float) -> None:
    driver, log = Driver(camera(distance_mm)), SessionLog()
    driver.open()
    assert isinstance(driver.device, realsense.Camera)
    gate = HeadGate(driver.streams, HeadTargets(hold_s=0.5), hold=driver.device.hold_exposure)

    def feed(chunk: Chunk) -> None:
        if isinstance(chunk, Frame):
            gate.feed(chunk)

    try:
        gate.start("calibrate", 2)
        driver.start(feed)
        if distance_mm == 500:
            wait(lambda: gate.view().green)
        else:
            wait(lambda: gate.view().pictures >= 4)
            assert gate.view().sentence.endswith("closer.")
            with pytest.raises(ValueError, match="reason"):
                gate.skip(" ")
            gate.skip("cannot sit closer")
        result = gate.result()
        assert gate.error is None
    finally:
        driver.close(log)
        gate.close()
    assert result.name == "calibrate_2"
    assert result.view.nearest_mm == pytest.approx(distance_mm, abs=2)
    assert result.skipped == (distance_mm != 500)
    assert result.reason == ("" if distance_mm == 500 else "cannot sit closer")
    if distance_mm == 500:
        assert result.locked["enable_auto_exposure"] == 0
        assert result.locked["exposure"] == 98  # 9800 us, as the frames told
    else:
        assert not result.locked  # a head that is to come back is not to stay in the light of another place
    assert result.color is not None
    assert result.color.shape == (180, 320, 3)
    assert result.depth is not None
    assert result.depth.shape == (180, 320)
    assert json.dumps(result.values())
    assert {row[0] for row in result.limits()} >= {"nearest_mm", "fill_rate", "face_share", "brightness"}


def test_a_head_counts_as_it_stood_when_it_was_good() -> None:
    """The step takes a moment to end: what the head does then changes nothing of what is stored."""
    driver, log = Driver(camera(500)), SessionLog()
    driver.open()
    held: list[Mapping[str, int] | None] = []

    def hold(metadata: Mapping[str, int] | None) -> dict[str, float]:
        held.append(metadata)
        return {"exposure": 98.0}

    gate = HeadGate(driver.streams, HeadTargets(hold_s=0.5), hold=hold)
    clock = iter(range(1, 1000))
    optics = color_optics(640, 360), depth_optics(640, 360)
    pictures: dict[int, tuple[Any, Any]] = {
        mm: (scene.color(), scene.depth()) for mm in (500, 440) for scene in [Scene(*optics, mm)]
    }

    def show(distance_mm: int) -> None:
        """Have the gate measure one pair of pictures."""
        count, seen = next(clock), gate.view().pictures
        for stream, pixels in zip(("color", "depth"), pictures[distance_mm], strict=True):
            gate.feed(Frame(stream, pixels, count, count * 33.0, 100 + count * 0.2, {"actual_exposure": count}))
        wait(lambda: gate.view().pictures > seen)

    try:
        gate.start("calibrate", 1)
        while not gate.view().green:
            show(500)
        exposure = gate.view().time
        while gate.view().green:
            show(440)
        result = gate.result()
        assert (result.skipped, result.reason) == (False, "")
        assert result.view.green
        assert result.view.time == exposure
        assert result.locked == {"exposure": 98.0}
        assert held == [None, {"actual_exposure": round((exposure - 100) / 0.2)}]
        assert result.color is not None
        assert np.array_equal(result.color, cv2.resize(pictures[500][0], (320, 180), interpolation=cv2.INTER_AREA))
        gate.start("calibrate", 2)  # what was good is forgotten
        show(440)
        again = gate.result()
        assert (again.skipped, again.reason) == (True, "ended before the head was in its place")
        assert held[2:] == [None]
        events: list[HeadEvent] = []
        while not events:
            show(440)
            events = gate.events()
        assert [(event.label, event.active) for event in events] == [("head too close", True)]
        show(440)
        assert not gate.events()
        gate.forget()  # the trial is over; in the next one it is told again
        while not (events := gate.events()):
            show(440)
        assert [(event.label, event.active) for event in events] == [("head too close", True)]
    finally:
        gate.close()
        driver.close(log)


def test_trouble_is_told_once_when_it_lasts_and_when_it_is_over() -> None:
    marks = HeadMarks()
    story: list[tuple[float, Seen]] = [(i / 5, "face") for i in range(10)]
    story += [(2.0, "turned away"), (2.2, "face")]  # too short to be told
    story += [(3 + i / 5, "covered") for i in range(10)]
    story += [(5 + i / 5, "face") for i in range(10)]
    events = [
        e for at, seen in story for e in marks.update(HeadView(time=at, seen=seen, nearest_mm=500.0, min_z_mm=438))
    ]
    assert events == [HeadEvent(3.0, "face covered", True), HeadEvent(5.0, "face covered", False)]
    assert all(event.label in REMEDIES for event in events)


def test_one_trouble_gives_way_to_another() -> None:
    marks = HeadMarks()
    events = []
    for i in range(20):
        seen: Seen = "turned away" if i < 10 else "face"
        events += marks.update(HeadView(time=i / 5, seen=seen, nearest_mm=400.0, min_z_mm=438))
    labels = [(event.label, event.active) for event in events]
    assert labels == [("head turned away", True), ("head turned away", False), ("head too close", True)]


def test_the_command_measures_until_it_is_good_or_the_time_is_over(tmp_path: Path) -> None:
    for distance_mm, seconds in ((500, PATIENCE_S), (620, 1.0)):
        rig = tmp_path / f"{distance_mm}.yaml"
        device = json.dumps(camera(distance_mm).model_dump(mode="json", exclude_defaults=True) | {"kind": "realsense"})
        rig.write_text(f"name: test\ndevices: [{device}]\nhead: {{hold_s: 0.4}}\n", encoding="utf-8")
        result = calibrate_head(rig, seconds, Console(quiet=True))
        assert result["green"] == (distance_mm == 500)
        assert result["verdict"] == ("good" if distance_mm == 500 else "not good")
        assert result["nearest_mm"] == pytest.approx(distance_mm, abs=2)
        assert result["min_z_mm"] == pytest.approx(219.3, abs=0.5)
        assert bool(result["locked"]) == (distance_mm == 500)
        assert json.dumps(result)
