"""A picture that was damaged decodes to another one: no export hands it on unseen."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np
import pytest

import labcapture
from labcapture.core.errors import BadInput, RecordingError
from labcapture.export.formats import exporter
from labcapture.recording.pack import pack
from tests.export import casme3_world as world

PICTURES = {"casme3": {}, "video": {}, "nwb": {}, "bids": {"depth": "ffv1"}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.record(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def packed(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(pack(whole, tmp_path_factory.mktemp("packed") / "P012.h5").path)


def _flip(path: Path, dataset: str) -> None:
    """Flip a bit of picture 7 so that it decodes to another picture, and nothing complains."""
    with h5py.File(path) as file:
        info, before = file[dataset].id.get_chunk_info(7), file[dataset][7]
    data = bytearray(path.read_bytes())
    for place in range(info.byte_offset + info.size - 1, info.byte_offset, -1):
        data[place] ^= 0x10
        path.write_bytes(bytes(data))
        with suppress(OSError), h5py.File(path) as file:
            if not np.array_equal(file[dataset][7], before):
                return
        data[place] ^= 0x10
    raise AssertionError("every flipped bit is found by the decoder")


@pytest.fixture
def damaged(whole: Path, packed: Path, request: pytest.FixtureRequest) -> Path:
    """Return a session with a flipped bit in picture 7, in a folder or packed; it is mended afterwards."""
    kind = request.param
    file, dataset = {
        "folder": (whole / "trials/03_b.h5", "depth/frames"),
        "packed": (packed, "trials/03_b/depth/frames"),
    }[kind]
    before = file.read_bytes()
    _flip(file, dataset)
    request.addfinalizer(lambda: file.write_bytes(before))  # noqa: PT021 - the path is needed to mend it
    return whole if kind == "folder" else packed


@pytest.mark.parametrize("damaged", ["folder", "packed"], indirect=True)
@pytest.mark.parametrize("format", PICTURES)
def test_a_damaged_picture_is_not_handed_on(format: str, damaged: Path, tmp_path: Path) -> None:
    with labcapture.open(damaged) as session:
        with pytest.raises(RecordingError, match=r"is not whole: .*depth/frames.*7.*digest differs.*verify=no"):
            exporter(format)(session, tmp_path, PICTURES[format], lambda *_: None)
        assert not list(tmp_path.rglob("*.partial")), "there is nothing to go on with"
        done = exporter(format)(session, tmp_path, PICTURES[format] | {"verify": "no"}, lambda *_: None)
    assert done.files > 1


@pytest.mark.parametrize("damaged", ["folder"], indirect=True)
@pytest.mark.parametrize("format", ["csv", "xdf", "bids"])
def test_tables_do_not_wait_for_pictures(format: str, damaged: Path, tmp_path: Path) -> None:
    with labcapture.open(damaged) as session:
        assert exporter(format)(session, tmp_path, {}, lambda *_: None).files


@pytest.mark.parametrize("format", PICTURES)
def test_there_are_two_ways(format: str, whole: Path, tmp_path: Path) -> None:
    with labcapture.open(whole) as session, pytest.raises(BadInput, match=r"--set verify=maybe.*yes, no"):
        exporter(format)(session, tmp_path, {"verify": "maybe"}, lambda *_: None)
