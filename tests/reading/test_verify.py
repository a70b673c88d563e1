"""Verification: a session as recorded is whole, and nothing that matters can be changed unseen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import labcapture.reading
from labcapture.core.chunks import Frame, Gap, StreamSpec
from labcapture.core.errors import RecordingError
from labcapture.reading.report import report
from labcapture.recording.consistency import picture_contradictions
from labcapture.recording.quality import GapTracker
from labcapture.recording.verify import verify
from tests.reading.recorded_world import begun

TRIAL = "trials/03_e.h5"


def flip(path: Path, offset: int) -> None:
    """Change one bit of the byte at ``offset``."""
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


def chunk_of(path: Path, dataset: str, place: int = 0) -> tuple[int, int]:
    """Return (offset, size) of a stored chunk."""
    chunks: list[Any] = []
    with h5py.File(path) as h5:
        h5[dataset].id.chunk_iter(chunks.append)
    return int(chunks[place].byte_offset), int(chunks[place].size)


def test_a_session_as_recorded_is_whole(recorded: Path) -> None:
    told: list[tuple[str, int, int]] = []
    result = verify(recorded, lambda *news: told.append(news))
    assert result.problems == []
    assert result.whole
    assert result.checked["frames"] == 90 + 90 + 90 + 87
    assert told[-1][1] == told[-1][2] > 0
    assert verify(recorded / "session.h5").whole


@pytest.mark.parametrize("stream", ["color", "depth"])
@pytest.mark.parametrize("place", [0, 40, -1])
def test_a_changed_picture_is_named(copied: Path, stream: str, place: int) -> None:
    offset, size = chunk_of(copied / TRIAL, f"{stream}/frames", place)
    flip(copied / TRIAL, offset + size // 2)
    (problem,) = verify(copied).problems
    frame = place if place >= 0 else {"color": 89, "depth": 86}[stream]
    assert problem == f"{TRIAL}: /{stream}/frames frame {frame} was changed: its digest differs"


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_byte_of_any_picture_counts(copied: Path, data: st.DataObject) -> None:
    stream = data.draw(st.sampled_from(["color", "depth"]))
    offset, size = chunk_of(copied / TRIAL, f"{stream}/frames", data.draw(st.integers(0, 86)))
    at = offset + data.draw(st.integers(0, size - 1))
    flip(copied / TRIAL, at)
    assert len(verify(copied).problems) == 1
    flip(copied / TRIAL, at)  # the same bit again: as it was


@pytest.mark.parametrize(
    "dataset",
    [
        "depth/time",
        "depth/time_uncertainty",
        "depth/device_time",
        "depth/arrival_time",
        "depth/frame_number",
        "depth/metadata/actual_exposure",
        "depth/gaps",
    ],
)
def test_a_changed_number_of_a_trial_is_named(copied: Path, dataset: str) -> None:
    offset, _ = chunk_of(copied / TRIAL, dataset)
    flip(copied / TRIAL, offset + 3)
    picture, size = chunk_of(copied / TRIAL, "depth/frames", 11)
    flip(copied / TRIAL, picture + size - 1)
    problems = verify(copied).problems
    assert any(TRIAL in problem and dataset in problem for problem in problems), problems
    assert f"{TRIAL}: /depth/frames frame 11 was changed: its digest differs" in problems  # one damage hides no other


@pytest.mark.parametrize("dataset", ["voice/samples", "eda/time", "markers", "quality/counts", "notes"])
def test_a_changed_table_of_the_session_is_found(copied: Path, dataset: str) -> None:
    offset, _ = chunk_of(copied / "session.h5", dataset)
    flip(copied / "session.h5", offset + 3)
    assert any(problem.startswith("session.h5: ") for problem in verify(copied).problems)


@pytest.mark.parametrize("text", [b"fear", b"sim-1", b"rehearsal"])
def test_a_changed_text_of_a_trial_is_found(copied: Path, text: bytes) -> None:
    data = (copied / TRIAL).read_bytes()
    flip(copied / TRIAL, data.index(text))
    assert any(problem.startswith(f"{TRIAL}: ") for problem in verify(copied).problems)


@pytest.mark.parametrize("name", ["summary.json", "journal/session.jsonl", "journal/trials/03_e.jsonl", "checksums"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_a_changed_byte_of_another_file_is_found(copied: Path, name: str, share: float) -> None:
    size = (copied / name).stat().st_size
    flip(copied / name, int(size * share))
    problems = verify(copied).problems
    assert problems
    assert name == "checksums" or any(problem.startswith(f"{name}: ") for problem in problems)


@pytest.mark.parametrize(
    "name", ["summary.json", "checksums", TRIAL, "journal/trials/03_e.jsonl", "journal/session.jsonl"]
)
def test_a_missing_file_is_named(copied: Path, name: str) -> None:
    (copied / name).unlink()
    assert any(problem.startswith(f"{name}: is missing") for problem in verify(copied).problems)


def test_a_file_that_was_added_is_named(copied: Path) -> None:
    (copied / "late.txt").write_text("?")
    assert verify(copied).problems == ["late.txt: does not stand in checksums: it was added later"]


def test_a_trial_that_was_slipped_in_is_named(copied: Path) -> None:
    shutil.copy(copied / "trials/01_a.h5", copied / "trials/02_x.h5")
    problems = verify(copied).problems
    assert any("trials/02_x.jsonl: is missing" in problem for problem in problems), problems


@pytest.mark.parametrize("keep", [0, 100, 0.5])
def test_a_truncated_trial_is_named(copied: Path, keep: float) -> None:
    path = copied / TRIAL
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(int(size * keep) if isinstance(keep, float) else keep)
    assert any(problem.startswith(f"{TRIAL}: ") for problem in verify(copied).problems)


# Changes that any HDF5 program could make, with checksums that fit ----------------------------------------------------


def _renumber(h5: h5py.File) -> None:
    h5["depth/frame_number"][5] = 7


def _exchange(h5: h5py.File) -> None:
    first, second = (h5["color/frames"].id.read_direct_chunk((i, 0, 0, 0)) for i in (3, 4))
    h5["color/frames"].id.write_direct_chunk((3, 0, 0, 0), second[1], second[0])
    h5["color/frames"].id.write_direct_chunk((4, 0, 0, 0), first[1], first[0])


def _shorten(h5: h5py.File) -> None:
    h5["color/frames"].resize(80, axis=0)


def _lengthen(h5: h5py.File) -> None:
    h5["color/frames"].resize(91, axis=0)


def _hide_gap(h5: h5py.File) -> None:
    h5["depth/gaps"].resize(0, axis=0)


def _rename(h5: h5py.File) -> None:
    h5.attrs["participant"] = "P008"


def _open_again(h5: h5py.File) -> None:
    h5.attrs["closed"] = False


def _drop_array(h5: h5py.File) -> None:
    del h5["color/time"]


def _add_array(h5: h5py.File) -> None:
    h5["color/comment"] = "mine"


def _retype(h5: h5py.File) -> None:
    times = h5["color/time"][()]
    del h5["color/time"]
    h5["color/time"] = times.astype("float32")


def _change_units(h5: h5py.File) -> None:
    h5["color/time"].attrs["units"] = "ms"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_renumber, "/depth/frame_number frame 5 differs from the journal"),
        (_exchange, "/color/frames frame 3"),
        (_shorten, "/color/frames has 80 frames, the journal has 90"),
        (_lengthen, "/color/frames has 91 frames, the journal has 90"),
        (_hide_gap, "/depth/frame_number skips 3 of the numbers before frame 40"),
        (_rename, "/@participant is 'P008', was 'P007'"),
        (_open_again, "was not closed; run: labcapture recover"),
        (_drop_array, "/color/time is missing"),
        (_add_array, "/color/comment is not of the format"),
        (_retype, "/color/time has type float32, not float64"),
        (_change_units, "/color/time has units 'ms', not s"),
    ],
)
def test_a_tampered_trial_is_named(copied: Path, change: Callable[[h5py.File], None], words: str) -> None:
    with h5py.File(copied / TRIAL, "r+") as h5:
        change(h5)
    problems = verify(copied).problems
    assert any(problem.startswith(f"{TRIAL}: ") and words in problem for problem in problems), problems


def test_a_link_that_leads_elsewhere_is_named(copied: Path) -> None:
    with h5py.File(copied / "session.h5", "r+") as h5:
        del h5["trials/03_e/depth"]
        h5["trials/03_e/depth"] = h5py.ExternalLink("trials/nowhere.h5", "/depth")
    problems = verify(copied).problems
    assert any("/trials/03_e/depth leads to trials/nowhere.h5:/depth" in problem for problem in problems)


def test_a_summary_that_does_not_add_up_is_named(copied: Path) -> None:
    path = copied / "summary.json"
    summary = json.loads(path.read_text())
    summary["trials"][1]["streams"]["depth"]["recorded"] = 90
    summary["recorded"]["eda"] += 1
    path.write_text(json.dumps(summary))
    problems = verify(copied).problems
    assert "summary.json: trial 03_e has 90 frames of depth, its file 87" in problems
    assert any(problem.startswith("summary.json: eda was recorded") for problem in problems)


def test_a_session_of_a_newer_version_is_not_judged(copied: Path) -> None:
    with h5py.File(copied / "session.h5", "r+") as h5:
        h5.attrs["version"] = 99
    problems = verify(copied).problems
    assert "session.h5: of format version 99, this program knows up to 1" in problems


def test_there_is_nothing_to_verify(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no session"):
        verify(tmp_path)
    with pytest.raises(RecordingError, match="no session"):
        verify(tmp_path / "nowhere")


def test_a_session_in_which_nothing_came_is_whole_and_worth_nothing(tmp_path: Path) -> None:
    recorder = begun(tmp_path)
    recorder.open_trial("01_a")
    recorder.close(completed=True)
    assert verify(recorder.folder).problems == []
    with labcapture.reading.open(recorder.folder) as session:
        facts = report(session)
        assert session.trials["01_a"].color.shape == (0, 48, 64, 3)
    assert facts["part"] == "B"
    assert facts["trials"][0]["reasons"] == ["color has no frames", "depth has no frames"]
    assert facts["streams"][0]["time_uncertainty_s"] is None


def test_verification_changes_nothing(copied: Path) -> None:
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    verify(copied)
    assert {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()} == before


# Gap tables -----------------------------------------------------------------------------------------------------------


def _stream(h5: h5py.File, numbers: list[int], gaps: list[Gap]) -> h5py.Group:
    """Return a stream of frames with these ``numbers``, as a trial's file has it."""
    group = h5.create_group("depth")
    group["frame_number"] = np.array(numbers, np.int64)
    for name in ("time", "arrival_time"):
        group[name] = np.array(numbers, np.float64) / 30
    group["time_uncertainty"] = np.full(len(numbers), 1e-3)
    columns = [("first", "i8"), ("last", "i8"), ("count", "i8"), ("start", "f8"), ("stop", "f8")]
    group["gaps"] = np.array([(g.first, g.last, g.count, g.start, g.stop) for g in gaps], columns)
    return group


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=2, max_size=60), st.data())
def test_every_skip_needs_its_row(kept: list[bool], data: st.DataObject) -> None:
    numbers = [i for i, keep in enumerate(kept) if keep]
    tracker = GapTracker(StreamSpec("depth", "frames", "uint16", (1, 1), "", 30.0))
    pixels = np.zeros((1, 1), np.uint16)
    gaps = [g for i in numbers if (g := tracker.update(Frame("depth", pixels, i, i / 30, i / 30)))]
    with h5py.File("whole", "w", driver="core", backing_store=False) as h5:
        assert list(picture_contradictions(_stream(h5, numbers, gaps), "t.h5")) == []
    if gaps:
        missing = data.draw(st.sampled_from(gaps))
        rest = [gap for gap in gaps if gap is not missing]
        with h5py.File("lacking", "w", driver="core", backing_store=False) as h5:
            (problem,) = picture_contradictions(_stream(h5, numbers, rest), "t.h5")
        assert f"skips {missing.count} of the numbers" in problem


def test_a_repeated_frame_is_named() -> None:
    with h5py.File("repeated", "w", driver="core", backing_store=False) as h5:
        (problem,) = picture_contradictions(_stream(h5, [4, 5, 5, 6], []), "t.h5")
    assert problem == "t.h5: /depth/frame_number repeats at frame 2: 5 stands twice"
