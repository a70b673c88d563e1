"""What ``labcapture inspect`` tells: figures that are right, JSON that is JSON, tables that fit a terminal."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import labcapture.reading
from labcapture.reading.report import render, report


def facts_of(folder: Path) -> dict[str, Any]:
    """Return the facts of a session after a trip through JSON."""
    with labcapture.reading.open(folder) as session:
        facts: dict[str, Any] = json.loads(json.dumps(report(session), allow_nan=False))
    return facts


def text_of(facts: dict[str, Any], width: int = 100) -> str:
    """Return what a terminal of ``width`` columns shows."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(render(facts))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_figures(recorded: Path) -> None:
    facts = facts_of(recorded)
    assert (facts["part"], facts["verdict"], facts["simulated"], facts["completed"]) == ("B", "unlabelled", True, True)
    streams = {stream["name"]: stream for stream in facts["streams"]}
    assert streams["depth"]["gaps"] == {"dropped": {"gaps": 1, "count": 3}}
    assert (streams["color"]["recorded"], streams["depth"]["recorded"]) == (180, 177)
    assert streams["color"]["rate_hz"] == pytest.approx(30, rel=1e-3)
    assert streams["voice"]["rate_hz"] == pytest.approx(48000, rel=1e-3)
    assert streams["eda"]["rate_hz"] == pytest.approx(100, rel=1e-3)
    assert streams["eda"]["segments"] == 1
    clock = next(clock for clock in facts["clocks"] if clock["name"] == "camera")
    assert abs(clock["drift_ppm"]) < 100
    assert (clock["epochs"], 0 < clock["uncertainty_s"] < 2e-3) == (1, True)
    sender = next(clock for clock in facts["clocks"] if clock["name"] == "eda")
    assert sender["pairs"] == 2
    assert sender["residual_max_s"] < 1e-3
    assert 0 < streams["color"]["time_uncertainty_s"] < 2e-3
    good, bad = facts["trials"]
    assert good["annotatable"]
    assert bad["reasons"][0] == "depth lost 3 of 90 frames (3.3 %), limit 1 %"
    assert bad["streams"]["depth"]["due"] == 90
    assert bad["attributes"]["emotion"] == "fear"
    assert facts["rule"]["critical"] == ["color", "depth"]
    assert facts["rows"]["markers"] == 2
    assert facts["problems"] == []


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_tables_fit_and_say_what_matters(recorded: Path, width: int) -> None:
    text = text_of(facts_of(recorded), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text  # nothing was cut
    for words in ("SIMULATED", "Part B", "3 dropped", "03_e", "not annotatable", "limit 2", "camera", "ppm"):
        assert words in text


def test_a_missing_trial_is_a_problem_and_the_rest_is_told(copied: Path) -> None:
    (copied / "trials" / "03_e.h5").unlink()
    facts = facts_of(copied)
    assert ["03_e.h5" in problem for problem in facts["problems"]] == [True]
    assert facts["trials"][0]["streams"]["color"]["recorded"] == 90
    assert "the trial's file is missing" in " ".join(text_of(facts).split())
