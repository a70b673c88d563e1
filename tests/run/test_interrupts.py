"""Ctrl-C in a terminal ends the commands that look at a rig, and nothing of them stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.run.sessions import LABCAPTURE, ROOT, write_inputs

_LIMIT_S = 120.0

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform == "win32", reason="no such signal"),
]


def _listen() -> None:
    """Heed Ctrl-C: tests that a shell runs in its background ignore it, and so would what they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("options", "awaited"),
    [
        (("preflight", "--seconds", "600", "--no-stage"), "pictures"),
        pytest.param(
            ("preflight", "--seconds", "600"),
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
    command = [*LABCAPTURE, *options, "--rig", str(rig)]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a terminal's Ctrl-C goes to a whole group of processes
        preexec_fn=_listen,  # noqa: PLW1509 - no other thread forks here
    )
    children: list[psutil.Process] = []
    deadline = time.monotonic() + _LIMIT_S
    try:
        while not _is_there(awaited, children, truth):
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
    assert children or options[0] == "calibrate"  # whose simulated camera lives in its process
    _, alive = psutil.wait_procs(children, 30)
    assert not alive
    assert {path.name for path in tmp_path.iterdir()} <= {"protocol.yaml", "rig.yaml", "truth.jsonl"}


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
