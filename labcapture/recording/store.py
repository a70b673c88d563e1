"""An HDF5 file with its journal: created once, grown row by row, held safe every second, never overwritten.

Every name, dtype and unit comes from `labcapture.recording.schema`. All methods belong to the one thread that owns
h5py.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from labcapture.core.chunks import StreamSpec
from labcapture.recording.journal import Journal, jsonable, pack, storable, sync_file
from labcapture.recording.schema import Column, Entry, File, find

_CHUNK_BYTES = 16384  # of tables and signals: a partly filled chunk is written again with every flush
_CACHED_CHUNKS, _CACHE_SLOTS = 2, 7


class Growing:
    """A dataset that grows along its first axis; rows wait in memory until `flush`."""

    def __init__(self, file: h5py.File, path: str, dtype: Any, tail: tuple[int, ...] = ()) -> None:  # noqa: ANN401
        self.dtype = np.dtype(dtype)
        width = self.dtype.itemsize * int(np.prod(tail, dtype=np.int64))
        chunks = (max(16, _CHUNK_BYTES // width), *tail)
        # HDF5's own checksum, so that any reader finds a flipped byte; texts of any length cannot have one.
        checksum = h5py.check_string_dtype(self.dtype) is None
        # Rows are only added: HDF5 needs to keep the chunk that is being filled, and not eight megabytes of older ones.
        cache = _CACHED_CHUNKS * chunks[0] * width
        self.dataset = file.create_dataset(
            path,
            (0, *tail),
            self.dtype,
            maxshape=(None, *tail),
            chunks=chunks,
            fletcher32=checksum,
            rdcc_nbytes=cache,
            rdcc_nslots=_CACHE_SLOTS,
        )
        self._blocks: list[NDArray[Any]] = []
        self._rows: list[float] = []
        self._stored = 0
        self.count = 0

    def push(self, value: float) -> None:
        """Add one row of a column of numbers."""
        self._rows.append(value)
        self.count += 1

    def extend(self, block: NDArray[Any]) -> None:
        """Add rows (n, ...)."""
        self._gather()
        self._blocks.append(block)
        self.count += len(block)

    def flush(self) -> None:
        """Hand the rows to HDF5."""
        self._gather()
        if not self._blocks:
            return
        block = np.concatenate(self._blocks)
        after = self._stored + len(block)
        self.dataset.resize(after, axis=0)
        self.dataset[self._stored : after] = block
        self._stored = after  # only now: what failed is tried again with the next flush
        self._blocks.clear()

    def _gather(self) -> None:
        if self._rows:
            self._blocks.append(np.array(self._rows, self.dtype))
            self._rows = []


class Store:
    """An HDF5 file and its journal.

    Parameters
    ----------
    folder
        The session's folder.
    kind
        Which part of the schema holds.
    path, journal
        Paths relative to it.

    Raises
    ------
    FileExistsError
        One of the two exists.
    OSError
        The disk is full or read-only.
    """

    def __init__(self, folder: Path, kind: File, path: str, journal: str) -> None:
        self.kind = kind
        self.path = folder / path
        self._journal_path = folder / journal
        self._descriptor = -1
        self.journal = Journal(self._journal_path, path)
        try:
            # v110 files survive a crash; without HDF5's own management of space a chunk lies where the file ended,
            # which tells its offset at once.
            self.file = h5py.File(self.path, "x", libver=("v110", "v110"), fs_strategy="none")
            restrict(self.path)
            self._descriptor = os.open(self.path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        except BaseException:
            self.journal.close()
            self._journal_path.unlink()
            raise
        self._growing: dict[str, Growing] = {}

    # Making -----------------------------------------------------------------------------------------------------------

    def group(self, path: str, stream: StreamSpec | None = None) -> None:
        """Create a group; that of a stream carries what the stream says of itself."""
        group = self.file.require_group(path)
        if stream is None:
            self.journal.append("group", path=path)
            return
        self.journal.append("group", path=path, stream=jsonable(dataclasses.asdict(stream)))
        set_values(group, stream_values(stream))
        if not path.startswith("/streams/"):
            set_values(group, _nexus(stream))

    def values(self, path: str, values: Mapping[str, Any]) -> None:
        """Set attributes of a group."""
        self.journal.append("values", path=path, values=jsonable(values))
        set_values(self.file[path], values)

    def text(self, path: str, text: str) -> None:
        """Store a text."""
        self.journal.append("text", path=path, text=storable(text))
        self.file.create_dataset(path, data=storable(text), dtype=h5py.string_dtype())
        self._describe(path)

    def link(self, path: str, file: str, target: str) -> None:
        """Create an external link to ``target`` in ``file`` (relative to this file)."""
        self.journal.append("link", path=path, file=file, target=target)
        self.file[path] = h5py.ExternalLink(file, target)

    def column(self, path: str, dtype: str = "", tail: tuple[int, ...] = ()) -> Growing:
        """Create an empty growing array; ``dtype`` is needed only where the schema leaves it to the stream."""
        entry = self._entry(path)
        name = dtype if entry.dtype in {"stream", ""} else entry.dtype
        growing = Growing(self.file, path, name, tail)
        self._growing[path] = growing
        self._describe(path)
        return growing

    def table(self, path: str) -> None:
        """Create an empty table."""
        self._growing[path] = Growing(self.file, path, table_dtype(self._entry(path)))
        self._describe(path)

    def _entry(self, path: str) -> Entry:
        entry = find(self.kind, path)
        if entry is None:
            raise KeyError(f"{path} is not of the {self.kind} format")
        return entry

    def _describe(self, path: str) -> None:
        entry, dataset = self._entry(path), self.file[path]
        dataset.attrs["long_name"] = entry.description
        if entry.columns:
            dataset.attrs["units"] = np.array([column.units for column in entry.columns], h5py.string_dtype())
        elif entry.units and entry.units != "stream":
            dataset.attrs["units"] = entry.units

    # Growing ----------------------------------------------------------------------------------------------------------

    def rows(self, path: str, rows: Sequence[tuple[Any, ...]], *, derived: bool = False) -> None:
        """Add rows to a table. What is derived from other data does not go into the journal."""
        growing, columns = self._growing[path], self._entry(path).columns
        table = np.array([_fitting(row, columns) for row in rows], growing.dtype)  # a bad row fails here, alone
        if not derived:
            self.journal.append("rows", path=path, rows=jsonable(rows))
        growing.extend(table)

    def extend(self, path: str, arrays: Mapping[str, NDArray[Any]], *, derived: bool = False) -> None:
        """Add rows to several arrays below the group ``path``, by their names relative to it."""
        if not derived:
            self.journal.append("extend", path=path, arrays={name: pack(array) for name, array in arrays.items()})
        for name, array in arrays.items():
            self._growing[f"{path}/{name}"].extend(array)

    def count(self, path: str) -> int:
        """Return the number of rows of a table or array, those in memory included."""
        return self._growing[path].count

    def read(self, path: str) -> NDArray[Any]:
        """Return all rows of an array."""
        growing = self._growing[path]
        growing.flush()
        rows: NDArray[Any] = growing.dataset[:]
        return rows

    def counts(self) -> dict[str, int]:
        """Return the number of rows of every growing dataset by its path."""
        return {path: growing.count for path, growing in self._growing.items()}

    def flush(self) -> None:
        """Hand all rows to the operating system."""
        for growing in self._growing.values():
            growing.flush()
        self.file.flush()

    def sync(self) -> None:
        """Have the disk itself hold all rows."""
        self.flush()
        sync_file(self._descriptor)
        self.journal.sync()

    # Ending -----------------------------------------------------------------------------------------------------------

    def finish(self, counts: Mapping[str, int]) -> None:
        """Mark the file as closed in order, write the journal's end and close both."""
        self.file["/"].attrs["closed"] = True
        self.flush()
        self.file.close()  # the flag goes to the disk last, with HDF5's own end of file
        sync_file(self._descriptor)
        self.journal.append("end", counts=dict(counts))
        self.journal.sync()
        self.abandon()

    def abandon(self) -> None:
        """Close everything as far as it goes, with no mark that it was in order. May be called again."""
        try:
            if self.file:
                self._close_anyhow()
        finally:
            self.journal.close()
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def _close_anyhow(self) -> None:
        """Close a file that may not be writable any more.

        HDF5 2.0 crashes the process when it fails to write what it still holds while it closes a file. What could not
        be flushed is lost to this file anyway (the journal has it), so let HDF5 write that into nothing.
        """
        try:
            self.flush()
        except (OSError, RuntimeError):  # h5py raises either; the caller is about to tell why we are here
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, self.file.id.get_vfd_handle())
            os.close(nothing)
            with contextlib.suppress(OSError, RuntimeError):  # HDF5 remembers that a flush failed
                self.file.close()
        else:
            self.file.close()

    def discard(self) -> None:
        """Close and remove a file that could not even be begun."""
        try:
            self.abandon()
        finally:
            self.path.unlink()
            self._journal_path.unlink()


