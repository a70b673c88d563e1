"""``labcapture rehearse``: a rehearsal from the command line, and its end by Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.run.sessions import LABCAPTURE, RIG, ROOT, labcapture


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    path = tmp_path / "rig.yaml"
    path.write_text(RIG.format(truth=tmp_path / "truth.jsonl", faults="{}"), encoding="utf-8")
    return path


def test_a_rehearsal_is_judged_and_leaves_nothing(rig: Path, tmp_path: Path) -> None:
    out = tmp_path / "sessions"
    done = labcapture("rehearse", "--rig", rig, "--out", out, "--seconds", "2", "--json")
    told = json.loads(done.stdout)
    verdicts = {row["name"]: row["verdict"] for row in told["rows"]}
    assert verdicts["verified"] == "ok", told
    assert {"color", "depth", "voice", "eda"} <= verdicts.keys()
    assert done.returncode == (0 if told["go"] else 1)
    assert told["simulated"]
    assert not out.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_ctrl_c_ends_it_and_releases_everything(rig: Path, tmp_path: Path) -> None:
    out = tmp_path / "sessions"
    command = [*LABCAPTURE, "rehearse", "--rig", str(rig), "--out", str(out), "--seconds", "600"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        place = out / ".labcapture-rehearsal"
        while not any(place.glob("*/trials/*")):
            assert process.poll() is None
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    gone, alive = psutil.wait_procs(children, 30)
    assert gone
    assert not alive
    assert not out.exists()
