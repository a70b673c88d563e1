"""A transcoded session is the session: the same pixels, rows and words, whole; the original untouched."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from labcapture.core.errors import BadInput, LabcaptureError, RecordingError
from labcapture.recording import encodings
from labcapture.recording.schema import SESSION_FILE, trial_path
from labcapture.recording.transcode import transcode
from labcapture.recording.transcode_copy import copy_objects
from labcapture.recording.verify import verify
from tests.reading.recorded_world import record

HAS_BLOSC2 = all(importlib.util.find_spec(name) for name in ("blosc2", "hdf5plugin"))
CODECS = [
    pytest.param("blosc2", marks=pytest.mark.skipif(not HAS_BLOSC2, reason="labcapture[blosc2] is not installed")),
    "jxl",
    "gzip",
    encodings.DEFAULT,
]
SIDE = st.integers(1, 40)
PICTURES = st.one_of(
    st.tuples(SIDE, SIDE, st.just(3)).flatmap(lambda shape: hnp.arrays(np.uint8, shape)),
    st.tuples(SIDE, SIDE).flatmap(lambda shape: hnp.arrays(np.uint16, shape)),
    st.tuples(SIDE, SIDE).flatmap(lambda shape: hnp.arrays(np.uint8, shape)),
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("recorded"))


def contents(folder: Path) -> dict[str, str]:
    """Return the digest of every file by its name."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def things(file: h5py.File) -> dict[str, Any]:
    """Return every dataset and attribute of a file by its path, links not followed."""
    found: dict[str, Any] = {}

    def visit(path: str, thing: h5py.HLObject) -> None:
        found.update({f"{path}@{name}": value for name, value in thing.attrs.items()})
        if isinstance(thing, h5py.Dataset):
            found[path] = thing[()]
            found[f"{path}#"] = thing.dtype, thing.maxshape, thing.fletcher32, thing.chunks

    visit("/", file["/"])
    file.visititems(visit)
    return found


def same(one: Any, other: Any) -> bool:  # noqa: ANN401 - anything that HDF5 holds
    if isinstance(one, np.ndarray) and one.dtype.names:
        return len(one) == len(other) and all(same(one[name], other[name]) for name in one.dtype.names)
    if isinstance(one, float | np.floating) or (isinstance(one, np.ndarray) and one.dtype.kind == "f"):
        return bool(np.array_equal(one, other, equal_nan=True))
    return bool(np.array_equal(one, other))


def files(folder: Path) -> list[str]:
    return [SESSION_FILE, *(f"trials/{path.name}" for path in sorted((folder / "trials").glob("*.h5")))]


@pytest.mark.parametrize("codec", CODECS)
def test_a_copy_holds_the_same_and_is_whole(source: Path, tmp_path: Path, codec: str) -> None:
    before = contents(source)
    seen: list[tuple[str, int, int]] = []
    done = transcode(source / SESSION_FILE, codec, tmp_path / "out", lambda *news: seen.append(news))
    copy = Path(done.folder)

    assert copy == (tmp_path / "out" / source.name)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [source.name]
    assert verify(copy).problems == []
    assert contents(source) == before
    assert done.pictures == 4 * 90 - 3 == seen[-1][1] == seen[-1][2]
    assert (done.bytes_before == done.bytes_after) == (codec == encodings.DEFAULT)
    for name in files(source):
        with h5py.File(source / name, "r") as old, h5py.File(copy / name, "r") as new:
            said, says = things(old), things(new)
            added = {path for path in says if path.startswith("/@transcoded_")}
            assert says.keys() - added == said.keys()
            changed = {path for path in said if not same(said[path], says[path]) and not path.endswith("#")}
            renamed = {path for path in said if path == "/@codec" or path.endswith("frames@long_name")}
            assert changed == (renamed if codec != encodings.DEFAULT else set())
            assert all(said[path] == says[path] for path in said if path.endswith("#"))
            assert new.attrs["codec"] == codec
            assert new.attrs["transcoded_from"] == before["checksums"]
    for name in ("log.jsonl", "summary.json"):
        assert contents(copy).get(name) == before.get(name)
    assert (copy / "trials" / "01_a.h5").stat().st_mode & 0o027 == 0


