"""A session in which people have a hand: it is done, it stands in the record, and another session goes on with it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from labcapture.core.errors import BadInput, EngineError
from labcapture.engine.client import Client
from labcapture.engine.messages import (
    Abort,
    Answer,
    Confirm,
    EngineState,
    Enter,
    Jump,
    Mark,
    Pause,
    Prepare,
    Redo,
    Resume,
    Skip,
    Snapshot,
    Start,
)
from labcapture.reading.session import open_session
from labcapture.recording.verify import verify
from tests.run.sessions import write_inputs

_LIMIT_S = 120.0

PROTOCOL = """
name: people
title: People have a hand in it
paradigm: none
ledger: {variable: pay, start: 20, currency: RMB, mark: expression, change: -5}
steps:
  - {id: consent, kind: consent, text: "{participant}, do you agree?"}
  - {id: outcome, kind: assign, variable: outcome, values: [taken, left], how: entered, by: assistant,
     hidden_until: accuse, text: "What happened? {outcome}"}
  - {id: clip, kind: movie, clip: rehearsal_neutral}
  - {id: report, kind: form, about: clip, questions: [{id: joy, text: How much joy?}]}
  - {id: look, kind: review, about: clip, speed: 4}
  - {id: ask, kind: question, text: "Did you take it? ({outcome})", expected: "no"}
  - {id: pace, kind: question, text: Was it red?, isi: [2, 2.5]}
  - {id: accuse, kind: note, text: "It was {outcome}.", when: outcome == 'taken'}
  - {id: rest, kind: break, seconds: 16}
  - {id: last, kind: movie, clip: rehearsal_happiness}
