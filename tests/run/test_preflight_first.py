"""``labcapture run --preflight``: no session against the rows, and one whose reasons stand beside them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from labcapture.reading.session import open_session
from tests.run.sessions import labcapture

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the rig's stage needs Xvfb"),
]

PROTOCOL = """
name: no_clips
title: A cross to look at
paradigm: none
steps: [{id: cross, kind: fixation, seconds: 1}]
"""
RIG = """
name: a sensor that nobody wears
devices:
  - {kind: lsl, name: eda, preset: eda, simulated: {faults: [{kind: flat, at_s: 0, seconds: 600}]}}
stage: {display: virtual, size: [640, 360]}
"""
BUSY = [f"--override={row}=a busy machine" for row in ("processor", "write speed", "flips")]
"""Rows of the machine that the tests run on."""


def _command(folder: Path) -> tuple[str | Path, ...]:
    rig, protocol = folder / "rig.yaml", folder / "protocol.yaml"
    rig.write_text(RIG, encoding="utf-8")
    protocol.write_text(PROTOCOL, encoding="utf-8")
    identity = ("--participant", "P012", "--session", "01", "--out", folder / "out")
    return ("run", protocol, "--rig", rig, *identity)


def test_a_failing_row_needs_its_own_reason_and_the_session_keeps_each(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = (*_command(tmp_path), "--headless", "--autopilot", "1", "--json", "--preflight", *BUSY)

    refused = labcapture(*command, "--override", "eda flat=dry skin")
    assert refused.returncode == 1, refused.stderr
    told = json.loads(refused.stdout)
    assert not told["go"]
    assert told["without_reason"] == ["eda range"]
    assert '--override "eda range=REASON"' in refused.stderr
    assert not out.exists()

    done = labcapture(*command, "--override", "eda flat=dry skin", "--override", "range=the same = dry")
    assert done.returncode == 0, done.stderr
    with open_session(json.loads(done.stdout)["folder"]) as session:
        rows = session.preflight
        reasons = {str(row["what"]): str(row["override"]) for row in rows if row["verdict"] == "fail"}
    assert len(rows) == len(told["rows"])
    assert (reasons.pop("flat"), reasons.pop("range")) == ("dry skin", "the same = dry")
    assert set(reasons.values()) <= {"a busy machine"}
    assert not {str(row["override"]) for row in rows if row["verdict"] != "fail"} - {""}


@pytest.mark.parametrize("wrong", [("--override", "flat=dry"), ("--preflight", "--override", "flat")])
def test_a_reason_without_a_look_or_without_words_is_told(tmp_path: Path, wrong: tuple[str, ...]) -> None:
    done = labcapture(*_command(tmp_path), "--headless", *wrong)
    assert done.returncode == 2
    assert "--override" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
