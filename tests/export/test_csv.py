"""Tables read back by pandas and the wave module: the same values, times and texts as in the session."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import labcapture
from labcapture.export import formats
from labcapture.export.csv_files import unique
from labcapture.reading.streams import read_table
from labcapture.recording import schema
from tests.export.truth_world import LOST_BLOCKS, TRIAL, record_truth


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_truth(tmp_path_factory.mktemp("truth"))[0]


def read(path: Path, *, keep_default_na: bool = True) -> pd.DataFrame:
    """Read to the last bit; the default is faster, and 1e-15 off."""
    return pd.read_csv(path, float_precision="round_trip", keep_default_na=keep_default_na)


def test_every_table_and_signal_comes_back(truth: Path, tmp_path: Path) -> None:
    with labcapture.open(truth) as session:
        made = Path(formats.exporter("csv")(session, tmp_path, {}, lambda *_: None).path)
        notes = read(made / "notes.csv")
        assert notes["text"].tolist() == ["the participant – 王 – sneezed, “twice”"]
        for name in ("markers", "steps", "quality/counts", "clock/wall"):
            rows = read_table(session.h5[name])
            names = rows.dtype.names or ()
            table = read(made / f"{name.replace('/', '_')}.csv", keep_default_na=False)
            assert list(table) == list(names)
            assert len(table) == len(rows)
            for column in names:
                assert table[column].tolist() == rows[column].tolist(), column
        for name in ("eda", "pulse"):
            signal, table = session.samples[name], read(made / f"{name}.csv")
            assert np.array_equal(table[signal.channels].to_numpy(signal.values.dtype), signal.values[()])
            for column in ("time", "raw_time", "segment"):
                assert np.array_equal(table[column], getattr(signal, column))
            assert len(read(made / f"{name}_clock_offsets.csv")) == len(signal.clock_offsets)
        with wave.open(str(made / "voice.wav")) as file:
            assert file.getframerate() == 48000
            sound = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        assert np.array_equal(sound, session.voice.values[()])
        blocks = read(made / "voice_blocks.csv")
        assert np.array_equal(blocks["row"], session.voice.blocks["row"])
        jump = np.diff(blocks["first_sample"]) - np.diff(blocks["row"])
        assert jump.sum() == 480 * len(LOST_BLOCKS)
        for camera in ("color", "depth"):
            frames, table = session.trials[TRIAL][camera], read(made / f"frames/{TRIAL}_{camera}.csv")
            assert np.array_equal(table["time"], frames.time)
            assert np.array_equal(table["frame_number"], frames.frame_number)


def test_the_readme_tells_of_every_file_and_unit(truth: Path, tmp_path: Path) -> None:
    with labcapture.open(truth) as session:
        made = Path(formats.exporter("csv")(session, tmp_path, {"sound": "no"}, lambda *_: None).path)
    readme = (made / "README.md").read_text("utf-8")
    for path in made.rglob("*.csv"):
        head, _, _ = readme.partition(f"## {path.relative_to(made).as_posix()}\n")[2].partition("\n## ")
        assert head, path
        for column in pd.read_csv(path, nrows=0):
            assert f"| `{column}` |" in head, (path, column)
    assert "| `EDA` | uS |" in readme
    assert not list(made.rglob("*.wav"))
    for entry in schema.REGISTRY:  # no table of the format is forgotten
        if entry.file == "session" and entry.kind == "table" and "<" not in entry.path:
            there = (made / f"{entry.path[1:].replace('/', '_')}.csv").exists()
            with labcapture.open(truth) as session:
                assert there == (entry.path in session.h5), entry.path


@given(st.lists(st.text("ab", max_size=2), max_size=8))
def test_no_two_columns_have_one_name(labels: list[str]) -> None:
    names = unique(labels, ("time", "a"))
    assert len({*names, "time", "a"}) == len(labels) + 2
