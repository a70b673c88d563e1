"""Session folders made to harm: `recover` and `transcode` end in a session or in a line, and write nowhere else."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labcapture.core.errors import LabcaptureError, RecordingError
from labcapture.recording import codecs, encodings
from labcapture.recording.guard import MAX_FILES, check_folder
from labcapture.recording.recover import recover
from labcapture.recording.schema import journal_path
from labcapture.recording.transcode import transcode
from labcapture.recording.verify import verify
from tests.fuzz.hostile_session import FOLDER, ODD, REFUSED, TRIAL, seal

if sys.platform == "win32":
    pytest.skip("Windows has neither /etc/passwd nor pipes", allow_module_level=True)
import resource

MOST_MEMORY = 1_000_000_000
SESSION, TRIAL_JOURNAL = "journal/session.jsonl", "journal/trials/03_e.jsonl"
NUMBER = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0, 1, -1, 2**31, 2**62, 10**12, 1e300, -0.0])
VALUE = st.none() | st.booleans() | NUMBER | st.sampled_from(["", "color", "/color/frames", "../x", "dropped", "uint8"])


def fingerprint(top: Path) -> dict[str, str]:
    """Return kind and contents of everything below a folder."""
    found = {}
    for path in sorted(top.rglob("*")):
        mode = path.lstat().st_mode
        data = path.read_bytes() if stat.S_ISREG(mode) else b""
        found[str(path)] = f"{mode:o} {hashlib.sha256(data).hexdigest()}"
    return found


@pytest.fixture(autouse=True)
def _nothing_else_happens(victim: Path, tmp_path: Path) -> Iterator[None]:
    """Have everything outside of the session stay as it is, and the memory be enough."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("root:")
    before, beside = fingerprint(outside), set(victim.parent.iterdir())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert fingerprint(outside) == before
    assert set(victim.parent.iterdir()) == beside
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) * 1024 < MOST_MEMORY


def fit(error: LabcaptureError, left: Sequence[Path] = ()) -> str:
    """Return the line of an error, which is fit for a terminal; nothing is ``left`` after it."""
    line = str(error)
    assert line.isprintable(), line
    assert not left, left
    return line


def recovered(folder: Path) -> str:
    """Recover; return the line against it, nothing if there is none."""
    try:
        result = recover(folder)
    except RecordingError as error:
        return fit(error)
    assert not any("root:" in line for line in (*result.lost, *result.notes))
    if result.recovered:
        assert not recover(folder).recovered
    return ""


def transcoded(folder: Path, tmp_path: Path) -> str:
    """Transcode; return the line against it, nothing if there is none: then the copy is whole."""
    out = tmp_path / "copies"
    try:
        made = transcode(folder, "gzip", out, workers=1)
    except LabcaptureError as error:
        left = list(out.iterdir()) if out.exists() else []
        return fit(error, left)
    assert verify(made.folder).problems == []
    return ""


def unfinished(folder: Path) -> Path:
    """Take away what closing a session makes last."""
    for name in ("checksums", "summary.json"):
        (folder / name).unlink()
    return folder


# HDF5 files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", list(REFUSED)[::3])
def test_a_file_that_could_harm_is_replaced_by_its_journal(victim: Path, tmp_path: Path, case: str) -> None:
    with h5py.File(victim / "session.h5", "r+") as h5:
        REFUSED[case](h5)
    assert transcoded(victim, tmp_path)
    assert recovered(victim) == ""
    assert verify(victim).problems == []


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_could_harm_is_not_recovered_from(victim: Path, case: str) -> None:
    with h5py.File(victim / "session.h5", "r+") as h5:
        REFUSED[case](h5)
    (victim / SESSION).unlink()
    line = recovered(victim)
    assert "do not use it" in line or "not a usable trial id" in line or "cannot be recovered" in line, line


@pytest.mark.parametrize("case", ODD)
def test_a_file_that_is_odd_is_recovered_or_told_of(victim: Path, tmp_path: Path, case: str) -> None:
    with h5py.File(victim / "session.h5", "r+") as h5:
        ODD[case](h5)
    (victim / SESSION).unlink()
    assert transcoded(victim, tmp_path)
    recovered(victim)


@pytest.mark.parametrize("case", TRIAL)
def test_a_trial_that_could_harm_is_recovered_or_told_of(victim: Path, tmp_path: Path, case: str) -> None:
    with h5py.File(victim / "trials/03_e.h5", "r+") as h5:
        TRIAL[case](h5)
    assert transcoded(victim, tmp_path)
    (victim / TRIAL_JOURNAL).unlink()
    recovered(victim)


# Folders ------------------------------------------------------------------------------------------------------------


def _lead_out(folder: Path, name: str, target: str) -> None:
    place = folder / name
    if place.is_dir():
        place.rename(folder / "moved")
    place.unlink(missing_ok=True)
    place.symlink_to(folder.parents[1] / "outside" / target)


