"""A participant's screen that is killed in mid-clip comes back, and the clip is shown again in the same session."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil
import pytest

from labcapture.core.errors import EngineError
from labcapture.engine.client import Client
from labcapture.engine.messages import EngineState, Prepare, Resume, Start
from labcapture.reading.session import open_session
from labcapture.recording.verify import verify
from tests.run.sessions import wait_for, write_inputs

_LIMIT_S = 120.0

PROTOCOL = """
name: short
title: One clip
paradigm: none
steps:
  - {id: clip, kind: movie, clip: rehearsal_neutral}
"""


def _kill_stage(client: Client) -> None:
    for process in psutil.Process(client.details.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "labcapture.stage.child" in process.cmdline():
                process.kill()
                return
    raise AssertionError("the engine has no stage")


def test_killed_stage_comes_back_and_its_clip_is_shown_again(client: Client, tmp_path: Path, films: Path) -> None:
    rig, protocol, _ = write_inputs(tmp_path)
    protocol.write_text(PROTOCOL, encoding="utf-8")
    place = {"participant": "P010", "session": "01", "out": str(tmp_path / "out"), "stimuli": str(films)}
    client.command(Prepare(protocol=str(protocol), rig=str(rig), autopilot=5, **place), timeout=_LIMIT_S)
    client.command(Start())
    wait_for(client, lambda s: s.trial == "01_a" and s.step_elapsed_s > 1)
    _kill_stage(client)
    broken = wait_for(client, lambda s: s.state is EngineState.PAUSED)
    assert [(step.state, step.trial) for step in broken.steps] == [("failed", "01_a")]
    assert [a.kind for a in broken.alarms if a.source == "stage" and a.active] == ["lost"]
    with pytest.raises(EngineError, match=r"is being opened again|refused while the engine is running"):
        client.command(Resume())
    wait_for(client, lambda s: s.trial == "02_a")
    result = wait_for(client, lambda s: s.state is EngineState.IDLE and s.result is not None).result
    assert result is not None
    assert (result.completed, result.error) == (True, "")
    assert verify(Path(result.folder)).problems == []
    with open_session(result.folder) as session:
        taken = [(t.id, t.superseded, bool(t.attributes["whole"])) for t in session.trials.values()]
        assert taken == [("01_a", True, False), ("02_a", False, True)]
        events = [(str(row["event"]), int(row["take"])) for row in session.steps]
        assert [e for e in events if e[0] in {"show", "broken", "failed", "resume"}] == [
            ("show", 1),
            ("broken", 1),
            ("failed", 1),
            ("resume", 1),
            ("show", 2),
        ]
        assert {"stage_broken", "stage_back", "redo"} <= set(session.markers["label"])
