"""The closed loop: what the stage shows and plays is found in what the rig records, at the time of its markers."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from labcapture.devices.rig import load_rig
from labcapture.devices.simulated import pulse
from labcapture.devices.simulated.truth import Truth
from labcapture.protocol.model import load_protocol
from labcapture.protocol.steps import SyncTest
from tests.run.sessions import ROOT, Run, labcapture

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("Xvfb") is None or bool(pulse.missing()),
    reason="needs Xvfb and PulseAudio",
)
PAIRS = 6
PROTOCOL = f"""
name: sync_short
title: Flashes and tones
paradigm: none
steps:
  - {{id: sync, kind: sync_test, pairs: {PAIRS}, every_s: [0.9, 1.2]}}
"""
LATENCY_S = 0.022  # of the simulated camera; no fit can see it


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A session with the shipped rig, and a shorter protocol than the shipped one."""
    folder = tmp_path_factory.mktemp("loop")
    protocol, rig, truth = folder / "protocol.yaml", folder / "rig.yaml", folder / "truth.jsonl"
    protocol.write_text(PROTOCOL, encoding="utf-8")
    shipped = (ROOT / "rigs" / "screen_camera.yaml").read_text(encoding="utf-8")
    rig.write_text(shipped.replace("films: stage", f"films: stage\n      truth_path: {truth}"), encoding="utf-8")
    identity = ("--participant", "P001", "--session", "01", "--out", folder / "out")
    done = labcapture("run", protocol, "--rig", rig, *identity, "--headless", "--autopilot", "1", "--json")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    rows = [Truth(**json.loads(line)) for line in truth.read_text(encoding="utf-8").splitlines()]
    return Run(Path(result["folder"]), result, rows)


def test_flashes_and_tones_are_where_their_markers_say(loop: Run) -> None:
    told = loop.result["sync_test"]
    assert (told["flash_due"], told["flash_found"]) == (PAIRS, PAIRS)
    assert (told["tone_due"], told["tone_found"]) == (PAIRS, PAIRS)
    assert told["screen_period_s"] == pytest.approx(1 / 60)
    # Single ones may be late on a busy machine, and the spread says so.
    assert abs(told["flash_median_s"]) <= told["flash_limit_s"]
    assert abs(told["tone_median_s"]) < 0.5  # a sound system's latency is measured, not assumed
    assert told["flash_p5_s"] <= told["flash_median_s"] <= told["flash_p95_s"]


def test_the_stored_pictures_say_the_same(loop: Run) -> None:
    """The true time of the first white picture, by the camera's own record, follows the marker at once."""
    truth = {row.number: row for row in loop.truth if row.stream == "color"}
    with h5py.File(loop.folder / "session.h5", "r") as session:
        group = next(iter(session["trials"].values()))["color"]
        rows = session["sync_test"][:]
        flashes = [m["time"] for m in session["markers"][:] if m["label"] == b"flash"]
        times = np.array([truth[number].captured for number in group["frame_number"]])
        near = [i for i, time in enumerate(times) if any(-0.15 < time - marker < 0.15 for marker in flashes)]
        captured = times[near]
        light = np.array([group["frames"][i][200:500:8, 400:900:8].mean() for i in near])
    assert rows["flash_marker"].tolist() == flashes
    seen = [captured[(captured > marker - 0.3) & (light > 200)][0] for marker in flashes]
    dark = [captured[(captured < first) & (light < 128)][-1] for first in seen]
    # Not before the flip, and in the first picture that was taken after it; on a busy machine not in each case.
    after = np.array(seen) - flashes
    assert -1 / 60 < np.median(after) < 1 / 30 + 1 / 60
    # What the session says of each is what the pixels say, but for the camera's least latency.
    said = rows["flash_offset"] - LATENCY_S
    assert np.median(np.abs(said - ((np.array(seen) + dark) / 2 - flashes))) < 0.012


def test_the_session_is_whole_and_shows_it(loop: Run) -> None:
    done = labcapture("verify", loop.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(labcapture("inspect", loop.folder, "--json").stdout)
    assert facts["sync_test"]["flash_found"] == PAIRS
    assert facts["sync_test"]["flash_median_s"] == pytest.approx(loop.result["sync_test"]["flash_median_s"])
    shown = labcapture("inspect", loop.folder).stdout
    assert f"{PAIRS} of {PAIRS}" in shown
    assert "Flashes and tones" in shown


def test_the_shipped_files_fit_each_other() -> None:
    rig = load_rig(ROOT / "rigs" / "screen_camera.yaml")
    assert [config.perceives_stage for config in rig.devices] == [True, True]
    protocol = load_protocol(ROOT / "protocols" / "sync_test.yaml")
    assert any(isinstance(step, SyncTest) and step.pairs >= 20 for step in protocol.steps)
