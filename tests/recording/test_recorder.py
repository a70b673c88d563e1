"""A session on disk is what was offered: order, identity, times, tables, and where the bytes lie."""

from __future__ import annotations

import hashlib
import json
import stat
import sys
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from labcapture.core.chunks import AudioBlock, ClockOffset, Samples, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.core.errors import RecordingError
from labcapture.recording import recorder as recorder_module
from labcapture.recording.encodings import RECORDED, codec_of, of
from labcapture.recording.folder import create_folder
from labcapture.recording.journal import JournalReader, digest
from labcapture.recording.recorder import Recorder
from labcapture.recording.schema import MISSING, find, journal_path, trial_path
from labcapture.recording.verify import verify
from tests.recording.recording_world import (
    COLOR,
    DEPTH,
    EDA,
    EPOCH_S,
    HALF,
    STREAMS,
    Camera,
    gaps_of,
    header,
    index_of,
    make,
    pixels,
    record_trial,
    two_cameras,
)


@pytest.mark.parametrize("codec", RECORDED)
def test_pictures_come_back_in_order_through_the_links(tmp_path: Path, codec: str) -> None:
    if codec == "blosc2":
        pytest.importorskip("blosc2", reason="labcapture[blosc2] is not installed")
    recorder = make(tmp_path, codec=codec)
    cameras = two_cameras(recorder)
    record_trial(recorder, cameras, 10, 70)
    summary = recorder.close(completed=True)
    assert summary["error"] == ""
    assert summary["recorded"] == {"color": 60, "depth": 60}
    assert (summary["part"], summary["verdict"]) == ("A", "labelled")
    with h5py.File(recorder.folder / "session.h5") as file:
        for camera in cameras:
            stream = file["trials/01_a"][camera.spec.name]
            assert stream["frames"].shape == (60, *camera.spec.shape)
            assert stream["frames"].dtype == camera.spec.dtype
            for i in range(60):
                np.testing.assert_array_equal(stream["frames"][i], pixels(camera.spec, 10 + i))
            np.testing.assert_array_equal(stream["frame_number"], np.arange(10, 70))
            arrival = np.array([camera.time(i) for i in range(10, 70)])
            np.testing.assert_array_equal(stream["arrival_time"], arrival)
            np.testing.assert_array_equal(stream["device_time"], arrival - EPOCH_S - 0.004)
            np.testing.assert_allclose(stream["time"], arrival, atol=1e-5)
            assert np.isfinite(stream["time_uncertainty"]).all()
            np.testing.assert_array_equal(stream["metadata/actual_exposure"], np.full(60, 8000))
            assert gaps_of(stream) == []
            assert stream.attrs["clock"] == "d415"
            found = codec_of(stream["frames"])
            assert found is (of("jxl") if (codec, camera.spec.name) == ("magicyuv", "depth") else of(codec))
            stored = stream["frames"].id
            assert not any(stored.get_chunk_info(i).filter_mask for i in range(60))  # none had to be stored raw
        np.testing.assert_array_equal(file["trials/01_a/color"].attrs["intrinsics"], COLOR.attributes["intrinsics"])
        assert file["trials/01_a"].attrs["outcome"] == "done"
        assert file.attrs["codec"] == codec
    assert verify(recorder.folder).problems == []


def test_offsets_and_digests_in_the_journal_are_true(tmp_path: Path) -> None:
    # Pictures from a few bytes to some kilobytes, in two datasets, over many flushes' worth of index blocks.
    recorder = make(tmp_path, raw_above_bytes=200_000)
    cameras = two_cameras(recorder)
    record_trial(recorder, cameras, 10, 410)
    recorder.close()
    path = recorder.folder / trial_path("01_a")
    data = path.read_bytes()
    chunks = list(JournalReader(recorder.folder / journal_path("01_a")).chunks())
    assert len(chunks) == 800
    with h5py.File(path) as file:
        for chunk in chunks:
            stored = data[chunk.offset : chunk.offset + chunk.size]
            assert digest(stored) == chunk.digest == hashlib.sha256(stored).hexdigest()
            info = file[chunk.dataset].id.get_chunk_info(chunk.index)
            assert (info.byte_offset, info.size, info.filter_mask) == (chunk.offset, chunk.size, chunk.filter_mask)
            assert index_of(file[chunk.dataset][chunk.index]) == chunk.frame_number