def test_plain_h5py_reads_gzip_in_files_of_the_oldest_form(source: Path, tmp_path: Path) -> None:
    copy = Path(transcode(source, "gzip", tmp_path).folder)
    script = (
        "import sys, h5py; f = h5py.File(sys.argv[1]); "
        "print(f['trials/03_e/depth/frames'][5].sum(), len(f['voice/samples']), 'labcapture' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, str(copy / SESSION_FILE)], capture_output=True, text=True, check=True
    )
    with h5py.File(source / SESSION_FILE) as file:
        expected = file["trials/03_e/depth/frames"][5].sum(), len(file["voice/samples"]), False
    assert found.stdout.split() == [str(value) for value in expected]
    for name in files(copy):
        assert (copy / name).read_bytes()[8] == 0  # superblock of the first version, which every HDF5 opens


def test_raw_pictures_are_encoded_and_codecs_follow_each_other(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        larger = replace(encodings.of("jxl"), encode=lambda _pixels: b"\0" * 10**6)
        patch.setattr("labcapture.recording.recorder.encodings.ready", lambda _name: larger)
        raw = record(tmp_path / "raw")
    with h5py.File(raw / trial_path("01_a")) as file:
        assert file["color/frames"].id.get_chunk_info(0).filter_mask == 1
    folder = raw
    for codec in ("gzip", *(["blosc2"] if HAS_BLOSC2 else []), "jxl", encodings.DEFAULT):
        done = transcode(folder, codec, tmp_path / codec)
        folder = Path(done.folder)
        assert done.bytes_after < 0.8 * raw_bytes(raw)
        assert verify(folder).problems == []
    with h5py.File(folder / trial_path("03_e")) as last, h5py.File(source / trial_path("03_e")) as first:
        for stream in ("color", "depth"):
            np.testing.assert_array_equal(last[stream]["frames"][:], first[stream]["frames"][:])


def raw_bytes(folder: Path) -> int:
    total = 0
    for name in files(folder)[1:]:
        with h5py.File(folder / name) as file:
            total += sum(file[stream]["frames"].nbytes for stream in ("color", "depth"))
    return total


@pytest.mark.parametrize("codec", CODECS)
@settings(max_examples=25, deadline=None)
@given(pixels=PICTURES)
def test_hdf5_and_we_agree_on_any_picture(codec: str, pixels: NDArray[Any]) -> None:
    how = encodings.of(codec)
    encoded = how.encode(pixels)
    back = encodings.decode(how, encoded, 0, pixels.dtype, pixels.shape)
    np.testing.assert_array_equal(back, pixels)
    assert back.dtype == pixels.dtype
    with h5py.File("memory.h5", "w", driver="core", backing_store=False, libver=how.libver) as file:
        options = how.options(pixels.dtype.name, pixels.shape)
        dataset = file.create_dataset("frames", (2, *pixels.shape), dtype=pixels.dtype, **options)
        dataset.id.write_direct_chunk((0,) * (pixels.ndim + 1), encoded)
        dataset[1] = pixels  # encoded by HDF5 itself
        np.testing.assert_array_equal(dataset[0], pixels)
        found = encodings.codec_of(dataset)
        assert found is not None
        assert found.options(pixels.dtype.name, pixels.shape) == options
        theirs = dataset.id.read_direct_chunk((1,) + (0,) * pixels.ndim)[1]
        np.testing.assert_array_equal(encodings.decode(how, theirs, 0, pixels.dtype, pixels.shape), pixels)


@pytest.mark.parametrize("codec", CODECS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_damaged_bytes_are_an_error(codec: str, data: st.DataObject) -> None:
    how, pixels = encodings.of(codec), np.arange(480, dtype=np.uint16).reshape(20, 24)
    damaged = bytearray(how.encode(pixels))
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=4)):
        damaged[place] ^= data.draw(st.integers(1, 255))
    try:
        back = encodings.decode(how, bytes(damaged), 0, pixels.dtype, pixels.shape)
    except Exception:  # noqa: BLE001 - any error will do, a crash of the process will not
        return
    assert back.shape == pixels.shape