def restrict(path: Path) -> None:
    """Take all rights on a file of a session from others; its group may read."""
    path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o640)


def table_dtype(entry: Entry) -> np.dtype[Any]:
    """Return the compound type of a table."""
    return np.dtype([(column.name, _column_dtype(column.dtype)) for column in entry.columns])


def _column_dtype(name: str) -> Any:  # noqa: ANN401 - h5py's string types are untyped
    if name == "utf8":
        return h5py.string_dtype()
    if name.startswith("utf8["):
        return h5py.string_dtype(length=_limit(name))
    return np.dtype(name)


def _limit(name: str) -> int:
    return int(name[len("utf8[") : -1])


def _fitting(row: tuple[Any, ...], columns: Sequence[Column]) -> tuple[Any, ...]:
    """Return a row as its columns can hold it; a text that is too long ends in an ellipsis: the journal has its whole.

    Raises
    ------
    ValueError
        It has not one value per column.
    """
    pairs = zip(row, columns, strict=True)
    return tuple(_text(storable(str(value)), c.dtype) if c.dtype.startswith("utf8") else value for value, c in pairs)


def _text(text: str, dtype: str) -> str | bytes:
    if dtype == "utf8":
        return text
    data, limit = text.encode(), _limit(dtype)
    if len(data) <= limit:
        return data
    return data[: limit - 3].decode(errors="ignore").encode() + "…".encode()


