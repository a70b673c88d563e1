"""What is on disk already is counted for the form of a new session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labcapture.engine.history import read_history
from labcapture.engine.survey import survey

RIG = """
name: test rig
devices: [{kind: lsl, name: eda, preset: eda, simulated: {}}]
stage: {display: virtual}
"""
PROTOCOL = """
name: groups
title: Two groups
paradigm: none
languages: [en, zh]
variables: {thanks: 20}
steps:
  - {id: group, kind: assign, variable: group, values: [a, b, c]}
  - {id: secret, kind: assign, variable: secret, values: [x, y], hidden_until: cross}
  - {id: seen, kind: assign, variable: seen, values: [yes_it_was, no_it_was_not], how: entered}
  - {id: cross, kind: fixation, seconds: 1}
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str, str]:
    (tmp_path / "rig.yaml").write_text(RIG, encoding="utf-8")
    (tmp_path / "protocol.yaml").write_text(PROTOCOL, encoding="utf-8")
    return str(tmp_path / "protocol.yaml"), str(tmp_path / "rig.yaml"), str(tmp_path / "out")


def _session(out: str, name: str, **facts: Any) -> None:  # noqa: ANN401 - of a summary
    folder = Path(out) / name
    folder.mkdir(parents=True)
    participant, session, _ = name.split("_")
    told = {"participant": participant, "session": session, "protocol": "groups", "simulated": True, "completed": True}
    (folder / "summary.json").write_text(json.dumps(told | facts), encoding="utf-8")


def test_conditions_are_counted_by_value_and_rehearsals_apart(files: tuple[str, str, str]) -> None:
    out = files[2]
    _session(out, "p1_01_20260101T100000Z", assigned={"group": "a", "secret": "x"})
    _session(out, "p2_01_20260101T110000Z", assigned={"group": "a"})
    _session(out, "p3_01_20260101T120000Z", assigned={"group": "b"}, simulated=False)
    _session(out, "p4_01_20260101T130000Z", assigned={"group": "c"}, protocol="another")
    found = survey(*files, "p9")
    group, secret = found.conditions
    assert (group.variable, group.counts, group.hidden) == ("group", {"a": 2, "b": 0, "c": 0}, False)
    assert (secret.variable, secret.counts, secret.hidden) == ("secret", {"x": 1, "y": 0}, True)
    assert found.sessions == 2 == read_history(Path(out), "groups", rehearsal=True).place
    assert found.rehearsal
    assert found.languages == ("en", "zh")
    assert found.settings == {"thanks": "20"}
    assert found.problems == {}


def test_sessions_of_the_participant_and_those_to_go_on_with(files: tuple[str, str, str]) -> None:
    out = files[2]
    _session(out, "p1_02_20260102T100000Z", completed=False)
    _session(out, "p1_01_20260101T100000Z", completed=False)
    _session(out, "p1_03_20260103T100000Z", resumed_from="p1_01_20260101T100000Z")
    _session(out, "p10_01_20260101T100000Z", completed=False)
    _session(out, "p1_04_20260104T100000Z", completed=False, protocol="another")
    (Path(out) / "p1_05_20260105T100000Z").mkdir()
    found = survey(*files, "p1")
    assert [it.session for it in found.earlier] == ["01", "02", "03", "04", "05"]
    assert [it.session for it in found.unfinished] == ["02"]
    assert [it.closed for it in found.same("05")] == [False]
    assert not found.same("06")


def test_what_will_not_do_is_told_by_field(files: tuple[str, str, str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = survey("none.yaml", "neither.yaml", str(tmp_path / "file"), "p[1")
    assert found.problems.keys() == {"protocol", "rig", "out"}
    assert "none.yaml" in found.problems["protocol"]
    assert found.conditions == ()
    assert found.earlier == ()
