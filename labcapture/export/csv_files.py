"""Every table and signal of a session as CSV, sound as WAV, pictures as tables of their times.

::

    <session>_csv/README.md            what each file and column is, with its unit
    <session>_csv/session.json         attributes of the session, its streams and trials
    <session>_csv/<table>.csv          markers, self_report, answers, steps, ...
    <session>_csv/<signal>.csv         a row per sample: time, raw_time, ..., a column per channel
    <session>_csv/<signal>_gaps.csv, <signal>_clock_offsets.csv
    <session>_csv/<sound>.wav          the samples as recorded, one after the other
    <session>_csv/<sound>_blocks.csv   the time of the sample in each row: where lost ones are missing, it jumps
    <session>_csv/frames/<trial>_<camera>.csv     a row per picture: times, counter, metadata
"""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labcapture.export.draft import Draft, Exported, Progress
from labcapture.export.tables import (
    EVENT_TABLES,
    OTHER_TABLES,
    choice,
    columns_of,
    result_name,
    tables_of,
    write_csv,
    write_json,
)
from labcapture.reading.session import Session
from labcapture.reading.streams import AudioStream, FrameStream, SampleStream, Table
from labcapture.recording import schema
from labcapture.recording.tables import Column

OPTIONS: Mapping[str, str] = {"sound": "yes (the default) or no"}

_PIECE = 1 << 16
_LARGEST_WAV = 2**32 - 2**16


@dataclass(frozen=True, slots=True)
class _File:
    """One file to be made: ``columns`` describes it."""

    name: str
    about: str
    columns: tuple[Column, ...]
    write: Callable[[Path], None]


def export(session: Session, out: Path, options: Mapping[str, str], progress: Progress) -> Exported:
    """Write the tables of a session below ``out``; see `labcapture.export.formats`."""
    has_sound = choice(options, "sound", ("yes", "no")) == "yes"
    notes: list[str] = []
    with Draft(out / result_name(session, "csv"), session, "csv", options) as draft:
        files = list(_files(session, has_sound, notes))
        for done, file in enumerate(files):
            progress(file.name, done, len(files))
            if draft.lacks(file.name):
                with draft.making(file.name) as path:
                    file.write(path)
        if draft.lacks("session.json"):
            with draft.making("session.json") as path:
                write_json(path, _about(session))
        if draft.lacks("README.md"):
            with draft.making("README.md") as path:
                path.write_text(_readme(session, files), "utf-8")
        progress("README.md", len(files), len(files))
    return draft.exported("csv", tuple(notes))


def _files(session: Session, has_sound: bool, notes: list[str]) -> Iterator[_File]:
    for name, rows, columns in tables_of(session, *EVENT_TABLES, *OTHER_TABLES):
        yield _table(name, rows, columns)
    for name in session.streams:
        if name in session.samples:
            yield from _signal(session.samples[name])
        elif name in session.audio:
            yield from _sound(session.audio[name], has_sound, notes)
        else:
            yield _table(f"{name}_gaps", session.gaps(name), columns_of(f"/streams/{name}/gaps", session.gaps(name)))
    for trial in session.trials.values():
        for name in trial:
            yield _pictures(f"frames/{trial.id}_{name}.csv", trial[name])


def _table(name: str, rows: Table, columns: tuple[Column, ...]) -> _File:
    entry = next((e for e in schema.REGISTRY if e.path == f"/{name}"), None)
    about = entry.description if entry else name.replace("_", " ")
    return _File(
        f"{name}.csv", about, columns, lambda path: write_csv(path, {n: rows[n] for n in rows.dtype.names or ()})
    )


def _signal(stream: SampleStream) -> Iterator[_File]:
    fixed = ("time", "raw_time", "time_uncertainty", "arrival_time", "segment")
    labels = unique(stream.channels or [str(i) for i in range(stream.values.shape[1])], fixed)
    columns = (
        *(described(f"/{_place(stream)}/{name}") for name in fixed),
        *(Column(label, str(stream.values.dtype), stream.units, "a channel") for label in labels),
    )

    def write(path: Path) -> None:
        values = stream.values[()]
        write_csv(
            path,
            {**{name: getattr(stream, name) for name in fixed}, **{n: values[:, i] for i, n in enumerate(labels)}},
        )

    yield _File(f"{stream.name}.csv", f"signal, nominally {stream.rate_hz:g} Hz", columns, write)
    for part, rows in (("clock_offsets", stream.clock_offsets), ("gaps", stream.gaps)):
        yield _table(f"{stream.name}_{part}", rows, columns_of(f"/{_place(stream)}/{part}", rows))


