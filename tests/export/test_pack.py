"""A packed file holds the whole session: the same bytes of every picture, the same tables, opened in the same way."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import labcapture
from labcapture.core.errors import RecordingError
from labcapture.export.formats import exporter
from labcapture.recording.pack import pack
from labcapture.recording.schema import find


def test_every_object_and_every_stored_byte_of_a_picture_is_there(recorded: Path, tmp_path: Path) -> None:
    done = pack(recorded, tmp_path / "P007.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["P007.h5"]
    with h5py.File(done.path, "r") as packed, h5py.File(recorded / "session.h5", "r") as session:
        links: list[str] = []
        packed.visititems_links(lambda name, link: links.append(name) if isinstance(link, h5py.ExternalLink) else None)
        assert not links
        seen: list[str] = []
        session.visit(seen.append)
        assert all(name in packed for name in seen)
        for name in seen:
            if isinstance(session[name], h5py.Dataset) and session[name].dtype.names is None:
                assert np.array_equal(session[name][()], packed[name][()], equal_nan=session[name].dtype.kind == "f")
            assert dict(session[name].attrs).keys() == dict(packed[name].attrs).keys()
        pictures = 0
        for trial in session["trials"]:
            for stream in session["trials"][trial]:
                a, b = session[f"trials/{trial}/{stream}/frames"], packed[f"trials/{trial}/{stream}/frames"]
                for index in range(len(a)):
                    where = (index, *(0,) * (a.ndim - 1))
                    assert a.id.read_direct_chunk(where) == b.id.read_direct_chunk(where)
                    pictures += 1
                assert np.array_equal(a[3], b[3])
        assert pictures == done.pictures == 90 * 4 - 3
        assert json.loads(packed["packed/summary.json"][()])["part"] == session.attrs["part"]

        def known(name: str, thing: h5py.HLObject) -> None:
            place = f"/{name}"
            parts = place.split("/")
            if len(parts) > 4 and parts[1] == "trials":
                assert find("trial", "/" + "/".join(parts[3:])), name
            else:
                assert find("session", place), name

        packed.visititems(known)


def test_the_same_api_opens_it_anywhere(recorded: Path, tmp_path: Path) -> None:
    pack(recorded, tmp_path / "P007.h5")
    with labcapture.open(recorded) as session, labcapture.open(tmp_path / "P007.h5") as packed:
        assert packed.is_packed
        assert packed.fingerprint == session.fingerprint
        assert list(packed.trials) == list(session.trials)
        for trial in session.trials:
            a, b = session.trials[trial], packed.trials[trial]
            assert list(a) == list(b)
            assert np.array_equal(a.color[10], b.color[10])
            assert np.array_equal(a.depth.time, b.depth.time)
            assert len(a.depth.gaps) == len(b.depth.gaps)
        assert np.array_equal(packed.eda.values[()], session.eda.values[()])
        assert packed.verdicts == session.verdicts
        assert packed.events.equals(session.events)


def test_nothing_is_overwritten_and_nothing_half_left(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    there = out / "there.h5"
    there.write_text("mine")
    with pytest.raises(RecordingError, match="exists already"):
        pack(copied, there)
    assert there.read_text() == "mine"
    with pytest.raises(RecordingError, match="in the session itself"):
        pack(copied, copied / "p.h5")
    with pytest.raises(RecordingError, match=r"ends in \.h5"):
        pack(copied, out / "p.zip")
    (out / "cut.h5.draft").touch()
    with pytest.raises(RecordingError, match="cut off"):
        pack(copied, out / "cut.h5")

    def cut(what: str, done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(copied, out / "a.h5", cut)
    full = shutil.disk_usage(out)._replace(free=1000)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: full)
        with pytest.raises(RecordingError, match="are free"):
            pack(copied, out / "b.h5")
    trial = next((copied / "trials").glob("*.h5"))
    data = bytearray(trial.read_bytes())
    data[len(data) // 2] ^= 0xFF
    trial.write_bytes(bytes(data))
    with pytest.raises(RecordingError, match="not whole"):
        pack(copied, out / "c.h5")
    assert sorted(path.name for path in out.iterdir()) == ["cut.h5.draft", "there.h5"]


def test_a_file_that_is_no_packed_session_is_refused(recorded: Path, tmp_path: Path) -> None:
    shutil.copy(recorded / "session.h5", tmp_path / "other.h5")
    with pytest.raises(RecordingError):
        labcapture.open(tmp_path / "other.h5")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["x"] = 1
    with pytest.raises(RecordingError, match="not a session"):
        labcapture.open(tmp_path / "foreign.h5")


def test_a_packed_session_is_exported_to_a_folder_beside_it(recorded: Path, tmp_path: Path) -> None:
    pack(recorded, tmp_path / "handed over.h5")
    for source, out in ((recorded, tmp_path / "of the folder"), (tmp_path / "handed over.h5", tmp_path)):
        with labcapture.open(source) as session:
            exporter("csv")(session, out, {}, lambda what, done, total: None)
    made, same = next(tmp_path.glob("*_csv")), next((tmp_path / "of the folder").glob("*_csv"))
    assert made.name == same.name
    for name in ("eda.csv", "markers.csv", "frames/01_a_color.csv", "voice.wav"):
        assert (made / name).read_bytes() == (same / name).read_bytes()
    with labcapture.open(tmp_path / "handed over.h5") as session:
        assert session.name == "handed over"
