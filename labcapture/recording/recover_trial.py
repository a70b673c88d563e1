"""One trial after a crash: what is told of it, which of its pictures are there, what is missing."""

from __future__ import annotations

import io
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from labcapture.core.chunks import Cause, Frame, Gap, StreamSpec
from labcapture.core.errors import RecordingError
from labcapture.recording import encodings
from labcapture.recording.boundaries import Seen, Take
from labcapture.recording.guard import opened
from labcapture.recording.journal import ChunkRecord, digest
from labcapture.recording.ledger import Around
from labcapture.recording.recover_evidence import UNREADABLE, Account, restored, spec_of
from labcapture.recording.schema import check_stream, check_trial
from labcapture.recording.witness import Witness

CAUSE = Cause.RECORDER_OVERFLOW  # lost by us: it came and was not stored
LOST = "it came, but its bytes were not on the disk after the crash"
BROKE_OFF = "here the recording broke off"
AGAINST = "the recording broke off before the trial ended"
_NO_PIXELS = np.empty(0, np.uint8)
_OF_THE_FILE = {"start", "stop", "closed", "trial", "recovered"}


@dataclass
class TrialOutcome:
    """What became of a trial.

    Parameters
    ----------
    trial
        Its id.
    state
        ``kept``: its file was whole and stays as it is; ``rebuilt``; ``lost``: there is nothing of it.
    source
        ``journal``, or ``file`` where the journal was missing or worse than the file.
    broke_off
        Whether it was still being recorded.
    journalled, recovered, lost
        Frames by stream: told of, in the recovered file, and told of but not there.
    notes
        What else was found, in sentences.
    """

    trial: str
    state: Literal["kept", "rebuilt", "lost"] = "lost"
    source: str = "nothing"
    broke_off: bool = False
    journalled: dict[str, int] = field(default_factory=dict)
    recovered: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class CrashedTrial:
    """What is told of a trial.

    Parameters
    ----------
    folder
        The session's.
    trial
        Its id.
    """

    def __init__(self, folder: Path, trial: str) -> None:
        check_trial(trial)
        self.trial = trial
        self.account = Account(folder, trial)
        self._folder, self._path = folder, folder / self.account.name
        self._size = self._path.stat().st_size if self._path.is_file() else 0
        self.values: dict[str, Any] = {}
        self.specs: dict[str, StreamSpec] = {}
        self.chunks: list[ChunkRecord] = []
        self.unfit = 0
        self._gaps: dict[str, list[Gap]] = {}
        for line in self.account:
            try:
                self._hear(line)
            except (RecordingError, *UNREADABLE):
                self.unfit += 1
        there = sum(chunk.size for chunk in self.chunks if chunk.offset + chunk.size <= self._size)
        if there > self._size:
            raise RecordingError("tells of pictures that lie over each other", self.account.journal, "Do not use it.")
        newest = max((chunk.arrival_time for chunk in self.chunks), default=math.nan)
        first = min((chunk.arrival_time for chunk in self.chunks), default=math.nan)
        self.newest = newest
        self.start = _number(self.values.get("start"), first)
        stop = _number(self.values.get("stop"), math.nan)
        self.broke_off = not (math.isfinite(stop) and self._gaps.keys() >= self.specs.keys())
        if self.broke_off:
            stop = math.nextafter(newest if math.isfinite(newest) else self.start, math.inf)
        self.stop = stop

    def _hear(self, line: Mapping[str, Any] | ChunkRecord) -> None:
        if isinstance(line, ChunkRecord):
            spec = self.specs[line.dataset.split("/")[1]]
            numbers = (line.index, line.offset, line.size, line.filter_mask, line.frame_number, *line.metadata.values())
            if not all(type(number) is int for number in numbers):
                raise TypeError(line.dataset)
            is_possible = line.filter_mask in {0, 1} and min(line.offset, line.size, line.index) >= 0
            if line.dataset != f"/{spec.name}/frames" or not is_possible or line.size > spec.element_bytes:
                raise ValueError(line.dataset)
            self.chunks.append(line)
        elif line["kind"] == "values" and line["path"] == "/":
            self.values.update({key: restored(value) for key, value in line["values"].items()})
        elif line["kind"] == "group" and "stream" in line:
            spec = spec_of(line["stream"])
            check_stream(spec)
            self._codec.options(spec.dtype, spec.shape)
            self.specs[spec.name] = spec
        elif line["kind"] == "rows" and line["path"].endswith("/gaps"):
            stream = line["path"].split("/")[1]
            self._gaps.setdefault(stream, []).extend(gap_of(stream, row) for row in line["rows"])

    @property
    def _codec(self) -> encodings.Codec:
        return encodings.of(str(self.values.get("codec", encodings.UNSAID)))

    @property
    def known(self) -> bool:
        """Whether there is enough to make a file from."""
        return bool(self.specs) and math.isfinite(self.start)

    def own_values(self, identity: Mapping[str, Any]) -> dict[str, Any]:
        """Return the attributes that the trial alone has: step, clip, ..."""
        return {key: value for key, value in self.values.items() if key not in {*identity, *_OF_THE_FILE}}

    def is_whole(self) -> bool:
        """Return whether its file was closed in order and is all that the journal says."""
        if self.account.source != "journal" or not self.account.ended or self.account.damaged or self.unfit:
            return False
        try:
            with opened(self._folder, self.account.name) as h5:
                hearing = Witness(
                    self._folder, h5, "trial", self.account.name, self.account.journal, lambda *_: None
                ).hear()
                return bool(h5.attrs["closed"]) and next(hearing, None) is None
        except (RecordingError, *UNREADABLE):
            return False

    def kept_times(self) -> dict[str, tuple[Any, Any]]:
        """Return the LSL times and the arrivals in a whole file, by stream."""
        with opened(self._folder, self.account.name) as h5:
            return {name: (h5[name]["time"][:], h5[name]["arrival_time"][:]) for name in self.specs}

    @property
    def gaps(self) -> Mapping[str, Sequence[Gap]]:
        """The rows of its own gap tables, by stream."""
        return self._gaps

    # Pictures ---------------------------------------------------------------------------------------------------------

    def pictures(self, losses: list[Gap]) -> Iterator[tuple[Frame, bytes, int, str]]:
        """Yield every picture whose bytes are there, in the order of recording: frame, bytes, filter mask, digest.

        What is missing between them is added to ``losses``.
        """
        runs = {name: _Run(spec) for name, spec in self.specs.items()}
        with self._path.open("rb") if self._size else io.BytesIO() as file:
            for chunk in self.chunks:
                run = runs[chunk.dataset.split("/")[1]]
                data = self._bytes(file, chunk, run.spec)
                if chunk.index < run.expected:
                    self.unfit += 1
                    continue
                if data is None:
                    continue  # the index of the next one tells
                losses += run.gap(chunk, self.start)
                run.last, run.expected = chunk, chunk.index + 1
                frame = Frame(
                    run.spec.name,
                    _NO_PIXELS,
                    chunk.frame_number,
                    chunk.device_time,
                    chunk.arrival_time,
                    chunk.metadata,
                )
                yield frame, data, chunk.filter_mask, chunk.digest
        for name, run in runs.items():
            losses += run.tail([c for c in self.chunks if c.dataset == f"/{name}/frames"], self.start, self.stop)

    def _bytes(self, file: Any, chunk: ChunkRecord, spec: StreamSpec) -> bytes | None:  # noqa: ANN401 - a file
        if chunk.offset + chunk.size > self._size:
            return None
        file.seek(chunk.offset)
        data: bytes = file.read(chunk.size)
        if len(data) != chunk.size or digest(data) != chunk.digest:
            return None
        if chunk.filter_mask:  # HDF5 trusts the length of a raw chunk
            return data if len(data) == spec.element_bytes else None
        if self.account.source == "file":  # no digest was written down: the picture itself must make sense
            try:
                encodings.decode(self._codec, data, 0, np.dtype(spec.dtype), spec.shape)
            except Exception:  # noqa: BLE001 - whatever a decoder has against nonsense
                return None
        return data

    def around(self, reported: Sequence[Gap], values: Mapping[str, Any]) -> Around:
        """Return the trial as it was seen coming in; ``reported``: the gaps of the session, and those by the crash."""
        last: dict[str, Seen] = {}
        for chunk in self.chunks:
            last[chunk.dataset.split("/")[1]] = Seen(chunk.frame_number, chunk.arrival_time)
        takes: dict[str, Take] = {}
        ends: list[Gap] = []
        for name, spec in self.specs.items():
            seen = last.get(name)
            takes[name] = Take(name, spec.rate_hz, self.start, self.stop, (), None, None, seen)
            number = seen.number if seen is not None else -1
            first, final = (number + 1, number) if number >= 0 else (-1, -1)
            begin = seen.arrival if seen is not None else self.start
            ends.append(Gap(name, CAUSE, first, final, 0, begin, math.nan, BROKE_OFF))
        closing = {"whole": False} if self.broke_off else {}
        return Around(self.trial, self.start, self.stop, values, closing, takes, (*reported, *ends))

    def whole_gaps(self, losses: Sequence[Gap]) -> dict[str, list[Gap]] | None:
        """Return all gaps of a trial that had ended, by stream; None if it had not: they are still to be found."""
        if self.broke_off:
            return None
        found: dict[str, list[Gap]] = defaultdict(list)
        for name in self.specs:
            rows = [*self._gaps.get(name, ()), *(gap for gap in losses if gap.stream == name)]
            found[name] = sorted(rows, key=lambda gap: (gap.start, gap.first))
        return dict(found)


