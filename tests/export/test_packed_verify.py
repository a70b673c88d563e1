"""A packed file, which has neither journal nor checksums beside it, is known to be whole by its own digests."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import labcapture
from labcapture.cli import main
from labcapture.core.errors import RecordingError
from labcapture.recording.pack import pack
from labcapture.recording.schema import VERSION
from labcapture.recording.transcode import transcode
from labcapture.recording.verify import verify


@pytest.fixture(scope="module")
def packed(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a packed file. Do not change it: take `given` for that."""
    return Path(pack(recorded, tmp_path_factory.mktemp("packed") / "P007.h5").path)


@pytest.fixture
def given(packed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(packed, tmp_path / packed.name))


def _flip(file: Path, place: int) -> None:
    with file.open("rb+") as stream:
        stream.seek(place)
        byte = stream.read(1)[0]
        stream.seek(place)
        stream.write(bytes([byte ^ 0x10]))


def _run(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Return the exit code of a command, and what it says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["labcapture", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    assert isinstance(ended.value.code, int)
    return ended.value.code, capsys.readouterr().err


def test_what_was_packed_is_whole(packed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = _run(["verify", str(packed)], capsys)
    assert code == 0
    assert "357 frames" in " ".join(said.split())
    assert verify(packed).checked["frames"] == 90 * 4 - 3


def test_a_flipped_bit_in_a_picture_is_named(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with h5py.File(given) as file:
        info = file["trials/03_e/depth/frames"].id.get_chunk_info(17)
    _flip(given, info.byte_offset + info.size // 2)
    code, said = _run(["verify", str(given)], capsys)
    assert code == 1
    problem = "P007.h5: /trials/03_e/depth/frames[17] was changed after it was packed: its digest differs"
    assert [line for line in said.splitlines() if line.startswith("P007.h5")] == [problem]
    assert f"not whole: {len(verify(given).problems)} problem" in said


def test_whatever_else_is_changed_is_named_too(given: Path) -> None:
    with h5py.File(given, "r+") as file:
        file["eda/samples"][3] += 1
        file["trials/01_a/color/time"][5] += 1
        file["trials/01_a"].attrs["emotion"] = "joy"
        row = file["markers"][0]
        row["label"] = "another"
        file["markers"][0] = row
        file.attrs["part"] = "C"
        del file["notes"]
        file["mine"] = np.arange(3)
    told = {line.removeprefix("P007.h5: ") for line in verify(given).problems}
    changed = {"/", "/eda/samples", "/trials/01_a/color/time", "/trials/01_a", "/markers"}
    said = {f"{path} was changed after it was packed: its digest differs" for path in changed}
    assert told == said | {"/mine was added after it was packed", "/notes is missing"}


def test_a_cut_one_an_old_one_and_a_newer_one_are_told_apart(given: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with h5py.File(given, "r+") as file:
        del file["packed/digests"]
    assert verify(given).problems == [
        "P007.h5: /packed/digests is missing, so it cannot be proven whole: pack the session again"
    ]
    with h5py.File(given, "r+") as file:
        file.attrs["version"] = VERSION + 1
    with pytest.raises(RecordingError, match="Update labcapture"):
        verify(given)
    with given.open("rb+") as stream:
        stream.truncate(given.stat().st_size // 2)
    code, said = _run(["verify", str(given)], capsys)
    assert code == 1
    assert "take another copy of it" in said
    with pytest.raises(RecordingError, match="Take another copy"):
        labcapture.open(given)


def test_no_flipped_bit_changes_what_is_read_unseen(given: Path) -> None:
    """Only bytes that hold nothing, such as free space between objects, may differ in silence."""

    def content(path: Path) -> str:
        sum_ = hashlib.sha256()
        with h5py.File(path, "r") as file:

            def add(name: str, thing: h5py.Group | h5py.Dataset) -> None:
                sum_.update(name.encode())
                sum_.update(repr([(key, np.asarray(value).tolist()) for key, value in thing.attrs.items()]).encode())
                if isinstance(thing, h5py.Dataset):
                    sum_.update(repr(np.asarray(thing[()]).tolist()).encode())

            file.visititems(add)
        return sum_.hexdigest()

    whole, size = content(given), given.stat().st_size
    places = np.random.default_rng(3).choice(size, 60, replace=False).tolist()
    seen = 0
    for place in places:
        _flip(given, place)
        try:
            problems = verify(given).problems
        except RecordingError as error:
            problems = [str(error)]
        seen += bool(problems)
        assert problems or content(given) == whole, f"byte {place}"
        _flip(given, place)
    assert seen > 30
    assert verify(given).whole


def test_the_digest_of_a_picture_is_that_of_its_stored_bytes(packed: Path) -> None:
    """As docs/format.md says, for whoever wants to check it without us."""
    with h5py.File(packed) as file:
        lines = file["packed/digests"].asstr()[()].splitlines()
        digests = {path: said for said, path in (line.split("  ", 1) for line in lines)}
        _, stored = file["trials/01_a/color/frames"].id.read_direct_chunk((12, 0, 0, 0))
    assert digests["/trials/01_a/color/frames[12]"] == hashlib.sha256(stored).hexdigest()


def test_a_gzip_copy_is_packed_and_verified(recorded: Path, tmp_path: Path) -> None:
    copy = transcode(recorded, "gzip", tmp_path / "copies").folder
    assert verify(pack(copy, tmp_path / "gzip.h5").path).checked["frames"] == 90 * 4 - 3


@pytest.mark.parametrize("command", [["recover"], ["transcode", "--codec", "gzip", "{out}"], ["pack", "{out}/x.h5"]])
def test_what_needs_the_folder_says_so(
    command: list[str], packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *rest = (part.format(out=tmp_path) for part in command)
    code, said = _run([name, str(packed), *rest], capsys)
    assert code == 2
    lines = [line for line in said.splitlines() if line.strip()]
    assert len(lines) == 1
    assert "is a single file" in lines[0]
    assert not list(tmp_path.iterdir())
