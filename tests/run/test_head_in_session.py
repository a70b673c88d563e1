"""The head of a session's participant: a calibration ends by itself or for a reason, and clips are watched over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from labcapture.core.errors import EngineError
from labcapture.engine.client import Client
from labcapture.engine.messages import Confirm, EngineState, Prepare, SessionResult, Start
from labcapture.reading.calibrated import calibrated, calibrations, told
from labcapture.reading.session import open_session
from labcapture.recording.verify import verify
from tests.run.sessions import wait_for, write_inputs

_LIMIT_S = 120.0

PROTOCOL = """
name: head
title: The head, recorded while it comes to its place and after
paradigm: none
steps:
  - id: whole
    kind: block
    record: true
    steps:
      - {id: place, kind: calibrate}
      - {id: after, kind: instruction, text: Go on, leave: experimenter}
"""
MOVES_S = 10.0  # by the camera's clock: the session has begun before


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    client = Client.spawn()
    yield client
    if psutil.pid_exists(client.details.pid):
        psutil.Process(client.details.pid).terminate()
    assert client.wait_ended(60)
    client.close()


def _begin(client: Client, folder: Path, near_mm: int, far_mm: int) -> None:
    """Begin a session with a head that is ``near_mm`` away, and then ``far_mm``."""
    rig, protocol, _ = write_inputs(folder)
    path = [(0.0, near_mm), (MOVES_S, near_mm), (MOVES_S + 0.1, far_mm)]
    script = ", ".join(f"{{at_s: {at}, distance_mm: {mm}}}" for at, mm in path)
    told = f"pictures: 3\n      distance_step_mm: {far_mm - near_mm}\n      distance: [{script}]"
    rig.write_text(rig.read_text(encoding="utf-8").replace("pictures: 3", told), encoding="utf-8")
    protocol.write_text(PROTOCOL, encoding="utf-8")
    place = {"participant": "P011", "session": "01", "out": str(folder / "out")}
    client.command(Prepare(protocol=str(protocol), rig=str(rig), **place), timeout=_LIMIT_S)
    client.command(Start())


def _end(client: Client) -> SessionResult:
    result = wait_for(client, lambda s: s.state is EngineState.IDLE and s.result is not None).result
    assert result is not None
    assert verify(Path(result.folder)).problems == []
    return result


def test_calibration_ends_as_soon_as_the_head_has_moved_back(client: Client, tmp_path: Path) -> None:
    _begin(client, tmp_path, 400, 500)
    near = wait_for(client, lambda s: s.head is not None and s.head.nearest_mm is not None).head
    assert near is not None
    assert near.nearest_mm == pytest.approx(400, abs=3)
    assert near.sentence.startswith("Move back")
    wait_for(client, lambda s: s.prompt is not None and s.prompt.step == "after")
    client.command(Confirm())
    with open_session(_end(client).folder) as session:
        (head,) = calibrations(session)
        assert (head.step, head.take, head.skipped, head.reason) == ("place", 1, False, "")
        assert head.values["nearest_mm"] == pytest.approx(500, abs=3)
        assert head.values["held_s"] >= 2
        assert head.locked["enable_auto_exposure"] == 0
        assert {"nearest_mm", "fill_rate", "face_share"} <= set(head.limits["what"])
        assert head.limits["ok"].all()
        assert [row["detail"] for row in session.steps if row["event"] == "confirm"] == ["the head is in its place", ""]
        assert not [label for label in session.markers["label"] if label.startswith("head")]
        assert told(calibrated(session)) == f"Head: place nearest point {head.values['nearest_mm']:.0f} mm, in place"
        assert head.color is not None
        assert head.depth_mm is not None
        trial = session.trials["01_whole"]
        shrunk = {"interpolation": cv2.INTER_AREA}
        assert any(np.array_equal(cv2.resize(it, head.color.shape[1::-1], **shrunk), head.color) for it in trial.color)
        shrunk = {"interpolation": cv2.INTER_NEAREST}
        assert any(
            np.array_equal(cv2.resize(it, head.depth_mm.shape[::-1], **shrunk), head.depth_mm) for it in trial.depth
        )


def test_calibration_is_passed_for_a_reason_only_and_the_trial_is_watched(client: Client, tmp_path: Path) -> None:
    _begin(client, tmp_path, 380, 500)
    wait_for(client, lambda s: s.head is not None and s.head.pictures > 2)
    with pytest.raises(EngineError, match="not in its place"):
        client.command(Confirm())
    client.command(Confirm(reason="a cast"))
    alarmed = wait_for(client, lambda s: any(a.source == "head" and a.active for a in s.alarms))
    assert alarmed.trial == "01_whole"
    assert [(a.cause, a.remedy) for a in alarmed.alarms if a.source == "head"] == [
        ("head too close", "Ask the participant to move back.")
    ]
    wait_for(client, lambda s: not any(a.source == "head" and a.active for a in s.alarms))  # it has moved back
    client.command(Confirm())
    with open_session(_end(client).folder) as session:
        (head,) = calibrations(session)
        assert (head.skipped, head.reason, dict(head.locked)) == (True, "a cast", {})
        assert not head.limits["ok"].all()
        marks = [(row["label"], row["source"]) for row in session.markers if row["label"].startswith("head")]
        assert marks == [("head too close", "engine"), ("head too close over", "engine")]
        assert told(calibrated(session)).endswith("skipped: a cast")
