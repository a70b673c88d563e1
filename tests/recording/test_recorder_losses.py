"""What the recorder does not get or cannot take: each lost picture and sample is counted, told and has its row."""

from __future__ import annotations

import math
from pathlib import Path

import h5py
import numpy as np
import pytest

from labcapture.core.chunks import AudioBlock, Cause, Gap
from tests.recording.recording_world import (
    COLOR,
    HALF,
    VOICE,
    Camera,
    gaps_of,
    index_of,
    make,
    pixels,
    record_trial,
    two_cameras,
)


def test_pictures_are_stored_raw_when_encoding_falls_behind(tmp_path: Path) -> None:
    recorder = make(tmp_path, workers=1, raw_above_bytes=0)
    cameras = two_cameras(recorder)
    record_trial(recorder, cameras, 10, 110)
    raw = recorder.status().raw_frames
    summary = recorder.close()
    assert raw > 0
    assert (summary["raw_frames"], summary["lost_by_us"]) == (raw, {"color": 0, "depth": 0})
    with h5py.File(recorder.folder / "session.h5") as file:
        masks = 0
        for camera in cameras:
            frames = file["trials/01_a"][camera.spec.name]["frames"]
            masks += sum(frames.id.get_chunk_info(i).filter_mask for i in range(100))
            for i in range(100):
                np.testing.assert_array_equal(frames[i], pixels(camera.spec, 10 + i))
        assert masks == raw


def test_what_does_not_fit_is_counted_and_told(tmp_path: Path) -> None:
    recorder = make(tmp_path, (COLOR,), queue_bytes=4 * COLOR.element_bytes)
    camera = Camera(recorder, COLOR)
    recorder.open_trial("01_a", start=camera.time(0) - HALF)
    frames = [camera.frame(i) for i in range(300)]
    taken = [recorder.offer(frame) for frame in frames]
    recorder.close_trial(camera.time(300) - HALF)
    recorder.offer(camera.frame(300))
    assert recorder.wait_trials(60)
    lost = taken.count(False)
    assert lost > 0, "300 frames at once found room for three of them"
    status = recorder.status()
    assert (status.lost["color"], status.recorded["color"]) == (lost, 300 - lost)
    summary = recorder.close()
    assert summary["lost_by_us"]["color"] == lost
    assert summary["trials"][0]["streams"]["color"]["due"] == 300
    assert "overflow" in " ".join(summary["trials"][0]["reasons"])
    with h5py.File(recorder.folder / "session.h5") as file:
        stream = file["trials/01_a/color"]
        assert list(stream["frame_number"]) == [i for i, was_taken in enumerate(taken) if was_taken]
        assert [index_of(picture) for picture in stream["frames"]] == list(stream["frame_number"])
        rows = gaps_of(stream)
        assert {row[0] for row in rows} == {"recorder_overflow"}
        missing = [n for _, first, last, _ in rows for n in range(first, last + 1)]
        assert missing == [i for i, was_taken in enumerate(taken) if not was_taken]


def test_a_flood_of_pictures_costs_no_sound(tmp_path: Path) -> None:
    recorder = make(tmp_path, (COLOR, VOICE), queue_bytes=32 * COLOR.element_bytes)
    camera = Camera(recorder, COLOR)
    recorder.open_trial("01_a", start=camera.time(0) - HALF)
    for i in range(200):
        recorder.offer(camera.frame(i))
        block = AudioBlock("voice", np.full((2, 2), i, np.int16), 2 * i, math.nan, camera.time(i))
        assert recorder.offer(block)
    recorder.close()
    assert recorder.status().lost["voice"] == 0
    with h5py.File(recorder.folder / "session.h5") as file:
        np.testing.assert_array_equal(file["voice/samples"][:, 1], np.arange(200).repeat(2))


def test_sound_that_does_not_fit_is_a_gap_by_sample(tmp_path: Path) -> None:
    recorder = make(tmp_path, (VOICE,), queue_bytes=1000)
    small, large = np.zeros((10, 2), np.int16), np.zeros((480, 2), np.int16)
    assert recorder.offer(AudioBlock("voice", small, 0, math.nan, 1.0))
    assert not recorder.offer(AudioBlock("voice", large, 10, math.nan, 1.1))
    assert not recorder.offer(AudioBlock("voice", large, 490, math.nan, 1.2))
    while not recorder.offer(AudioBlock("voice", small, 970, math.nan, 1.3)):
        pytest.fail("a small block fits")
    summary = recorder.close()
    assert (summary["recorded"]["voice"], summary["lost_by_us"]["voice"]) == (20, 960)
    with h5py.File(recorder.folder / "session.h5") as file:
        assert gaps_of(file["voice"]) == [("recorder_overflow", 10, 969, 960)]
        assert list(file["voice/blocks/row"]) == [0, 10]
        assert list(file["voice/blocks/first_sample"]) == [0, 970]
        assert (file["voice/gaps"]["start"][0], file["voice/gaps"]["stop"][0]) == (1.0, 1.3)