def refused(source: Path, out: Path, codec: str = "gzip") -> LabcaptureError:
    before = contents(source)
    with pytest.raises(LabcaptureError) as told:
        transcode(source, codec, out)
    assert contents(source) == before
    assert "\n" not in str(told.value)
    return told.value


def test_nothing_is_overwritten_and_no_draft_is_left(source: Path, tmp_path: Path) -> None:
    assert isinstance(refused(source, tmp_path, "png"), BadInput)
    assert "no session" in str(refused(tmp_path, tmp_path))
    assert "exists already" in str(refused(source, source.parent))
    assert "in the session itself" in str(refused(source, source / "copies"))
    (tmp_path / source.name).mkdir()
    assert "exists already" in str(refused(source, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [source.name]
    (tmp_path / "file").write_text("")
    assert "is no folder" in str(refused(source, tmp_path / "file"))
    (tmp_path / "other" / f"{source.name}.draft").mkdir(parents=True)
    assert "cut off" in str(refused(source, tmp_path / "other"))
    assert (tmp_path / "other" / f"{source.name}.draft").is_dir()  # it may be somebody's


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x40]))


def test_a_damaged_original_gets_no_copy(source: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(source, tmp_path / "in"))
    out = tmp_path / "out"
    file = folder / trial_path("01_a")
    with h5py.File(file) as h5:
        place = h5["color/frames"].id.get_chunk_info(7).byte_offset + 20
    flip(file, place)
    assert "frame 7 was changed" in str(refused(folder, out))
    flip(file, place)
    summary = folder / "summary.json"
    summary.write_text(summary.read_text().replace("rehearsal", "rehearsel"))
    # Checksums are made anew: a change must not be sealed into the copy.
    assert "summary.json" in str(refused(folder, out))
    assert list(out.iterdir()) == []


def test_a_session_that_was_not_closed_is_sent_to_recovery(source: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(source, tmp_path / "in"))
    with h5py.File(folder / SESSION_FILE, "r+") as file:
        file.attrs["closed"] = False
    assert "labcapture recover" in str(refused(folder, tmp_path / "out"))


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_what_leads_out_of_the_session_is_not_followed(source: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(source, tmp_path / "in"))
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    (folder / "log.jsonl").symlink_to(secret)
    assert "neither a file nor a folder" in str(refused(folder, tmp_path / "out"))


def test_a_codec_whose_library_is_missing_says_so(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    assert "pip install 'labcapture[blosc2]'" in str(refused(source, tmp_path, "blosc2"))
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_nothing(source: Path, tmp_path: Path) -> None:
    def stop(_what: str, done: int, _total: int) -> None:
        if done == 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transcode(source, "gzip", tmp_path, stop)
    assert list(tmp_path.iterdir()) == []


def test_only_plain_objects_are_copied(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as source, h5py.File(tmp_path / "b.h5", "w") as target:
        source["group"] = source["/"]  # holds itself
        with pytest.raises(RecordingError, match="deeper"):
            copy_objects(source["/"], target["/"])
    outside = tmp_path / "outside"
    outside.write_bytes(b"12345678")
    with h5py.File(tmp_path / "c.h5", "w") as source, h5py.File(tmp_path / "d.h5", "w") as target:
        source.create_dataset("x", (8,), "u1", external=[(str(outside), 0, 8)])
        with pytest.raises(RecordingError, match="elsewhere"):
            copy_objects(source["/"], target["/"])


def test_the_command(source: Path, tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "labcapture.cli", "transcode", *words], capture_output=True, text=True, check=False
        )

    done = run(str(source), "--codec", "gzip", str(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["pictures"], facts["codec"]) == (357, "gzip")
    assert Path(facts["folder"]) == tmp_path / source.name
    again = run(str(source), "--codec", "gzip", str(tmp_path))
    assert again.returncode == 2
    assert len(again.stderr.strip().splitlines()) == 1
    assert again.stdout == ""
    assert run(str(source), str(tmp_path)).returncode == 2
