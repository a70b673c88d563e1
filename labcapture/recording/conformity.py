"""Whether an HDF5 file is what `labcapture.recording.schema` says: every path, type and unit, nothing missing.

Reading every small dataset on the way lets HDF5 check its own checksums; pictures are left to their digests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from labcapture.recording.schema import REGISTRY, Entry, File, find
from labcapture.recording.store import table_dtype

_BLOCK_ROWS = 1_000_000
_PLAIN = {
    "already open for write": "it was not closed in order",
    "truncated file": "it is shorter than it was: its end is cut off",
    "file signature not found": "it is no HDF5 file",
}
"""What HDF5 says, and what that means."""


def plainly(error: BaseException) -> str:
    """Return why a file does not open, in our words where HDF5's would send the reader to a tool that truncates it."""
    said = str(error)
    return next((plain for word, plain in _PLAIN.items() if word in said), said.strip("'\""))


def nonconformities(file: h5py.File, kind: File, name: str) -> Iterator[str]:
    """Yield a sentence for everything in ``file`` that is not of the format; ``name`` stands for the file."""
    found: dict[str, Entry] = {}
    links: set[str] = set()
    for path in _paths(file["/"], links):
        entry = find(kind, path)
        if entry is None and path != "/":
            yield f"{name}: {path} is not of the format"
            continue
        if entry is not None:
            found[path] = entry
        if path in links:
            yield from _link(file, path, name)
            continue
        thing = file[path]
        for attribute in thing.attrs:
            yield from _attribute(thing, f"{path}@{attribute}", kind, name)
        yield from _plot(thing, name)
        if entry is not None:
            yield from _object(thing, entry, name)
    yield from _missing(file, kind, name, found)


def _paths(group: h5py.Group, links: set[str]) -> Iterator[str]:
    """Yield the path of ``group`` and of everything below it, links not followed."""
    yield group.name
    for key in group:
        path = f"{group.name.rstrip('/')}/{key}"
        if isinstance(group.get(key, getlink=True), h5py.ExternalLink):
            links.add(path)
            yield path
        elif isinstance(child := group[key], h5py.Group):
            yield from _paths(child, links)
        else:
            yield path


def _link(file: h5py.File, path: str, name: str) -> Iterator[str]:
    link = file.get(path, getlink=True)
    try:
        file[path]
    except (KeyError, OSError) as error:
        yield f"{name}: {path} leads to {link.filename}:{link.path}, which cannot be opened ({plainly(error)})"


def _attribute(thing: Any, path: str, kind: File, name: str) -> Iterator[str]:  # noqa: ANN401 - h5py is untyped
    entry, key = find(kind, path), path.rpartition("@")[2]
    if entry is None:
        if "missing" not in path:
            yield f"{name}: {path} is not of the format"
        return
    try:
        value = thing.attrs[key]
    except (OSError, UnicodeDecodeError) as error:
        yield f"{name}: {path} cannot be read ({error})"
        return
    if entry.dtype and not _is_of(value, entry.dtype):
        yield f"{name}: {path} is {value!r}, which is not {entry.dtype}"


def _plot(thing: Any, name: str) -> Iterator[str]:  # noqa: ANN401 - h5py is untyped
    """Yield where the NeXus attributes lead nowhere."""
    kind = thing.attrs.get("NX_class")
    if kind not in {None, "NXroot", "NXdata"}:
        yield f"{name}: {thing.name}@NX_class is {kind!r}, neither NXroot nor NXdata"
    if kind == "NXdata":
        for target in (thing.attrs["signal"], *thing.attrs["axes"]):
            if target != "." and target not in thing:
                yield f"{name}: {thing.name} is to be plotted by {target!r}, which is missing"


def _is_of(value: Any, dtype: str) -> bool:  # noqa: ANN401 - any attribute
    array = np.asarray(value)
    if dtype == "utf8":
        return array.dtype.kind in "OSU" or array.size == 0
    return array.dtype.kind == np.dtype(dtype).kind


def _object(thing: Any, entry: Entry, name: str) -> Iterator[str]:  # noqa: ANN401 - h5py is untyped
    is_group = isinstance(thing, h5py.Group)
    if is_group != (entry.kind == "group"):
        yield f"{name}: {thing.name} is a {'group' if is_group else 'dataset'}, not a {entry.kind}"
        return
    if is_group:
        return
    expected = _dtype(entry)
    if expected is not None and thing.dtype != expected:
        yield f"{name}: {thing.name} has type {thing.dtype}, not {expected}"
        return
    dimensions = entry.shape.count(",") + (not entry.shape.endswith(",)")) if entry.shape else 0
    if thing.ndim != dimensions and "[" not in entry.shape:
        yield f"{name}: {thing.name} has shape {thing.shape}, not {entry.shape or 'a single value'}"
        return
    yield from _units(thing, entry, name)
    if not entry.path.endswith("/frames"):
        yield from _read(thing, name)


def _dtype(entry: Entry) -> np.dtype[Any] | None:
    """Return the type that the dataset must have; None: whatever the stream declares."""
    if entry.kind == "table":
        return table_dtype(entry)
    if entry.kind == "text" or entry.dtype == "utf8":
        text: np.dtype[Any] = h5py.string_dtype()
        return text
    return None if entry.dtype in {"stream", ""} else np.dtype(entry.dtype)


def _units(dataset: h5py.Dataset, entry: Entry, name: str) -> Iterator[str]:
    if entry.columns:
        expected: list[str] = [column.units for column in entry.columns]
    elif entry.units and entry.units != "stream":
        expected = [entry.units]
    else:
        return
    units = dataset.attrs.get("units")
    if units is None or [str(unit) for unit in np.atleast_1d(units)] != expected:
        yield f"{name}: {dataset.name} has units {units!r}, not {', '.join(expected)}"


def _read(dataset: h5py.Dataset, name: str) -> Iterator[str]:
    rows = dataset.shape[0] if dataset.shape else 0
    for start in range(0, max(rows, 1), _BLOCK_ROWS):
        try:
            block = dataset[start : start + _BLOCK_ROWS] if dataset.shape else dataset[()]
        except (OSError, UnicodeDecodeError) as error:
            yield f"{name}: {dataset.name} cannot be read from row {start} on ({error})"
        else:
            del block


def _missing(file: h5py.File, kind: File, name: str, found: dict[str, Entry]) -> Iterator[str]:
    """Yield what every such file, or every such group in it, must have and has not."""
    for entry in REGISTRY:
        parent, separator, leaf = entry.path.rpartition("@" if "@" in entry.path else "/")
        if entry.file != kind or entry.optional or "<" in leaf or "<any>" in entry.path or entry.path == "/":
            continue
        root = parent in {"", "/"}
        for path in ["/"] if root else [p for p, e in found.items() if e.path == parent]:
            if parent == "/clock/<clock>" and path not in _camera_clocks(file):
                continue  # the pairs of sound stand with its blocks, those of LSL streams with their offsets
            if separator == "@":
                if leaf not in file[path].attrs:
                    yield f"{name}: {path}@{leaf} is missing"
            elif leaf not in file[path]:
                yield f"{name}: {path.rstrip('/')}/{leaf} is missing"


def _camera_clocks(file: h5py.File) -> set[str]:
    """Return the paths of the clocks that stamp pictures."""
    streams = [file["streams"][name] for name in file["streams"]] if "streams" in file else []
    return {f"/clock/{s.attrs['clock']}" for s in streams if s.attrs["kind"] == "frames"}
