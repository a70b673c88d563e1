"""A session with two cameras, in Blosc2: each has its own frames, clock, gaps and truth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - plain h5py reads such pictures then
import numpy as np
import pytest

from labcapture.devices.simulated.strip import read_index
from labcapture.devices.simulated.truth import Truth
from labcapture.recording.encodings import codec_of, of
from tests.run.sessions import labcapture

CAMERAS = {"camera": ("color", "depth"), "camera_side": ("color_side", "depth_side")}
DROPS = {"color": range(31, 600, 37), "depth": range(33, 600, 41), "color_side": range(35, 600, 29)}
DRIFT_PPM = {"camera": 200.0, "camera_side": -200.0}

PROTOCOL = """
name: one_clip
title: One short clip
paradigm: neutralization
rule: {critical: [color_side]}
steps: [{id: clip, kind: movie, clip: rehearsal_neutral}]
"""


@dataclass(frozen=True)
class Both:
    """The session, and what each camera really did, by its stream's name in the session."""

    folder: Path
    result: dict[str, Any]
    truth: dict[str, dict[int, Truth]]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, films: Path) -> Both:
    folder = tmp_path_factory.mktemp("two")
    devices: list[dict[str, Any]] = []
    for name, streams in CAMERAS.items():
        drop = {plain: list(DROPS.get(stream, ())) for plain, stream in zip(("color", "depth"), streams, strict=True)}
        size = {"width_px": 424, "height_px": 240}
        simulated = {"pictures": 2, "seed": len(devices), "truth_path": str(folder / f"{name}.jsonl")}
        simulated |= {"faults": {"drop": drop, "drift_ppm": DRIFT_PPM[name]}}
        color, depth = ({"name": stream, **size} for stream in streams)
        camera = {"kind": "realsense", "name": name, "source": "simulated", "color": color, "depth": depth}
        devices.append(camera | {"simulated": simulated})
    rig, protocol = folder / "rig.yaml", folder / "protocol.yaml"
    whole = {"name": "two", "devices": devices, "stage": {"display": "virtual"}, "codec": "blosc2"}
    rig.write_text(json.dumps(whole), encoding="utf-8")
    protocol.write_text(PROTOCOL, encoding="utf-8")
    identity = ("--participant", "P007", "--session", "01", "--out", folder / "out", "--headless", "--autopilot", "3")
    done = labcapture("run", protocol, "--rig", rig, *identity, "--stimuli", films, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    truth: dict[str, dict[int, Truth]] = {}
    for name, streams in CAMERAS.items():
        rows = [Truth(**json.loads(line)) for line in (folder / f"{name}.jsonl").read_text("utf-8").splitlines()]
        for plain, stream in zip(("color", "depth"), streams, strict=True):
            truth[stream] = {row.number: row for row in rows if row.stream == plain}
    return Both(Path(result["folder"]), result, truth)


def test_every_frame_of_both_is_in_its_place(both: Both) -> None:
    with h5py.File(both.folder / "session.h5") as session:
        for stream, truth in both.truth.items():
            group = session[f"trials/01_a/{stream}"]
            numbers = group["frame_number"][:]
            assert len(numbers) > 100  # of a clip of five seconds
            assert [read_index(picture) for picture in group["frames"]] == [truth[n].index for n in numbers]
            due = range(numbers[0], numbers[-1] + 1)
            lost = {number for number in due if truth[number].lost == "drop"}
            assert set(due) - set(numbers) == lost
            assert bool(lost) == (stream in DROPS)
            told = {n for gap in group["gaps"][:] for n in range(gap["first"], gap["last"] + 1)}
            assert told & set(due) == lost
            # One that is missing right before the first or after the last frame of a trial may belong to it, too.
            ends = told & {numbers[0] - 1, numbers[-1] + 1}
            assert told == lost | ends
            assert all(truth[number].lost == "drop" for number in ends)
            assert codec_of(group["frames"]) is of("blosc2")  # as the rig says


def test_each_camera_has_a_clock_of_its_own(both: Both) -> None:
    with h5py.File(both.folder / "session.h5") as session:
        for name, streams in CAMERAS.items():
            group = session[f"trials/01_a/{streams[0]}"]
            assert group.attrs["clock"] == name
            true = np.array([both.truth[streams[0]][n].captured for n in group["frame_number"]])
            error = group["time"][:] - true
            assert np.ptp(error) < 0.02
            assert len(session[f"clock/{name}/device_time"]) > 0


def test_the_rule_looks_at_the_streams_that_it_names(both: Both) -> None:
    assert both.result["part"] == "B"
    (trial,) = both.result["trials"]
    assert {reason.split()[0] for reason in trial["reasons"]} == {"color_side"}
    assert both.result["lost_by_us"] == dict.fromkeys(both.truth, 0)
    assert labcapture("verify", both.folder).returncode == 0