def _sound(stream: AudioStream, is_wanted: bool, notes: list[str]) -> Iterator[_File]:
    if is_wanted and stream.values.size * 2 > _LARGEST_WAV:
        notes.append(f"{stream.name} is larger than a WAV file can be: it is not among the files.")
        is_wanted = False
    if is_wanted:
        about = f"sound as recorded, {stream.rate_hz:g} Hz; lost samples are left out, {stream.name}_blocks.csv tells"
        yield _File(f"{stream.name}.wav", about, (), lambda path: _write_wav(path, stream))
    columns = tuple(described(f"/{stream.name}/blocks/{name}") for name in stream.blocks)
    yield _File(
        f"{stream.name}_blocks.csv", "blocks of the sound", columns, lambda path: write_csv(path, stream.blocks)
    )
    yield _table(f"{stream.name}_gaps", stream.gaps, columns_of(f"/{stream.name}/gaps", stream.gaps))


def _pictures(name: str, stream: FrameStream) -> _File:
    fixed = ("time", "time_uncertainty", "device_time", "arrival_time", "frame_number")
    columns = (
        Column("index", "int64", "", "index of the picture in its trial"),
        *(described(f"/{stream.name}/{column}", "trial") for column in fixed),
        *(Column(key, "int64", "", "as the driver told it; empty where it did not") for key in stream.metadata),
    )

    def write(path: Path) -> None:
        values: dict[str, Any] = {"index": np.arange(len(stream))}
        values.update({column: getattr(stream, column) for column in fixed})
        for key, column in stream.metadata.items():
            values[key] = [None if value == schema.MISSING else value for value in column.tolist()]
        write_csv(path, values)

    return _File(name, f"pictures of {stream.name}", columns, write)


def _write_wav(path: Path, stream: AudioStream) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(stream.values.shape[1])
        file.setsampwidth(2)
        file.setframerate(round(stream.rate_hz))
        for row in range(0, len(stream), _PIECE):
            file.writeframes(np.asarray(stream.values[row : row + _PIECE], "<i2").tobytes())


def _place(stream: SampleStream) -> str:
    return "eda" if stream.name == "eda" else f"lsl/{stream.name}"


def described(path: str, file: schema.File = "session") -> Column:
    """Return what the format says of the array at ``path``."""
    entry = schema.find(file, path)
    name = path.rpartition("/")[2]
    return Column(name, entry.dtype, entry.units, entry.description) if entry else Column(name, "", "", "")


def unique(labels: list[str], taken: tuple[str, ...]) -> list[str]:
    """Return labels of channels such that none is among ``taken`` or comes twice."""
    seen, result = set(taken), []
    for label in labels:
        name, n = label or "channel", 1
        while name in seen:
            n += 1
            name = f"{label or 'channel'}_{n}"
        seen.add(name)
        result.append(name)
    return result


def _about(session: Session) -> dict[str, Any]:
    return {
        "fingerprint": session.fingerprint,
        "attributes": dict(session.attributes),
        "streams": {name: dict(facts) for name, facts in session.streams.items()},
        "trials": {trial.id: dict(trial.attributes) for trial in session.trials.values()},
    }


def _readme(session: Session, files: list[_File]) -> str:
    lines = [
        f"# {result_name(session, 'csv')}",
        "",
        "UTF-8, comma, one line of names; an empty field stands where there is no number. Every time is in seconds of",
        "the LSL clock of the recording machine unless a column says otherwise; `clock_wall.csv` relates it to UTC:",
        f"`{session.attributes['started_utc']}` is {float(session.attributes['start_time'])!r}. `session.json` has the",
        "attributes of the session, its streams and its trials.",
        "",
    ]
    for file in files:
        lines += [f"## {file.name}", "", f"{file.about}", ""]
        if file.columns:
            lines += ["| column | unit | meaning |", "| --- | --- | --- |"]
            lines += [f"| `{c.name}` | {c.units} | {c.description} |" for c in file.columns]
            lines += [""]
    return "\n".join(lines)
