"""The catalogue of a folder: every session is found, in whatever condition it is, and none is changed."""

from __future__ import annotations

import json
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import h5py
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.faults import victim
from labcapture.core.errors import BadInput
from labcapture.reading.catalogue import row, scan
from labcapture.recording.hold import Hold
from labcapture.recording.recover import recover


def test_a_closed_session(recorded: Path) -> None:
    (found,) = scan(recorded.parent)
    assert found == row(recorded)
    assert (found.folder, found.participant, found.session, found.part) == (recorded, "P007", "01", "B")
    assert (found.good, found.bad, found.state, found.simulated) == (1, 1, "closed", True)
    assert found.nbytes == sum(file.stat().st_size for file in recorded.rglob("*") if file.is_file())
    assert found.length_s is not None
    assert found.length_s >= 0
    assert len(found.fingerprint) == 64


def test_a_fingerprint_changes_with_the_checksums(copied: Path) -> None:
    before = row(copied).fingerprint
    with (copied / "checksums").open("a") as file:
        file.write(f"{0:064}  extra\n")
    assert before != row(copied).fingerprint


def test_a_session_that_was_never_closed(copied: Path) -> None:
    for name in ("summary.json", "checksums"):
        (copied / name).unlink()
    found = row(copied)
    assert (found.state, found.participant, found.protocol, found.fingerprint) == (
        "never closed",
        "P007",
        "rehearsal",
        "",
    )
    (copied / "session.h5").write_bytes(b"no HDF5")  # as one that is still open for writing cannot be opened
    found = row(copied)
    assert (found.state, found.participant, found.session) == ("never closed", "P007", "01")
    assert found.started_utc[:4] == copied.name.split("_")[2][:4]


def test_a_session_that_is_being_recorded(copied: Path) -> None:
    hold = Hold(copied)
    assert row(copied).state == "being recorded"
    hold.release()
    assert row(copied).state == "closed"


def test_a_killed_session_and_what_recovery_makes_of_it(tmp_path: Path) -> None:
    folder = victim.crash(tmp_path, 1.0)
    (found,) = scan(tmp_path)
    assert (found.folder, found.state) == (folder, "never closed")
    assert found.participant
    recover(folder)
    assert row(folder).state == "recovered"


def test_folders_below_are_looked_into_but_not_sessions_nor_links(recorded: Path, tmp_path: Path) -> None:
    deep = tmp_path / "2026" / "november"
    deep.mkdir(parents=True)
    shutil.copytree(recorded, deep / "b")
    shutil.copytree(recorded, tmp_path / "a")
    shutil.copytree(recorded, tmp_path / "a" / "inner")
    if sys.platform != "win32":
        (tmp_path / "link").symlink_to(recorded)
    assert [found.folder for found in scan(tmp_path)] == [deep / "b", tmp_path / "a"]


def test_a_scan_can_be_stopped_and_refuses_what_is_no_folder(recorded: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert not list(scan(recorded.parent, stop))
    with pytest.raises(BadInput):
        list(scan(tmp_path / "nowhere"))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KEYS = st.sampled_from(["participant", "trials", "started_utc", "ended_utc", "recovered", "simulated", "part"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(words=st.binary(max_size=60) | st.dictionaries(_KEYS, _JSON).map(json.dumps).map(str.encode))
def test_any_summary_gives_a_row(tmp_path: Path, words: bytes) -> None:
    folder = tmp_path / "s"
    folder.mkdir(exist_ok=True)
    (folder / "summary.json").write_bytes(words)
    (found,) = scan(tmp_path)
    assert found.state in {"never closed", "damaged"}
    assert found.participant.isprintable()
    assert (found.state == "damaged") == bool(found.problem)


def test_a_summary_that_leads_elsewhere_is_not_read(copied: Path, tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("links need rights there")
    elsewhere = tmp_path / "elsewhere.json"
    facts: dict[str, Any] = {"participant": "SECRET", "trials": []}
    elsewhere.write_text(json.dumps(facts))
    (copied / "summary.json").unlink()
    (copied / "summary.json").symlink_to(elsewhere)
    found = row(copied)
    assert (found.state, found.participant) == ("damaged", "")
    (copied / "summary.json").unlink()
    with h5py.File(copied / "session.h5", "r+") as session:
        session.attrs["participant"] = "P\x1b[2J9"
    assert "\x1b" not in row(copied).participant
