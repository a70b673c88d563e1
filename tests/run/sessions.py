"""Runs whole sessions by the command line."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labcapture.devices.simulated.truth import Truth
from labcapture.engine.client import Client
from labcapture.engine.messages import Snapshot

LABCAPTURE = [sys.executable, "-m", "labcapture.cli"]
ROOT = Path(__file__).parents[2]

# A small picture keeps the machine's two cores free for what is tested; the format and the path are those of 720p.
RIG = """
name: test rig
devices:
  - kind: realsense
    name: camera
    source: simulated
    color: {{width_px: 424, height_px: 240}}
    depth: {{width_px: 424, height_px: 240}}
    simulated:
      pictures: 3
      truth_path: {truth}
      faults: {faults}
  - kind: microphone
    name: voice
    source: simulated
    channels: 2
  - kind: lsl
    name: eda
    preset: eda
    simulated: {{}}
stage:
  display: virtual
  size: [640, 360]
"""

PROTOCOL = """
name: short
title: Two short clips
paradigm: neutralization
steps:
  - {id: welcome, kind: instruction, text: Welcome, seconds: 1}
  - {id: clip_1, kind: movie, clip: rehearsal_neutral}
  - id: report_1
    kind: form
    about: clip_1
    questions: [{id: happiness, text: How happy?}]
  - {id: clip_2, kind: movie, clip: rehearsal_happiness}
"""


@dataclass(frozen=True)
class Run:
    """A session that was run, and what the simulated camera really did."""

    folder: Path
    result: dict[str, Any]
    truth: list[Truth]


def labcapture(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the command line and return what it said."""
    return subprocess.run(
        [*LABCAPTURE, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=cwd, timeout=170
    )


def write_inputs(folder: Path, faults: str = "{}") -> tuple[Path, Path, Path]:
    """Write rig and protocol into ``folder``; return them and the path of the truth."""
    rig, protocol, truth = folder / "rig.yaml", folder / "protocol.yaml", folder / "truth.jsonl"
    rig.write_text(RIG.format(truth=truth, faults=faults), encoding="utf-8")
    protocol.write_text(PROTOCOL, encoding="utf-8")
    return rig, protocol, truth


def run_session(folder: Path, films: Path, faults: str = "{}") -> Run:
    """Run a session headless on autopilot."""
    rig, protocol, truth = write_inputs(folder, faults)
    identity = ("--participant", "P007", "--session", "01", "--out", folder / "out")
    done = labcapture(
        "run", protocol, "--rig", rig, *identity, "--headless", "--autopilot", "3", "--stimuli", films, "--json"
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    rows = [Truth(**json.loads(line)) for line in truth.read_text(encoding="utf-8").splitlines()]
    return Run(Path(result["folder"]), result, rows)


def wait_for(client: Client, condition: Callable[[Snapshot], bool], limit_s: float = 120.0) -> Snapshot:
    """Return the first snapshot that meets ``condition``."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        snapshot = client.snapshots(timeout=2)
        if snapshot is not None and condition(snapshot):
            return snapshot
    raise AssertionError("the engine did not come to the state that the test waits for")
