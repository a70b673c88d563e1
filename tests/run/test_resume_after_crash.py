"""A session whose engine was killed is recovered, counts for the balance of groups, and another one goes on with it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from labcapture.engine.client import Client
from labcapture.engine.history import read_history
from labcapture.engine.messages import EngineState, Mark, Prepare, Shutdown, Snapshot, Start
from labcapture.reading.session import open_session
from labcapture.recording.recover import recover
from labcapture.recording.verify import verify
from tests.run.sessions import write_inputs

_LIMIT_S = 120.0

PROTOCOL = """
name: group
title: A group, then two clips
paradigm: none
ledger: {variable: pay, start: 20, currency: RMB, mark: expression, change: -5}
steps:
  - {id: group, kind: assign, variable: group, values: [a, b]}
  - {id: clip, kind: movie, clip: rehearsal_neutral}
  - {id: last, kind: movie, clip: rehearsal_happiness}
"""


def _wait(client: Client, condition: Callable[[Snapshot], bool]) -> Snapshot:
    deadline = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline:
        snapshot = client.snapshots(timeout=2)
        if snapshot is not None and condition(snapshot):
            return snapshot
    raise AssertionError("the engine did not come to the state that the test waits for")


def test_a_recovered_session_is_gone_on_with(tmp_path: Path, films: Path) -> None:
    rig, protocol, truth = write_inputs(tmp_path)
    protocol.write_text(PROTOCOL, encoding="utf-8")
    place = {"participant": "P012", "session": "01", "out": str(tmp_path / "out"), "stimuli": str(films)}
    prepare = Prepare(protocol=str(protocol), rig=str(rig), autopilot=5, seed=9, **place)
    killed = Client.spawn()
    folder = Path(killed.command(prepare, timeout=_LIMIT_S)["folder"])
    killed.command(Start())
    _wait(killed, lambda s: s.trial == "01_a")
    killed.command(Mark(label="expression"))
    _wait(killed, lambda s: s.trial == "02_b" and s.step_elapsed_s > 1)
    time.sleep(1.5)  # what is older than a second is safe on the disk
    psutil.Process(killed.details.pid).kill()
    assert killed.wait_ended(30)
    killed.close()

    recover(folder)
    assert verify(folder).problems == []
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    group = summary["assigned"]["group"]
    assert (summary["seed"], summary["place"], summary["completed"]) == (9, 0, False)
    history = read_history(tmp_path / "out", "group", rehearsal=True)
    assert (history.place, list(history.assigned)) == (1, [{"group": group}])

    truth.unlink()
    client = Client.spawn()
    try:
        client.command(prepare.model_copy(update={"session": "02", "resume": str(folder)}), timeout=_LIMIT_S)
        client.command(Start())
        result = _wait(client, lambda s: s.state is EngineState.IDLE and s.result is not None).result
        client.command(Shutdown())
    finally:
        if not client.wait_ended(30):
            psutil.Process(client.details.pid).terminate()
        client.close()
    assert result is not None
    assert result.completed
    assert result.balance == 15
    assert verify(Path(result.folder)).problems == []
    with open_session(result.folder) as session:
        assert [str(row["step"]) for row in session.steps if row["event"] == "show"] == ["last"]
        assert [(row["variable"], row["value"], row["how"]) for row in session.assignments] == [("group", group, "set")]
        assert (session.attributes["seed"], session.attributes["resumed_from"]) == (9, folder.name)
    assert read_history(tmp_path / "out", "group", rehearsal=True).place == 1
