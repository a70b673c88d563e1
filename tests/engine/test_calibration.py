"""A head is set without a session, and any look at a rig can be ended before its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from labcapture.core.errors import EngineError
from labcapture.engine.check_messages import Calibrate, Cancel, Preflight, Rehearse
from labcapture.engine.client import Client
from labcapture.engine.messages import EngineState, Snapshot
from labcapture.engine.preview import PreviewReader

RIG = """
name: test rig
devices:
  - {kind: realsense, name: camera, source: simulated, simulated: {pictures: 2},
     color: {width_px: 424, height_px: 240}, depth: {width_px: 424, height_px: 240}}
stage: {display: virtual, size: [640, 360]}
"""


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client.spawn()
    yield client
    psutil.Process(client.details.pid).terminate()
    assert client.wait_ended(60)
    client.close()


@pytest.fixture
def rig(tmp_path: Path) -> str:
    file = tmp_path / "rig.yaml"
    file.write_text(RIG, encoding="utf-8")
    return str(file)


def _until(client: Client, holds: Callable[[Snapshot], bool]) -> Snapshot:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if holds(snapshot := client.snapshot()):
            return snapshot
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def _is_measured(snapshot: Snapshot) -> bool:
    return snapshot.head is not None and snapshot.head.pictures > 2


def _does(snapshot: Snapshot, doing: str) -> bool:
    return snapshot.check is not None and snapshot.check.doing.startswith(doing)


def _is_over(snapshot: Snapshot) -> bool:
    return snapshot.calibration is not None and not snapshot.calibration.doing


def test_a_head_is_shown_and_measured_until_it_is_cancelled(client: Client, rig: str) -> None:
    for _ in range(2):  # the camera is free again after the first time
        client.command(Calibrate(rig=rig))
        seen = _until(client, _is_measured)
        assert seen.state is EngineState.IDLE
        assert seen.head is not None
        assert seen.head.min_z_mm > 0
        assert seen.calibration is not None
        assert seen.calibration.simulated
        assert seen.preview is not None
        reader = PreviewReader(seen.preview)
        assert {slot.name for slot in seen.preview.pictures} == {"color", "depth"}
        picture = reader.picture("color")
        reader.close()
        assert picture is not None
        assert picture.pixels.shape == (120, 212, 3)
        with pytest.raises(EngineError, match="while the rig is looked at"):
            client.command(Calibrate(rig=rig))
        client.command(Cancel())
        over = _until(client, _is_over)
        assert over.calibration is not None
        assert over.calibration.error == ""
        assert over.head is None
        assert over.preview is None


def test_a_rig_without_a_camera_is_told(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "rig.yaml"
    file.write_text("name: ears\ndevices: [{kind: microphone, name: voice, source: simulated}]\n", encoding="utf-8")
    client.command(Calibrate(rig=str(file)))
    over = _until(client, _is_over)
    assert over.calibration is not None
    assert "has no camera" in over.calibration.error


def test_a_look_is_cancelled_and_another_begins(client: Client, rig: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    preflight = Preflight(rig=rig, out=str(out), seconds=600, stage=False)
    for look, doing in ((preflight, "measuring"), (Rehearse(rig=rig, out=str(out), seconds=600), "recording")):
        client.command(look)
        _until(client, partial(_does, doing=doing))
        client.command(Cancel())
        over = _until(client, lambda it: it.check is not None and not it.check.doing)
        assert over.check is not None
        assert "cancelled" in over.check.error
        assert not over.check.go
    assert not out.exists()
    client.command(preflight.model_copy(update={"seconds": 0.5}))
    done = _until(client, lambda it: it.check is not None and not it.check.doing)
    assert done.check is not None
    assert done.check.error == ""
    assert done.check.rows
