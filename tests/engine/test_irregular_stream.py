"""A stream that speaks only now and then, such as a button box, is no fault while it is silent."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pylsl
import pytest

from labcapture.engine.client import Client
from labcapture.engine.messages import Abort, EngineState, Prepare
from labcapture.engine.preflight import Wanted, preflight

PROTOCOL = """
name: no_clips
title: A cross to look at
paradigm: none
steps: [{id: cross, kind: fixation, seconds: 2}]
"""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Path]:
    source = f"buttons-{uuid.uuid4().hex}"
    outlet = pylsl.StreamOutlet(pylsl.StreamInfo("Buttons", "Buttons", 1, 0, pylsl.cf_int32, source))
    file = tmp_path / "rig.yaml"
    devices = f"[{{kind: lsl, name: buttons, source_id: {source}}}]"
    file.write_text(f"name: r\ndevices: {devices}\nstage: {{display: virtual, size: [640, 360]}}\n", encoding="utf-8")
    yield file
    del outlet


def test_preflight_warns_of_silence_and_knows_the_clock(rig: Path, tmp_path: Path) -> None:
    report = preflight(Wanted(rig, out=tmp_path, seconds=1, stage=False))
    verdicts = {row.name: row.verdict for row in report.rows if row.group == "buttons"}
    assert verdicts == {"present": "ok", "buttons flows": "warn", "sender's clock": "ok"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the rig's stage needs Xvfb")
def test_a_session_is_prepared_with_it(rig: Path, tmp_path: Path) -> None:
    protocol = tmp_path / "protocol.yaml"
    protocol.write_text(PROTOCOL, encoding="utf-8")
    client = Client.spawn()
    try:
        prepare = Prepare(rig=str(rig), protocol=str(protocol), out=str(tmp_path / "out"), participant="p", session="1")
        client.command(prepare, 60)
        assert client.snapshot().state is EngineState.READY
        client.command(Abort())
        while (snapshot := client.snapshots(5)) is None or snapshot.state is not EngineState.IDLE:
            pass
        assert snapshot.result is not None
        assert snapshot.result.error == ""
    finally:
        psutil.Process(client.details.pid).terminate()
        assert client.wait_ended(60)
        client.close()
