"""Protocol files: what is right is typed, what is wrong is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcapture.core.errors import BadInput
from labcapture.protocol.manifest import find_manifest, load_manifest
from labcapture.protocol.model import Form, Instruction, expected_seconds, in_language, letters, load_protocol

ROOT = Path(__file__).parents[2]
HEAD = "name: p\ntitle: P\nparadigm: none\nsteps:\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "p.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_rehearsal_is_whole_and_speaks_both_languages() -> None:
    protocol = load_protocol(ROOT / "protocols" / "rehearsal.yaml")
    manifest = load_manifest(find_manifest(ROOT))
    assert {step.kind for step in protocol.steps} == {"instruction", "fixation", "movie", "form"}
    assert protocol.speaks("en")
    assert protocol.speaks("zh")
    assert not protocol.speaks("de")
    lengths = {clip: manifest.clip(clip).duration_s for clip in protocol.clips}
    assert all(4 <= seconds <= 6 for seconds in lengths.values())
    assert sum(expected_seconds(planned.step, lengths) for planned in protocol.instances) < 60


@pytest.mark.parametrize(
    ("steps", "line", "said"),
    [
        ("  - {id: a, kind: fixation, second: 2}\n", 5, "second"),
        ("  - {id: a, kind: fixation, seconds: 2}\n  - {id: b, kind: fixation, seconds: -1}\n", 6, "seconds"),
        ("  - id: a\n    kind: film\n    clip: x\n", 5, "film"),
        ("  - id: A b\n    kind: fixation\n    seconds: 1\n", 5, "id"),
        ("  - id: a\n    kind: instruction\n    text: 7\n", 7, "text"),
        ("  - id: a\n    kind: form\n    questions:\n      - {id: q, text: t, scale: [5, 1]}\n", 8, "scale"),
        (
            "  - id: a\n    kind: form\n    questions:\n      - {id: q, text: t}\n      - {id: q, text: u}\n",
            5,
            "two questions",
        ),
    ],
)
def test_wrong_step_is_told_with_its_line(tmp_path: Path, steps: str, line: int, said: str) -> None:
    path = write(tmp_path, HEAD + steps)
    with pytest.raises(BadInput) as caught:
        load_protocol(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_steps_of_one_id_are_refused(tmp_path: Path) -> None:
    twice = "  - {id: a, kind: fixation, seconds: 2}\n" * 2
    with pytest.raises(BadInput, match="two steps have the id a"):
        load_protocol(write(tmp_path, HEAD + twice))


def test_text_falls_back_to_the_one_for_all_then_to_english(tmp_path: Path) -> None:
    assert in_language({"zh": "z", "en": "e"}, "zh") == "z"
    assert in_language({"zh": "z", "en": "e"}, "de") == "e"
    assert in_language({"zh": "z"}, "de") == "z"
    step = load_protocol(write(tmp_path, HEAD + "  - {id: a, kind: instruction, text: hello}\n")).steps[0]
    assert isinstance(step, Instruction)
    assert in_language(step.text, "zh") == "hello"


def test_step_survives_the_way_to_the_stage(tmp_path: Path) -> None:
    step = load_protocol(ROOT / "protocols" / "rehearsal.yaml").steps[3]
    assert isinstance(step, Form)
    assert Form.model_validate_json(step.model_dump_json()) == step


def test_clips_are_lettered_as_casme3_does() -> None:
    assert [letters(n) for n in (0, 12, 25, 26, 27, 701, 702)] == ["a", "m", "z", "aa", "ab", "zz", "aaa"]


@given(st.sets(st.integers(0, 100_000), min_size=2))
def test_no_two_clips_share_letters(positions: set[int]) -> None:
    assert len({letters(position) for position in positions}) == len(positions)
