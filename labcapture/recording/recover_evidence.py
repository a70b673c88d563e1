"""What is known of a file that was not closed: from its journal, or else from the file, told as a journal would.

Of session.h5 with a damaged journal, each table and signal comes from the one of the two that has more of it.

An `Account` is iterated over: the lines of `labcapture.recording.journal`, pictures as `ChunkRecord`. It never raises
on damage; what it could not read is counted.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from labcapture.core.chunks import StreamSpec
from labcapture.core.errors import RecordingError
from labcapture.recording.guard import DAMAGE, MAX_CHUNK_BYTES, damaged_parts, opened
from labcapture.recording.journal import ChunkRecord, JournalReader, digest, jsonable, pack, unpack
from labcapture.recording.schema import MISSING, File, check_stream, journal_path, trial_path
from labcapture.recording.schema import SESSION_FILE as SESSION
from labcapture.recording.superblock import Mended
from labcapture.recording.tables import SESSION_TABLES

Line = Mapping[str, Any] | ChunkRecord
Source = Literal["journal", "file", "nothing"]

UNREADABLE = DAMAGE
"""What h5py raises on damage, and what a line that holds nonsense leads to."""

_MAX_SAMPLE_BYTES = 1 << 20  # of all channels of a signal
_NOT_OURS = {"kind", "rate_hz", "units", "channels", "clock", "simulated", "long_name", "NX_class", "signal", "axes"}


class Account:
    """The lines on one file, from the better of two sources; of session.h5, for each table and signal the better one.

    Parameters
    ----------
    folder
        The session's.
    trial
        Whose file; None: session.h5.
    """

    def __init__(self, folder: Path, trial: str | None) -> None:
        self.trial = trial
        self.kind: File = "trial" if trial else "session"
        self.name = trial_path(trial) if trial else SESSION
        self.journal = journal_path(trial)
        self._file, self._journal = folder / self.name, folder / self.journal
        self._folder = folder
        self.source: Source = "nothing"
        self.of_file: frozenset[str] = frozenset()
        """Paths of the tables and signals that the file tells, for the damaged journal tells less of them."""
        self._is_mixed = False
        self.refusal: RecordingError | None = None
        """Why the file was not read although it could be opened: it is not safe to."""
        self.damaged = 0
        """Lines of the journal, or parts of the file, that could not be read."""
        self.torn = False
        """Whether the journal's last line is not whole."""
        self.ended = False
        told = sum(1 for _ in self._from_journal())
        found = self.damaged, self.torn, self.ended
        if told and not self.damaged:
            self.source = "journal"
        # The journal is missing or damaged. The file is up to a second behind it, but may know what it has lost. Its
        # tables have checksums of their own; its pictures have none, and are not trusted unless it was closed.
        elif not told:
            self.source = "file" if any(True for _ in self._from_file()) else "nothing"
        elif not trial:
            self.source, self._is_mixed = "journal", True
            file, journal = _weights(self._from_file()), _weights(self._from_journal())
            self.of_file = frozenset(path for path in file if file[path] > journal[path])
        elif self._is_closed() and _weight(self._from_file()) > _weight(self._from_journal()):
            self.source = "file"
        else:
            self.source = "journal"
        if self.source != "file":
            self.damaged, self.torn, self.ended = found

    def _is_closed(self) -> bool:
        try:
            with opened(self._folder, self.name) as h5:
                return bool(h5.attrs["closed"])
        except (RecordingError, *UNREADABLE):
            return False

    def __iter__(self) -> Iterator[Line]:
        if self.source == "journal":
            if self._is_mixed:  # the journal's first lines may be among those that cannot be read
                yield from (line for line in self._from_file() if self._is_of_file(line))
            yield from (line for line in self._from_journal() if _owner(line) not in self.of_file)
        elif self.source == "file":
            yield from self._from_file()

    def _is_of_file(self, line: Line) -> bool:
        """Return whether this line of the file is to be told beside the damaged journal, which corrects it."""
        if isinstance(line, ChunkRecord) or line["kind"] in {"rows", "extend"}:
            return _owner(line) in self.of_file
        try:
            if "stream" in line:
                check_stream(spec_of(line["stream"]))
        except (RecordingError, *UNREADABLE):
            return False
        return True

    def _from_journal(self) -> Iterator[Line]:
        reader = JournalReader(self._journal)
        unfit = 0
        try:
            for number, record in enumerate(reader):
                if number == 0 and record.get("file") != self.name:
                    self.damaged = 1
                    return
                try:
                    yield reader.chunk(record) if record["kind"] == "chunk" else record
                except UNREADABLE:
                    unfit += 1
        except RecordingError:
            pass  # no header: if its line was damaged, that is counted; if not, nothing was written yet
        except UNREADABLE:
            unfit += 1
        self.torn, self.ended, self.damaged = reader.torn, reader.ended, len(reader.damaged) + unfit

    def _from_file(self) -> Iterator[Line]:
        self.damaged, self.torn, self.ended = 0, False, False
        try:
            with Mended(self._file) as mended, h5py.File(mended, "r") as h5:
                unsafe = damaged_parts(h5, self.name, None if self.trial else self._folder)
                teller = _Teller(h5, self._file, unsafe)
                yield from teller.trial() if self.trial else teller.session()
                self.damaged = teller.damaged
        except RecordingError as error:
            self.refusal = error
            self.damaged += 1
        except UNREADABLE:
            self.damaged += 1


