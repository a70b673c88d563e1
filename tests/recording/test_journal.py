"""What was appended comes back, and what is torn or changed is noticed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from labcapture.core.errors import RecordingError
from labcapture.recording.journal import ChunkRecord, Journal, JournalReader, digest, jsonable, pack, storable, unpack

_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_DTYPES = st.sampled_from([np.dtype(name) for name in ("int16", "int64", "float32", "float64", "uint8", ">f8")])


@settings(max_examples=100, deadline=None)
@given(array=_DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=2, min_side=0))))
def test_packed_arrays_come_back(array: NDArray[Any]) -> None:
    again = unpack(pack(array))
    assert again.dtype == array.dtype.newbyteorder("<")
    np.testing.assert_array_equal(again, array)


def test_packed_texts_come_back() -> None:
    texts = np.array([["左", ""], ["b", "c\n"]], dtype=object)
    np.testing.assert_array_equal(unpack(pack(texts)), texts)


def chunk(index: int, **metadata: int) -> ChunkRecord:
    return ChunkRecord("/color/frames", index, 10, 20, 1, digest(b"x"), 7 + index, 0.1 + index, math.nan, metadata)


def test_chunks_come_back_with_keys_that_appear_and_vanish(tmp_path: Path) -> None:
    written = [chunk(0, a=1), chunk(1, a=2, b=-(2**62)), chunk(2), chunk(3, b=4)]
    journal = Journal(tmp_path / "j", "trials/a.h5")
    for record in written:
        journal.chunk(record)
    journal.append("end", counts={"/color/frames": 4})
    journal.sync()
    journal.close()
    reader = JournalReader(tmp_path / "j")
    read = list(reader.chunks())
    assert [r.metadata for r in read] == [w.metadata for w in written]
    assert [(r.index, r.offset, r.size, r.filter_mask, r.digest, r.frame_number, r.device_time) for r in read] == [
        (w.index, w.offset, w.size, w.filter_mask, w.digest, w.frame_number, w.device_time) for w in written
    ]
    assert all(math.isnan(r.arrival_time) for r in read)
    assert (reader.header["file"], reader.ended, reader.torn, reader.damaged) == ("trials/a.h5", True, False, [])


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.tuples(st.text(), st.integers(-(2**63), 2**63 - 1), _FLOATS, st.booleans())))
def test_any_row_comes_back(tmp_path_factory: pytest.TempPathFactory, values: list[tuple[Any, ...]]) -> None:
    path = tmp_path_factory.mktemp("journal") / "j"
    journal = Journal(path, "session.h5")
    journal.append("rows", path="/markers", rows=jsonable(values))
    journal.close()
    stored = [(storable(text), *others) for text, *others in values]  # what no file can hold is shown as missing
    assert [tuple(row) for row in list(JournalReader(path))[1]["rows"]] == stored


def test_every_cut_costs_at_most_the_line_that_was_being_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", "session.h5")
    for i in range(5):
        journal.append("rows", path="/markers", rows=[[i, "märk\n"]])
    journal.close()
    whole = (tmp_path / "j").read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(ends[0], len(whole)):
        (tmp_path / "cut").write_bytes(whole[:cut])
        reader = JournalReader(tmp_path / "cut")
        assert len(list(reader)) == sum(end <= cut for end in ends)
        assert reader.torn == (cut not in ends)
        assert not reader.damaged
        assert not reader.ended


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", "session.h5")
    journal.append("rows", path="/markers", rows=[[1.5, "a"]])
    journal.append("end", counts={})
    journal.close()
    whole = bytearray((tmp_path / "j").read_bytes())
    first = whole.index(b"\n") + 1
    for place in range(first, len(whole)):
        changed = whole.copy()
        changed[place] ^= 0x04
        (tmp_path / "changed").write_bytes(changed)
        reader = JournalReader(tmp_path / "changed")
        count = len(list(reader))
        assert count < 3, f"byte {place}"
        assert reader.damaged or reader.torn


def test_an_existing_journal_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "j").write_text("precious")
    with pytest.raises(FileExistsError):
        Journal(tmp_path / "j", "session.h5")
    assert (tmp_path / "j").read_text() == "precious"


@pytest.mark.parametrize("content", [b"", b"hello\n", b'{"kind":"header"}\n'])
def test_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "j").write_bytes(content)
    with pytest.raises(RecordingError, match="no journal"):
        list(JournalReader(tmp_path / "j"))


def test_a_newer_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labcapture.recording.journal.VERSION", 99)
    Journal(tmp_path / "j", "session.h5").close()
    monkeypatch.undo()
    with pytest.raises(RecordingError, match="version 99 is newer"):
        list(JournalReader(tmp_path / "j"))