def test_only_frames_of_the_trial_are_stored(tmp_path: Path) -> None:
    recorder = make(tmp_path)
    cameras = two_cameras(recorder)
    record_trial(recorder, cameras, 10, 30, "01_a")
    record_trial(recorder, cameras, 50, 60, "02_b")
    summary = recorder.close(completed=True)
    assert [t["trial"] for t in summary["trials"]] == ["01_a", "02_b"]
    with h5py.File(recorder.folder / "session.h5") as file:
        assert list(file["trials"]) == ["01_a", "02_b"]
        assert list(file["trials/01_a/depth/frame_number"]) == list(range(10, 30))
        assert list(file["trials/02_b/color/frame_number"]) == list(range(50, 60))
        # The clock is followed all along, between trials too.
        assert len(file["clock/d415/device_time"]) == 2 * (33 + 23)
        assert file["clock/d415/fit"].attrs["drift_ppm"] == pytest.approx(0, abs=1)


def test_a_picture_belongs_to_one_trial(tmp_path: Path) -> None:
    recorder = make(tmp_path, (COLOR,))
    camera = Camera(recorder, COLOR)
    camera.offer(0, 10)
    recorder.open_trial("01_a", start=camera.time(5))  # in the past: begins after the newest frame
    camera.offer(10, 20)
    recorder.close_trial(camera.time(25) - HALF)
    recorder.open_trial("02_b", start=camera.time(20) - HALF)
    camera.offer(20, 40)
    recorder.close_trial(camera.time(40) - HALF)
    camera.offer(40, 41)
    assert recorder.wait_trials(60)
    summary = recorder.close()
    assert summary["lost_before_us"] == {"color": 0}
    with h5py.File(recorder.folder / "session.h5") as file:
        assert list(file["trials/01_a/color/frame_number"]) == list(range(10, 25))
        assert list(file["trials/02_b/color/frame_number"]) == list(range(25, 40))
        assert file["trials/01_a"].attrs["stop"] == file["trials/02_b"].attrs["start"]


def test_drops_at_the_edges_are_gaps_of_the_trial(tmp_path: Path) -> None:
    recorder = make(tmp_path)
    cameras = two_cameras(recorder)
    record_trial(recorder, cameras, 10, 40, color={10, 11, 20, 38, 39}, depth={25})
    summary = recorder.close()
    color, depth = (summary["trials"][0]["streams"][name] for name in ("color", "depth"))
    assert (color["due"], color["recorded"], color["lost_before_us"], color["longest_run"]) == (30, 25, 5, 2)
    assert (depth["due"], depth["recorded"], depth["lost_before_us"]) == (30, 29, 1)
    with h5py.File(recorder.folder / "session.h5") as file:
        assert gaps_of(file["trials/01_a/color"]) == [
            ("dropped", 10, 11, 2),
            ("dropped", 20, 20, 1),
            ("dropped", 38, 39, 2),
        ]
        assert gaps_of(file["trials/01_a/depth"]) == [("dropped", 25, 25, 1)]


def test_a_stall_that_never_ends_does_not_look_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labcapture.recording.recorder._PATIENCE_S", 0.2)
    recorder = make(tmp_path)
    color, depth = two_cameras(recorder)
    color.offer(0, 5)
    depth.offer(0, 5)
    recorder.open_trial("01_a", start=color.time(5) - HALF)
    color.offer(5, 60)
    depth.offer(5, 30)
    recorder.offer(Gap("depth", Cause.DISCONNECT, -1, -1, 0, depth.time(29), math.nan, "cable pulled"))
    recorder.close_trial(color.time(60) - HALF)
    color.offer(60, 61)
    assert recorder.wait_trials(60)
    summary = recorder.close()
    assert not summary["trials"][0]["annotatable"]
    assert summary["lost_before_us"] == {"color": 0, "depth": 30}
    with h5py.File(recorder.folder / "session.h5") as file:
        assert gaps_of(file["trials/01_a/depth"]) == [("disconnect", 30, 59, 30)]
        assert b"cable pulled" in file["trials/01_a/depth/gaps"]["note"][0]
        assert gaps_of(file["streams/depth"]) == [("disconnect", -1, -1, 0)]
