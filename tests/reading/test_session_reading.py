"""The analyst's API: what the camera delivered comes back, and what is wrong is told in a line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import labcapture.reading
from labcapture.core.errors import RecordingError
from tests.reading import recorded_world as world


def test_who_and_what(recorded: Path) -> None:
    with labcapture.reading.open(recorded) as session:
        assert (session.participant, session.session, session.paradigm) == ("P007", "01", "neutralization")
        assert (session.part, session.verdict, session.simulated) == ("B", "unlabelled", True)
        assert list(session.trials) == ["01_a", "03_e"]
        assert set(session.streams) == {"color", "depth", "voice", "eda", "pulse"}
        assert session.rule["max_lost_run"] == 2


def test_every_picture_is_what_the_camera_delivered(recorded: Path) -> None:
    with labcapture.reading.open(recorded / "session.h5") as session:
        for first, trial in ((0, session.trials["01_a"]), (world.FRAMES + 2, session.trials["03_e"])):
            for spec in (world.COLOR, world.DEPTH):
                stream = trial[spec.name]
                lost = world.LOST.get(trial.id, {}).get(spec.name, ())
                indices = [first + i for i in range(world.FRAMES) if i not in lost]
                assert len(stream) == len(indices)
                assert stream.frame_number.tolist() == [1000 + i for i in indices]
                for i, index in enumerate(indices):
                    np.testing.assert_array_equal(stream[i], world.picture(spec, index))


def test_slices_and_ends(recorded: Path) -> None:
    with labcapture.reading.open(recorded) as session:
        color = session.trials["01_a"].color
        assert color.shape == (90, 48, 64, 3)
        assert color.dtype == np.dtype(np.uint8)
        np.testing.assert_array_equal(color[3:5], np.stack([color[3], color[4]]))
        np.testing.assert_array_equal(color[[5, -1]], np.stack([color[5], color[89]]))
        np.testing.assert_array_equal(color[np.array([5])], color[5:6])
        np.testing.assert_array_equal(color[np.int64(7), 10:20, :, 1], color[7][10:20, :, 1])
        np.testing.assert_array_equal(color[3:5, 10:20], color[3:5][:, 10:20])
        np.testing.assert_array_equal(color[-1], color[89])
        assert sum(1 for _ in color) == 90
        with pytest.raises(IndexError, match="90 frames, not one at 90"):
            color[90]


def test_times_of_frames(recorded: Path) -> None:
    with labcapture.reading.open(recorded) as session:
        depth = session.trials["03_e"].depth
        due = np.delete(np.arange(world.FRAMES), world.LOST["03_e"]["depth"]) / 30
        np.testing.assert_allclose(depth.time - depth.time[0], due - due[0], atol=5e-4)
        assert (depth.time_uncertainty > 0).all()
        assert (depth.time <= depth.arrival_time + depth.time_uncertainty).all()
        assert depth.metadata["actual_exposure"][0] == 8000 + world.FRAMES + 2
        assert depth.attributes["depth_units"] == 0.001


def test_gaps_and_verdicts(recorded: Path) -> None:
    with labcapture.reading.open(recorded) as session:
        good, bad = session.trials.values()
        (gap,) = bad.depth.gaps
        first = 1000 + world.FRAMES + 2 + 40
        assert (gap["cause"], gap["first"], gap["last"], gap["count"]) == ("dropped", first, first + 2, 3)
        assert len(session.gaps("depth")) == 1
        assert len(session.gaps("color")) == len(good.color.gaps) == 0
        assert (good.annotatable, good.reasons) == (True, [])
        assert not bad.annotatable
        assert bad.reasons[0] == "depth lost 3 of 90 frames (3.3 %), limit 1 %"
        assert bad.attributes["emotion"] == "fear"


def test_signals(recorded: Path) -> None:
    with labcapture.reading.open(recorded) as session:
        eda, voice = session.eda, session.voice
        assert (eda.units, eda.channels, eda.rate_hz) == ("uS", ["EDA"], 100.0)
        np.testing.assert_allclose(eda.time - eda.raw_time, eda.clock_offsets["offset"][0], atol=1e-6)
        assert session.samples["pulse"].values.shape == (len(session.samples["pulse"]), 2)
        assert (voice.values[480:960, 0] == 1).all()
        times = voice.time_of([0, 240, 480, 48000])
        np.testing.assert_allclose(np.diff(times), [0.005, 0.005, 0.99], atol=1e-4)


def test_tables(recorded: Path) -> None:
    with labcapture.reading.open(recorded) as session:
        assert session.markers["label"].tolist() == ["clip-onset", "clip-onset"]
        assert session.notes["text"].tolist() == ["the participant – 王 – sneezed"]
        assert len(session.answers) == len(session.self_report) == len(session.stimulus_flips) == 0


def test_an_unknown_stream_is_named(recorded: Path) -> None:
    with labcapture.reading.open(recorded) as session:
        trial = session.trials["01_a"]
        with pytest.raises(KeyError, match="has color, depth, not infrared"):
            trial["infrared"]
        with pytest.raises(AttributeError, match="infrared"):
            _ = trial.infrared


# What is wrong --------------------------------------------------------------------------------------------------------


def test_no_session(tmp_path: Path) -> None:
    other = tmp_path / "session.h5"
    with pytest.raises(RecordingError, match="no session"):
        labcapture.reading.open(tmp_path)
    other.write_text("not HDF5")
    with pytest.raises(RecordingError, match="not a session"):
        labcapture.reading.open(tmp_path)
    other.unlink()
    with h5py.File(other, "w"):
        pass
    with pytest.raises(RecordingError, match="not a session of labcapture"):
        labcapture.reading.open(tmp_path)


def test_a_trial_file_is_no_session(recorded: Path) -> None:
    with pytest.raises(RecordingError, match="Give the session's folder"):
        labcapture.reading.open(recorded / "trials" / "03_e.h5")


def test_an_unclosed_session(copied: Path) -> None:
    with h5py.File(copied / "session.h5", "r+") as h5:
        h5.attrs["closed"] = False
    with pytest.raises(RecordingError, match=r"was not closed\. Run: labcapture recover"):
        labcapture.reading.open(copied)


def test_a_session_that_was_killed(copied: Path) -> None:
    path = copied / "session.h5"
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import h5py, os, signal, sys\n"
            "h5 = h5py.File(sys.argv[1], 'x', libver=('v110', 'v110'))\n"
            "h5['n'] = 1; h5.flush(); os.kill(os.getpid(), 9)",
            str(path.with_name("killed.h5")),
        ]
    )
    child.wait(60)
    path.with_name("killed.h5").replace(path)
    with pytest.raises(RecordingError, match="labcapture recover"):
        labcapture.reading.open(copied)


def test_a_newer_version(copied: Path) -> None:
    with h5py.File(copied / "session.h5", "r+") as h5:
        h5.attrs["version"] = 99
    with pytest.raises(RecordingError, match=r"version 99, this program reads up to 1\. Update"):
        labcapture.reading.open(copied)


def test_a_missing_trial_spoils_no_other(copied: Path) -> None:
    (copied / "trials" / "03_e.h5").unlink()
    with labcapture.reading.open(copied) as session:
        assert len(session.trials["01_a"].color) == 90
        with pytest.raises(RecordingError, match=r"03_e\.h5: the trial's file is missing"):
            _ = session.trials["03_e"].color


def test_a_damaged_picture_is_named(copied: Path) -> None:
    chunks: list[h5py.h5d.StoreInfo] = []
    path = copied / "trials" / "03_e.h5"
    with h5py.File(path) as h5:
        h5["color/frames"].id.chunk_iter(chunks.append)
    with path.open("r+b") as file:
        file.seek(chunks[7].byte_offset)
        file.write(bytes(200))
    with labcapture.reading.open(copied) as session, pytest.raises(RecordingError, match=r"/color/frames\[7\]"):
        session.trials["03_e"].color[7]


def test_reading_is_light() -> None:
    heavy = ("PySide6", "PyQt6", "psychopy", "pyrealsense2", "pyaudio", "pylsl", "zmq", "cv2", "av")
    code = (
        "import sys; sys.modules.update(dict.fromkeys(sys.argv[1:]))\n"  # an import of one of them then fails
        "import labcapture.reading, labcapture.reading.report, labcapture.recording.verify"
    )
    subprocess.run([sys.executable, "-c", code, *heavy], check=True, timeout=120)
