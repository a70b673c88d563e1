"""Another rule on a recorded session: the file stays as it is, and the same evidence is judged anew."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import labcapture.reading
from labcapture.cli import app
from labcapture.cli.inspect import inspect_session, render_inspection
from labcapture.core.errors import BadInput
from labcapture.protocol.rule import QualityRule
from labcapture.reading.reevaluate import reevaluate
from tests.reading.test_report import text_of


def rule_file(folder: Path, text: str) -> Path:
    path = folder / "rule.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def anew(folder: Path, **limits: Any) -> dict[str, Any]:  # noqa: ANN401 - any limit
    with labcapture.reading.open(folder) as session:
        facts: dict[str, Any] = json.loads(json.dumps(reevaluate(session, QualityRule(**limits)), allow_nan=False))
    return facts


def test_its_own_rule_says_what_it_said(recorded: Path) -> None:
    facts = anew(recorded)
    assert (facts["part"], facts["reason"]) == (facts["had_part"], facts["had_reason"])
    assert (
        [t["annotatable"] for t in facts["trials"]] == [t["was_annotatable"] for t in facts["trials"]] == [True, False]
    )
    assert facts["trials"][1]["reasons"] == facts["trials"][1]["had_reasons"]


def test_a_lenient_rule_lets_it_pass_and_changes_nothing(recorded: Path) -> None:
    before = digests(recorded)
    facts = anew(recorded, max_lost_fraction=0.05, max_lost_run=3)
    assert (facts["had_part"], facts["part"]) == ("B", "A")
    assert digests(recorded) == before


def test_a_stream_that_is_not_critical_has_no_say(recorded: Path) -> None:
    assert anew(recorded, critical=("color",))["part"] == "A"


def test_signals_may_be_critical(recorded: Path) -> None:
    facts = anew(recorded, critical=("color", "eda", "voice"))
    assert facts["part"] == "A"
    counts = {count["stream"]: count for count in facts["trials"][0]["counts"]}
    assert counts["eda"]["lost_before_us"] == counts["voice"]["lost_before_us"] == 0
    assert counts["eda"]["due"] == pytest.approx(300, abs=3)
    assert anew(recorded, critical=("gsr",))["trials"][0]["reasons"] == ["gsr has no frames"]


def test_a_window_without_an_onset_is_a_reason(recorded: Path) -> None:
    facts = anew(recorded, windows=[{"from_s": 0, "to_s": 1}])
    assert "window 0-1 s cannot be placed: the trial has no movie_onset marker" in facts["trials"][0]["reasons"]


def test_the_command_shows_both(recorded: Path, tmp_path: Path) -> None:
    path = rule_file(tmp_path, "max_lost_fraction: 0.05\nmax_lost_run: 3\n")
    facts = inspect_session(recorded, path, gaps=True)
    (gap,) = facts["gap_rows"]
    assert (gap["trial"], gap["stream"], gap["cause"], gap["count"]) == ("03_e", "depth", "dropped", 3)
    assert gap["last"] - gap["first"] == 2
    assert gap["duration_s"] == pytest.approx(4 / 30, abs=0.02)
    assert render_inspection(facts)
    run = CliRunner().invoke(app, ["inspect", str(recorded), "--rule", str(path), "--gaps", "--json"])
    assert run.exit_code == 0
    assert json.loads(run.stdout)["reevaluation"]["part"] == "A"
    shown = CliRunner().invoke(app, ["inspect", str(recorded), "--rule", str(path), "--gaps"]).stdout
    for words in ("would be Part A", "was Part B", "max_lost_run", "was: depth lost 3", "dropped"):
        assert words in " ".join(shown.split())
    assert "reevaluation" not in inspect_session(recorded, None, gaps=False)
    assert text_of(facts)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("max_lost_runs: 3\n", "unknown key 'max_lost_runs'"),
        ("windows: [{from_s: 4, to_s: 3}]\n", "has no length"),
        ("windows: [{from_s: 1, to_s: 3}, {from_s: 1, to_s: 3}]\n", "two windows are called '1-3 s'"),
        ("max_lost_fraction: 2\n", "max_lost_fraction"),
    ],
)
def test_a_wrong_rule_is_told_in_one_line(recorded: Path, tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        inspect_session(recorded, rule_file(tmp_path, text), gaps=False)
