"""What the journal says, held against its HDF5 file: every picture, row and attribute."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import RecordingError
from labcapture.recording.consistency import few
from labcapture.recording.journal import ChunkRecord, JournalReader, digest, unpack
from labcapture.recording.schema import MISSING, File

Tick = Callable[[str, int], None]

_SAMPLES_AT_ONCE = 1 << 20


class Witness:
    """The journal of one file.

    Parameters
    ----------
    folder, h5, kind, name, journal
        The session's folder; the open file, its kind and path; the journal's path.
    tick
        Told (what, bytes read) now and then.
    """

    def __init__(self, folder: Path, h5: h5py.File, kind: File, name: str, journal: str, tick: Tick) -> None:
        self._h5, self._kind, self._name, self._tick = h5, kind, name, tick
        self._path, self._file = folder / journal, folder / name
        self._journal_name = journal
        self._chunks: dict[str, list[ChunkRecord]] = defaultdict(list)
        self._values: dict[str, dict[str, Any]] = defaultdict(dict)
        self._rows: dict[str, list[list[Any]]] = defaultdict(list)
        self._place: dict[str, int] = defaultdict(int)
        self._waiting: dict[str, list[NDArray[Any]]] = defaultdict(list)
        self.frames: dict[str, int] = {}
        """Pictures that were checked, by dataset."""
        self.rows = 0
        """Rows of tables and arrays that were checked."""

    def hear(self) -> Iterator[str]:
        """Yield a sentence for everything in which file and journal differ."""
        if not self._path.is_file():
            yield f"{self._journal_name}: is missing, so {self._name} cannot be proven whole"
            return
        reader = JournalReader(self._path)
        counts: Mapping[str, int] = {}
        try:
            for record in reader:
                yield from self._hear_line(reader, record)
                counts = record.get("counts", counts)
        except RecordingError as error:
            yield f"{self._journal_name}: {error.what}"
            return
        yield from few(f"{self._journal_name}:", (f"line {line} is damaged" for line in reader.damaged))
        if reader.torn:
            yield f"{self._journal_name}: its last line is torn: the recording ended in the middle of it"
        elif not reader.ended:
            yield f"{self._journal_name}: has no end: {self._name} was not closed in order"
        for path in list(self._waiting):
            yield from self._compare_waiting(path)
        yield from self._hear_rows()
        yield from self._hear_values()
        streams = {f"/{name}/frames" for name in self._h5} if self._kind == "trial" else set()
        for dataset in sorted(streams | self._chunks.keys()):  # one of which no picture came is a stream all the same
            yield from self._hear_pictures(dataset, self._chunks.get(dataset, []))
        yield from self._hear_counts(counts)

    def _hear_line(self, reader: JournalReader, record: Mapping[str, Any]) -> Iterator[str]:
        kind = record["kind"]
        if kind == "header" and record["file"] != self._name:
            yield f"{self._journal_name}: is the journal of {record['file']}, not of {self._name}"
        elif kind == "chunk":
            chunk = reader.chunk(record)
            self._chunks[chunk.dataset].append(chunk)
        elif kind == "rows":
            self._rows[record["path"]] += record["rows"]
        elif kind == "extend":
            for name, packed in record["arrays"].items():
                yield from self._hear_array(f"{record['path']}/{name}", unpack(packed))
        elif kind in {"group", "values", "text", "link"}:
            yield from self._hear_structure(record)

    def _hear_structure(self, record: Mapping[str, Any]) -> Iterator[str]:
        kind, path = record["kind"], record["path"]
        link = self._h5.get(path, getlink=True) if path != "/" else self._h5["/"]
        if kind == "link":
            if not isinstance(link, h5py.ExternalLink) or (link.filename, link.path) != (
                record["file"],
                record["target"],
            ):
                yield f"{self._name}: {path} is not the link to {record['file']}:{record['target']}"
        elif link is None:
            yield f"{self._name}: {path} is missing"
        elif kind == "values":
            self._values[path].update(record["values"])
        elif kind == "group" and "stream" in record:
            said = record["stream"]
            own = {key: said[key] for key in ("kind", "rate_hz", "units", "channels", "simulated")}
            self._values[path].update(said["attributes"] | own | {"clock": said["clock"] or said["name"]})
        elif kind == "text" and self._h5[path].asstr()[()] != record["text"]:
            yield f"{self._name}: {path} differs from the journal"

    # Arrays and tables ------------------------------------------------------------------------------------------------

    def _hear_array(self, path: str, rows: NDArray[Any]) -> Iterator[str]:
        """Gather rows, so that the file is read in large pieces."""
        self._waiting[path].append(rows)
        if sum(block.size for block in self._waiting[path]) >= _SAMPLES_AT_ONCE:
            yield from self._compare_waiting(path)

    def _compare_waiting(self, path: str) -> Iterator[str]:
        rows = np.concatenate(self._waiting.pop(path))
        place = self._place[path]
        self._place[path] = place + len(rows)
        self.rows += len(rows)
        if path not in self._h5:
            yield f"{self._name}: {path} is missing"
            return
        stored = self._read(path, slice(place, place + len(rows)))
        if stored is None:
            return
        self._tick(self._name, stored.nbytes)
        if len(stored) < len(rows):
            yield f"{self._name}: {path} has {place + len(stored)} rows, the journal has {place + len(rows)} or more"
        wrong = np.flatnonzero(_differ(stored, rows[: len(stored)]))
        if len(wrong):
            first = place + int(wrong[0])
            yield f"{self._name}: {path} differs from the journal in {len(wrong)} rows, the first is row {first}"

    def _hear_rows(self) -> Iterator[str]:
        for path, expected in self._rows.items():
            if path not in self._h5:
                yield f"{self._name}: {path} is missing"
                continue
            table = self._read(path)
            if table is None:
                continue
            self.rows += len(expected)
            if len(table) != len(expected):
                yield f"{self._name}: {path} has {len(table)} rows, the journal has {len(expected)}"
            for number, (row, said) in enumerate(zip(table, expected, strict=False)):
                for column, value, word in zip(table.dtype.names or (), row, said, strict=True):
                    if not _same(value, word):
                        yield f"{self._name}: {path} row {number}, {column}: is {_show(value)}, was {word!r}"

    def _hear_values(self) -> Iterator[str]:
        for path, values in self._values.items():
            if path not in self._h5:
                continue  # told where its group is checked
            attributes = self._h5[path].attrs
            for name, word in values.items():
                if name == "closed":
                    continue  # it turns true after the last word of the journal
                if name not in attributes:
                    yield f"{self._name}: {path}@{name} is missing"
                elif not _same(attributes[name], word):
                    yield f"{self._name}: {path}@{name} is {_show(attributes[name])}, was {word!r}"

    def _hear_counts(self, counts: Mapping[str, int]) -> Iterator[str]:
        for path, count in counts.items():
            stored = len(self._h5[path]) if path in self._h5 else 0
            if stored != count:
                yield f"{self._name}: {path} has {stored} rows, {count} were written"

    def _read(self, path: str, rows: slice = slice(None)) -> NDArray[Any] | None:
        """Return rows of a dataset, None if HDF5's own checksums forbid it: that is told where they are checked."""
        try:
            stored: NDArray[Any] = self._h5[path][rows]
        except OSError:
            return None
        return stored

    # Pictures ---------------------------------------------------------------------------------------------------------

    def _hear_pictures(self, dataset: str, chunks: list[ChunkRecord]) -> Iterator[str]:
        where = f"{self._name}: {dataset}"
        if dataset not in self._h5:
            yield f"{where} is missing with its {len(chunks)} frames"
            return
        pictures = self._h5[dataset]
        if len(pictures) != len(chunks):
            yield f"{where} has {len(pictures)} frames, the journal has {len(chunks)}"
        stored: dict[int, Any] = {}
        pictures.id.chunk_iter(lambda info: stored.__setitem__(info.chunk_offset[0], info))
        problems = (p for i, chunk in enumerate(chunks) if (p := self._picture(i, chunk, stored.get(i))))
        yield from few(where, problems)
        self.frames[dataset] = len(chunks)
        yield from self._hear_frame_tables(dataset.rpartition("/")[0], chunks)

    def _picture(self, place: int, chunk: ChunkRecord, stored: Any) -> str:  # noqa: ANN401 - h5py is untyped
        """Return what is wrong with a picture, or nothing."""
        if chunk.index != place:
            return f"frame {place} stands in the journal as frame {chunk.index}"
        if stored is None:
            return f"frame {place} is not in the file"
        said = (chunk.offset, chunk.size, chunk.filter_mask)
        if (stored.byte_offset, stored.size, stored.filter_mask) != said:
            return f"frame {place} lies elsewhere in the file than the journal says"
        with self._file.open("rb") as file:
            file.seek(chunk.offset)
            data = file.read(chunk.size)
        self._tick(self._name, len(data))
        return "" if digest(data) == chunk.digest else f"frame {place} was changed: its digest differs"

    def _hear_frame_tables(self, path: str, chunks: list[ChunkRecord]) -> Iterator[str]:
        expected: dict[str, list[Any]] = {
            "frame_number": [chunk.frame_number for chunk in chunks],
            "device_time": [chunk.device_time for chunk in chunks],
            "arrival_time": [chunk.arrival_time for chunk in chunks],
        }
        keys = {key for chunk in chunks for key in chunk.metadata}
        expected |= {f"metadata/{key}": [chunk.metadata.get(key, MISSING) for chunk in chunks] for key in sorted(keys)}
        for name, values in expected.items():
            if f"{path}/{name}" not in self._h5:
                yield f"{self._name}: {path}/{name} is missing"
                continue
            stored = self._read(f"{path}/{name}")
            if stored is None:
                continue
            self.rows += len(stored)
            if len(stored) != len(values):
                yield f"{self._name}: {path}/{name} has {len(stored)} rows for {len(values)} frames"
            wrong = np.flatnonzero(_differ(stored[: len(values)], np.array(values, stored.dtype)[: len(stored)]))
            yield from few(f"{self._name}: {path}/{name}", (f"frame {i} differs from the journal" for i in wrong))
        for name in ("time", "time_uncertainty"):
            if f"{path}/{name}" in self._h5 and len(self._h5[f"{path}/{name}"]) != len(chunks):
                yield f"{self._name}: {path}/{name} has {len(self._h5[f'{path}/{name}'])} rows for {len(chunks)} frames"


