"""The head of a session's participant: a calibration ends by itself or for a reason, and clips are watched over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from labcapture.core.errors import EngineError
from labcapture.engine.client import Client
from labcapture.engine.messages import Confirm, EngineState, Prepare, SessionResult, Snapshot, Start
from labcapture.reading.session import open_session
from labcapture.recording.verify import verify
from tests.run.sessions import write_inputs

_LIMIT_S = 120.0

PROTOCOL = """
name: head
title: The head, then a clip
paradigm: none
steps:
  - {id: place, kind: calibrate}
  - {id: clip, kind: movie, clip: rehearsal_neutral}
"""


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    client = Client.spawn()
    yield client
    if psutil.pid_exists(client.details.pid):
        psutil.Process(client.details.pid).terminate()
    assert client.wait_ended(60)
    client.close()


def _wait(client: Client, condition: Callable[[Snapshot], bool]) -> Snapshot:
    deadline = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline:
        snapshot = client.snapshots(timeout=2)
        if snapshot is not None and condition(snapshot):
            return snapshot
    raise AssertionError("the engine did not come to the state that the test waits for")


def _begin(client: Client, folder: Path, films: Path, distance_mm: int, autopilot: int | None) -> None:
    rig, protocol, _ = write_inputs(folder)
    text = rig.read_text(encoding="utf-8").replace(
        "pictures: 3", f"pictures: 3\n      distance: [{{at_s: 0, distance_mm: {distance_mm}}}]"
    )
    rig.write_text(text, encoding="utf-8")
    protocol.write_text(PROTOCOL, encoding="utf-8")
    place = {"participant": "P011", "session": "01", "out": str(folder / "out"), "stimuli": str(films)}
    client.command(Prepare(protocol=str(protocol), rig=str(rig), autopilot=autopilot, **place), timeout=_LIMIT_S)
    client.command(Start())


def _end(client: Client) -> SessionResult:
    result = _wait(client, lambda s: s.state is EngineState.IDLE and s.result is not None).result
    assert result is not None
    assert verify(Path(result.folder)).problems == []
    return result


def test_calibration_ends_as_soon_as_the_head_is_in_its_place(client: Client, tmp_path: Path, films: Path) -> None:
    _begin(client, tmp_path, films, 500, 3)
    placed = _wait(client, lambda s: s.head is not None and s.head.green)
    assert placed.head is not None
    assert placed.head.nearest_mm == pytest.approx(500, abs=5)
    with open_session(_end(client).folder) as session:
        (row,) = session.calibrations
        assert (row["step"], row["take"], bool(row["skipped"]), row["reason"]) == ("place", 1, False, "")
        assert row["nearest_mm"] == pytest.approx(500, abs=5)
        assert row["held_s"] >= 2
        assert row["picture"] == 0
        assert session.h5["calibration/color"].shape[0] == session.h5["calibration/depth"].shape[0] == 1
        assert session.h5["calibration/color"][0].std() > 10
        limits = session.h5["calibration/limits"][()]
        assert len(limits) > 5
        assert limits["ok"].all()
        confirmed = [row["detail"] for row in session.steps if row["event"] == "confirm"]
        assert confirmed == ["the head is in its place"]
        assert not [label for label in session.markers["label"] if label.startswith("head")]


def test_calibration_is_passed_for_a_reason_only_and_the_clip_is_watched(
    client: Client, tmp_path: Path, films: Path
) -> None:
    _begin(client, tmp_path, films, 380, None)
    _wait(client, lambda s: s.head is not None and s.head.pictures > 2)
    with pytest.raises(EngineError, match="not in its place"):
        client.command(Confirm())
    client.command(Confirm(reason="a cast"))
    alarmed = _wait(client, lambda s: any(a.source == "head" and a.active for a in s.alarms))
    assert alarmed.trial == "01_a"
    with open_session(_end(client).folder) as session:
        (row,) = session.calibrations
        assert (bool(row["skipped"]), row["reason"]) == (True, "a cast")
        assert not session.h5["calibration/limits"]["ok"].all()
        assert "head too close" in set(session.markers["label"])