def test_signals_and_tables_come_back(tmp_path: Path) -> None:
    recorder = make(tmp_path, STREAMS)
    start = lsl_time()
    for i in range(200):
        at = start + i * 0.02
        recorder.offer(AudioBlock("voice", np.full((960, 2), i, np.int16), i * 960, at, at + 0.021))
        recorder.offer(Samples("eda", np.full((4, 1), i / 8), np.linspace(at + 500, at + 500.015, 4), at + 0.03))
        recorder.offer(Samples("breath", np.full((1, 2), i, np.float32), np.array([at], np.float64), at, i // 100))
    for k in range(4):
        recorder.offer(ClockOffset("eda", start + k, -500.0, 1e-4))
    recorder.offer(ClockOffset("breath", start, 0.25, 1e-4, 1))
    recorder.marker(start, "trial_open 试", "engine", "a")
    recorder.note(start + 1, "blinks a lot; " + "ü" * 1000)
    recorder.answer("form", "fear", 3, start + 2, 0.75, "autopilot")
    recorder.answer("form", "word", "scared", start + 3, 1.5, trial="01_a", self_report=True)
    recorder.answer("form", "none", None, start + 3, 1.5)
    recorder.flips("a", "01_a", [(0, start, 0.0, False), (1, start + 0.02, 0.02, True)])
    recorder.close(completed=True)
    with h5py.File(recorder.folder / "session.h5") as file:
        np.testing.assert_array_equal(file["voice/samples"][::960, 0], np.arange(200))
        np.testing.assert_allclose(file["voice/blocks/time"], start + np.arange(200) * 0.02, atol=1e-3)
        assert file["clock/voice/fit"].attrs["source"] == "adc"
        np.testing.assert_array_equal(file["eda/samples"][::4, 0], np.arange(200) / 8)
        np.testing.assert_allclose(file["eda/time"][::4], start + np.arange(200) * 0.02, atol=1e-3)
        assert file["eda"].attrs["units"] == "uS"
        assert list(file["eda"].attrs["channels"]) == ["EDA"]
        breath = file["lsl/breath"]
        assert np.isnan(breath["time"][:100]).all(), "no offset was measured: no time may be guessed"
        assert np.isinf(breath["time_uncertainty"][:100]).all()
        np.testing.assert_allclose(breath["time"][100:], breath["raw_time"][100:] + 0.25)
        assert file["markers"]["label"][0].decode() == "trial_open 试"
        assert len(file["notes"]["text"][0].decode()) == 1014
        assert next((r["value"], r["number"]) for r in file["answers"]) == (b"3", 3.0)
        assert file["answers"]["value"][1] == b""
        assert file["self_report"]["value"][0] == b"scared"
        assert list(file["stimulus_flips"]["late"]) == [False, True]
        wall = file["clock/wall"]
        assert abs(wall["unix_time"][-1] - wall["time"][-1] - (header().started_utc.timestamp() - lsl_time())) < 1
        assert file["protocol/text"].asstr()[()] == "name: rehearsal # 试\n"
        assert json.loads(file["quality"].attrs["rule"])["max_lost_run"] == 2


def test_everything_on_disk_is_of_the_format(tmp_path: Path) -> None:
    recorder = make(tmp_path, STREAMS)
    record_trial(recorder, two_cameras(recorder), 10, 20)
    recorder.close(completed=True)

    def strangers(file: Any, kind: Any) -> list[str]:  # noqa: ANN401 - h5py is untyped
        found: list[str] = []

        def look(name: str, thing: Any) -> None:  # noqa: ANN401 - h5py is untyped
            found.extend([f"/{name}"] * (find(kind, f"/{name}") is None))
            found.extend(f"/{name}@{key}" for key in thing.attrs if find(kind, f"/{name}@{key}") is None)

        file.visititems(look)
        return found

    with h5py.File(recorder.folder / "session.h5") as file:
        assert strangers(file, "session") == []
    with h5py.File(recorder.folder / trial_path("01_a")) as file:
        assert strangers(file, "trial") == []


def test_a_folder_is_complete_closed_to_others_and_checksummed(tmp_path: Path) -> None:
    recorder = make(tmp_path)
    record_trial(recorder, two_cameras(recorder), 10, 20)
    (recorder.folder / "log.jsonl").write_text("{}\n")
    summary = recorder.close()
    folder = recorder.folder
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    lines = [line.split("  ") for line in (folder / "checksums").read_text().splitlines()]
    sums = {name: value for value, name in lines}
    assert names == {*sums, "checksums", "trials/01_a.h5"}
    assert sums.keys() == {
        "session.h5",
        "summary.json",
        "log.jsonl",
        "journal/session.jsonl",
        "journal/trials/01_a.jsonl",
    }
    for name, value in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == value
    assert json.loads((folder / "summary.json").read_text()) == summary
    assert recorder.close() == summary
    if sys.platform != "win32":
        for path in (folder, *folder.rglob("*")):
            if path.name != "log.jsonl":
                assert stat.S_IMODE(path.stat().st_mode) & ~(0o750 if path.is_dir() else 0o640) == 0


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    who = header()
    folder = create_folder(tmp_path, who)
    assert folder.name == f"P007_1_{who.started_utc:%Y%m%dT%H%M%SZ}"
    with pytest.raises(RecordingError, match="exists already"):
        create_folder(tmp_path, who)
    (folder / "session.h5").write_bytes(b"precious")
    with pytest.raises(RecordingError):
        Recorder(folder, who, (COLOR,))
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["session.h5"]
    assert (folder / "session.h5").read_bytes() == b"precious"


def test_a_trial_is_never_overwritten(tmp_path: Path) -> None:
    recorder = make(tmp_path)
    cameras = two_cameras(recorder)
    record_trial(recorder, cameras, 10, 20)
    with pytest.raises(RecordingError, match="exists"):
        recorder.open_trial("01_a")
    with pytest.raises(RecordingError, match="not a usable trial id"):
        recorder.open_trial("../01_b")
    with pytest.raises(RecordingError, match="no trial is open"):
        recorder.close_trial(0.0)
    recorder.open_trial("01_b")
    with pytest.raises(RecordingError, match="still open"):
        recorder.open_trial("01_c")
    assert recorder.close()["recorded"]["color"] == 10


def test_no_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="is no folder"):
        create_folder(tmp_path / "file", header())
    with pytest.raises(RecordingError, match="cannot be created"):
        create_folder(tmp_path / "file" / "below", header())


@pytest.mark.parametrize(
    "spec",
    [
        StreamSpec("markers", "audio", "int16", (1,), "", 48000.0),
        StreamSpec("Colour", "frames", "uint8", (4, 4), "", 30.0),
        StreamSpec("color", "frames", "float32", (4, 4), "", 30.0),
        StreamSpec("color", "frames", "uint8", (4, 4), "", 30.0, clock="wall"),
        StreamSpec("voice", "audio", "int16", (1,), "", 0.0),
        StreamSpec("words", "samples", "str", (1,), "", 0.0),
    ],
)
def test_streams_without_a_place_are_refused_before_a_file_exists(tmp_path: Path, spec: StreamSpec) -> None:
    folder = create_folder(tmp_path, header())
    with pytest.raises(RecordingError):
        Recorder(folder, header(), (spec,))
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_a_frame_of_the_wrong_shape_is_told_and_not_written(tmp_path: Path) -> None:
    recorder = make(tmp_path, (COLOR,))
    camera = Camera(recorder, COLOR)
    recorder.open_trial("01_a", start=camera.time(0) - HALF)
    assert recorder.offer(camera.frame(0))
    wrong = Camera(recorder, StreamSpec("color", "frames", "uint8", (8, 8, 3), "", 30.0), camera.start)
    assert not recorder.offer(wrong.frame(1))
    assert "where it had said" in recorder.status().error
    assert recorder.offer(camera.frame(2))
    summary = recorder.close(completed=True)
    assert "where it had said" in summary["error"]
    assert summary["lost_by_us"]["color"] == 1
    with h5py.File(recorder.folder / "session.h5") as file:
        assert [index_of(picture) for picture in file["trials/01_a/color/frames"]] == [0, 2]
        assert file.attrs["closed"]
        assert "where it had said" in file.attrs["error"]


def test_a_bad_row_is_told_and_spoils_nothing(tmp_path: Path) -> None:
    recorder = make(tmp_path, (COLOR,))
    recorder.marker(1.0, "good", "engine")
    recorder.marker("soon", "bad", "engine")  # type: ignore[arg-type] # what a careless caller might do
    recorder.marker(2.0, "good", "engine")
    camera = Camera(recorder, COLOR)
    recorder.open_trial("01_a", start=camera.time(0) - HALF)
    assert camera.offer(0, 3) == [True] * 3
    summary = recorder.close()
    assert "soon" in summary["error"]
    with h5py.File(recorder.folder / "session.h5") as file:
        assert list(file["markers"]["time"]) == [1.0, 2.0]
        assert file["trials/01_a/color/frames"].shape[0] == 3


def test_metadata_that_comes_and_goes(tmp_path: Path) -> None:
    recorder = make(tmp_path, (COLOR,))
    camera = Camera(recorder, COLOR)
    recorder.open_trial("01_a", start=camera.time(0) - HALF)
    for i in range(6):
        frame = camera.frame(i)
        extra: Any = {"gain": i} if i in {2, 4} else {}
        recorder.offer(type(frame)("color", frame.pixels, i, frame.device_time, frame.arrival_time, extra))
    recorder.close()
    with h5py.File(recorder.folder / "session.h5") as file:
        gain = file["trials/01_a/color/metadata/gain"]
        assert list(gain) == [MISSING, MISSING, 2, MISSING, 4, MISSING]
        assert gain.attrs["missing"] == MISSING


def test_many_threads_may_offer_at_once(tmp_path: Path) -> None:
    recorder = make(tmp_path, (COLOR, DEPTH, EDA))
    cameras = two_cameras(recorder)
    recorder.open_trial("01_a", start=cameras[0].time(0) - HALF)

    def sing() -> None:
        for i in range(150):
            recorder.offer(Samples("eda", np.full((1, 1), float(i)), np.array([float(i)]), float(i)))

    threads = [threading.Thread(target=camera.offer, args=(0, 150)) for camera in cameras]
    threads.append(threading.Thread(target=sing))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()
    with h5py.File(recorder.folder / "session.h5") as file:
        for name in ("color", "depth"):
            assert [index_of(picture) for picture in file["trials/01_a"][name]["frames"]] == list(range(150))
        np.testing.assert_array_equal(file["eda/samples"][:, 0], np.arange(150))


def test_flipped_bytes_in_tables_are_found_by_h5py_itself(tmp_path: Path) -> None:
    recorder = make(tmp_path)
    record_trial(recorder, two_cameras(recorder), 10, 20)
    recorder.close()
    path = recorder.folder / trial_path("01_a")
    with h5py.File(path) as file:
        offset = file["color/device_time"].id.get_chunk_info(0).byte_offset
    with path.open("r+b") as raw:
        raw.seek(offset + 3)
        byte = raw.read(1)[0]
        raw.seek(offset + 3)
        raw.write(bytes([byte ^ 1]))
    with h5py.File(path) as file, pytest.raises(OSError, match="filter"):
        file["color/device_time"][:]


def test_no_thread_is_left(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    recorder = make(tmp_path)
    recorder.close()
    assert set(threading.enumerate()) == before
    assert not recorder.offer(Camera(recorder, COLOR).frame(0)) or not recorder.status().recorded["color"]


def test_a_session_that_takes_long_to_close_is_not_synchronised_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "_SYNC_S", 0.0)  # as if closing had taken longer than that
    recorder = make(tmp_path)
    record_trial(recorder, two_cameras(recorder), 10, 20)
    assert recorder.close(completed=True)["error"] == ""
