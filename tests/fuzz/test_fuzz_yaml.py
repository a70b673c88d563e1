"""Rig, protocol and manifest files from someone who means ill: one clear line, soon, and nothing else happens."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from labcapture.core.config import MAX_BYTES, load_yaml, parse_yaml, read_text
from labcapture.core.errors import BadInput
from labcapture.core.yaml_limits import MAX_NODES
from labcapture.devices.rig import Rig
from labcapture.protocol.manifest import Manifest
from labcapture.protocol.model import Protocol
from tests.fuzz.hostile_yaml import HOSTILE

MODELS: dict[type[BaseModel], str] = {
    Rig: "rigs/simulated.yaml",
    Protocol: "protocols/rehearsal.yaml",
    Manifest: "stimuli_manifest.yaml",
}
WORDS = st.sampled_from(
    [
        "&a ",
        "*a",
        "<<: ",
        "!!python/name:os.system",
        "!x ",
        "- ",
        ": ",
        "{",
        "[",
        "]",
        "}",
        "? ",
        "\n",
        "  ",
        "'",
        '"',
        "#",
    ]
) | st.sampled_from(
    ["%YAML 1.1\n", "\\", ".nan", "-.inf", "0x", "~", "\u2028", "\ufeff", "\x07", "name", "kind", "9" * 5000]
)


def refused(text: str, model: type[BaseModel]) -> str:
    """Return the line in which ``text`` is refused; it may also be taken, then an empty one."""
    try:
        parse_yaml(text, model, "file.yaml")
    except BadInput as error:
        line = str(error)
        assert line.startswith("file.yaml"), line
        assert len(line.splitlines()) == 1
        assert line.isprintable(), line
        line.encode()  # no surrogate
        return line
    return ""


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_yaml_is_refused_in_a_line(case: str) -> None:
    assert refused(HOSTILE[case], Rig)


@pytest.mark.parametrize("model", MODELS)
def test_our_own_files_are_taken(model: type[BaseModel]) -> None:
    assert not refused(Path(MODELS[model]).read_text(encoding="utf-8"), model)


@settings(max_examples=40, deadline=None)
@given(model=st.sampled_from(list(MODELS)), text=st.text(max_size=200) | st.lists(WORDS, max_size=40).map("".join))
@example(model=Rig, text="devices: [{kind: ' ../x'}]\nname: x")
def test_any_text_is_taken_or_refused(model: type[BaseModel], text: str) -> None:
    refused(text, model)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), model=st.sampled_from(list(MODELS)))
def test_our_files_with_damage_are_taken_or_refused(data: st.DataObject, model: type[BaseModel]) -> None:
    text = Path(MODELS[model]).read_text(encoding="utf-8")[:2500]
    for _ in range(data.draw(st.integers(1, 3))):
        at, length = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 30))
        text = text[:at] + data.draw(WORDS | st.text(max_size=8)) + text[at + length :]
    refused(text, model)


def test_as_many_nodes_as_allowed_are_read() -> None:
    line = refused(f"unknown: [{'x, ' * (MAX_NODES - 10)}]", Rig)
    assert "unknown" in line or "name" in line  # it came as far as the model


def test_an_alias_may_stand_for_what_was_said_before() -> None:
    whole = Path("rigs/simulated.yaml").read_text(encoding="utf-8")
    assert not refused(whole.replace("name: ", "name: &n ", 1), Rig)
    report = Path("protocols/rehearsal.yaml").read_text(encoding="utf-8")
    assert "*report" in report  # the questions of every form
    assert not refused(report, Protocol)


def test_a_file_of_a_megabyte_is_not_even_parsed(tmp_path: Path) -> None:
    path = tmp_path / "rig.yaml"
    path.write_text("x" * (MAX_BYTES + 1))
    with pytest.raises(BadInput, match="larger than"):
        load_yaml(path, Rig)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither pipes nor devices among its files")
def test_what_never_ends_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for path in (
        tmp_path / "pipe",
        Path("/dev/zero"),
        tmp_path,
        tmp_path / "loop",
        Path("a\0b"),
        tmp_path / ("x" * 300),
    ):
        with pytest.raises(BadInput):
            read_text(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("truth_path: truth.jsonl", "truth_path: /etc/cron.d/mine"),
        ("width_px: 64", "width_px: 100000000"),
        ("rate_hz: 30", "rate_hz: 1000000000"),
        ("size: [64, 48]", "size: [1000000000, 48]"),
    ],
)
def test_a_rig_cannot_ask_for_the_world(old: str, new: str) -> None:
    rig = """
name: x
devices:
  - kind: realsense
    name: camera
    source: simulated
    color: {width_px: 64, rate_hz: 30}
    simulated: {truth_path: truth.jsonl}
stage: {size: [64, 48]}
"""
    assert not refused(rig, Rig)
    assert old in rig
    assert refused(rig.replace(old, new), Rig)


@pytest.mark.parametrize("file", ["../film.mp4", "/etc/passwd", "a/../../b.mp4", "C:/b.mp4", "..\\b.mp4", ".", ""])
def test_a_film_lies_below_its_folder(file: str) -> None:
    clip = "clips: [{id: a, file: 'FILE', duration_s: 1, emotion: fear}]"
    assert not refused(clip.replace("FILE", "films/a.mp4"), Manifest)
    assert refused(clip.replace("FILE", file), Manifest)
