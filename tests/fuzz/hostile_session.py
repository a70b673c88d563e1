"""Sessions made to harm: what an HDF5 file, or a folder, could hold if someone meant ill."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

TEXT = h5py.string_dtype()
ENORMOUS = 10**13


def _replace(h5: h5py.File, path: str, **how: Any) -> h5py.Dataset:  # noqa: ANN401 - arguments of h5py
    if path in h5:
        del h5[path]
    return h5.create_dataset(path, **how)


def _elsewhere(h5: h5py.File, link: str, target: str) -> None:
    if h5.get(link, getlink=True) is not None:
        del h5[link]
    h5[link] = h5py.ExternalLink(target, "/color")


def _circle(h5: h5py.File) -> None:
    h5["streams/color/again"] = h5["/"]


def _soft(h5: h5py.File) -> None:
    del h5["markers"]
    h5["markers"] = h5py.SoftLink("/notes")


def _soft_circle(h5: h5py.File) -> None:
    del h5["markers"]
    h5["markers"] = h5py.SoftLink("/markers")


def _external_storage(h5: h5py.File) -> None:
    _replace(h5, "voice/samples", shape=(100, 1), dtype="i2", external=[("/etc/passwd", 0, 200)])


def _virtual(h5: h5py.File) -> None:
    layout = h5py.VirtualLayout((100, 1), "i2")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (100, 1))
    del h5["voice/samples"]
    h5.create_virtual_dataset("voice/samples", layout)


def _shared_text(h5: h5py.File) -> None:
    """Write rows that all point at one long text: small on disk, enormous in memory."""
    dataset = h5["notes"]
    dataset.resize(100, axis=0)
    dataset[:1] = np.array([(0.0, "x" * 1_000_000)], dataset.dtype)
    dataset.id.refresh()


def _deep(h5: h5py.File) -> None:
    group = h5["streams"]
    for _ in range(300):
        group = group.create_group("g")


def _crowd(h5: h5py.File) -> None:
    for i in range(21_000):
        h5[f"streams/g{i}"] = h5py.SoftLink("/nowhere")


def _odd_types(h5: h5py.File) -> None:
    _replace(h5, "markers", shape=(3,), dtype=h5py.ref_dtype)


def _sequences(h5: h5py.File) -> None:
    dataset = _replace(h5, "notes", shape=(1,), dtype=h5py.vlen_dtype(np.dtype("f8")))
    dataset[0] = np.zeros(10)


def _small_pictures(h5: h5py.File) -> None:
    """Declare pictures that decode to less than HDF5 expects."""
    from labcapture.recording.codecs import JPEG_XL  # noqa: PLC0415 - registers nothing by itself

    _replace(
        h5,
        "depth/frames",
        shape=(9, 48, 64),
        dtype="u2",
        chunks=(1, 48, 64),
        compression=JPEG_XL.number,
        compression_opts=(1, 1, 1, 1, 2),
    )


# Changes of session.h5 that must be refused whole, by reading and verification alike.
REFUSED: dict[str, Callable[[h5py.File], Any]] = {
    "link to a system file": lambda h5: _elsewhere(h5, "trials/03_e/color", "/etc/passwd"),
    "link to a parent folder": lambda h5: _elsewhere(h5, "trials/03_e/color", "../secret.h5"),
    "link to another trial": lambda h5: _elsewhere(h5, "trials/03_e/color", "trials/01_a.h5"),
    "link to a device": lambda h5: _elsewhere(h5, "trials/03_e/color", "/dev/zero"),
    "link in a wrong place": lambda h5: _elsewhere(h5, "markers", "trials/01_a.h5"),
    "link of a trial that is a path": lambda h5: _elsewhere(h5, "trials/..\\..\\x/color", "trials/..\\..\\x.h5"),
    "group in itself": _circle,
    "soft link": _soft,
    "soft link to itself": _soft_circle,
    "data in another file": _external_storage,
    "virtual data": _virtual,
    "enormous table": lambda h5: _replace(h5, "eda/time", shape=(ENORMOUS,), dtype="f8"),
    "enormous chunked table": lambda h5: h5["eda/time"].resize(ENORMOUS, axis=0),
    "enormous compressed table": lambda h5: _replace(
        h5, "eda/time", data=np.zeros(50_000_000), chunks=(1_000_000,), compression="gzip"
    ),
    "enormous piece": lambda h5: _replace(h5, "eda/time", shape=(1,), dtype="f8", chunks=(10**8,), maxshape=(None,)),
    "enormous fixed text": lambda h5: _replace(h5, "notes", shape=(1,), dtype=h5py.string_dtype(length=2**30)),
    "enormous gap table": lambda h5: h5["streams/depth/gaps"].resize(10**9, axis=0),
    "deep groups": _deep,
    "crowd of members": _crowd,
    "references": _odd_types,
    "sequences": _sequences,
    "named type": lambda h5: h5.__setitem__("streams/type", np.dtype("f8")),
}

# Changes after which something may still be read; whatever is raised is one line.
ODD: dict[str, Callable[[h5py.File], Any]] = {
    "version that is a text": lambda h5: h5.attrs.__setitem__("version", "one"),
    "version that is an array": lambda h5: h5.attrs.__setitem__("version", np.arange(3)),
    "format that is an array": lambda h5: h5.attrs.__setitem__("format", np.arange(3)),
    "format that is bytes": lambda h5: h5.attrs.__setitem__("format", np.bytes_(b"\xff\xfe")),
    "participant with an escape": lambda h5: h5.attrs.__setitem__("participant", "\x1b]0;owned\x07"),
    "no attributes": lambda h5: [h5.attrs.__delitem__(name) for name in list(h5.attrs)[5:]],
    "empty attribute": lambda h5: h5.attrs.__setitem__("simulated", h5py.Empty("f8")),
    "start that is not a number": lambda h5: h5["trials/03_e"].attrs.__setitem__("start", "soon"),
    "start that is no time": lambda h5: h5["trials/03_e"].attrs.__setitem__("start", np.nan),
    "rate that is a text": lambda h5: h5["streams/color"].attrs.__setitem__("rate_hz", "fast"),
    "kind that is unknown": lambda h5: h5["streams/color"].attrs.__setitem__("kind", "smell"),
    "stream that was renamed": lambda h5: h5.move("streams/eda", "streams/other"),
    "autopilot that is a text": lambda h5: h5.attrs.__setitem__("autopilot", "x"),
    "rule that is no JSON": lambda h5: h5["quality"].attrs.__setitem__("rule", "{"),
    "rule that is deep JSON": lambda h5: h5["quality"].attrs.__setitem__("rule", "[" * 30_000),
    "no quality": lambda h5: h5.__delitem__("quality"),
    "no clock": lambda h5: h5.__delitem__("clock"),
    "no streams": lambda h5: h5.__delitem__("streams"),
    "streams that are a table": lambda h5: _replace(h5, "streams", data=np.arange(3)),
    "table that is a group": lambda h5: (h5.__delitem__("markers"), h5.create_group("markers")),
    "table that is a number": lambda h5: _replace(h5, "markers", data=1.0),
    "table with other columns": lambda h5: _replace(h5, "quality/counts", data=np.zeros(3, [("x", "f8")])),
    "verdicts that are numbers": lambda h5: _replace(h5, "quality/verdicts", data=np.zeros(3)),
    "table of texts that are no UTF-8": lambda h5: _replace(h5, "notes", data=np.array([b"\xff"] * 3, "S1")),
    "time of another shape": lambda h5: _replace(h5, "eda/time", data=np.zeros((3, 3, 3))),
    "time that is text": lambda h5: _replace(h5, "eda/time", data=np.array(["a"], object), dtype=TEXT),
    "sound without rows": lambda h5: h5["voice/blocks/time"].resize(0, axis=0),
}


def _gap(h5: h5py.File, first: int, last: int) -> None:
    dataset = h5["depth/gaps"]
    rows = dataset[()]
    rows["first"], rows["last"], rows["count"] = first, last, last - first
    dataset[...] = rows


# Changes of a trial's file: verification tells of them, reading may fail in a line.
TRIAL: dict[str, Callable[[h5py.File], Any]] = {
    "gap without an end": lambda h5: _gap(h5, 0, 2**62),
    "numbers that leap": lambda h5: h5["depth/frame_number"].__setitem__(slice(50, None), 2**62),
    "link out": lambda h5: _elsewhere(h5, "color", "/etc/passwd"),
    "many frames": lambda h5: h5["depth/frames"].resize(2**40, axis=0),
    "pictures of another size": _small_pictures,
    "no time": lambda h5: h5.__delitem__("depth/time"),
    "uncertainty that is a group": lambda h5: (
        h5.__delitem__("depth/time_uncertainty"),
        h5.create_group("depth/time_uncertainty"),
    ),
}


def _pipe(folder: Path) -> None:
    (folder / "trials/03_e.h5").unlink()
    os.mkfifo(folder / "trials/03_e.h5")


def _relink(folder: Path, name: str, target: str) -> None:
    (folder / name).unlink()
    (folder / name).symlink_to(target)


def _names(*names: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / "checksums").write_text("".join(f"{'0' * 64}  {name}\n" for name in names))


# Changes of the folder: verification tells of each.
FOLDER: dict[str, Callable[[Path], Any]] = {
    "checksums of system files": _names("/etc/passwd", "../../secret", "/dev/zero", "a" * 5000, "\0", "..", ".", ""),
    "checksums that are binary": lambda f: (f / "checksums").write_bytes(os.urandom(5000)),
    "checksums of nothing but lines": lambda f: (f / "checksums").write_text("\n" * 50_000),
    "summary that is deep": lambda f: (f / "summary.json").write_text("[" * 100_000),
    "summary that is a list": lambda f: (f / "summary.json").write_text("[]"),
    "summary of odd types": lambda f: (f / "summary.json").write_text('{"trials": [{"streams": 3}], "recorded": 7}'),
    "summary of huge numbers": lambda f: (f / "summary.json").write_text('{"recorded": {"eda": ' + "9" * 4300 + "}}"),
    "summary that is not UTF-8": lambda f: (f / "summary.json").write_bytes(b"\xff\xfe"),
    "summary that is enormous": lambda f: os.truncate(f / "summary.json", 10**8),
    "trial that is a pipe": _pipe,
    "trial that is a link out": lambda f: _relink(f, "trials/03_e.h5", "/etc/passwd"),
    "trial that is a link to itself": lambda f: _relink(f, "trials/03_e.h5", "03_e.h5"),
    "journal that is a link out": lambda f: _relink(f, "journal/trials/03_e.jsonl", "/etc/passwd"),
    "summary that is a link out": lambda f: _relink(f, "summary.json", "/etc/passwd"),
    "checksums that are a link out": lambda f: _relink(f, "checksums", "/etc/passwd"),
    "log that is a link out": lambda f: (f / "log.jsonl").symlink_to("/etc/passwd"),
    "trial of an odd name": lambda f: (f / "trials/\x1b[2J.h5").write_bytes(b"x"),
}

DEEP_JSON = json.dumps({"kind": "x"})[:-1] + ',"a":' + "[" * 30_000 + "]" * 30_000


def seal(record: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Return a journal line with a checksum that fits."""
    body = json.dumps(record).encode()[:-1] if isinstance(record, dict) else str(record).encode()
    return b'%b,"crc":"%08x"}\n' % (body, zlib.crc32(body))