def _weight(lines: Iterator[Line]) -> int:
    """Return how much is told: pictures, and rows of tables and arrays."""
    return sum(sum(_size(line)) for line in lines)


def _weights(lines: Iterator[Line]) -> defaultdict[str, tuple[int, int]]:
    """Return how much is told of each table and signal: first its samples, then rows beside them."""
    found: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for line in lines:
        if owner := _owner(line):
            (samples, rows), (more, further) = found[owner], _size(line)
            found[owner] = samples + more, rows + further
    return found


def _size(line: Line) -> tuple[int, int]:
    """Return how many samples or pictures, and how many rows of tables, a line holds."""
    if isinstance(line, ChunkRecord):
        return 1, 0
    if line["kind"] == "extend":
        return max((int(packed["shape"][0]) for packed in line["arrays"].values()), default=0), 0
    return 0, len(line["rows"]) if line["kind"] == "rows" else 0


def _owner(line: Line) -> str:
    """Return the path of the table or signal to which a line adds; gaps and clock offsets belong to their stream."""
    if isinstance(line, ChunkRecord) or line["kind"] not in {"rows", "extend"}:
        return ""
    return str(line["path"]).removesuffix("/gaps").removesuffix("/clock_offsets")


def spec_of(said: Mapping[str, Any]) -> StreamSpec:
    """Return the stream of a line of kind ``group``."""
    attributes = {key: restored(value) for key, value in said["attributes"].items()}
    shape, channels = tuple(int(n) for n in said["shape"]), tuple(str(c) for c in said["channels"])
    spec = StreamSpec(**{**said, "attributes": attributes, "shape": shape, "channels": channels})
    if not 0 < spec.element_bytes <= (MAX_CHUNK_BYTES if spec.kind == "frames" else _MAX_SAMPLE_BYTES):
        raise ValueError(f"{spec.element_bytes} bytes for one element of {spec.name!r:.40}")
    return spec


def restored(value: Any) -> Any:  # noqa: ANN401 - any value of an attribute
    """Return what `labcapture.recording.journal.jsonable` was given."""
    return unpack(value["array"]) if isinstance(value, Mapping) and set(value) == {"array"} else value


