"""The rigs that come with the software load, and docs/rig.md has every key."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from labcapture.core.config import parse_yaml
from labcapture.core.errors import BadInput
from labcapture.devices.rig import Rig, load_rig
from labcapture.recording.encodings import DEFAULT, RECORDED
from scripts import rig_tables

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("name", "simulated"), [("simulated", True), ("d415", False)])
def test_rigs_load(name: str, simulated: bool) -> None:
    rig = load_rig(ROOT / "rigs" / f"{name}.yaml")
    assert rig.is_simulated is simulated
    assert [device.kind for device in rig.devices] == ["realsense", "microphone", "lsl"]


def test_a_rig_may_name_every_encoding_that_keeps_up() -> None:
    assert get_args(Rig.model_fields["codec"].annotation) == RECORDED
    assert Rig.model_fields["codec"].default == DEFAULT


def test_the_page_has_every_key() -> None:
    text = rig_tables.PAGE.read_text(encoding="utf-8")
    assert text == rig_tables.page(text), "run: python scripts/rig_tables.py"


def test_examples_on_the_page_are_valid() -> None:
    text = (ROOT / "docs" / "rig.md").read_text(encoding="utf-8")
    whole, camera = (part.split("```")[0] for part in text.split("```yaml\n")[1:])
    assert len(parse_yaml(whole, Rig, "docs/rig.md").devices) == 3
    indented = "\n".join(f"    {line}" for line in camera.splitlines())
    rig = f"name: x\ndevices:\n  - kind: realsense\n    name: camera\n    source: simulated\n{indented}\n"
    assert parse_yaml(rig, Rig, "docs/rig.md").is_simulated


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("color: {options: {exposur: 100}}", "exposure"),
        ("color: {width: 640}", "width_px"),
        ("path: x.db3", "source: file"),
        ("source: file", "path"),
        ("simulated: {}", "source: simulated"),
        ("depth: {name: color}", "own name"),
        ("{source: file, path: x.db3, serial: '1'}", "own serial"),
        (
            "{source: simulated, simulated: {distance: [{at_s: 0, distance_mm: 200}, {at_s: 9, distance_mm: 1200}], "
            "distance_step_mm: 1}}",
            "distance_step_mm",
        ),
        (
            "{source: simulated, simulated: {distance: [{at_s: 5, distance_mm: 500}, {at_s: 5, distance_mm: 600}]}}",
            "order",
        ),
        ("{source: simulated, simulated: {faults: {drop: {depth: ['9-3']}}}}", "ends before it begins"),
    ],
)
def test_a_wrong_camera_is_told_in_one_line(lines: str, says: str) -> None:
    keys = lines[1:-1] if lines.startswith("{") else lines
    text = f"name: lab\ndevices:\n  - {{kind: realsense, name: camera, {keys}}}\n"
    with pytest.raises(BadInput) as caught:
        parse_yaml(text, Rig, "rig.yaml")
    assert says in str(caught.value)
    assert "rig.yaml:3" in str(caught.value)
    assert "\n" not in str(caught.value)