WAYS_OUT: dict[str, Callable[[Path], Any]] = {
    "trials": lambda f: _lead_out(f, "trials", "."),
    "journal": lambda f: _lead_out(f, "journal", "."),
    "hold": lambda f: _lead_out(f, ".recording", "new"),
    "originals": lambda f: _lead_out(f, "crashed", "new"),
    "draft": lambda f: _lead_out(f, ".recovering", "."),
    "session": lambda f: _lead_out(f, "session.h5", "precious"),
    "its journal": lambda f: _lead_out(f, SESSION, "precious"),
    "a link to nothing": lambda f: (f / "x").symlink_to("nothing"),
    "a pipe": lambda f: os.mkfifo(f / "x"),
}


@pytest.mark.parametrize("case", WAYS_OUT)
def test_a_folder_that_leads_out_is_refused(victim: Path, tmp_path: Path, case: str) -> None:
    WAYS_OUT[case](unfinished(victim))
    before = fingerprint(victim)
    for line in (recovered(victim), transcoded(victim, tmp_path)):
        assert "is neither a file nor a folder" in line or "no session" in line
    assert fingerprint(victim) == before


@pytest.mark.parametrize("case", FOLDER)
def test_a_folder_that_could_harm_is_recovered_or_told_of(victim: Path, tmp_path: Path, case: str) -> None:
    FOLDER[case](victim)
    assert transcoded(victim, tmp_path)
    recovered(victim)


def test_a_folder_of_too_much_is_refused(tmp_path: Path) -> None:
    for part in range(MAX_FILES // 1000 + 1):
        (tmp_path / f"many/{part}").mkdir(parents=True)
        for i in range(1000):
            (tmp_path / f"many/{part}/{i}").touch()
    with pytest.raises(RecordingError, match="more than"):
        check_folder(tmp_path / "many")


@pytest.mark.parametrize("name", ["session.h5", "x" * 300, "a\0b", "\ud800"])
def test_what_is_no_path_is_no_session(tmp_path: Path, name: str) -> None:
    assert recovered(tmp_path / name)
    assert transcoded(tmp_path / name, tmp_path)


# Journals -----------------------------------------------------------------------------------------------------------


def _color(**members: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    said = {"name": "color", "kind": "frames", "dtype": "uint8", "shape": [48, 64, 3], "units": "", "rate_hz": 30.0}
    said |= {"channels": [], "clock": "camera", "simulated": True, "attributes": {}} | members
    return {"kind": "group", "path": f"/{said['name']}", "stream": said}


def _chunk(**members: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    picture = {"d": "/color/frames", "i": 90, "o": 0, "s": 100, "f": 0, "h": "0" * 64, "n": 5000, "t": 1.0, "a": 1.0}
    return {"kind": "chunk", **picture, "m": [], **members}


def _gap(path: str, count: int, start: float = 0.0, stop: float | None = 1e12) -> dict[str, Any]:
    return {"kind": "rows", "path": path, "rows": [["dropped", 0, count - 1, count, start, stop, ""]]}


def _array(shape: list[int], data: bytes = b"", dtype: str = "<f8") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data": base64.b64encode(data).decode()}


LINES: dict[str, list[dict[str, Any]]] = {
    TRIAL_JOURNAL: [
        _color(shape=[2**23, 2**23, 3]),
        _color(shape=[0, 0]),
        _color(shape=[-1, 64, 3]),
        _color(name="../x"),
        _color(rate_hz=1e300),
        _color(rate_hz="fast"),
        _color(rate_hz=None),
        _color(dtype="O"),
        _color(attributes={"x": {"array": {"dtype": "O", "shape": [1], "data": ""}}}),
        _chunk(o=0, s=10**15),
        _chunk(o=2**63, s=2**63),
        _chunk(o=1.5),
        _chunk(i=2**62),
        _chunk(n=2**62, h=hashlib.sha256(b"").hexdigest(), s=0, f=1),
        _chunk(a="soon"),
        _chunk(a=1e300),
        _chunk(m={"a": 1}),
        _chunk(d="/color/../frames"),
        _gap("/color/gaps", 10**15),
        _gap("/color/gaps", 10**9, stop=None),
        _gap("/depth/gaps", 2**62, start=-1e300, stop=1e300),
        {"kind": "values", "path": "/", "values": {"start": 1e300, "stop": -1e300}},
        {"kind": "values", "path": "/", "values": {"start": -1e300}},
        {"kind": "values", "path": "/", "values": {"a/b\0c": {"x": [[]]}, "": 1}},
    ],
    SESSION: [
        _color() | {"path": "/streams/color", "stream": _color(shape=[10**12])["stream"]},
        {"kind": "group", "path": "/streams/x", "stream": _color(name="x", kind="audio", shape=[0])["stream"]},
        {
            "kind": "group",
            "path": "/streams/eda",
            "stream": _color(name="eda", kind="samples", shape=[10**9])["stream"],
        },
        {"kind": "group", "path": "/trials/../../x"},
        {"kind": "extend", "path": "/eda", "arrays": {"samples": _array([10**12, 0])}},
        {
            "kind": "extend",
            "path": "/clock/camera",
            "arrays": dict.fromkeys(("device_time", "arrival_time"), _array([])),
        },
        {
            "kind": "extend",
            "path": "/clock/camera",
            "arrays": {
                "device_time": _array([2], np.array([0, 1e300]).tobytes()),
                "arrival_time": _array([2], np.array([-1e300, 1e300]).tobytes()),
            },
        },
        _gap("/streams/color/gaps", 10**15),
        _gap("/voice/gaps", 2**62),
        _gap("/eda/gaps", -5, stop=None),
        {"kind": "rows", "path": "/markers", "rows": [[1e300, "movie_onset", "stage", "film"]]},
        {"kind": "rows", "path": "/clock/wall", "rows": [[1.0, 1e300, 0.0]]},
        {"kind": "rows", "path": "/quality/verdicts", "rows": [["../x", 1, "not recorded: \u001b[2J"], [[], 1, "x"]]},
        {"kind": "rows", "path": "/quality/verdicts", "rows": 7},
        {"kind": "values", "path": "/", "values": {"version": 10**9}},
        {"kind": "values", "path": "/", "values": {"started_utc": "never", "autopilot": "x"}},
        {"kind": "values", "path": "/quality", "values": {"rule": "[" * 30_000}},
        {"kind": "text", "path": 7, "text": {}},
    ],
}


def _before_end(path: Path, lines: list[bytes]) -> None:
    """Add lines to a journal where they count."""
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*whole[:-1], *lines]))


