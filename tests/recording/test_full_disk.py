"""A disk that is full, or that breaks, ends a recording in order: told, counted, and readable up to there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest

from labcapture.core.errors import RecordingError
from labcapture.recording.folder import create_folder
from labcapture.recording.journal import JournalReader, digest
from labcapture.recording.recorder import Recorder
from labcapture.recording.schema import journal_path, trial_path
from tests.recording.recording_world import COLOR, VOICE, Camera, header, index_of, make, pixels

# Records until the recorder gives up, then closes; says what it saw as JSON.
SCRIPT = """
import json, math, sys, time
from pathlib import Path
import numpy as np
from labcapture.core.chunks import AudioBlock
from tests.recording.recording_world import COLOR, VOICE, Camera, make

out, limit = Path(sys.argv[1]), int(sys.argv[2])
recorder = make(out, (COLOR, VOICE))
if limit:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
camera = Camera(recorder, COLOR)
recorder.open_trial("01_a", start=camera.time(0) - 0.01)
index = offered = 0
deadline = time.monotonic() + 100
while not recorder.status().error and time.monotonic() < deadline:
    for _ in range(30):
        recorder.offer(camera.frame(index))
        recorder.offer(AudioBlock("voice", np.zeros((48, 2), np.int16), 48 * index, math.nan, camera.time(index)))
        index += 1
    while recorder.status().queue_bytes > 1_000_000:
        time.sleep(0.001)
refused = not recorder.offer(camera.frame(index))
index += 1
recorder.marker(1.0, "after", "engine")
recorder.close_trial(camera.time(index) - 0.01)
summary = recorder.close()
print(json.dumps({"folder": str(recorder.folder), "offered": index, "refused": refused, "summary": summary,
                  "status": recorder.status().error}))
"""


def run(out: Path, limit: int = 0) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(out), str(limit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount 36 MB of memory as a disk of its own; needs root on Linux."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=36m", "tmpfs", place], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip("this machine does not let its root mount")
    yield place
    subprocess.run(["umount", place], check=True)


def whole_frames(folder: Path) -> int:
    """Check every picture in the trial against what was offered, and the journal against the file; return the count."""
    chunks = list(JournalReader(folder / journal_path("01_a")).chunks())
    data = (folder / trial_path("01_a")).read_bytes()
    for chunk in chunks:
        assert digest(data[chunk.offset : chunk.offset + chunk.size]) == chunk.digest
    return len(chunks)


def test_a_full_disk_leaves_a_session_that_opens(small_disk: Path) -> None:
    result = run(small_disk)
    folder, summary = Path(result["folder"]), result["summary"]
    assert result["refused"]
    assert "the disk is full" in result["status"]
    assert "the disk is full" in summary["error"]
    recorded = summary["recorded"]["color"]
    assert recorded + summary["lost_by_us"]["color"] == result["offered"]
    assert summary["trials"][0]["streams"]["color"]["due"] == result["offered"]
    assert not summary["trials"][0]["annotatable"]
    assert json.loads((folder / "summary.json").read_text()) == summary
    with h5py.File(folder / "session.h5") as file:
        assert file.attrs["closed"]
        assert "the disk is full" in file.attrs["error"]
        assert file["markers"]["label"][-1] == b"after"
        stream = file["trials/01_a/color"]
        assert len(stream["frames"]) == recorded == whole_frames(folder) > 100
        for i in (0, recorded // 2, recorded - 1):
            assert (stream["frames"][i] == pixels(COLOR, i)).all()
        assert list(stream["frame_number"]) == list(range(recorded))
        gap = stream["gaps"][-1]
        assert (gap["cause"], gap["first"], gap["count"]) == (
            b"recorder_overflow",
            recorded,
            gap["last"] - recorded + 1,
        )
        assert stream.file.attrs["closed"]
    assert not (folder / ".reserve").exists()


def test_no_room_for_a_session_at_all(small_disk: Path) -> None:
    with (small_disk / "ballast").open("wb") as file:
        file.write(bytes(20_000_000))
    folder = create_folder(small_disk, header())
    with (small_disk / "more").open("wb") as file:
        file.write(bytes(15_000_000))
    with pytest.raises(RecordingError, match="cannot be created"):
        Recorder(folder, header(), (COLOR, VOICE))
    assert sorted(path.name for path in small_disk.iterdir()) == ["ballast", "more"]
    with pytest.raises(RecordingError, match="the disk is full"):
        create_folder(small_disk, header())
    assert sorted(path.name for path in small_disk.iterdir()) == ["ballast", "more"]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on file sizes there")
def test_a_file_that_cannot_grow_is_told_and_its_frames_are_in_the_journal(tmp_path: Path) -> None:
    # A limit on the size of files: unlike with a full disk, nothing can be set free for the trial's last tables.
    result = run(tmp_path, 12_000_000)
    folder, summary = Path(result["folder"]), result["summary"]
    assert result["refused"]
    assert "cannot be written" in summary["error"]
    assert summary["recorded"]["color"] + summary["lost_by_us"]["color"] == result["offered"]
    assert whole_frames(folder) == summary["recorded"]["color"] > 100
    assert "its file could not be finished" in summary["trials"][0]["reasons"]
    with h5py.File(folder / "session.h5") as file:
        assert "cannot be written" in file.attrs["error"]
        assert len(file["voice/samples"]) == summary["recorded"]["voice"]


def test_close_is_orderly_after_an_error(tmp_path: Path) -> None:
    recorder = make(tmp_path, (COLOR,))
    camera = Camera(recorder, COLOR)
    (recorder.folder / "trials" / "02_b.h5").mkdir()
    recorder.open_trial("01_a", start=camera.time(0) - 0.01)
    camera.offer(0, 10)
    recorder.close_trial(camera.time(10) - 0.01)
    camera.offer(10, 11)
    assert recorder.wait_trials(60)
    (recorder.folder / "trials" / "02_b.h5").rmdir()
    (recorder.folder / "journal" / "trials" / "02_b.jsonl").write_text("in the way")
    recorder.open_trial("02_b", start=camera.time(20) - 0.01)
    camera.offer(20, 30)
    recorder.close_trial(camera.time(30) - 0.01)
    camera.offer(30, 31)
    assert recorder.wait_trials(60)
    summary = recorder.close(completed=True)
    assert "cannot be written" in summary["error"]
    first, second = summary["trials"]
    assert first["streams"]["color"]["recorded"] == 10
    assert not second["annotatable"]
    assert second["reasons"][0].startswith("not recorded")
    assert (summary["recorded"]["color"], summary["lost_by_us"]["color"]) == (10, 10)
    assert summary["part"] == "B"
    with h5py.File(recorder.folder / "session.h5") as file:
        assert file.attrs["closed"]
        assert [index_of(picture) for picture in file["trials/01_a/color/frames"]] == list(range(10))
        assert list(file["quality/verdicts"]["trial"]) == [b"01_a", b"02_b"]
    assert (recorder.folder / "journal" / "trials" / "02_b.jsonl").read_text() == "in the way"
