"""Ctrl-C in a terminal ends the commands that look at a rig, and nothing of them stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.run.sessions import LABCAPTURE, ROOT, write_inputs

_LIMIT_S = 100.0  # less than the stream that nobody sends is waited for
LOOK = ("preflight", "--seconds", "600")
RUN = ("run", "protocol.yaml", "--participant", "p1", "--session", "1", "--out", "out", "--headless")
RIG_IN_VAIN = """
name: rig with a stream that nobody sends
devices:
  - {kind: microphone, name: voice, source: simulated}
  - {kind: lsl, name: eda, stream_name: nobody-sends-this, timeout_s: 120}
stage: {display: virtual, size: [640, 360]}
"""
CROSS = """
name: no_clips
title: A cross to look at
paradigm: none
steps: [{id: cross, kind: fixation, seconds: 2}]
"""
CLIPS = "clips: [{id: unseen, file: unseen.mp4, duration_s: 10, emotion: fear, title: Not shown}]\n"

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform == "win32", reason="no such signal"),
]


@pytest.mark.parametrize(
    ("options", "awaited"),
    [
        (("preflight", "--seconds", "600", "--no-stage"), "pictures"),
        pytest.param(
            LOOK,
            "screen",
            marks=pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the rig's stage needs Xvfb"),
        ),
        (("calibrate", "--seconds", "600"), "pictures"),
    ],
)
def test_all_is_released(tmp_path: Path, options: tuple[str, ...], awaited: str) -> None:
    rig, _, truth = write_inputs(tmp_path)
    far = "pictures: 3\n      distance: [{at_s: 0, distance_mm: 900}]"  # a head that is never in its place
    rig.write_text(rig.read_text(encoding="utf-8").replace("pictures: 3", far), encoding="utf-8")
    children = _interrupt(options, rig, tmp_path, lambda found: _is_there(awaited, found, truth))
    assert children or options[0] == "calibrate"  # whose simulated camera lives in its process
    assert {path.name for path in tmp_path.iterdir()} <= {"protocol.yaml", "rig.yaml", "truth.jsonl"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the sound server is there on Linux only")
@pytest.mark.parametrize("options", [LOOK, ("rehearse",), RUN])
def test_a_stream_that_nobody_sends_holds_nobody_up(tmp_path: Path, options: tuple[str, ...]) -> None:
    rig = tmp_path / "rig.yaml"
    rig.write_text(RIG_IN_VAIN, encoding="utf-8")
    (tmp_path / "protocol.yaml").write_text(CROSS, encoding="utf-8")
    (tmp_path / "stimuli_manifest.yaml").write_text(CLIPS, encoding="utf-8")
    _interrupt(options, rig, tmp_path, lambda found: any(_name(child) == "pulseaudio" for child in found))
    assert {path.name for path in tmp_path.iterdir()} == {"protocol.yaml", "rig.yaml", "stimuli_manifest.yaml"}


def _interrupt(
    options: tuple[str, ...], rig: Path, folder: Path, is_there: Callable[[list[psutil.Process]], bool]
) -> list[psutil.Process]:
    """Run a command until ``is_there``, press Ctrl-C, see that it ends; return the processes that it had started."""
    command = [*LABCAPTURE, *options, "--rig", str(rig)]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a terminal's Ctrl-C goes to a whole group of processes
    )
    children: list[psutil.Process] = []
    deadline = time.monotonic() + _LIMIT_S
    try:
        while not is_there(children):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
            children = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=_LIMIT_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert output == b""
    _, alive = psutil.wait_procs(children, 30)
    assert not alive
    return children


def _is_there(awaited: str, children: list[psutil.Process], truth: Path) -> bool:
    """Return whether the camera has given pictures, or the participant's screen has opened."""
    if awaited == "pictures":
        return truth.exists() and truth.stat().st_size > 0
    return any(_name(child) == "Xvfb" for child in children)


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""
