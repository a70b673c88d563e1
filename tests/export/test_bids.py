"""A dataset that the standard's own validator passes, with the session's times and values in it."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import labcapture
from labcapture.core.errors import BadInput, RecordingError
from labcapture.export.bids_tables import EVENT_COLUMNS
from labcapture.export.draft import Draft, Exported
from labcapture.export.formats import exporter
from tests.export import casme3_world as world

STEM = "sub-P012/ses-01/beh/sub-P012_ses-01_task-mockcrime"


def run(folder: Path, out: Path, options: Mapping[str, str] | None = None) -> Exported:
    with labcapture.open(folder) as session:
        return exporter("bids")(session, out, options or {}, lambda *_: None)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def facts_of(path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return facts


@pytest.fixture(scope="module")
def interview(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.record(tmp_path_factory.mktemp("interview"), "mock_crime")


@pytest.fixture(scope="module")
def dataset(interview: Path, recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bids") / "dataset"
    run(interview, out, {"video": "h264", "depth": "ffv1"})
    run(recorded, out)
    run(interview, out, {"session": "01 again", "sound": "no"})
    return out


def test_the_validator_finds_no_error(dataset: Path) -> None:
    validator = Path(sys.executable).with_name("bids-validator-deno")
    asked = [str(validator), str(dataset), "--format", "json"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=120, check=False)
    answer = json.loads(done.stdout)
    wrong = [issue for issue in answer["issues"]["issues"] if issue["severity"] == "error"]
    assert not wrong
    assert done.returncode == 0
    assert sorted(answer["summary"]["subjects"]) == ["P007", "P012"]
    assert answer["summary"]["dataTypes"] == ["beh"]
    undefined = [i for i in answer["issues"]["issues"] if i["code"] == "TSV_ADDITIONAL_COLUMNS_UNDEFINED"]
    assert not undefined


def test_the_validator_can_fail(dataset: Path, tmp_path: Path) -> None:
    import shutil  # noqa: PLC0415 - used here alone

    copy = Path(shutil.copytree(dataset, tmp_path / "copy"))
    (copy / ".bidsignore").unlink()
    validator = Path(sys.executable).with_name("bids-validator-deno")
    done = subprocess.run([str(validator), str(copy)], capture_output=True, timeout=120, check=False)
    assert done.returncode != 0


def test_onsets_are_since_the_start_of_the_session(interview: Path, dataset: Path) -> None:
    rows = rows_of(dataset / f"{STEM}_events.tsv")
    facts = facts_of(dataset / f"{STEM}_events.json")
    assert list(rows[0]) == list(EVENT_COLUMNS)
    onsets = [float(row["onset"]) for row in rows]
    assert onsets == sorted(onsets)
    with labcapture.open(interview) as session:
        zero = facts["ZeroLSLTime"]
        assert zero == pytest.approx(session.start_time, abs=1e-9)
        trials = [row for row in rows if row["trial_type"] == "trial"]
        for row, trial in zip(trials, session.trials.values(), strict=True):
            assert float(row["onset"]) + zero == pytest.approx(trial.start, abs=1e-6)
            assert float(row["duration"]) == pytest.approx(trial.stop - trial.start, abs=1e-6)
            assert (row["label"], row["value"]) == (trial.id, "fear")
        markers = [float(row["onset"]) + zero for row in rows if row["trial_type"] == "marker"]
        np.testing.assert_allclose(markers, np.sort(session.markers["time"]), atol=1e-6)
        assert sum(row["trial_type"] == "gap" for row in rows) == (session.events["kind"] == "gap").sum() > 0
        answers = rows_of(dataset / f"{STEM}_beh.tsv")
        assert [(row["question"], float(row["number"])) for row in answers] == [("fear", 4), ("anger", 1), ("fear", 5)]
        assert float(answers[0]["onset"]) + zero == pytest.approx(session.self_report["time"][0], abs=1e-6)
        assert float(answers[0]["response_time"]) == 0.5


def test_signals_come_back_with_their_gaps(interview: Path, dataset: Path) -> None:
    name = f"{STEM}_recording-eda_physio"
    facts = facts_of(dataset / f"{name}.json")
    with gzip.open(dataset / f"{name}.tsv.gz", "rt") as file:
        values = np.array([float(line.replace("n/a", "nan")) for line in file])
    assert (facts["Columns"], facts["SamplingFrequency"]) == (["EDA"], 100)
    assert facts["EDA"]["Units"] == "uS"
    with labcapture.open(interview) as session:
        eda = session.eda
        times = facts["ZeroLSLTime"] + facts["StartTime"] + np.arange(len(values)) / 100
        assert times[0] == pytest.approx(eda.time[0], abs=1e-6)
        assert abs(times[-1] - eda.time[-1]) < 0.0101
        known = np.isfinite(values)
        expected = np.interp(times, eda.time, np.asarray(eda.values[:, 0], float))
        np.testing.assert_allclose(values[known], expected[known], rtol=1e-5)
        assert 15 < (~known).sum() < 25  # two tenths of a second are missing


def test_sound_and_films_lie_beside(interview: Path, dataset: Path) -> None:
    facts = facts_of(dataset / f"{STEM}_recording-voice_audio.json")
    with labcapture.open(interview) as session:
        voice = session.voice
        with wave.open(str(dataset / f"{STEM}_recording-voice_audio.wav")) as file:
            assert (file.getnchannels(), file.getframerate()) == (2, 48000)
            sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        ((place, n),) = facts["SilentWhereNothingWasRecorded"]
        assert facts["ZeroLSLTime"] + facts["StartTime"] == pytest.approx(float(voice.time_of(0)), abs=1e-6)
        np.testing.assert_array_equal(sound[:place], voice.values[:place])
        np.testing.assert_array_equal(sound[place + n :], voice.values[place:])
        film = facts_of(dataset / f"{STEM}_recording-color02a_video.json")
        onsets = np.array(film["FrameOnsets"]) + film["ZeroLSLTime"]
        np.testing.assert_allclose(onsets, session.trials["02_a"].color.time, atol=2e-6)
        with av.open(str(dataset / f"{STEM}_recording-color02a_video.mp4")) as container:
            assert sum(1 for _ in container.decode(video=0)) == len(onsets)
    assert not (dataset / f"{STEM}_recording-color01a_video.mp4").exists()  # shown again


def test_depth_is_a_lossless_film_with_its_scale(interview: Path, dataset: Path) -> None:
    film = dataset / f"{STEM}_recording-depth03b_video.mkv"
    facts = facts_of(film.with_suffix(".json"))
    with labcapture.open(interview) as session, av.open(str(film)) as container:
        depth = session.trials["03_b"].depth
        seen = [frame.to_ndarray() for frame in container.decode(video=0)]
        assert len(seen) == len(depth) == facts["FrameCount"]
        assert all(np.array_equal(a, b) for a, b in zip(seen, depth, strict=True))
        np.testing.assert_allclose(np.array(facts["FrameOnsets"]) + facts["ZeroLSLTime"], depth.time, atol=2e-6)
        assert facts["PixelScale"] == depth.attributes["depth_units"]
        assert facts["Camera"]["intrinsics_fx"] == depth.attributes["intrinsics_fx"]


def test_sessions_share_a_dataset_and_nothing_is_overwritten(interview: Path, dataset: Path, tmp_path: Path) -> None:
    people = rows_of(dataset / "participants.tsv")
    assert [row["participant_id"] for row in people] == ["sub-P012", "sub-P007"]
    assert (dataset / "sub-P012/ses-01again").is_dir()
    with pytest.raises(RecordingError, match="exists already"):
        run(interview, dataset)
    table = tmp_path / "participants.tsv"
    table.write_text("participant_id\tpseudonym\tage\nsub-X\tX\t30\n", "utf-8")
    run(interview, tmp_path)
    assert rows_of(table) == [
        {"participant_id": "sub-X", "pseudonym": "X", "age": "30"},
        {"participant_id": "sub-P012", "pseudonym": "P012", "age": "n/a"},
    ]
    other = world.record(tmp_path / "other", name="P-012")
    with pytest.raises(RecordingError, match="would have the same label"):
        run(other, tmp_path)


def test_what_was_cut_off_goes_on(
    interview: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    making = Draft.making

    def failing(self: Draft, name: str) -> Any:  # noqa: ANN401 - a context manager
        if name.endswith("color03b_video.mp4"):
            raise KeyboardInterrupt
        return making(self, name)

    monkeypatch.setattr(Draft, "making", failing)
    with pytest.raises(KeyboardInterrupt):
        run(interview, tmp_path, {"video": "h264", "depth": "ffv1"})
    assert not (tmp_path / "sub-P012/ses-01").exists()
    film = f"beh/{Path(STEM).name}_recording-color02a_video.mp4"
    kept = (tmp_path / "sub-P012/ses-01.partial" / film).stat().st_mtime_ns
    monkeypatch.setattr(Draft, "making", making)
    run(interview, tmp_path, {"video": "h264", "depth": "ffv1"})
    final = tmp_path / "sub-P012/ses-01"
    assert (final / film).stat().st_mtime_ns == kept
    expected = dataset / "sub-P012/ses-01"
    for path in expected.rglob("*.*"):
        if path.suffix not in {".mp4", ".mkv"}:
            assert (final / path.relative_to(expected)).read_bytes() == path.read_bytes(), path.name


def test_wrong_use_is_told_in_a_line(interview: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There are: no, h264"):
        run(interview, tmp_path / "db", {"video": "gif"})
    with pytest.raises(BadInput, match="has no letter or digit"):
        run(interview, tmp_path / "db", {"task": "—"})
    assert not (tmp_path / "db").exists()
