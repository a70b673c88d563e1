"""Films read back: every picture at its time, every bit where it is for keeping, the sound where it was heard."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import labcapture
from labcapture.core.errors import BadInput
from labcapture.export import formats, video
from labcapture.export.video_depth import parse_range
from labcapture.reading.session import Session
from tests.export.truth_world import FRAMES, LOST_BLOCKS, LOST_FRAMES, RATE_HZ, TRIAL, WHITE, record_truth

TICK = 1e-5


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    return record_truth(tmp_path_factory.mktemp("truth"))


def _films(session: Session, out: Path, **options: str) -> Path:
    return Path(formats.exporter("video")(session, out, options, lambda *_: None).path)


def _pictures(film: Path) -> tuple[list[av.VideoFrame], float]:
    with av.open(str(film)) as file:
        stream = file.streams.video[0]
        assert stream.time_base is not None
        return list(file.decode(stream)), float(stream.time_base)


def _seconds(frame: Any) -> float:  # noqa: ANN401 - a decoded frame always has a time
    return float(frame.pts * frame.time_base)


def _sound(film: Path) -> tuple[np.ndarray[Any, Any], float]:
    """Return (samples, of the first channel, on one time axis that begins with the first; its time in s)."""
    with av.open(str(film)) as file:
        frames = list(file.decode(audio=0))
    begin = _seconds(frames[0])
    last = frames[-1]
    track = np.zeros(round((_seconds(last) - begin) * RATE_HZ) + last.samples + 1)
    for frame in frames:
        at = round((_seconds(frame) - begin) * RATE_HZ)
        values = frame.to_ndarray()[0].astype(float)
        track[at : at + len(values)] = values if frame.format.name == "fltp" else values / 32768
    return track, begin


@pytest.mark.parametrize(("codec", "suffix"), [("h264", "mp4"), ("ffv1", "mkv")])
def test_pictures_and_sound_are_where_they_were(
    truth: tuple[Path, float], tmp_path: Path, codec: str, suffix: str
) -> None:
    folder, click = truth
    with labcapture.open(folder) as session:
        made = _films(session, tmp_path, codec=codec)
        trial = session.trials[TRIAL]
        for camera in ("color", "depth"):
            stream, base = trial[camera], made / f"{TRIAL}_{camera}"
            about = json.loads(base.with_suffix(".json").read_text("utf-8"))
            zero = about["zero_lsl_s"]
            pictures, tick = _pictures(base.with_suffix(f".{suffix}"))
            assert tick == TICK
            assert len(pictures) == len(stream) == FRAMES - len(LOST_FRAMES)
            pts = np.array([picture.pts for picture in pictures])
            assert np.abs(pts * tick - (stream.time - zero)).max() <= tick / 2 + 1e-9
            assert np.diff(pts).max() * tick == pytest.approx((len(LOST_FRAMES) + 1) / 30, abs=0.002)  # a gap stays one
            with base.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            assert [float(row["time"]) for row in rows] == stream.time.tolist()
            assert [int(row["pts"]) for row in rows] == pts.tolist()
            assert [int(row["frame_number"]) for row in rows] == stream.frame_number.tolist()
            sound, begin = _sound(base.with_suffix(f".{suffix}"))
            assert begin + np.abs(sound).argmax() / RATE_HZ == pytest.approx(click - zero, abs=2 / RATE_HZ + tick)
            (silence,) = about["sound"][0]["silences"]
            assert silence["samples"] == 480 * len(LOST_BLOCKS)
            at = round((silence["start_s"] - begin) * RATE_HZ)
            assert np.abs(sound[at + 2048 : at + silence["samples"] - 2048]).max() < 1e-3
        white = int(np.searchsorted(trial.color.frame_number, WHITE))
        pictures, _ = _pictures(made / f"{TRIAL}_color.{suffix}")
        assert [p.to_ndarray(format="gray").mean() > 240 for p in pictures].index(True) == white
        assert abs(_seconds(pictures[white]) - (click - zero)) < 0.006  # the camera's least delay is part of its time


def test_what_is_for_keeping_keeps_every_bit(truth: tuple[Path, float], tmp_path: Path) -> None:
    with labcapture.open(truth[0]) as session:
        made = _films(session, tmp_path, codec="ffv1")
        trial = session.trials[TRIAL]
        for camera, pixels in (("color", "rgb24"), ("depth", "gray16le")):
            for index, picture in enumerate(_pictures(made / f"{TRIAL}_{camera}.mkv")[0]):
                assert np.array_equal(picture.to_ndarray(format=pixels), trial[camera][index])
        sound, _ = _sound(made / f"{TRIAL}_color.mkv")
        first, behind = json.loads((made / f"{TRIAL}_color.json").read_text("utf-8"))["sound"][0]["rows"]
        kept = np.asarray(session.voice.values[first:behind, 0]) / 32768
        assert np.array_equal(sound[np.abs(sound) > 0], kept[kept != 0])


def test_a_film_that_was_cut_off_is_made_anew_and_others_are_kept(truth: tuple[Path, float], tmp_path: Path) -> None:
    class CutOffError(Exception):
        pass

    def cut(what: str, done: int, total: int) -> None:
        if what != "verify" and done > total // 2 + 3:
            raise CutOffError

    with labcapture.open(truth[0]) as session:
        with pytest.raises(CutOffError):
            video.export(session, tmp_path, {}, cut)
        (draft,) = tmp_path.iterdir()
        first = draft / f"{TRIAL}_color.mp4"
        before = first.stat().st_mtime_ns
        assert not (draft / f"{TRIAL}_depth.mp4").exists()
        made = _films(session, tmp_path)
    assert (made / first.name).stat().st_mtime_ns == before
    assert len(_pictures(made / f"{TRIAL}_depth.mp4")[0]) == FRAMES - len(LOST_FRAMES)


def test_options_are_kept_or_refused(truth: tuple[Path, float], tmp_path: Path) -> None:
    with labcapture.open(truth[0]) as session:
        made = _films(session, tmp_path, depth="no", sound="no", quality="40")
        assert sorted(path.suffix for path in made.iterdir()) == [".csv", ".json", ".mp4"]
        with av.open(str(made / f"{TRIAL}_color.mp4")) as file:
            assert not file.streams.audio
        for wrong in ({"codec": "vp9"}, {"quality": "52"}, {"sound": "maybe"}, {"depth_mm": "900-300"}, {"size": "1"}):
            with pytest.raises(BadInput, match="--set"):
                _films(session, tmp_path / "wrong", **wrong)


@given(st.text(max_size=12))
def test_a_range_of_depth_is_two_numbers_in_order_or_refused(text: str) -> None:
    try:
        limits = parse_range(text)
    except BadInput:
        return
    assert limits is None or 0 <= limits[0] < limits[1]
