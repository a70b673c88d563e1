"""XDF files read back by pyxdf: the same values at the same times, by raw stamps and clock offsets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyxdf
from hypothesis import given
from hypothesis import strategies as st

import labcapture
from labcapture.export import formats
from labcapture.export.xdf_file import Header, XdfWriter
from tests.export.truth_world import TRIAL, record_truth


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_truth(tmp_path_factory.mktemp("truth"))[0]


def _streams(path: Path, **options: bool) -> dict[str, dict[str, Any]]:
    return {stream["info"]["name"][0]: stream for stream in pyxdf.load_xdf(str(path), **options)[0]}


def test_pyxdf_finds_the_same_values_at_the_same_times(truth: Path, tmp_path: Path) -> None:
    with labcapture.open(truth) as session:
        made = formats.exporter("xdf")(session, tmp_path, {}, lambda *_: None)
        (path,) = Path(made.path).iterdir()
        found, raw = _streams(path), _streams(path, synchronize_clocks=False, dejitter_timestamps=False)
        for name in ("eda", "pulse"):
            signal = session.samples[name]
            for segment, label in ((0, name), (1, f"{name}-2")):
                mine = signal.segment == segment
                assert np.array_equal(found[label]["time_series"], signal.values[()][mine])
                assert found[label]["time_series"].dtype == signal.values.dtype
                assert np.array_equal(raw[label]["time_stamps"], signal.raw_time[mine])
                assert np.abs(found[label]["time_stamps"] - signal.time[mine]).max() < 1e-3
                assert len(found[label]["footer"]["info"]["clock_offsets"][0]["offset"]) == 4
        voice = session.voice
        assert np.array_equal(found["voice"]["time_series"], voice.values[()])
        times = voice.time_of(np.arange(len(voice)))
        assert np.abs(found["voice"]["time_stamps"] - times).max() < 1e-6
        for camera in ("color", "depth"):
            frames = session.trials[TRIAL][camera]
            stream = found[camera]
            assert np.array_equal(stream["time_stamps"], frames.time)
            labels = [c["label"][0] for c in stream["info"]["desc"][0]["channels"][0]["channel"]]
            column = dict(zip(labels, stream["time_series"].T, strict=True))
            assert column["frame_number"].tolist() == frames.frame_number.tolist()
            assert column["index"].tolist() == list(range(len(frames)))
            assert stream["info"]["desc"][0]["trials"][0]["trial"][int(column["trial"][0])] == TRIAL
        markers = session.markers
        assert found["markers"]["time_stamps"].tolist() == sorted(markers["time"])
        assert [row[0] for row in found["markers"]["time_series"]] == [
            m["label"] for m in markers[np.argsort(markers["time"], kind="stable")]
        ]
        assert found["notes"]["time_series"] == [["the participant – 王 – sneezed, “twice”"]]


@given(
    st.lists(st.lists(st.text(max_size=300), min_size=2, max_size=2), min_size=1, max_size=5),
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
)
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], fact: str) -> None:
    path = tmp_path_factory.mktemp("texts") / "texts.xdf"
    rows = [[text.encode("utf-8", "replace").decode() for text in row] for row in rows]
    with XdfWriter(path, {}) as file:
        stream = file.stream(Header("a <&> b", "Markers", "x", [("one", ""), ("two", "")], "string", 0, {"fact": fact}))
        file.texts(stream, np.arange(len(rows), dtype=float), rows)
        file.end(stream, 0.0, len(rows) - 1.0, len(rows), [])
    (found,) = pyxdf.load_xdf(str(path))[0]
    assert found["time_series"] == rows
    assert found["info"]["name"] == ["a <&> b"]


def test_a_long_stream_has_boundaries_and_long_lengths(tmp_path: Path) -> None:
    path = tmp_path / "long.xdf"
    values = np.arange(3_000_000, dtype=np.float64).reshape(-1, 3)
    with XdfWriter(path, {}) as file:
        stream = file.stream(Header("long", "x", "y", [("a", ""), ("b", ""), ("c", "")], "double64", 100.0))
        for at in range(0, len(values), 100_000):
            file.numbers(stream, np.arange(at, at + 100_000) / 100, values[at : at + 100_000])
    assert path.read_bytes().count(bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")) == 2
    chunks = pyxdf.pyxdf.parse_xdf(str(path))
    assert sum(chunk["tag"] == 3 for chunk in chunks) == 10
