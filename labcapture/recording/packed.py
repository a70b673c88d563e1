"""By what a packed file, which has neither journal nor checksums beside it, is known to be whole: its own digests.

::

    session, verified whole ──> an Item per object and picture ──> /packed/digests, a line each
    FILE.h5                 ──> an Item per object and picture ──> the same? nothing missing, nothing more?

A session is packed only if all that verification asks of it is in order; so whatever is the same is in order, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import RecordingError
from labcapture.recording import schema
from labcapture.recording.conformity import plainly
from labcapture.recording.guard import DAMAGE, check_file
from labcapture.recording.journal import digest

PACKED = "packed"
"""Group of what stands beside session.h5 in a session's folder, and of the digests."""
DIGESTS = f"/{PACKED}/digests"

Tick = Callable[[str, int], None]
"""Told (what, bytes read) now and then."""

_BLOCK_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Item:
    """One picture, or one group or dataset with its attributes.

    Parameters
    ----------
    path
        In a packed file; a picture has its index behind it: ``/trials/03_e/color/frames[120]``.
    rows
        How many a dataset has; of pictures none, for each of them is an item.
    digest
        Reads it and returns its SHA-256; docs/format.md says of what.
    """

    path: str
    rows: int
    digest: Callable[[], str]

    @property
    def is_picture(self) -> bool:
        """Whether it is a picture."""
        return self.path.endswith("]")


def items(thing: h5py.Group | h5py.Dataset, path: str, tick: Tick) -> Iterator[Item]:
    """Yield ``thing``, which stands or will stand at ``path`` of a packed file, and everything below it."""
    if isinstance(thing, h5py.Group):
        yield item(thing, path)
        for name in thing:
            if (below := f"{path.rstrip('/')}/{name}") != DIGESTS:
                yield from items(thing[name], below, tick)
    elif path.endswith("/frames"):
        yield item(thing, path)
        places: list[tuple[int, ...]] = []
        thing.id.chunk_iter(lambda info: places.append(info.chunk_offset))
        for place in places:
            yield Item(f"{path}[{place[0]}]", 0, partial(_picture, thing, place, path, tick))
    else:
        yield Item(path, thing.shape[0] if thing.shape else 0, partial(_digest, thing, _values(thing, path, tick)))


def item(thing: h5py.Group | h5py.Dataset, path: str) -> Item:
    """Return ``thing`` alone, without what lies in it."""
    return Item(path, 0, partial(_digest, thing, ()))


def problems(path: Path, tick: Tick, checked: dict[str, int]) -> Iterator[str]:
    """Yield a sentence for everything in the packed file at ``path`` that is not as it was packed.

    Parameters
    ----------
    path
        The file.
    tick
        Told how much was read.
    checked
        Receives how many files, frames and rows were checked.

    Raises
    ------
    RecordingError
        It is no packed session.
    """
    try:
        file = h5py.File(path, "r")
    except DAMAGE as error:
        yield f"{path.name}: cannot be opened ({plainly(error)}): take another copy of it, or pack the session again"
        return
    with file:
        try:
            check_file(file, path.name)
        except RecordingError as error:
            yield f"{path.name}: {error.what}"
            return
        _check_head(file, path)
        if DIGESTS not in file:
            yield f"{path.name}: {DIGESTS} is missing, so it cannot be proven whole: pack the session again"
            return
        known = _known(file[DIGESTS].asstr()[()])
        for found in items(file["/"], "/", tick):
            said = known.pop(found.path, None)
            try:
                if said is None:
                    yield f"{path.name}: {found.path} was added after it was packed"
                elif found.digest() != said:
                    yield f"{path.name}: {found.path} was changed after it was packed: its digest differs"
            except DAMAGE as error:
                yield f"{path.name}: {found.path} cannot be read ({plainly(error)})"
            checked["frames"] += found.is_picture
            checked["rows"] += found.rows
        yield from (f"{path.name}: {name} is missing" for name in known)
    checked["files"] += 1


def _check_head(file: h5py.File, path: Path) -> None:
    if file.attrs.get("format") != schema.FORMAT or "packed_from" not in file.attrs:
        mend = f"Give a session's folder, its {schema.SESSION_FILE}, or a packed file."
        raise RecordingError("not a session", str(path), mend)
    if (version := int(file.attrs.get("version", 0))) > schema.VERSION:
        what = f"of format version {version}, this program knows up to {schema.VERSION}"
        raise RecordingError(what, str(path), "Update labcapture.")


def _known(text: str) -> dict[str, str]:
    """Return the digest of each path, as `checksums` has them of files: ``<digest>  <path>``."""
    lines = (line.partition("  ") for line in text.splitlines())
    return {path: said for said, _, path in lines}


def _picture(frames: h5py.Dataset, place: tuple[int, ...], path: str, tick: Tick) -> str:
    _, stored = frames.id.read_direct_chunk(place)
    tick(path, len(stored))
    return digest(stored)


def _digest(thing: h5py.Group | h5py.Dataset, values: Iterator[NDArray[Any]] | tuple[()]) -> str:
    """Return the digest of a group or dataset: its shape, its values, then its attributes by name."""
    sum_ = hashlib.sha256(str(getattr(thing, "shape", "")).encode())
    for block in values:
        for piece in _plain(block):
            sum_.update(piece)
    for name in sorted(thing.attrs):
        value = thing.attrs[name]
        array = np.array([], np.uint8) if isinstance(value, h5py.Empty) else np.asarray(value)
        sum_.update(f"{name}{array.shape}".encode())
        for piece in _plain(array):
            sum_.update(piece)
    return sum_.hexdigest()


def _values(dataset: h5py.Dataset, path: str, tick: Tick) -> Iterator[NDArray[Any]]:
    """Yield what a dataset holds; of an array, which may be large, some rows at a time."""
    if not dataset.shape or dataset.dtype.names:
        yield np.asarray(dataset[()])
        return
    rows = max(1, _BLOCK_BYTES * dataset.shape[0] // max(1, dataset.nbytes))
    for start in range(0, dataset.shape[0], rows):
        block = dataset[start : start + rows]
        tick(path, block.nbytes)
        yield block


def _plain(values: NDArray[Any]) -> Iterator[bytes]:
    """Yield values as bytes that no machine and no layout of the file has a say in; of a table column by column."""
    if values.dtype.names:
        for name in values.dtype.names:
            yield from _plain(values[name])
    elif values.dtype.kind in "OSU":
        for text in values.ravel().tolist():
            yield (text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")) + b"\0"
    else:
        yield np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