def stream_values(stream: StreamSpec) -> dict[str, Any]:
    """Return the attributes of a stream's group."""
    return {
        **stream.attributes,
        "kind": stream.kind,
        "rate_hz": stream.rate_hz,
        "units": stream.units,
        "channels": list(stream.channels),
        "clock": stream.clock or stream.name,
        "simulated": stream.simulated,
        "long_name": f"{stream.name} ({stream.units})" if stream.units else stream.name,
    }


def _nexus(stream: StreamSpec) -> dict[str, Any]:
    """Return the attributes by which a NeXus reader finds what to plot against what."""
    signal = "frames" if stream.kind == "frames" else "samples"
    first = "." if stream.kind == "audio" else "time"  # sound has a time per block, not per sample
    return {"NX_class": "NXdata", "signal": signal, "axes": [first, *(["."] * len(stream.shape))]}


def set_values(group: h5py.Group, values: Mapping[str, Any]) -> None:
    """Set attributes: texts, numbers, arrays, lists of texts; a mapping as JSON, None as an empty text."""
    for name, value in values.items():
        group.attrs[name] = attribute(value)


def attribute(value: Any) -> Any:  # noqa: ANN401 - any value of an attribute
    """Return ``value`` as h5py stores it."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return json.dumps(jsonable(value), ensure_ascii=False)
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return (
            np.array([storable(item) for item in value], dtype=h5py.string_dtype())
            if value
            else np.empty(0, dtype=h5py.string_dtype())
        )
    return value
