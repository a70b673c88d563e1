"""A whole session as its users make and open it: command line, engine, stage, devices, file."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict

import h5py
import numpy as np
import pytest

from labcapture.devices.simulated.camera import SimulatedCamera, SoftwareD415
from labcapture.devices.simulated.d415 import Stream
from labcapture.devices.simulated.strip import read_index
from tests.run.sessions import Run, labcapture

BY_US = {b"host_overflow", b"recorder_overflow"}


def _trials(run: Run) -> list[str]:
    return sorted(path.stem for path in (run.folder / "trials").glob("*.h5"))


def test_pixels_are_those_that_the_camera_made(clean: Run) -> None:
    camera = SoftwareD415(SimulatedCamera(pictures=3), (424, 240, 30), (424, 240, 30))
    camera.find()  # renders the same pictures as the session's camera did
    start = clean.truth[0].captured
    truth = {(row.stream, row.number): row for row in clean.truth}
    streams: tuple[Stream, Stream] = ("color", "depth")
    with h5py.File(clean.folder / "session.h5", "r") as session:
        for stream in streams:
            group = session[f"trials/01_a/{stream}"]
            for i in (0, 1, len(group["frames"]) - 1):
                row = truth[stream, group["frame_number"][i]]
                made = camera.picture(stream, row.index, row.captured - start)
                np.testing.assert_array_equal(group["frames"][i], made)
    camera.close()


@pytest.mark.parametrize("which", ["clean", "dropping"])
def test_frames_gaps_and_pixels_agree_with_what_the_camera_did(which: str, request: pytest.FixtureRequest) -> None:
    run: Run = request.getfixturevalue(which)
    truth = {(row.stream, row.number): row for row in run.truth}
    with h5py.File(run.folder / "session.h5", "r") as session:
        assert _trials(run) == ["01_a", "02_b"]
        for trial in _trials(run):
            for stream in ("color", "depth"):
                group = session[f"trials/{trial}/{stream}"]
                numbers = group["frame_number"][:]
                assert len(numbers) > 120  # four of the clip's five seconds, at least
                assert (np.diff(numbers) > 0).all()
                indices = [read_index(picture) for picture in group["frames"]]
                assert indices == [truth[stream, number].index for number in numbers]

                due = range(numbers[0], numbers[-1] + 1)
                missing = set(due) - set(numbers)
                dropped = {number for number in due if truth[stream, number].lost == "drop"}
                told = {n: gap["cause"] for gap in group["gaps"] for n in range(gap["first"], gap["last"] + 1)}
                assert set(told) & set(due) == missing
                assert group["gaps"]["count"].sum() == len(told)  # with what is missing at the trial's two ends
                # What the camera did not drop was lost by us, on a machine that is too busy, and says so.
                assert dropped <= missing
                assert {told[number] for number in missing - dropped} <= BY_US
                assert {told[number] for number in missing & dropped} <= {b"dropped", *BY_US}


def test_the_clean_session_is_part_a_and_the_dropping_one_b(clean: Run, dropping: Run) -> None:
    lost_by_us = sum(clean.result["lost_by_us"].values())  # 0 unless this machine is too busy for a session
    expected = "B" if lost_by_us else "A"
    assert (clean.result["part"], clean.result["completed"], clean.result["error"]) == (expected, True, "")
    assert dropping.result["part"] == "B"
    for trial in dropping.result["trials"]:
        assert {reason.split()[0] for reason in trial["reasons"]} == {"color", "depth"}
    inspected = json.loads(labcapture("inspect", dropping.folder, "--json").stdout)
    assert inspected["part"] == "B"


def test_counts_in_the_result_are_those_of_the_camera(dropping: Run) -> None:
    missing: dict[str, int] = defaultdict(int)
    with h5py.File(dropping.folder / "session.h5", "r") as session:
        for trial in _trials(dropping):
            for stream in ("color", "depth"):
                numbers = session[f"trials/{trial}/{stream}/frame_number"][:]
                missing[stream] += numbers[-1] + 1 - numbers[0] - len(numbers)
                gaps = session[f"trials/{trial}/{stream}/gaps"][:]
                missing[stream] += gaps["count"][(gaps["first"] > numbers[-1]) | (gaps["last"] < numbers[0])].sum()
    for stream, count in missing.items():
        assert dropping.result["lost_before_us"][stream] + dropping.result["lost_by_us"][stream] == count
        assert dropping.result["lost_before_us"][stream] > 0


def test_times_are_those_of_the_exposures(clean: Run) -> None:
    """The fitted time of a frame is its true mid-exposure plus the constant least latency, which no fit can see."""
    latency_s = 0.022
    truth = {(row.stream, row.number): row for row in clean.truth}
    with h5py.File(clean.folder / "session.h5", "r") as session:
        for stream in ("color", "depth"):
            group = session[f"trials/01_a/{stream}"]
            true = np.array([truth[stream, number].captured for number in group["frame_number"]]) + latency_s
            error = group["time"][:] - true
            assert (np.abs(error) < 0.010 + group["time_uncertainty"][:]).all()  # accuracy is measured elsewhere
            assert (np.diff(group["time"][:]) > 0).all()
            assert np.isfinite(group["time_uncertainty"][:]).all()


def test_the_stage_is_on_the_same_clock(clean: Run) -> None:
    with h5py.File(clean.folder / "session.h5", "r") as session:
        markers = session["markers"][:]
        labels = [row["label"].decode() for row in markers]
        onset = markers["time"][labels.index("movie_onset")]
        offset = markers["time"][labels.index("movie_offset")]
        assert 4.0 < offset - onset < 8.0  # a clip of five seconds
        color = session["trials/01_a/color/time"]
        assert color[0] < onset
        assert color[-1] > offset
        flips = session["stimulus_flips"][:]
        flips = flips[flips["trial"] == b"01_a"]
        assert len(flips) > 100
        assert (np.diff(flips["time"]) > 0).all()
        assert (np.diff(flips["movie_time"]) >= 0).all()
        for signal in ("voice/blocks/time", "eda/time"):  # these run through the whole session
            times = session[signal][:]
            assert times[0] < onset
            assert times[-1] > offset


def test_answers_are_in_the_session(clean: Run) -> None:
    with h5py.File(clean.folder / "session.h5", "r") as session:
        answers = session["self_report"][:]
        assert [row["question"] for row in answers] == [b"happiness"]
        assert answers["trial"][0] == b"01_a"
        assert len(session["answers"]) == 0
        assert 1 <= answers["number"][0] <= 5
        assert answers["by"][0] == b"autopilot"


def test_it_says_simulated_everywhere(clean: Run) -> None:
    with h5py.File(clean.folder / "session.h5", "r") as session:
        assert session.attrs["simulated"]
        assert session["trials/01_a/color"].attrs["simulated"]
    assert json.loads(labcapture("inspect", clean.folder, "--json").stdout)["simulated"] is True
    assert "SIMULATED" in labcapture("inspect", clean.folder).stdout


def test_verify_passes_and_finds_a_flipped_byte(clean: Run, dropping: Run) -> None:
    assert labcapture("verify", clean.folder).returncode == 0
    victim = dropping.folder / "trials" / "01_a.h5"
    whole = victim.read_bytes()
    victim.chmod(0o640)
    damaged = bytearray(whole)
    damaged[len(damaged) // 2] ^= 0x01
    victim.write_bytes(damaged)
    try:
        done = labcapture("verify", dropping.folder)
    finally:
        victim.write_bytes(whole)
    assert done.returncode == 1
    assert "01_a" in done.stdout + done.stderr
    assert hashlib.sha256(victim.read_bytes()).digest() == hashlib.sha256(whole).digest()
    assert labcapture("verify", dropping.folder).returncode == 0


def test_the_folder_is_named_and_guarded(clean: Run) -> None:
    assert clean.folder.name.startswith("P007_01_")
    for path in [clean.folder, *clean.folder.rglob("*")]:
        assert path.stat().st_mode & 0o027 == 0, path
