"""Streams by time: what is nearest, what lies between, what is missing and must stay so."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import labcapture
from labcapture.core.errors import BadInput, RecordingError
from labcapture.reading.events import COLUMNS, KINDS
from labcapture.reading.resample import resample
from labcapture.recording.transcode import transcode
from tests.reading import recorded_world as world

LOST = world.LOST["03_e"]["depth"]
BEFORE, AFTER = 39, 40  # indices of depth in 03_e on either side of the gap


def test_the_nearest_picture_is_told_with_its_difference(recorded: Path) -> None:
    with labcapture.open(recorded) as session:
        trial = session.trials["03_e"]
        time = float(trial.color.time[30]) + 0.004
        moment = trial.at(time)
        assert moment.color is not None
        assert moment.depth is not None
        assert (moment.color.index, moment.depth.index, moment.notes) == (30, 30, ())
        assert moment.color.difference_s == pytest.approx(-0.004)
        np.testing.assert_array_equal(moment.color.pixels, trial.color[30])
        assert len(moment.eda) == 100
        assert len(moment.voice) == 48000
        assert abs(moment.eda.index.to_numpy() - time).max() <= 0.5


def test_in_a_gap_there_is_no_picture(recorded: Path) -> None:
    with labcapture.open(recorded) as session:
        trial = session.trials["03_e"]
        moment = trial.at(float(trial.color.time[41]))
        assert moment.color is not None
        assert moment.color.index == 41
        assert moment.depth is None
        assert "depth: no frame within 1 periods (dropped), the nearest is" in moment.notes[0]
        wider = trial.at(float(trial.color.time[41]), periods=2.1)
        assert wider.depth is not None
        assert wider.depth.index in {BEFORE, AFTER}
        assert abs(wider.depth.difference_s) == pytest.approx(2 / 30, abs=1e-3)


def test_outside_of_the_trial_is_said(recorded: Path) -> None:
    with labcapture.open(recorded) as session:
        trial = session.trials["01_a"]
        moment = trial.at(trial.stop + 100)
        assert moment.color is moment.depth is None
        assert moment.notes[0] == "100.000 s after the trial"
        assert "eda: no samples" in " ".join(moment.notes)
        assert (len(moment.eda), len(moment.voice)) == (0, 0)


@pytest.mark.parametrize("time", [float("nan"), float("inf")])
def test_what_is_no_time_is_refused(time: float, recorded: Path) -> None:
    with labcapture.open(recorded) as session, pytest.raises(BadInput, match=r"trial 01_a: is no time.*LSL seconds"):
        session.trials["01_a"].at(time)


def test_pairs_come_in_order_with_the_depth_beside(recorded: Path) -> None:
    with labcapture.open(recorded) as session:
        trial = session.trials["03_e"]
        pairs = list(trial.frames())
        assert [pair.index for pair in pairs] == list(range(90))
        assert [pair.index for pair in pairs if pair.depth is None] == list(LOST)
        for pair in pairs:
            np.testing.assert_array_equal(pair.color, trial.color[pair.index])
            if pair.depth is None:
                assert np.isnan(pair.difference_s)
            else:
                assert abs(pair.difference_s) < 0.5 / 30
                np.testing.assert_array_equal(pair.depth, trial.depth[pair.depth_index])
        assert [pair.index for pair in trial.frames(10, 40, 7, workers=1)] == [10, 17, 24, 31, 38]
        (only,) = trial.frames(50, 51, depth="mm")
        assert only.depth is not None
        np.testing.assert_array_equal(only.depth, trial.depth_mm[only.depth_index])
        with pytest.raises(BadInput, match="raw, mm, aligned"):
            trial.frames(depth="cm")  # type: ignore[arg-type]  # a mistake
        with pytest.raises(BadInput, match="0 threads"):
            trial.frames(workers=0)


def test_a_loop_that_is_left_ends_its_threads(recorded: Path) -> None:
    before = set(threading.enumerate())
    with labcapture.open(recorded) as session:
        pairs = session.trials["01_a"].frames(workers=3)
        next(pairs)
        pairs.close()  # type: ignore[attr-defined]  # a generator
        assert not {t for t in threading.enumerate() if t.name.startswith("decode")} - before


def test_a_damaged_picture_is_named_by_a_loop(copied: Path) -> None:
    chunks: list[h5py.h5d.StoreInfo] = []
    path = copied / "trials" / "03_e.h5"
    with h5py.File(path) as h5:
        h5["color/frames"].id.chunk_iter(chunks.append)
    with path.open("r+b") as file:
        file.seek(chunks[7].byte_offset)
        file.write(bytes(200))
    with labcapture.open(copied) as session, pytest.raises(RecordingError, match=r"/color/frames\[7\]"):
        list(session.trials["03_e"].frames())


def test_a_closed_session_says_so(recorded: Path) -> None:
    session, untouched = labcapture.open(recorded), labcapture.open(recorded)
    trial, eda = session.trials["01_a"], session.eda
    first = trial.color[0]
    session.close()
    untouched.close()
    reads: list[Callable[[], object]] = [
        lambda: trial.color[1],
        lambda: trial.color.frame_number,
        lambda: trial.depth.shape,
        lambda: trial.depth_mm[0],
        lambda: trial.at(trial.start),
        lambda: next(iter(trial.frames())),
        lambda: eda.between(trial.start, trial.stop),
        lambda: session.events,
        lambda: untouched.trials,
        lambda: untouched.voice,
    ]
    for read in reads:
        with pytest.raises(RecordingError, match=r"was closed\. Open the session again"):
            read()
    assert first.any()
    assert session.name in repr(session)


@pytest.mark.parametrize("codec", ["gzip", "blosc2"])
def test_other_encodings_read_the_same(recorded: Path, tmp_path: Path, codec: str) -> None:
    copy = transcode(recorded, codec, tmp_path)
    with labcapture.open(recorded) as session, labcapture.open(copy.folder) as other:
        mine, theirs = session.trials["03_e"], other.trials["03_e"]
        for one, two in zip(mine.frames(0, 5), theirs.frames(0, 5), strict=True):
            np.testing.assert_array_equal(one.color, two.color)
            np.testing.assert_array_equal(one.depth, two.depth)
            assert two.color.flags.writeable


def test_the_beats_that_were_missed_are_masked(recorded: Path) -> None:
    with labcapture.open(recorded) as session:
        depth = session.trials["03_e"].depth
        beats = depth.masked_index()
        assert len(beats) == 90
        assert np.flatnonzero(beats.mask).tolist() == list(LOST)
        assert beats.compressed().tolist() == list(range(87))  # each picture once
        assert depth.masked_index(15.0).count() in {43, 44}
        assert depth.index_at(-1e9) == 0
        assert depth.index_at(1e9) == 86


def test_slices_of_computed_depth(recorded: Path) -> None:
    with labcapture.open(recorded) as session:
        trial = session.trials["03_e"]
        depth = trial.depth_mm
        assert (depth.shape, depth.dtype, depth.units) == ((87, 48, 64), np.dtype(np.float32), "mm")
        raw = trial.depth[5]
        np.testing.assert_allclose(depth[5][raw > 0], raw[raw > 0], rtol=1e-6)
        assert (np.isnan(depth[5]) == (raw == 0)).all()
        assert depth[3:9:2].shape == (3, 48, 64)
        with pytest.raises(RecordingError, match=r"has no (extrinsics_to_color_rotation|intrinsics)"):
            _ = trial.depth_aligned


def test_signals_between(recorded: Path) -> None:
    with labcapture.open(recorded) as session:
        eda, voice = session.eda, session.voice
        start = float(eda.time[50])
        found = eda.between(start, start + 0.1)
        assert found.columns.tolist() == ["EDA"]
        assert (len(found), found.index.name, found.attrs["units"]) == (10, "time", "uS")
        np.testing.assert_array_equal(found["EDA"], eda.values[50:60, 0])
        assert list(session.samples["pulse"].between(start, start + 1).columns) == ["left", "right"]
        begin = float(voice.time_of([1000])[0])
        sound = voice.between(begin - 1e-9, begin + 0.01)
        assert len(sound) == 480
        np.testing.assert_array_equal(sound["mono"], voice.values[1000:1480, 0])


def test_a_gap_in_a_signal_is_nan(copied: Path) -> None:
    with h5py.File(copied / "session.h5", "r+") as h5:
        h5["eda/time"][300:] += 0.5  # nothing for half a second after sample 299
        h5["voice/blocks/first_sample"][200:] += 4800
        h5["voice/blocks/time"][200:] += 0.1
    with labcapture.open(copied) as session:
        eda, voice = session.eda, session.voice
        begin, end = eda.holes[0]
        assert (begin, end) == (eda.time[299], eda.time[300])
        for rate in (10, 250):
            values = eda.resampled(rate)
            inside = (values.index > begin + 1e-6) & (values.index < end - 1e-6)
            assert inside.any()
            assert values["EDA"][inside].isna().all()
            assert values["EDA"][~inside].notna().mean() > 0.9
        array = eda.to_xarray()
        assert int(array.isnull().sum()) == 1
        assert begin < float(array.time[array.isnull().any("channel")][0]) < end
        assert voice.holes.shape == (1, 2)
        slow = voice.resampled(100)
        hole = (slow.index > voice.holes[0, 0]) & (slow.index < voice.holes[0, 1])
        assert hole.sum() >= 9
        assert slow["mono"][hole].isna().all()


class _Line:
    """A signal of one channel at 100 Hz, value = time, with holes."""

    period_s = 0.01

    def __init__(self, kept: list[bool]) -> None:
        self.time = np.flatnonzero(kept) * 0.01
        self.values = self.time[:, None].copy()
        steps = np.diff(self.time) > 0.015
        self.holes = np.stack([self.time[:-1][steps], self.time[1:][steps]], axis=1)

    def __len__(self) -> int:
        return len(self.time)

    def time_of(self, rows: Any) -> Any:  # noqa: ANN401 - as numpy takes it
        return self.time[np.asarray(rows)]

    def rows_between(self, start: float, stop: float) -> slice:
        return slice(*(int(i) for i in np.searchsorted(self.time, [start, stop])))


@given(
    kept=st.lists(st.booleans(), min_size=3, max_size=120),
    rate=st.sampled_from([2.0, 7.0, 10.0, 50.0, 99.0, 100.0, 333.0]),
    begin=st.floats(-0.2, 0.5),
)
def test_no_value_stands_on_a_sample_that_is_missing(kept: list[bool], rate: float, begin: float) -> None:
    source = _Line(kept)
    grid = begin + np.arange(40) / rate
    found = resample(source, grid, rate)[:, 0]
    if not len(source):
        assert np.isnan(found).all()
        return
    first, last = source.time[0], source.time[-1]
    half = 0.5 / rate if rate <= 50 else 0.0
    for time, value in zip(grid, found, strict=True):
        touched = [i for i in range(len(kept)) if time - half - 1e-9 <= i * 0.01 < time + half - 1e-9]
        if half:
            is_known = all(kept[i] for i in touched) and touched and time - half >= -1e-9
        else:
            edge = 0.0 if np.isnan(value) else 1e-6  # beside a hole's edge either will do
            is_known = first <= time <= last and not any(b + edge < time < e - edge for b, e in source.holes)
        if not np.isnan(value):
            assert is_known or abs(value - time) < 0.011  # at the very edge, within a period
            assert abs(value - time) <= half + 0.011
        elif is_known and half:  # never NaN without a reason
            assert (
                min(touched) * 0.01 < first + half + 0.021
                or max(touched) * 0.01 > last - half - 0.021
                or any(not kept[i] for i in range(max(0, touched[0] - 1), min(len(kept), touched[-1] + 2)))
            )
        elif is_known:
            raise AssertionError(f"NaN at {time}, which lies between two samples")


def test_resampling_refuses_no_rate(recorded: Path) -> None:
    with labcapture.open(recorded) as session, pytest.raises(BadInput, match="Give a rate above 0"):
        session.eda.resampled(0)


def test_events_are_one_table(recorded: Path) -> None:
    with labcapture.open(recorded) as session:
        events = session.events
        assert tuple(events.columns) == COLUMNS
        assert events["time"].is_monotonic_increasing
        assert set(events["kind"]) <= set(KINDS)
        (gap,) = events[events["kind"] == "gap"].itertuples()
        assert (gap.label, gap.value, gap.detail, gap.trial) == ("depth", "3", "dropped", "03_e")
        assert events[events["kind"] == "marker"]["trial"].tolist() == ["01_a", "03_e"]
        assert events[events["kind"] == "note"]["value"].tolist() == ["the participant – 王 – sneezed"]
        starts = events[(events["kind"] == "trial") & (events["label"] == "start")]
        assert starts["value"].tolist() == ["fear", "fear"]


def test_arrays_on_request(recorded: Path) -> None:
    with dask.config.set(scheduler="synchronous"), labcapture.open(recorded) as session:
        trial = session.trials["03_e"]
        array = trial.depth.to_xarray()
        assert array.dims == ("time", "y", "x")
        assert "3 dropped" in array.attrs["gaps"][0]
        np.testing.assert_array_equal(array[40].to_numpy(), trial.depth[40])
        np.testing.assert_array_equal(trial.color.to_dask()[3:5].compute(), trial.color[3:5])
        np.testing.assert_array_equal(session.voice.to_dask()[480:490].compute(), session.voice.values[480:490])
        assert float(trial.depth_mm.to_xarray().isel(time=2).max()) == float(np.nanmax(trial.depth_mm[2]))


def test_without_xarray_one_line_says_so(recorded: Path) -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['xarray', 'dask', 'dask.array']))\n"
        "import labcapture\n"
        "s = labcapture.open(sys.argv[1]); t = s.trials['01_a']\n"
        "assert t.color[0].any() and len(s.events)\n"
        "for ask in (t.color.to_xarray, t.color.to_dask, s.eda.to_xarray):\n"
        "    try: ask()\n"
        "    except Exception as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(recorded)], capture_output=True, text=True, timeout=120, check=False
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    assert all("is not installed" in line and "pip install 'labcapture[analysis]'" in line for line in lines)
