"""The engine looks at a rig before a session: progress, looks again, reasons to go on, and rehearsals."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import h5py
import psutil
import pytest

from labcapture.core.errors import EngineError
from labcapture.engine.check_messages import CheckView, Preflight, Rehearse
from labcapture.engine.client import Client
from labcapture.engine.messages import Abort, EngineState, Prepare, Snapshot
from labcapture.engine.preflight_rows import Row

SMALL = "{width_px: 424, height_px: 240}"
RIG = f"""
name: test rig
devices:
  - {{kind: realsense, name: camera, source: simulated, color: {SMALL}, depth: {SMALL}, simulated: {{pictures: 2}}}}
  - {{kind: lsl, name: eda, preset: eda, simulated: {{EDA}}}}
stage: {{display: virtual, size: [640, 360]}}
"""
FLAT = "faults: [{kind: flat, at_s: 0, seconds: 600}]"
PROTOCOL = """
name: no_clips
title: A cross to look at
paradigm: none
steps: [{id: cross, kind: fixation, seconds: 2}]
"""


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client.spawn()
    yield client
    psutil.Process(client.details.pid).terminate()
    assert client.wait_ended(60)
    client.close()


def _wait(client: Client, limit_s: float = 120) -> tuple[CheckView, set[str]]:
    """Return the view once the look is over, and what was said meanwhile."""
    said: set[str] = set()
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        view = client.snapshot().check
        assert view is not None
        if not view.doing:
            return view, said
        said.add(view.doing)
        time.sleep(0.05)
    raise AssertionError(f"still {said} after {limit_s} s")


def _inputs(folder: Path, eda: str = "") -> tuple[str, str, str]:
    rig, protocol = folder / "rig.yaml", folder / "protocol.yaml"
    rig.write_text(RIG.replace("{EDA}", f"{{{eda}}}"), encoding="utf-8")
    protocol.write_text(PROTOCOL, encoding="utf-8")
    return str(rig), str(protocol), str(folder / "out")


def _failed(rows: tuple[Row, ...]) -> set[str]:
    return {row.name for row in rows if row.verdict == "fail"} - {"processor", "write speed", "flips"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the rig's stage needs Xvfb")
def test_a_failing_row_needs_a_reason_and_the_session_keeps_it(client: Client, tmp_path: Path) -> None:
    rig, protocol, out = _inputs(tmp_path, FLAT)
    look = Preflight(rig=rig, protocol=protocol, out=out, seconds=1.5, stage=False)
    prepare = Prepare(rig=rig, protocol=protocol, out=out, participant="p01", session="01", autopilot=1)
    client.command(look)
    with pytest.raises(EngineError, match="while the rig is looked at"):
        client.command(prepare)
    view, said = _wait(client)
    assert any(words.startswith("measuring every stream") for words in said)
    assert _failed(view.rows) == {"flat", "range"}
    assert not view.go
    assert view.simulated

    client.command(look.model_copy(update={"groups": ("eda",)}))
    again, _ = _wait(client)
    assert again.number > view.number
    assert _failed(again.rows) == {"flat", "range"}
    assert {row.group for row in again.rows} == {row.group for row in view.rows}
    assert len(again.rows) == len(view.rows)

    with pytest.raises(EngineError, match=r"no-go.*flat"):
        client.command(prepare)
    assert client.snapshot().state is EngineState.IDLE
    some = prepare.model_copy(update={"overrides": {"eda flat": "skin is dry", "range": " "}})
    with pytest.raises(EngineError, match=r"no-go.*eda range"):
        client.command(some)
    given = {"override": "a busy machine", "overrides": {"eda flat": "skin is dry", "range": "the same"}}
    folder = Path(client.command(prepare.model_copy(update=given), 120)["folder"])
    assert client.snapshot().check is None
    client.command(Abort())
    result = _ended(client)
    assert result.result is not None
    with h5py.File(folder / "session.h5", "r") as session:
        rows = session["preflight"][:]
    assert len(rows) == len(again.rows)
    reasons = {row["what"].decode(): row["override"].decode() for row in rows if row["override"]}
    assert reasons.pop("flat") == "skin is dry"
    assert reasons.pop("range") == "the same"
    assert set(reasons.values()) <= {"a busy machine"}
    assert all(row["verdict"] == b"fail" for row in rows if row["override"])


def _ended(client: Client) -> Snapshot:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        snapshot = client.snapshot()
        if snapshot.state is EngineState.IDLE:
            return snapshot
        time.sleep(0.1)
    raise AssertionError("the session did not end")


def test_a_rehearsal_is_verified_and_leaves_nothing(client: Client, tmp_path: Path) -> None:
    rig, protocol, out = _inputs(tmp_path)
    client.command(Rehearse(rig=rig, protocol=protocol, out=out, seconds=1.5))
    view, _ = _wait(client)
    rows = {row.name: row for row in view.rows}
    assert rows.keys() == {"color", "depth", "eda", "verified"}
    assert rows["verified"].verdict == "ok", rows["verified"].reading
    pictures = int(rows["verified"].reading.split()[0])
    assert pictures > 30
    assert not Path(out).exists()


def test_a_rehearsal_tells_a_camera_that_slows_down_in_dim_light(client: Client, tmp_path: Path) -> None:
    rig, protocol, out = _inputs(tmp_path)
    file = Path(rig)
    slow = "pictures: 2, faults: {slowed: [{frames: '0-100000', factor: 2}]}"
    file.write_text(file.read_text(encoding="utf-8").replace("pictures: 2", slow), encoding="utf-8")
    client.command(Rehearse(rig=rig, protocol=protocol, out=out, seconds=3))
    view, _ = _wait(client)
    color = next(row for row in view.rows if row.name == "color")
    assert (color.verdict, color.limit) == ("fail", "at least 72, none lost")
    assert "none lost" in color.reading
    assert "light" in color.mend


def test_a_wrong_rig_file_is_told(client: Client, tmp_path: Path) -> None:
    client.command(Preflight(rig=str(tmp_path / "none.yaml"), seconds=1))
    view, _ = _wait(client)
    assert "none.yaml" in view.error
    assert not view.go
