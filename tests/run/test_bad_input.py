"""What a person can get wrong: one clear line, exit code 2, nothing left behind, nothing overwritten."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.run.sessions import labcapture, write_inputs


def _run(folder: Path, films: Path, *, participant: str = "P1", out: Path | None = None) -> tuple[int, str]:
    out = out or folder / "out"
    done = labcapture(
        *("run", folder / "protocol.yaml", "--rig", folder / "rig.yaml", "--participant", participant),
        *("--session", "01", "--out", out, "--headless", "--autopilot", "1", "--stimuli", films),
    )
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert done.stdout == ""
    assert len(lines) == 1, done.stderr
    if out.is_dir():
        assert not list(out.iterdir())
    return done.returncode, lines[0]


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    write_inputs(tmp_path)
    return tmp_path


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("participant", ["../P1", "a/b", "Anna Berg", "", "P_1", "P" * 40])
def test_a_participant_id_is_a_pseudonym(inputs: Path, films: Path, participant: str) -> None:
    code, line = _run(inputs, films, participant=participant)
    assert code == 2
    assert "no participant id" in line


def test_an_unknown_key_is_named_with_its_line(inputs: Path, films: Path) -> None:
    _edit(inputs / "rig.yaml", "channels: 2", "chanels: 2")
    code, line = _run(inputs, films)
    assert code == 2
    assert "rig.yaml:" in line
    assert "chanels" in line
    assert "channels" in line


def test_a_unit_is_part_of_its_key(inputs: Path, films: Path) -> None:
    _edit(inputs / "rig.yaml", "width_px: 424", "width_mm: 424")
    code, line = _run(inputs, films)
    assert (code, "width_px" in line) == (2, True)


def test_a_missing_rig_protocol_or_film_is_named(inputs: Path, films: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "stimuli_manifest.yaml").write_text(
        Path("stimuli_manifest.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    code, line = _run(inputs, empty)
    assert code == 2
    assert "rehearsal_neutral" in line
    assert "placeholders" in line
    (inputs / "protocol.yaml").rename(inputs / "other.yaml")
    code, line = _run(inputs, films)
    assert code == 2
    assert "protocol.yaml: no such file" in line


def test_an_output_folder_that_is_a_file_stays_as_it_is(inputs: Path, films: Path) -> None:
    out = inputs / "out"
    out.write_text("precious", encoding="utf-8")
    code, line = _run(inputs, films, out=out)
    assert (code, "not a folder" in line) == (2, True)
    assert out.read_text(encoding="utf-8") == "precious"


@pytest.mark.skipif(not sys.platform.startswith("linux") or os.geteuid() != 0, reason="mounting a disk needs root")
@pytest.mark.parametrize(("options", "told"), [("size=4m", "GB free"), ("size=8g,ro", "cannot be created")])
def test_a_full_or_read_only_disk_is_told(inputs: Path, films: Path, options: str, told: str) -> None:
    disk = inputs / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], check=True)
    try:
        code, line = _run(inputs, films, out=disk / "out")
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert code == 2
    assert told in line


def test_a_missing_camera_names_what_was_found(inputs: Path, films: Path) -> None:
    text = (inputs / "rig.yaml").read_text(encoding="utf-8")
    head, rest = text.split("    source: simulated", 1)
    tail = rest[rest.index("  - kind: microphone") :]
    live = f"{head}    source: live\n    serial: '123456'\n{tail}"
    (inputs / "rig.yaml").write_text(live, encoding="utf-8")
    code, line = _run(inputs, films)
    assert code == 2
    assert "123456" in line


def test_a_missing_microphone_or_stream_is_named(inputs: Path, films: Path) -> None:
    rig = inputs / "rig.yaml"
    whole = rig.read_text(encoding="utf-8")
    _edit(rig, "    source: simulated\n    channels: 2", "    device: no such microphone")
    code, line = _run(inputs, films)
    assert (code, "no such microphone" in line) == (2, True)
    rig.write_text(whole.replace("    simulated: {}\n", "    source_id: nobody\n    timeout_s: 2\n"), encoding="utf-8")
    code, line = _run(inputs, films)
    assert (code, "nobody" in line) == (2, True)


def test_what_is_no_session_is_told(tmp_path: Path) -> None:
    for command in ("inspect", "verify"):
        done = labcapture(command, tmp_path)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1


def test_wrong_use_is_one_line(tmp_path: Path) -> None:
    for arguments in (["run"], ["no-such-command"], ["inspect"], ["inspect", tmp_path, "--colour"]):
        done = labcapture(*arguments)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
