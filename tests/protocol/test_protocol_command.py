"""``labcapture protocol``, its schema and its page: they say what the code does."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from labcapture.cli.protocol import Wish, check_protocol, protocol_schema, render_check
from labcapture.core.config import parse_yaml
from labcapture.core.errors import BadInput
from labcapture.protocol.model import Protocol
from labcapture.protocol.plan import make_plan

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocols.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
HEAD = "name: p\ntitle: P\nparadigm: none\nsteps:\n"
MANIFEST = """
clips:
  - {id: fear, file: fear.mp4, duration_s: 60, emotion: fear}
  - {id: joy, file: joy.mp4, duration_s: 30, emotion: happiness}
  - {id: door, kind: image, file: door.png}
"""


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    (tmp_path / "m.yaml").write_text(MANIFEST, encoding="utf-8")
    return tmp_path


def check(lab: Path, steps: str, place: int = 0, stimuli: Path | None = None) -> dict[str, Any]:
    (lab / "p.yaml").write_text(HEAD + steps, encoding="utf-8")
    return check_protocol(lab / "p.yaml", Wish(place=place, stimuli=stimuli, manifest=lab / "m.yaml"))


def test_order_length_and_disk_space_are_told(lab: Path) -> None:
    steps = (
        "  - kind: loop\n    id: l\n    order: latin_square\n    items: [fear, joy]\n"
        "    steps: [{id: m, kind: movie, clip: '{item}'}]\n"
        "  - {id: f, kind: form, when: participant != 'P9', questions: [{id: a, text: t}, {id: b, text: t}]}\n"
    )
    facts = check(lab, steps, place=1)
    assert [row["id"] for row in facts["steps"]] == ["m_joy", "m_fear", "f"]
    assert [row["trial"] for row in facts["steps"]] == ["b", "a", None]
    assert (facts["trials"], facts["recorded_s"], facts["duration_s"], facts["conditional_s"]) == (2, 90, 98, 8)
    assert facts["disk_bytes"] == 90 * 30 * 1.4e6 + 98 * 192_000
    assert facts["problems"] == []
    assert json.dumps(facts)
    assert render_check(facts)


def test_what_the_manifest_has_not_is_told_with_its_line(lab: Path) -> None:
    steps = (
        "  - id: a\n    kind: movie\n    clip: feer\n  - {id: b, kind: image, image: fear}\n"
        "  - {id: c, kind: movie, clip: joy}\n  - {id: d, kind: movie, clip: joy}\n"
    )
    told = check(lab, steps, stimuli=lab)["problems"]
    assert told[0] == f"{lab / 'p.yaml'}:7: clip 'feer' is not in the stimuli manifest. Did you mean 'fear'?"
    assert told[1].startswith(f"{lab / 'p.yaml'}:8: the manifest has 'fear' as a movie, the step wants an image.")
    assert told[2].startswith(f"{lab / 'p.yaml'}:9: no file joy.mp4 in ")
    assert len(told) == 3


def test_an_order_that_only_some_participants_have_is_found(lab: Path) -> None:
    steps = (
        "  - kind: block\n    id: b\n    order: shuffled\n    steps:\n"
        "      - {id: m, kind: movie, clip: joy}\n      - {id: r, kind: review, about: m}\n"
    )
    with pytest.raises(BadInput, match="comes after the step that is about it"):
        check(lab, steps)


@pytest.mark.parametrize(
    ("steps", "code"), [("{id: a, kind: note, text: t}", 0), ("{id: a, kind: movie, clip: x}", 1), ("{id: a}", 2)]
)
def test_exit_code_says_whether_it_is_well(lab: Path, steps: str, code: int) -> None:
    (lab / "p.yaml").write_text(f"{HEAD}  - {steps}\n", encoding="utf-8")
    command = [sys.executable, "-m", "labcapture.cli", "protocol", "check", "p.yaml", "--manifest", "m.yaml"]
    ended = subprocess.run(command, cwd=lab, capture_output=True, text=True, check=False)
    assert ended.returncode == code
    assert len(ended.stderr.splitlines()) == (1 if code == 2 else 0)


def test_published_schema_is_that_of_the_code() -> None:
    published = (ROOT / "docs" / "protocol.schema.json").read_text(encoding="utf-8")
    assert published == protocol_schema(), "run: labcapture protocol schema > docs/protocol.schema.json"


def test_tables_are_of_the_models() -> None:
    page = runpy.run_path(str(ROOT / "scripts" / "protocol_tables.py"))["page"]
    assert page(PAGE) == PAGE, "run: python scripts/protocol_tables.py"


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_are_protocols(example: str) -> None:
    protocol = parse_yaml(example, Protocol, "protocols.md")
    assert make_plan(protocol, participant="P", seed=0).steps
