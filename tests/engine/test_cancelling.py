"""Whoever cancels need not wait for an instrument that opens slowly or is not there, and nothing of it stays behind."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from labcapture.core.cancelling import Cancellation, Cancelled
from labcapture.core.errors import DeviceError, EngineError
from labcapture.devices.rig import Rig
from labcapture.engine import aside
from labcapture.engine.check_messages import CANCELLING, Calibrate, Cancel, Preflight, Rehearse
from labcapture.engine.client import Client
from labcapture.engine.driving import Driver, open_all
from labcapture.engine.log import SessionLog
from labcapture.engine.messages import Abort, EngineState, Prepare, Snapshot

NOBODY = "{kind: lsl, name: eda, stream_name: nobody-sends-this, timeout_s: 120}"
SLOW = "{kind: realsense, name: camera, source: simulated, simulated: {pictures: 8}}"  # seconds in one call
STAGE = "stage: {display: virtual, size: [640, 360]}"
PROTOCOL = """
name: no_clips
title: A cross to look at
paradigm: none
steps: [{id: cross, kind: fixation, seconds: 2}]
"""
_LIMIT_S = 90.0  # less than the stream would be waited for

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the rig's stage needs Xvfb")


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client.spawn()
    yield client
    psutil.Process(client.details.pid).terminate()
    assert client.wait_ended(60)
    client.close()


def rig_file(folder: Path, *devices: str) -> str:
    file = folder / "rig.yaml"
    file.write_text(f"name: test rig\ndevices: [{', '.join(devices)}]\n{STAGE}\n", encoding="utf-8")
    return str(file)


def until(client: Client, holds: Callable[[Snapshot], bool]) -> Snapshot:
    deadline = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline:
        if holds(snapshot := client.snapshot()):
            return snapshot
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def children(client: Client) -> list[psutil.Process]:
    return psutil.Process(client.details.pid).children(recursive=True)


@linux
@pytest.mark.parametrize("look", ["preflight", "rehearse"])
def test_a_look_ends_while_a_stream_that_nobody_sends_is_waited_for(client: Client, tmp_path: Path, look: str) -> None:
    rig, out = rig_file(tmp_path, NOBODY), tmp_path / "out"
    client.command(Preflight(rig=rig, out=str(out)) if look == "preflight" else Rehearse(rig=rig, out=str(out)))
    until(client, lambda it: it.check is not None and it.check.doing == "opening the rig")
    client.command(Cancel())
    told = client.snapshot().check
    assert told is not None
    assert told.doing in {CANCELLING, ""}
    over = until(client, lambda it: it.check is not None and not it.check.doing)
    assert over.check is not None
    assert "cancelled" in over.check.error
    until(client, lambda _: not children(client))  # the participant's screen was opening beside it
    assert not out.exists()


@linux
@pytest.mark.parametrize("end", [Cancel(), Abort()])
def test_a_session_that_is_prepared_is_cancelled(client: Client, tmp_path: Path, end: Cancel | Abort) -> None:
    rig, protocol, out = rig_file(tmp_path, NOBODY), tmp_path / "protocol.yaml", tmp_path / "out"
    protocol.write_text(PROTOCOL, encoding="utf-8")
    prepare = Prepare(rig=rig, protocol=str(protocol), out=str(out), participant="p01", session="01")
    told: list[EngineError] = []

    def ask() -> None:
        other = Client.attach(client.connection)
        with pytest.raises(EngineError) as caught:
            other.command(prepare, timeout=_LIMIT_S)
        told.append(caught.value)
        other.close()

    asker = threading.Thread(target=ask)
    asker.start()
    until(client, lambda it: it.state is EngineState.PREPARING and it.doing == "opening the rig")
    client.command(end)
    assert client.snapshot().doing in {CANCELLING, ""}
    until(client, lambda it: it.state is EngineState.IDLE)
    asker.join(_LIMIT_S)
    assert "cancelled" in str(told[0])
    until(client, lambda _: not children(client))
    assert not out.exists()


def test_a_camera_that_opens_slowly_is_not_waited_for_and_the_next_look_waits_for_it(
    client: Client, tmp_path: Path
) -> None:
    rig = rig_file(tmp_path, SLOW)
    client.command(Calibrate(rig=rig))
    until(client, lambda it: it.calibration is not None and it.calibration.doing == "opening the rig")
    client.command(Cancel())
    until(client, lambda it: it.calibration is not None and not it.calibration.doing)
    client.command(Calibrate(rig=rig))
    waiting = client.snapshot().calibration
    assert waiting is not None
    assert waiting.doing == "waiting until a cancelled opening is over (realsense)"
    until(client, lambda it: it.head is not None and it.head.pictures > 2)
    client.command(Cancel())
    until(client, lambda it: it.calibration is not None and not it.calibration.doing)


def camera(pictures: int) -> Driver:
    rig = Rig.model_validate(
        {
            "name": "r",
            "devices": [
                {"kind": "realsense", "name": "camera", "source": "simulated", "simulated": {"pictures": pictures}}
            ],
        }
    )
    return Driver(rig.devices[0])


def test_what_was_left_alone_is_closed_when_it_is_back_before_the_next_one_opens() -> None:
    first, second, log = camera(4), camera(1), SessionLog()
    cancelled = Cancellation()
    first.begin_opening()
    cancelled.ask()
    with pytest.raises(Cancelled):
        first.wait_open(cancelled)
    first.close(log)
    assert aside.leaving() == ("realsense",)
    second.open()
    assert aside.leaving() == ()
    assert not list(first.device.describe())
    assert [spec.name for spec in second.streams] == ["color", "depth"]
    second.close(log)
    second.close(log)


def test_one_that_does_not_come_back_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "LEAVING_S", 0.0)
    first, second, log = camera(4), camera(1), SessionLog()
    first.begin_opening()
    first.close(log)
    with pytest.raises(DeviceError, match="still being opened by an attempt that was cancelled") as caught:
        second.open()
    assert caught.value.where == "device camera"
    assert caught.value.mend
    second.close(log)
    monkeypatch.undo()
    aside.wait_left("realsense", "camera", Cancellation())


def test_a_rig_of_which_a_part_opened_is_closed_when_it_is_cancelled() -> None:
    rig = Rig.model_validate(
        {
            "name": "r",
            "devices": [
                {"kind": "lsl", "name": "skin", "preset": "eda", "simulated": {}},
                {"kind": "lsl", "name": "eda", "stream_name": "nobody-sends-this", "timeout_s": 120},
            ],
        }
    )
    mine, cancelled, ended = psutil.Process(), Cancellation(), threading.Event()

    def run() -> None:
        with pytest.raises(Cancelled):
            open_all(rig.devices, SessionLog(), cancelled)
        ended.set()

    before = set(mine.children(recursive=True))  # screens of other tests
    threading.Thread(target=run).start()
    deadline = time.monotonic() + _LIMIT_S
    while not (outlets := set(mine.children(recursive=True)) - before) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert outlets
    cancelled.ask()
    assert ended.wait(_LIMIT_S)
    aside.wait_left("lsl", "eda", Cancellation())
    _, alive = psutil.wait_procs(outlets, 30)
    assert not alive
