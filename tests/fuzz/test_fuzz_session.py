"""Session folders made to harm: `reading`, `report` and `verify` say so in a line, soon, and touch nothing else."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

import labcapture.reading
from labcapture.core.errors import RecordingError
from labcapture.reading.report import render, report
from labcapture.recording.journal import JournalReader
from labcapture.recording.verify import verify
from tests.fuzz.hostile_session import DEEP_JSON, FOLDER, ODD, REFUSED, TRIAL, seal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither /etc/passwd nor pipes")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["/", "/color/frames"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("dioshnatmf"), inner, max_size=9),
    max_leaves=8,
)
KINDS = ["header", "group", "values", "link", "keys", "chunk", "extend", "rows", "text", "end", "other"]
FIELDS = [
    "path",
    "stream",
    "values",
    "file",
    "target",
    "keys",
    "arrays",
    "rows",
    "text",
    "counts",
    "d",
    "i",
    "o",
    "s",
    "m",
]


def inspected(folder: Path) -> str:
    """Return what reading says against a session, nothing if it says nothing."""
    try:
        with labcapture.reading.open(folder) as session:
            facts = report(session)
        drawn = render(facts)
    except RecordingError as error:
        line = str(error)
        assert line.isprintable(), line
        return line
    screen = Console(file=io.StringIO(), width=200)
    screen.print(drawn)
    assert "\x1b" not in screen.file.getvalue()  # type: ignore[attr-defined]  # the StringIO from above
    json.dumps(facts)
    return " ".join(facts["problems"])


def problems(folder: Path) -> list[str]:
    """Return what verification says, each fit for a terminal."""
    found = verify(folder).problems
    assert all(problem.isprintable() for problem in found)
    return found


def foreign(line: str) -> bool:
    """Tell whether a line holds what stands in a file that is none of the session's."""
    return "root:" in line


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_could_harm_is_refused_whole(victim: Path, case: str) -> None:
    with h5py.File(victim / "session.h5", "r+") as h5:
        REFUSED[case](h5)
    line = inspected(victim)
    assert "do not use it" in line or "not a usable trial id" in line, line
    told = problems(victim)
    assert any(problem in line or "do not use it" in problem for problem in told), told
    assert not any(foreign(problem) for problem in [line, *told])


@pytest.mark.parametrize("case", ODD)
def test_a_file_that_is_odd_is_told_of(victim: Path, case: str) -> None:
    with h5py.File(victim / "session.h5", "r+") as h5:
        ODD[case](h5)
    inspected(victim)
    assert problems(victim)


@pytest.mark.parametrize("case", TRIAL)
def test_a_trial_that_could_harm_is_told_of(victim: Path, case: str) -> None:
    with h5py.File(victim / "trials/03_e.h5", "r+") as h5:
        TRIAL[case](h5)
    line = inspected(victim)
    told = problems(victim)
    assert told
    assert not any(foreign(problem) for problem in [line, *told])


@pytest.mark.parametrize("case", FOLDER)
def test_a_folder_that_could_harm_is_told_of(victim: Path, case: str) -> None:
    FOLDER[case](victim)
    line = inspected(victim)
    told = problems(victim)
    assert told
    assert len(told) <= 10_001
    assert not any(foreign(problem) for problem in [line, *told])


def test_rows_that_share_one_text_are_refused(victim: Path) -> None:
    """A hundred thousand references to one text of a megabyte: two megabytes on disk, a hundred gigabytes when read."""
    with h5py.File(victim / "session.h5", "r+") as h5:
        dtype, rows = h5["notes"].dtype, 50_000
        del h5["notes"]
        notes = h5.create_dataset("notes", (rows,), dtype, chunks=(rows,))
        notes[0] = (0.0, "x" * 1_000_000)
        h5.flush()
        _, data = notes.id.read_direct_chunk((0,))
        notes.id.write_direct_chunk((0,), data[: len(data) // rows] * rows)
    assert "do not use it" in inspected(victim)


def test_a_session_that_is_itself_a_link_out_is_refused(victim: Path, tmp_path: Path) -> None:
    (victim / "session.h5").rename(tmp_path / "elsewhere.h5")
    (victim / "session.h5").symlink_to(tmp_path / "elsewhere.h5")
    assert "leads out of the session's folder" in inspected(victim)
    assert any("leads out of the session's folder" in problem for problem in problems(victim))


@pytest.mark.parametrize("name", ["session.h5", "x" * 300, "a\0b", "\ud800"])
def test_what_is_no_path_is_no_session(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordingError):
        labcapture.reading.open(tmp_path / name)
    with pytest.raises(RecordingError):
        verify(tmp_path / name)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    records=st.lists(
        st.builds(
            lambda kind, more: {**more, "kind": kind},
            st.sampled_from(KINDS),
            st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8),
        ),
        max_size=4,
    ),
    raw=st.binary(max_size=40),
    keep=st.booleans(),
)
def test_any_journal_is_read_or_told_of(victim: Path, records: list[dict[str, Any]], raw: bytes, keep: bool) -> None:
    path = victim / "journal/trials/03_e.jsonl"
    whole = path.with_suffix(".whole")
    if not whole.exists():
        path.rename(whole)
    lines = whole.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[: len(lines) if keep else 1], *map(seal, records), raw]))
    reader = JournalReader(path)
    for record in reader:
        assert isinstance(record["kind"], str)
    assert problems(victim)


@pytest.mark.parametrize("line", [DEEP_JSON, '{"kind":"rows","n":' + "9" * 5000, '["kind"', '{"kind":3', "{"])
def test_a_line_that_no_parser_takes_is_damaged(victim: Path, line: str) -> None:
    path = victim / "journal/trials/03_e.jsonl"
    path.write_bytes(path.read_bytes() + seal(line))
    assert any("is damaged" in problem for problem in problems(victim))


@pytest.mark.parametrize("dtype", ["O", "V8", "S0", "(1000000000,)f8", "f8,f8", "U1", "<c16", "<M8[s]", "utf9", ""])
def test_a_type_that_is_no_number_is_not_unpacked(victim: Path, dtype: str) -> None:
    path = victim / "journal/session.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    packed = {"dtype": dtype, "shape": [1], "data": "AAAAAAAAAAA="}
    lines.insert(-1, seal({"kind": "extend", "path": "/eda", "arrays": {"time": packed}}))
    path.write_bytes(b"".join(lines))
    assert any("has no place" in problem or "have no place" in problem for problem in problems(victim))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from(["summary.json", "checksums", "journal/session.jsonl"]))
def test_any_bytes_of_the_other_files_are_read_or_told_of(victim: Path, data: st.DataObject, name: str) -> None:
    whole = (victim / name).read_bytes()
    at = data.draw(st.integers(0, len(whole)))
    changed = whole[:at] + data.draw(st.binary(min_size=1, max_size=20)) + whole[at + data.draw(st.integers(0, 20)) :]
    (victim / name).write_bytes(changed)
    inspected(victim)
    found = problems(victim)
    assert found or changed == whole
    (victim / name).write_bytes(whole)


def test_nothing_beside_the_session_was_made(victim: Path) -> None:
    beside = set(victim.parent.iterdir())
    inspected(victim)
    problems(victim)
    assert set(victim.parent.iterdir()) == beside


@pytest.mark.parametrize("maker", [lambda p: p.write_bytes(b""), lambda p: p.write_bytes(os.urandom(9000)), os.mkfifo])
def test_what_is_no_hdf5_is_told(victim: Path, maker: Callable[[Path], Any]) -> None:
    (victim / "session.h5").unlink()
    maker(victim / "session.h5")
    assert inspected(victim)
