"""The tree of CAS(ME)3 holds what the session holds: read back picture by picture, row by row, sample by sample."""

from __future__ import annotations

import csv
import json
import wave
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import numpy as np
import openpyxl
import pytest

import labcapture
from labcapture.core.errors import BadInput, RecordingError
from labcapture.export.casme3_pictures import whole_mm
from labcapture.export.draft import Draft, Exported
from labcapture.export.formats import exporter
from labcapture.recording.codecs import imagecodecs
from tests.export import casme3_world as world
from tests.reading.recorded_world import begun


def run(folder: Path, out: Path, options: Mapping[str, str] | None = None) -> Exported:
    with labcapture.open(folder) as session:
        return exporter("casme3")(session, out, options or {}, lambda *_: None)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.record(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def interview(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.record(tmp_path_factory.mktemp("interview"), "mock_crime")


@pytest.fixture(scope="module")
def tree(clips: Path, interview: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tree") / "db"
    run(clips, out)
    run(interview, out)
    return out


def test_the_tree_has_the_names_of_the_release(tree: Path) -> None:
    found = {str(path.relative_to(tree).as_posix()) for path in tree.rglob("*") if path.is_file()}
    pictures = {name for name in found if "/color/" in name or "/depth/" in name}
    assert found - pictures == {
        "README.md",
        "subjects.csv",
        "part_A/part_A_labels.xlsx",
        "part_A/part_A_ME_labels.xlsx",
        "part_A/spNO.12/about.json",
        "part_A/spNO.12/self_report.csv",
        "part_A/spNO.12/a/frames.csv",
        "part_A/spNO.12/b/frames.csv",
        "part_C/part_C_labels.xlsx",
        *(
            f"part_C/spNO.12/{name}"
            for name in ("about.json", "frames.csv", "voice.wav", "physiology.txt", "video.mp4")
        ),
    }
    numbers = [n for n in range(world.FRAMES) if n not in world.LOST_COLOR]
    assert {name for name in pictures if name.startswith("part_A/spNO.12/b/color/")} == {
        f"part_A/spNO.12/b/color/{n}.jpg" for n in numbers
    }
    assert not list((tree / "part_A/spNO.12/b/depth").glob("40.png"))


def test_pictures_come_back(clips: Path, tree: Path) -> None:
    with labcapture.open(clips) as session:
        for name in ("02_a", "03_b"):
            trial, folder = session.trials[name], tree / "part_A/spNO.12" / name[-1]
            for row in rows_of(folder / "frames.csv"):
                if row["color_index"]:
                    original = trial.color[int(row["color_index"])].astype(float)
                    decoded = imagecodecs().jpeg8_decode((folder / f"color/{row['number']}.jpg").read_bytes())
                    psnr = 10 * np.log10(255**2 / np.mean((decoded - original) ** 2))
                    assert psnr > 38
                if row["depth_index"] and row["number"]:
                    stored = imagecodecs().png_decode((folder / f"depth/{row['number']}.png").read_bytes())
                    assert stored.dtype == np.uint16
                    aligned = trial.depth_aligned[int(row["depth_index"])]
                    np.testing.assert_array_equal(stored, np.nan_to_num(np.rint(aligned)))
                    assert np.count_nonzero(stored) > stored.size / 2


def test_a_lost_picture_leaves_its_number_out_and_time_goes_on(clips: Path, tree: Path) -> None:
    rows = rows_of(tree / "part_A/spNO.12/b/frames.csv")
    about = json.loads((tree / "part_A/spNO.12/about.json").read_text("utf-8"))["clips"]["b"]
    with labcapture.open(clips) as session:
        trial = session.trials["03_b"]
        index = 0
        for row in rows[: world.FRAMES]:
            number = int(row["number"])
            if number in world.LOST_COLOR:
                assert row["missing"] == "color depth"
                continue
            assert int(row["color_index"]) == index
            assert float(row["color_time"]) == pytest.approx(trial.color.time[index], abs=1e-6)
            assert trial.color.time[index] == pytest.approx(
                about["zero_lsl_s"] + number * about["period_s"], abs=about["period_s"] / 2
            )
            assert row["missing"] == ("depth" if number in world.LOST_DEPTH else "")
            if row["depth_index"]:
                depth = trial.depth.time[int(row["depth_index"])]
                assert float(row["difference_s"]) == pytest.approx(depth - trial.color.time[index], abs=2e-6)
            index += 1
    assert [row["missing"] for row in rows[world.FRAMES :]] == ["color"] * len(world.LOST_COLOR)


def test_coders_find_their_sheets_and_keep_what_they_wrote(clips: Path, tree: Path, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(tree / "part_A/part_A_labels.xlsx")
    heads = {sheet.title: [cell.value for cell in sheet[1]] for sheet in book.worksheets}
    assert heads == {
        "AU+Emotion": ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Expression type", "Objective class"],
        "eye blink": ["Subject", "Filename", "Onset", "Offset"],
    }
    micro = openpyxl.load_workbook(tree / "part_A/part_A_ME_labels.xlsx").worksheets[0]
    assert [[cell.value for cell in row] for row in micro.rows] == [
        ["Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion"]
    ]
    crime = openpyxl.load_workbook(tree / "part_C/part_C_labels.xlsx").worksheets[0]
    assert [cell.value for cell in crime[1]] == ["sub", "count", "onset", "offset", "au", "emotion"]
    path = tmp_path / "part_A/part_A_labels.xlsx"
    path.parent.mkdir()
    book["AU+Emotion"].append(["spNO.12", "a", 3, 5, 9, "4+7", "micro", "negative"])
    book.save(path)
    before = path.read_bytes()
    run(clips, tmp_path)
    assert path.read_bytes() == before


def test_self_report_has_the_last_answer(tree: Path) -> None:
    rows = rows_of(tree / "part_A/spNO.12/self_report.csv")
    assert (rows[0]["Filename"], rows[0]["shown"], float(rows[0]["fear"])) == ("a", "fear", 5.0)
    assert rows[1]["fear"] == ""


def test_a_5_marks_the_first_picture_in_200_rows_a_second(interview: Path, tree: Path) -> None:
    lines = (tree / "part_C/spNO.12/physiology.txt").read_text("utf-8").splitlines()
    names = lines[0].split("\t")
    table = np.array([[float(value) for value in line.split("\t")] for line in lines[1:]])
    assert names == ["min", "PPG", "RSP", "ECG", "EDA", "marker"]
    np.testing.assert_allclose(table[:, 0], np.arange(len(table)) / 200 / 60, atol=1e-8)
    assert np.flatnonzero(table[:, 5]).size == 1
    sync = int(np.flatnonzero(table[:, 5] == 5)[0])
    assert np.isnan(table[:, 1:4]).all()  # no such instrument
    about = json.loads((tree / "part_C/spNO.12/about.json").read_text("utf-8"))
    assert about["physiology"]["sync_row"] == sync
    assert about["clips"]["video"]["trials"] == ["02_a", "03_b"]
    with labcapture.open(interview) as session:
        zero = session.trials["02_a"].color.time[0]
        times = zero + (np.arange(len(table)) - sync) / 200
        assert about["physiology"]["start_lsl_s"] == pytest.approx(times[0], abs=1e-9)
        eda = session.eda
        known = np.isfinite(table[:, 4])
        expected = np.interp(times, eda.time, np.asarray(eda.values[:, 0], float))
        np.testing.assert_allclose(table[known, 4], expected[known], rtol=1e-4)
        hole = int(np.argmax(np.diff(eda.time)))
        inside = (times > eda.time[hole] + 1e-6) & (times < eda.time[hole + 1] - 1e-6)
        assert inside.sum() > 35
        outside = (times < eda.time[0] - 1e-6) | (times > eda.time[-1] + 1e-6)
        np.testing.assert_array_equal(~known, inside | outside)


def test_voice_begins_with_the_first_picture_and_keeps_time_over_a_gap(interview: Path, tree: Path) -> None:
    with wave.open(str(tree / "part_C/spNO.12/voice.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 48000)
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    ((place, n),) = json.loads((tree / "part_C/spNO.12/about.json").read_text("utf-8"))["voice"][
        "silent_where_nothing_was_recorded"
    ]
    assert not sound[place : place + n].any()
    assert n == pytest.approx(0.2 * 48000, abs=2)
    with labcapture.open(interview) as session:
        zero, voice = session.trials["02_a"].color.time[0], session.voice
        for at in (0, 100, place - 1, place + n, place + n + 5000):
            row = voice.rows_between(zero + (at - 0.5) / 48000, np.inf).start
            near = np.asarray(voice.values[max(0, row - 1) : row + 2])
            assert (near == sound[at]).all(axis=1).any(), at
        first = voice.rows_between(zero - 0.5 / 48000, np.inf).start
        np.testing.assert_array_equal(sound[:place], voice.values[first : first + place])
        np.testing.assert_array_equal(sound[place + n :], voice.values[first + place : first + len(sound) - n])


def _film(path: Path) -> tuple[list[float], list[np.ndarray[Any, Any]], np.ndarray[Any, Any], float]:
    """Return times and pictures of a film, the samples of its sound (n, channels), and when they begin."""
    with av.open(str(path)) as file:
        pictures = list(file.decode(video=0))
    with av.open(str(path)) as file:
        sound = list(file.decode(audio=0))
    whole = [frame.to_ndarray().reshape(-1, 2) for frame in sound if frame.format.name == "s16"]
    samples = np.concatenate([np.empty((0, 2), np.int16), *whole])
    times = [_seconds(frame) for frame in pictures]
    return times, [frame.to_ndarray(format="rgb24") for frame in pictures], samples, _seconds(sound[0])


def _seconds(frame: av.VideoFrame | av.AudioFrame) -> float:
    assert frame.pts is not None
    assert frame.time_base is not None
    return float(frame.pts * frame.time_base)


def test_the_film_of_an_interview_has_every_picture_at_its_time(interview: Path, tree: Path, tmp_path: Path) -> None:
    run(interview, tmp_path, {"film": "ffv1", "depth": "none"})
    kept = tmp_path / "part_C/spNO.12"
    about = json.loads((kept / "about.json").read_text("utf-8"))["video"]
    with labcapture.open(interview) as session:
        trials = [session.trials[trial] for trial in ("02_a", "03_b")]
        expected = np.concatenate([trial.color.time for trial in trials])
        times, pictures, samples, begin = _film(kept / about["file"])
        np.testing.assert_allclose(np.array(times) + about["zero_lsl_s"], expected, atol=0.51e-5)
        assert times[0] == 0
        assert all(
            np.array_equal(picture, recorded)
            for picture, recorded in zip(pictures, (shot for trial in trials for shot in trial.color), strict=True)
        )
    with wave.open(str(kept / "voice.wav")) as file:
        voice = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert 0 <= begin < 1.5 / 48_000
    n = min(len(voice), len(samples)) - 1
    assert n > 4 * 48_000 - 1000
    same = [(voice[skip : skip + n] == samples[:n]).all(axis=1).mean() for skip in (0, 1)]
    assert max(same) > 0.99  # a sample more or less at the ends of the gap
    looked_at, *_ = _film(tree / "part_C/spNO.12/video.mp4")
    np.testing.assert_allclose(looked_at, times, atol=1e-9)


def test_an_interview_without_a_film(interview: Path, tmp_path: Path) -> None:
    run(interview, tmp_path, {"film": "no", "depth": "none"})
    assert not list(tmp_path.rglob("video.*"))


def test_what_was_cut_off_goes_on_with_what_is_whole(
    clips: Path, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, count = Draft.put, 0

    def failing(self: Draft, name: str, data: bytes) -> None:
        nonlocal count
        count += 1
        if count > 150:
            raise KeyboardInterrupt
        put(self, name, data)

    monkeypatch.setattr(Draft, "put", failing)
    with pytest.raises(KeyboardInterrupt):
        run(clips, tmp_path, {"workers": "2"})
    monkeypatch.setattr(Draft, "put", put)
    partial = tmp_path / "part_A/spNO.12.partial"
    assert not (tmp_path / "part_A/spNO.12").exists()
    kept = {path: path.stat().st_mtime_ns for path in partial.rglob("*.jpg")}
    torn, *_ = kept
    torn.write_bytes(torn.read_bytes()[:-10])
    del kept[torn]
    run(clips, tmp_path, {"workers": "1"})
    final = tmp_path / "part_A/spNO.12"
    assert not partial.exists()
    for path, when in kept.items():
        assert (final / path.relative_to(partial)).stat().st_mtime_ns == when
    expected = tree / "part_A/spNO.12"
    names = sorted(path.relative_to(expected) for path in expected.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(final) for path in final.rglob("*") if path.is_file())
    for name in names:
        assert (final / name).read_bytes() == (expected / name).read_bytes(), name


def test_nothing_is_exported_twice(clips: Path, tree: Path) -> None:
    before = (tree / "subjects.csv").read_bytes()
    with pytest.raises(RecordingError, match="exists already"):
        run(clips, tree)
    assert (tree / "subjects.csv").read_bytes() == before


def test_sessions_of_one_tree_have_numbers_of_their_own(clips: Path, tmp_path: Path) -> None:
    names = ["P012", "Q012", "anna"]
    folders = [clips, *(world.record(tmp_path / name, name=name) for name in names[1:])]
    out = tmp_path / "db"
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda folder: run(folder, out, {"color": "png", "depth": "none"}), folders))
    rows = {row["participant"]: int(row["number"]) for row in rows_of(out / "subjects.csv")}
    assert sorted(rows) == sorted(names)
    assert len(set(rows.values())) == len(names)
    assert {Path(result.path).name for result in done} == {f"spNO.{number}" for number in rows.values()}
    again = world.record(tmp_path / "again")
    assert Path(run(again, out, {"depth": "none"}).path).name == f"spNO.{rows['P012']}_01"
    with labcapture.open(folders[-1]) as session:
        png = out / f"part_A/spNO.{rows['anna']}/a/color/3.png"
        np.testing.assert_array_equal(imagecodecs().png_decode(png.read_bytes()), session.trials["02_a"].color[3])


def test_too_many_lost_pictures_make_part_b(tmp_path: Path) -> None:
    from labcapture.protocol.rule import QualityRule  # noqa: PLC0415 - used here alone

    folder = world.record(tmp_path, rule=QualityRule())
    result = run(folder, tmp_path / "db", {"depth": "own"})
    assert Path(result.path) == tmp_path / "db/part_B/spNO.12"
    assert not list((tmp_path / "db").rglob("*.xlsx"))
    assert any("not aligned" in note for note in result.notes)
    with labcapture.open(folder) as session:
        own = imagecodecs().png_decode((Path(result.path) / "a/depth/7.png").read_bytes())
        np.testing.assert_array_equal(own, session.trials["02_a"].depth[7])


def test_pictures_of_no_part_are_laid_out_as_part_b(tmp_path: Path) -> None:
    for paradigm in ("perception", "none"):
        done = run(world.record(tmp_path / paradigm, paradigm), tmp_path / "db", {"depth": "none"})
        assert any("of no part of CAS" in note for note in done.notes)
        folder = tmp_path / "db" / paradigm / "spNO.12"
        assert Path(done.path) == folder
        assert (folder / "a/color/0.jpg").is_file()
        assert (folder / "self_report.csv").is_file()
    assert not list((tmp_path / "db").rglob("*.xlsx"))


def test_a_session_of_no_part_without_pictures_is_refused(tmp_path: Path) -> None:
    recorder = begun(tmp_path, paradigm="perception")
    recorder.close(completed=True)
    with pytest.raises(BadInput, match=r"has no pictures.*paradigm perception.*csv and bids"):
        run(recorder.folder, tmp_path / "db")
    assert not (tmp_path / "db").exists()
    with labcapture.open(recorder.folder) as session:
        done = exporter("bids")(session, tmp_path / "bids", {}, lambda *_: None)
    assert not any("pictures" in note for note in done.notes), "there is nothing that could be put there"


def test_wrong_use_is_told_in_a_line(clips: Path, recorded: Path, tmp_path: Path) -> None:
    for options, words in (
        ({"color": "gif"}, "There are: jpg, png"),
        ({"quality": "0"}, "It takes 1 to 100"),
        ({"colour": "png"}, "Is it 'color'"),
    ):
        with pytest.raises(BadInput, match=words):
            run(clips, tmp_path / "db", options)
    with pytest.raises(RecordingError, match="lies in the session"):
        run(clips, clips / "db")
    with pytest.raises(RecordingError, match="--set depth=own"):
        run(recorded, tmp_path / "db")  # its cameras told no lenses
    assert not (tmp_path / "db").exists()


def test_whole_millimetres() -> None:
    told = np.array([np.nan, 0.4, 0.6, 65535.0, 65536.0, -3.0, np.inf], np.float32)
    assert whole_mm(told).tolist() == [0, 0, 1, 65535, 0, 0, 0]
