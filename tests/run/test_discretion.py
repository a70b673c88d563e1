"""Whatever is drawn for the participant, the console tells the same until it may be known; the file has the truth."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from labcapture.engine.client import Client
from labcapture.engine.messages import Confirm, EngineState, Prepare, Redo, Snapshot, Start
from labcapture.engine.preview import PreviewReader
from labcapture.reading.session import open_session

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the rig's stage needs Xvfb"),
]
_LIMIT_S = 120.0
RIG = """
name: skin alone
devices: [{kind: lsl, name: eda, preset: eda, simulated: {}}]
stage: {display: virtual, size: [640, 360]}
"""
PROTOCOL = """
name: briefed
title: One of two briefings, which the interviewer must not know
paradigm: none
steps:
  - {id: draw, kind: assign, variable: outcome, values: [taken, not_taken], how: balanced, hidden_until: reveal}
  - {id: welcome, kind: instruction, title: Welcome, text: Welcome, leave: experimenter}
  - {id: told_to_take, kind: instruction, title: Briefing, when: outcome == 'taken', text: Take it, leave: experimenter}
  - {id: told_to_leave, kind: instruction, title: Briefing, when: outcome == 'not_taken', text: Leave it there,
     leave: experimenter}
  - {id: room, kind: break, title: In the room, text: Wait}
  - {id: reveal, kind: note, title: What really happened, text: "It was {outcome}."}
"""
SECRETS = {"taken": "Take it", "not_taken": "Leave it there"}


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    client = Client.spawn()
    yield client
    psutil.Process(client.details.pid).terminate()
    assert client.wait_ended(60)
    client.close()


def until(client: Client, holds: Callable[[Snapshot], bool]) -> Snapshot:
    deadline = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline:
        snapshot = client.snapshots(timeout=2)
        if snapshot is not None and holds(snapshot):
            return snapshot
    raise AssertionError("waited in vain")


def at(client: Client, step: str, onsets: int = 1) -> Snapshot:
    """Wait until the participant sees a step, by the name that the console has for it."""
    return until(
        client,
        lambda it: (
            it.prompt is not None
            and it.prompt.step == step
            and [marker.label for marker in it.markers].count(step) == onsets
        ),
    )


def facts(snapshot: Snapshot) -> dict[str, Any]:
    """Return all that a screen could tell the steps by."""
    told = snapshot.model_dump(include={"step", "steps", "trial", "alarms"})
    prompt = snapshot.prompt.model_dump(exclude={"since_s"}) if snapshot.prompt else None
    return told | {"prompt": prompt, "markers": [marker.label for marker in snapshot.markers]}


def is_lit(client: Client, reader: PreviewReader) -> bool:
    """Return whether the console sees anything of the participant's screen."""
    until(client, lambda _: reader.picture("stage") is not None)
    seen = reader.picture("stage")
    return seen is not None and bool(seen.pixels.any())


def briefed(client: Client, folder: Path, outcome: str) -> list[dict[str, Any]]:
    """Run a session with what was drawn; return what the console was told at each of its steps."""
    rig, protocol = folder / "rig.yaml", folder / "protocol.yaml"
    rig.write_text(RIG, encoding="utf-8")
    protocol.write_text(PROTOCOL, encoding="utf-8")
    out, drawn = str(folder / outcome), {"outcome": outcome}
    place = {"participant": "P1", "session": "1", "out": out}
    client.command(Prepare(rig=str(rig), protocol=str(protocol), variables=drawn, **place), timeout=_LIMIT_S)
    client.command(Start())
    told: list[dict[str, Any]] = []
    reader: PreviewReader | None = None
    for step in ("welcome", "told_to_take", "told_to_take", "room"):
        again = bool(told) and told[-1]["prompt"]["step"] == step
        snapshot = at(client, step, 2 if again else 1)
        told.append(facts(snapshot))
        assert not any(words in str(told[-1]) for words in SECRETS.values())
        assert snapshot.preview is not None
        reader = reader or PreviewReader(snapshot.preview)
        if step != "room":
            assert is_lit(client, reader) == (step == "welcome")
        client.command(Redo(step=step) if step == "told_to_take" and not again else Confirm())
    if reader is not None:
        reader.close()
    revealed = at(client, "reveal")
    assert revealed.prompt is not None
    assert revealed.prompt.text == f"It was {outcome}."
    client.command(Confirm())
    result = until(client, lambda it: it.state is EngineState.IDLE and it.result is not None).result
    assert result is not None
    with open_session(result.folder) as session:
        done = [row["step"] for row in session.steps if row["event"] == "done"]
        assert done == ["draw", "welcome", SHOWN[outcome], "room", "reveal"]
    return told


SHOWN = {"taken": "told_to_take", "not_taken": "told_to_leave"}


def test_which_briefing_it_was_cannot_be_told_from_the_console(client: Client, tmp_path: Path) -> None:
    one, other = (briefed(client, tmp_path, outcome) for outcome in SHOWN)
    assert one == other
    titles = [step["title"] for step in one[0]["steps"]]
    assert titles == ["draw", "Welcome", "Briefing (hidden)", "In the room", "What really happened"]
    hidden = one[1]["prompt"]["text"]
    assert hidden == 'Hidden until "What really happened": the participant\'s screen has it.'