class _Run:
    """A stream while its pictures are taken from the crashed file."""

    def __init__(self, spec: StreamSpec) -> None:
        self.spec = spec
        self.expected = 0
        self.last: ChunkRecord | None = None

    def gap(self, now: ChunkRecord, start: float) -> list[Gap]:
        """Return what is missing before ``now``, by the index of the pictures."""
        return self._gap(now.index - self.expected, now.frame_number, start, now.arrival_time)

    def tail(self, chunks: Sequence[ChunkRecord], start: float, stop: float) -> list[Gap]:
        """Return what is missing after the last picture."""
        if not chunks:
            return []
        count = chunks[-1].index + 1 - self.expected
        number = chunks[-1].frame_number
        return self._gap(count, number + 1 if number >= 0 else -1, start, stop)

    def _gap(self, count: int, number: int, start: float, stop: float) -> list[Gap]:
        if count <= 0:
            return []
        before = self.last.frame_number if self.last is not None else number - count - 1
        counted = number >= 0 and before >= -1 and number - before - 1 == count
        first, last = (before + 1, number - 1) if counted else (-1, -1)
        begin = self.last.arrival_time if self.last is not None else start
        return [Gap(self.spec.name, CAUSE, first, last, count, begin, stop, LOST)]


def gap_of(stream: str, row: Sequence[Any]) -> Gap:
    """Return a row of a gap table, as the journal has it."""
    cause, first, last, count, start, stop, note = row
    return Gap(
        stream,
        Cause(cause),
        int(first),
        int(last),
        int(count),
        _number(start, math.nan),
        _number(stop, math.nan),
        str(note),
    )


def _number(value: Any, otherwise: float) -> float:  # noqa: ANN401 - JSON
    return float(value) if isinstance(value, int | float | np.number) and math.isfinite(value) else otherwise


def nothing_of(trial: str, streams: Iterable[StreamSpec]) -> Around:
    """Return a trial of which nothing is known but its name."""
    takes = {s.name: Take(s.name, s.rate_hz, 0.0, 0.0, (), None, None, None) for s in streams if s.kind == "frames"}
    return Around(trial, 0.0, 0.0, {}, {}, takes, ())


def is_usable(trial: str) -> bool:
    """Return whether this may be the id of a trial, and so the name of a file."""
    try:
        check_trial(trial)
    except RecordingError:
        return False
    return True