@pytest.mark.parametrize(("name", "line"), [(name, line) for name in LINES for line in LINES[name]])
def test_a_journal_that_could_harm_is_recovered_from_or_told_of(victim: Path, name: str, line: dict[str, Any]) -> None:
    _before_end(unfinished(victim) / name, [seal(line)])
    recovered(victim)


def test_pictures_that_share_their_bytes_are_refused(victim: Path) -> None:
    """A thousand pictures of the same bytes: nothing on disk, a thousand times as much when recovered."""
    path = unfinished(victim) / TRIAL_JOURNAL
    lines = [line for line in path.read_bytes().splitlines(keepends=True) if b'"d":"/color/frames"' in line]
    record = json.loads(next(line for line in lines if line.startswith(b'{"kind":"chunk"')))
    del record["crc"]
    _before_end(path, [seal({**record, "i": 90 + i, "n": record["n"] + 500 + i}) for i in range(1000)])
    assert "lie over each other" in recovered(victim)


def test_too_many_trials_are_refused(victim: Path) -> None:
    _before_end(unfinished(victim) / SESSION, [seal({"kind": "group", "path": f"/trials/t{i}"}) for i in range(2001)])
    assert "trials" in recovered(victim)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from([SESSION, TRIAL_JOURNAL]))
def test_any_values_in_a_journal_are_recovered_from_or_told_of(
    pristine: Path, victim: Path, data: st.DataObject, name: str
) -> None:
    for known in (name, "checksums", "summary.json"):  # an example that recovered it has left a whole session
        (victim / known).write_bytes((pristine / known).read_bytes())
    lines = (victim / name).read_bytes().splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(1, len(lines) - 2))
        record = json.loads(lines[at])
        del record["crc"]
        place: Any = record
        key: Any = data.draw(st.sampled_from([k for k in record if k != "kind"]))
        while isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
            place = place[key]
            key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
        place[key] = data.draw(VALUE)
        lines[at] = seal(record)
    (victim / name).write_bytes(b"".join(lines[:-1]))
    recovered(victim)


# Pictures -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", [codec for codec in encodings.CODECS if codec.name != "blosc2"])
def test_a_picture_that_unfolds_is_not_decoded(codec: encodings.Codec) -> None:
    """A picture of far fewer bytes that says, and is, 108 MB."""
    bomb = codec.encode(np.zeros((6000, 6000, 3), np.uint8))
    assert len(bomb) < (15_000_000 if codec.name == "magicyuv" else 500_000)
    with pytest.raises((ValueError, RuntimeError)):
        encodings.decode(codec, bomb, 0, np.dtype("uint8"), (48, 64, 3))


def test_a_raw_picture_of_another_length_is_not_recovered(victim: Path) -> None:
    """HDF5 trusts the length of a raw chunk."""
    path = unfinished(victim) / TRIAL_JOURNAL
    lines = path.read_bytes().splitlines(keepends=True)
    chunks = [i for i, line in enumerate(lines) if line.startswith(b'{"kind":"chunk"')]
    record = json.loads(lines[chunks[5]])
    del record["crc"]
    lines[chunks[5]] = seal({**record, "f": 1})
    path.write_bytes(b"".join(lines[:-1]))
    result = recover(victim)
    (trial,) = (trial for trial in result.trials if trial.trial == "03_e")
    assert sum(trial.lost.values()) == 1
    assert verify(victim).problems == []


def test_decoding_into_a_picture_gives_that_picture() -> None:
    pixels = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)
    out = np.empty_like(pixels)
    np.testing.assert_array_equal(codecs.decode(codecs.encode(pixels), out), pixels)
    np.testing.assert_array_equal(out, pixels)
    assert journal_path("03_e") == TRIAL_JOURNAL