"""


@pytest.fixture
def prepare(tmp_path: Path, films: Path) -> Prepare:
    rig, protocol, _ = write_inputs(tmp_path)
    protocol.write_text(PROTOCOL, encoding="utf-8")
    return Prepare(
        protocol=str(protocol),
        rig=str(rig),
        participant="P009",
        session="01",
        out=str(tmp_path / "out"),
        stimuli=str(films),
        autopilot=5,
        speed=2,
        experimenter="E1",
    )


def _wait(client: Client, condition: Callable[[Snapshot], bool]) -> Snapshot:
    deadline = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline:
        snapshot = client.snapshots(timeout=2)
        if snapshot is not None:
            assert snapshot.prompt is None or snapshot.prompt.step == "accuse" or "taken" not in snapshot.prompt.text
            if condition(snapshot):
                return snapshot
    raise AssertionError("the engine did not come to the state that the test waits for")


def _runs(step: str) -> Callable[[Snapshot], bool]:
    return lambda s: s.step is not None and s.steps[s.step].id == step and s.steps[s.step].state == "running"


def _ended(snapshot: Snapshot) -> bool:
    return snapshot.state is EngineState.IDLE and snapshot.result is not None


def test_what_people_do_is_done_and_another_session_goes_on_with_it(client: Client, prepare: Prepare) -> None:
    client.command(prepare, timeout=_LIMIT_S)
    client.command(Enter(variable="outcome", value="taken", by="assistant"))
    with pytest.raises(EngineError, match="one of taken, left"):
        client.command(Enter(variable="outcome", value="eaten"))
    with pytest.raises(EngineError, match="refused"):
        client.command(Confirm())
    client.command(Start())
    _wait(client, _runs("clip"))
    with pytest.raises(EngineError, match="nothing waits"):
        client.command(Confirm())
    with pytest.raises(EngineError, match="no step 'nowhere'"):
        client.command(Jump(step="nowhere"))
    client.command(Mark(label="expression"))
    assert client.snapshot().balance == 15
    client.command(Redo())
    _wait(client, lambda s: s.trial == "02_a")
    _wait(client, _runs("ask"))
    client.command(Pause())
    with pytest.raises(EngineError, match="is no answer"):
        client.command(Answer(value="perhaps"))
    _wait(client, lambda s: s.state is EngineState.PAUSED)
    client.command(Resume())
    _wait(client, _runs("rest"))
    client.command(Skip(reason="no time", step="rest"))
    _wait(client, _runs("last"))
    with pytest.raises(EngineError, match="is over"):
        client.command(Skip(reason="no time", step="rest"))
    client.command(Abort(reason="fire alarm"))
    result = _wait(client, _ended).result
    assert result is not None
    assert not result.completed
    assert result.balance == 15
    assert result.stage["film_frames_shown"] > 0
    folder = Path(result.folder)
    assert verify(folder).problems == []
    _first_session_tells_what_was_done(folder)

    (Path(prepare.out).parent / "truth.jsonl").unlink()  # of the first session's camera
    again = prepare.model_copy(update={"session": "02", "resume": str(folder), "autopilot": 6})
    client.command(again, timeout=_LIMIT_S)
    client.command(Start())
    result = _wait(client, lambda s: _ended(s) and s.result is not None and s.result.folder != str(folder)).result
    assert result is not None
    assert verify(Path(result.folder)).problems == []
    with open_session(result.folder) as session:
        shown = [str(row["step"]) for row in session.steps if row["event"] == "show"]
        assert shown == ["rest", "last"]
        assert session.attributes["resumed_from"] == folder.name
        assert session.attributes["seed"] == 5
        assert json.loads(session.attributes["variables"])["outcome"] == "taken"
    assert result.balance == 15


def _first_session_tells_what_was_done(folder: Path) -> None:
    with open_session(folder) as session:
        trials = session.trials
        assert [(t.id, t.superseded) for t in trials.values()] == [("01_a", True), ("02_a", False), ("03_b", False)]
        assert [row["trial"] for row in session.self_report] == ["02_a"]
        assert 0 < session.self_report["since_clip_s"][0] < 60
        asked = {str(row["step"]): row for row in session.responses}
        assert list(asked) == ["ask", "pace"]
        assert asked["ask"]["question_start"] < asked["ask"]["question_end"] < asked["ask"]["answer_time"]
        for row in asked.values():  # the pace may be over before a busy machine has marked end and answer
            times = [row[name] for name in ("question_start", "question_end", "answer_time")]
            known = [time for time in times if time == time]  # noqa: PLR0124 - NaN where it was not marked
            assert known == sorted(known)
            assert known
            assert "10 ms" in row["method"]
        assert [(row["mark"], row["balance"]) for row in session.ledger] == [("expression", 15)]
        given = [(row["variable"], row["value"], row["by"]) for row in session.assignments]
        assert given == [("outcome", "taken", "assistant")]
        labels = set(session.markers["label"])
        edges = {f"question_{edge}/ask" for edge in ("start", "end")}
        assert labels >= {"answer/ask", "expression", "redo", "skip", "pause", "resume", "abort", *edges}
        events = [(row["event"], row["step"]) for row in session.steps]
        assert ("redo", "clip") in events
        assert ("supersede", "clip") in events
        assert ("due", "pace") in events
        assert ("show", "accuse") in events
        onset = {(m["label"], m["step"]): m["time"] for m in session.markers}
        paced = onset["step_offset", "pace"] - onset["step_onset", "pace"]
        assert 0.9 < paced < 10  # drawn from 2 to 2.5 s, twice as fast; a busy machine is late
        assert session.attributes["experimenter"] == "E1"
        for flag in session.review_flags:
            assert flag["trial"] == "02_a"
            taken = trials["02_a"].color.time
            assert flag["first_time"] == taken[flag["first_frame"]]


def test_settings_that_the_protocol_does_not_know_are_refused(client: Client, prepare: Prepare) -> None:
    for name, value, words in (
        ("pays", "3", "no variable 'pays'"),
        ("pay", "much", "no number"),
        ("outcome", "x", "no value"),
    ):
        with pytest.raises(BadInput, match=words):
            client.command(prepare.model_copy(update={"variables": {name: value}}), timeout=_LIMIT_S)