def _differ(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Return per row whether two arrays differ; NaN equals NaN."""
    if one.dtype.kind in "OS":
        return np.array([not _same(a, b) for a, b in zip(one.ravel(), other.ravel(), strict=True)], bool)
    same = one == other
    if one.dtype.kind == "f" and other.dtype.kind == "f":
        same |= np.isnan(one) & np.isnan(other)
    different: NDArray[np.bool_] = ~same.all(axis=tuple(range(1, same.ndim)))
    return different


def _same(value: Any, word: Any) -> bool:  # noqa: ANN401 - h5py's value against JSON's
    """Return whether a stored value is what the journal's JSON says."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if word is None:
        return value == "" or (isinstance(value, float | np.floating) and not math.isfinite(value))
    if isinstance(word, Mapping) and "array" in word:
        word = unpack(word["array"])
    elif isinstance(word, Mapping):
        return isinstance(value, str) and json.loads(value) == word
    if isinstance(value, str):
        return isinstance(word, str) and (value == word or (value.endswith("…") and word.startswith(value[:-1])))
    stored, said = np.asarray(value), np.asarray(word)
    if stored.shape != said.shape:
        return stored.size == said.size == 0
    if stored.dtype.kind in "OSU":
        return all(_same(a, b) for a, b in zip(stored.ravel().tolist(), said.ravel().tolist(), strict=True))
    return not _differ(np.atleast_1d(stored), np.atleast_1d(said)).any()


def _show(value: Any) -> str:  # noqa: ANN401 - any stored value
    return repr(value.item() if isinstance(value, np.generic) else value)[:80]