class _Teller:
    """Tells an HDF5 file as its journal would have."""

    def __init__(self, h5: h5py.File, path: Path, unsafe: Collection[str]) -> None:
        self._h5, self._path, self._unsafe = h5, path, unsafe
        self.damaged = 0

    def _at(self, path: str) -> Any:  # noqa: ANN401 - h5py is untyped
        """Return the group or dataset at ``path``, unless what leads there could not be looked at."""
        if any(path == part or path.startswith(f"{part}/") for part in self._unsafe):
            raise KeyError(path)
        return self._h5[path]

    def trial(self) -> Iterator[Line]:
        yield from self._attributes("/")
        for stream in self._h5:
            yield from self._guarded(self._camera(stream))

    def session(self) -> Iterator[Line]:
        yield from self._attributes("/")
        for name in ("text", "rig"):
            yield {"kind": "text", "path": f"/protocol/{name}", "text": self._at(f"/protocol/{name}").asstr()[()]}
        yield from self._attributes("/quality")
        signals: dict[str, str] = {}
        for name in self._at("/streams"):
            group = self._at(f"/streams/{name}")
            kind = str(group.attrs["kind"])
            path = f"/{name}" if kind == "audio" or name == "eda" else f"/lsl/{name}"
            signals |= {} if kind == "frames" else {path: kind}
            data = None if kind == "frames" else self._at(f"{path}/samples")
            yield {"kind": "group", "path": f"/streams/{name}", "stream": _said(name, group, data)}
            yield from self._guarded(self._rows(f"{group.name if kind == 'frames' else path}/gaps"))
        for path in SESSION_TABLES:
            yield from self._guarded(self._rows(path))
        if "/calibration/color" in self._h5:
            yield from self._guarded(self._head())
        for name in self._at("/clock"):
            if f"/clock/{name}/device_time" in self._h5:
                yield from self._guarded(self._pairs(f"/clock/{name}"))
        for path, kind in signals.items():
            yield from self._guarded(self._sound(path) if kind == "audio" else self._samples(path))
        for name in self._at("/trials"):
            yield {"kind": "group", "path": f"/trials/{name}"}
            yield from self._attributes(f"/trials/{name}")
        for name in ("counts", "verdicts"):
            yield from self._guarded(self._rows(f"/quality/{name}"))

    def _guarded(self, lines: Iterator[Line]) -> Iterator[Line]:
        try:
            yield from lines
        except UNREADABLE:
            self.damaged += 1

    def _attributes(self, path: str) -> Iterator[Line]:
        yield {"kind": "values", "path": path, "values": jsonable(_attributes(self._at(path)))}

    def _rows(self, path: str) -> Iterator[Line]:
        table = self._at(path)[:]
        rows = [[_text(value) for value in row.tolist()] for row in table]
        if rows:
            yield {"kind": "rows", "path": path, "rows": jsonable(rows)}

    def _extend(self, path: str, arrays: Mapping[str, Any]) -> Line:
        return {"kind": "extend", "path": path, "arrays": {name: pack(array) for name, array in arrays.items()}}

    def _head(self) -> Iterator[Line]:
        yield self._extend("/calibration", self._columns("/calibration", "color", "depth"))

    def _pairs(self, path: str) -> Iterator[Line]:
        yield self._extend(path, self._columns(path, "device_time", "arrival_time"))

    def _columns(self, path: str, *names: str) -> dict[str, Any]:
        """Return columns below a group, cut to one length."""
        return _cut({name: self._at(f"{path}/{name}")[:] for name in names})

    def _sound(self, path: str) -> Iterator[Line]:
        blocks = self._columns(f"{path}/blocks", "row", "first_sample", "adc_time", "arrival_time")
        samples = self._at(f"{path}/samples")
        for i, (start, stop) in enumerate(pairwise([*blocks["row"].tolist(), len(samples)])):
            if start < stop:
                times = {f"blocks/{name}": column[i : i + 1] for name, column in blocks.items()}
                yield self._extend(path, {"samples": samples[start:stop], **times})

    def _samples(self, path: str) -> Iterator[Line]:
        yield from self._rows(f"{path}/clock_offsets")
        columns = self._columns(path, "samples", "raw_time", "arrival_time", "segment")
        arrival = columns["arrival_time"]
        edges = np.flatnonzero(np.diff(arrival)) + 1
        for start, stop in pairwise([0, *edges.tolist(), len(arrival)]):
            if start < stop:
                yield self._extend(path, {name: column[start:stop] for name, column in columns.items()})

    def _camera(self, name: str) -> Iterator[Line]:
        stream, pictures = self._at(f"/{name}"), self._at(f"/{name}/frames")
        yield {"kind": "group", "path": f"/{name}", "stream": _said(name, stream, pictures)}
        if np.isfinite(self._h5.attrs["stop"]):  # else nobody has looked for gaps yet
            yield {"kind": "rows", "path": f"/{name}/gaps", "rows": []}
            yield from self._rows(f"/{name}/gaps")
        columns = self._columns(f"/{name}", "frame_number", "device_time", "arrival_time")
        keys = {key: self._at(f"/{name}/metadata/{key}")[:] for key in self._at(f"/{name}/metadata")}
        stored: dict[int, Any] = {}
        pictures.id.chunk_iter(lambda info: stored.__setitem__(info.chunk_offset[0], info))
        with self._path.open("rb") as file:
            for i in range(len(columns["frame_number"])):
                if (info := stored.get(i)) is None:
                    continue
                file.seek(info.byte_offset)
                data = file.read(info.size)
                values = {key: int(column[i]) for key, column in keys.items() if i < len(column)}
                yield ChunkRecord(
                    f"/{name}/frames",
                    i,
                    info.byte_offset,
                    info.size,
                    info.filter_mask,
                    digest(data),
                    int(columns["frame_number"][i]),
                    float(columns["device_time"][i]),
                    float(columns["arrival_time"][i]),
                    {key: value for key, value in values.items() if value != MISSING},
                )


def _said(name: str, group: h5py.Group, data: h5py.Dataset | None) -> dict[str, Any]:
    """Return what a stream says of itself; ``data``, where there are any, tell type and shape."""
    values = _attributes(group)
    return {
        "name": name,
        "kind": values["kind"],
        "dtype": "uint8" if data is None else data.dtype.name,
        "shape": [] if data is None else list(data.shape[1:]),
        "units": values["units"],
        "rate_hz": float(values["rate_hz"]),
        "channels": [str(channel) for channel in values["channels"]],
        "clock": values["clock"],
        "simulated": bool(values["simulated"]),
        "attributes": jsonable({key: value for key, value in values.items() if key not in _NOT_OURS}),
    }


def _attributes(thing: Any) -> dict[str, Any]:  # noqa: ANN401 - h5py is untyped
    values = {}
    for key, value in thing.attrs.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "O":
            values[key] = [str(item) for item in value.tolist()]
        elif key in {"software", "variables"} and isinstance(value, str):
            values[key] = json.loads(value)
        else:
            values[key] = value
    return values


def _cut(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns of one length: what was being written when the crash came may be longer in one than in another."""
    length = min(len(column) for column in columns.values())
    return {name: column[:length] for name, column in columns.items()}


def _text(value: Any) -> Any:  # noqa: ANN401 - any field of a row
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
