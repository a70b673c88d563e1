"""`labcapture stimuli` as other programs call it: one JSON object, exit codes, errors in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labcapture.cli import main

ROOT = Path(__file__).parents[2]
MANIFEST = """\
clips:
  - {id: one, file: one.mp4, duration_s: 0.5, emotion: fear}
  - {id: picture, kind: image, file: picture.png}
"""


Call = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs a command: exit code, what stdout has as JSON, and stderr."""

    def run(folder: Path, *words: str) -> tuple[int, dict[str, Any], str]:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["labcapture", "stimuli", *words, "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        out, told = capsys.readouterr()
        return int(ended.value.code or 0), json.loads(out) if out else {}, told

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "stimuli_manifest.yaml").write_text(MANIFEST, encoding="utf-8")
    return tmp_path


def test_from_nothing_to_a_rehearsal(call: Call, folder: Path) -> None:
    code, answer, _ = call(folder, "check")
    assert (code, answer["well"]) == (1, False)
    assert [clip["problems"] for clip in answer["clips"]] == [["missing"], ["missing"]]
    code, made, _ = call(folder, "placeholders", "--seconds", "0.2")
    assert code == 0
    assert [(film["clip"], film["frames"], film["made"]) for film in made["films"]] == [
        ("one", 6, True),
        ("picture", 1, True),
    ]
    assert call(folder, "check", "--rehearsal")[0] == 0
    assert call(folder, "check")[0] == 1  # nobody shows them to a participant by mistake
    code, hashed, _ = call(folder, "hash")
    assert code == 1
    assert {clip["state"] for clip in hashed["clips"]} == {"placeholder"}
    assert (folder / "stimuli_manifest.yaml").read_text(encoding="utf-8") == MANIFEST


def test_select_answers_for_table_vi(call: Call) -> None:
    code, answer, _ = call(ROOT, "select")
    assert code == 0
    assert answer["selected"] == [f"casme_{number:02d}" for number in (2, 5, 7, 13, 14, 16, 17)]
    assert answer["emotions_without_a_clip"] == ["fear"]
    assert call(ROOT, "select", "--share", "1", "--mean", "5.5")[0] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("check", "--clip", "onne"), "clip 'onne' is not in the stimuli manifest. Did you mean 'one'?"),
        (("hash", "--manifest", "none.yaml"), "none.yaml: no such file. Check the path."),
        (("select", "--share", "70"), "--share: 70 is no share. Write a fraction from 0 to 1, such as 0.7."),
        (("placeholders", "--seconds", "-1"), "--seconds: a film of -1 s has no picture. Write at least 0.1."),
    ],
)
def test_errors_are_one_line(call: Call, folder: Path, words: tuple[str, ...], message: str) -> None:
    code, answer, told = call(folder, *words)
    assert (code, answer) == (2, {})
    assert told.strip() == f"labcapture: {message}"
