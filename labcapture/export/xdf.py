"""All streams but pictures in one XDF file, with raw time stamps and clock offsets.

A sender's stamps stand as they came, with the measured offsets of its clock: a reader that synchronises finds our
times. What is on our own clock (voice, pictures, events) has offsets of zero. A sender that was lost and came back may
have another clock: each such segment is a stream of its own (``eda``, ``eda-2``, ...).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.export.draft import Draft, Exported, Progress
from labcapture.export.tables import EVENT_TABLES, choice, jsonable, result_name, session_name, tables_of
from labcapture.export.xdf_file import FORMATS, Header, XdfWriter
from labcapture.reading.session import Session
from labcapture.reading.streams import AudioStream, SampleStream, Table
from labcapture.recording.tables import Column

OPTIONS: Mapping[str, str] = {"sound": "yes (the default) or no"}

_Times = Sequence[float] | NDArray[np.float64]

_PIECE = 1 << 14
_FRAME_CHANNELS = (
    ("trial", "row of /info/desc/trials"),
    ("index", "index of the picture in its trial"),
    ("frame_number", "the camera's counter"),
    ("device_time", "s"),
    ("arrival_time", "s"),
    ("time_uncertainty", "s"),
)
_CAN_LOSE = {"synchronization": {"can_drop_samples": "true"}}  # a reader must not spread samples evenly over a gap


def export(session: Session, out: Path, options: Mapping[str, str], progress: Progress) -> Exported:
    """Write the streams of a session into an XDF file below ``out``; see `labcapture.export.formats`."""
    has_sound = choice(options, "sound", ("yes", "no")) == "yes"
    notes = ["Pictures have no place in XDF: their times and counters are streams."]
    name = f"{session_name(session)}.xdf"
    with Draft(out / result_name(session, "xdf"), session, "xdf", options) as draft:
        if draft.lacks(name):
            with draft.making(name) as path, XdfWriter(path, {"datetime": session.attributes["started_utc"]}) as file:
                work = _Work(session, file, notes)
                parts = list(work.parts(has_sound))
                for done, (what, write) in enumerate(parts):
                    progress(what, done, len(parts))
                    write()
                progress(name, len(parts), len(parts))
    return draft.exported("xdf", tuple(notes))


class _Work:
    def __init__(self, session: Session, file: XdfWriter, notes: list[str]) -> None:
        self._session, self._file, self._notes = session, file, notes
        self._source = session_name(session)

    def parts(self, has_sound: bool) -> Iterator[tuple[str, Any]]:
        """Yield (name, what writes it) of each stream."""
        session = self._session
        for name, rows, columns in tables_of(session, *EVENT_TABLES):
            yield name, lambda n=name, r=rows, c=columns: self._table(n, r, c)
        for name, facts in session.streams.items():
            if name in session.samples:
                yield name, lambda n=name: self._signal(session.samples[n])
            elif name in session.audio and has_sound:
                yield name, lambda n=name: self._sound(session.audio[n])
            elif facts["kind"] == "frames":
                yield name, lambda n=name: self._frames(n)

    def _header(
        self,
        name: str,
        kind: str,
        channels: Sequence[tuple[str, str]],
        format: str,
        rate_hz: float = 0.0,
        facts: Mapping[str, Any] | None = None,
    ) -> Header:
        described = self._session.streams.get(name.partition("-")[0], {})
        said = {key: json.dumps(value, default=jsonable, ensure_ascii=False) for key, value in described.items()}
        return Header(
            name,
            kind,
            f"{self._source}:{name}",
            channels,
            format,
            rate_hz,
            {**_CAN_LOSE, **(facts or {}), "attributes": said},
        )

    def _end(self, stream: int, times: _Times, count: int, offsets: Sequence[tuple[float, float]]) -> None:
        for time, offset in offsets:
            self._file.offset(stream, time, offset)
        first, last = (float(times[0]), float(times[-1])) if len(times) else (0.0, 0.0)
        self._file.end(stream, first, last, count, offsets)

    def _own_clock(self, times: _Times) -> list[tuple[float, float]]:
        """Return offsets of zero for what is on the recording machine's clock already."""
        return [(float(t), 0.0) for t in sorted({float(times[0]), float(times[-1])})] if len(times) else []

    def _table(self, name: str, rows: Table, columns: tuple[Column, ...]) -> None:
        when = EVENT_TABLES[next(path for path in EVENT_TABLES if path.replace("/", "_") == name)]
        timed = np.isfinite(rows[when].astype(float))
        if not timed.all():
            self._notes.append(f"{name}: {np.count_nonzero(~timed)} rows without a time were left out.")
        rows = rows[timed][np.argsort(rows[when][timed].astype(float), kind="stable")]
        others = [column for column in columns if column.name != when]
        stream = self._file.stream(self._header(name, "Markers", [(c.name, c.units) for c in others], "string"))
        times = rows[when].astype(np.float64)
        self._file.texts(stream, times, [[_text(row[c.name]) for c in others] for row in rows])
        self._end(stream, times, len(rows), self._own_clock(times))

    def _signal(self, signal: SampleStream) -> None:
        values, offsets = signal.values[()], signal.clock_offsets
        if values.dtype.name not in FORMATS:
            self._notes.append(f"{signal.name}: XDF has no {values.dtype.name}; its values are double64.")
            values = values.astype(np.float64)
        labels = signal.channels or [str(i) for i in range(values.shape[1])]
        for segment in np.unique(signal.segment):
            name = signal.name if segment == 0 else f"{signal.name}-{segment + 1}"
            mine = signal.segment == segment
            measured = offsets[offsets["segment"] == segment]
            if not len(measured):
                self._notes.append(f"{name}: its clock was never measured; its stamps are the sender's own.")
            kind = "EDA" if signal.name == "eda" else str(signal.attributes.get("type", signal.name))
            header = self._header(
                name,
                kind,
                [(label, signal.units) for label in labels],
                FORMATS[values.dtype.name],
                signal.rate_hz,
                {"segment": int(segment)},
            )
            stream, raw, rows = self._file.stream(header), signal.raw_time[mine], values[mine]
            for at in range(0, len(raw), _PIECE):
                self._file.numbers(stream, raw[at : at + _PIECE], rows[at : at + _PIECE])
            pairs = [(float(m["time"] - m["offset"]), float(m["offset"])) for m in measured]
            self._end(stream, raw, len(raw), pairs)

    def _sound(self, sound: AudioStream) -> None:
        labels = sound.channels or [str(i) for i in range(sound.values.shape[1])]
        header = self._header(
            sound.name, "Audio", [(label, sound.units or "int16") for label in labels], "int16", sound.rate_hz
        )
        stream, edges = self._file.stream(header), np.append(sound.blocks["row"], len(sound))
        times = sound.blocks["time"]
        per_read = 512
        for at in range(0, len(times), per_read):  # blocks are short: many are read at once
            behind = min(at + per_read, len(times))
            values = sound.values[edges[at] : edges[behind]]
            for block in range(at, behind):
                rows = values[edges[block] - edges[at] : edges[block + 1] - edges[at]]
                self._file.numbers(stream, times[block : block + 1], rows, only_first=True)
        self._end(stream, sound.time_of([0, len(sound) - 1]) if len(sound) else (), len(sound), self._own_clock(times))

    def _frames(self, camera: str) -> None:
        trials = [trial for trial in self._session.trials.values() if camera in trial]
        facts = {"trials": {"trial": [trial.id for trial in trials]}}
        header = self._header(camera, "VideoFrames", _FRAME_CHANNELS, "double64", 0.0, facts)
        stream, count, ends = self._file.stream(header), 0, []
        for row, trial in enumerate(trials):
            frames = trial[camera]
            n = len(frames)
            parts = (np.full(n, row), np.arange(n), frames.frame_number, frames.device_time, frames.arrival_time)
            values = np.stack([*parts, frames.time_uncertainty], axis=1).astype(np.float64)
            self._file.numbers(stream, frames.time, values)
            count += n
            ends += [float(frames.time[0]), float(frames.time[-1])] if n else []
        self._end(stream, ends, count, self._own_clock(ends))


def _text(value: Any) -> str:  # noqa: ANN401 - any cell
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else repr(float(value))
    return str(value)
