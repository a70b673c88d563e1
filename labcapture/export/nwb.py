"""Neurodata Without Borders: one file with signals, events and trials, beside films of the pictures.

::

    <session>_nwb/<session>.nwb       voice, EDA, events, trials; an ImageSeries per film
    <session>_nwb/films/              the films, as the format ``video`` makes them

Times are seconds from the start of the session. What is not known of the participant (age, sex) stays unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from hdmf.common import VectorData
from hdmf.data_utils import GenericDataChunkIterator
from numpy.typing import NDArray
from pynwb import NWBHDF5IO, H5DataIO, NWBFile, TimeSeries
from pynwb.event import EventsTable, TimestampVectorData
from pynwb.file import Subject
from pynwb.image import ImageSeries

from labcapture.export import proof, video
from labcapture.export.draft import Draft, Exported, Progress
from labcapture.export.tables import EVENT_TABLES, jsonable, result_name, session_name, tables_of
from labcapture.export.video import Films
from labcapture.reading.session import Session, Trial
from labcapture.reading.streams import AudioStream, SampleStream, Table
from labcapture.recording.tables import Column

OPTIONS: Mapping[str, str] = video.OPTIONS

_CHUNK_ROWS, _BUFFER_ROWS = 1 << 13, 1 << 18
_FOLDER = "films/"
_AGE = "P0D/"  # zero or more: inspectors want an age, and none is known
_SI = {"uS": ("siemens", 1e-6), "V": ("volts", 1.0), "mV": ("volts", 1e-3), "uV": ("volts", 1e-6)}
_LARGEST_ERROR_S = 0.25e-3
"""By how much the time of a sample of sound may differ from that of its block: else a new piece begins."""


def export(session: Session, out: Path, options: Mapping[str, str], progress: Progress) -> Exported:
    """Write a session as NWB below ``out``; see `labcapture.export.formats`."""
    films = Films(session, options)
    trials = [(trial, name) for trial in session.trials.values() for name in films.cameras(trial)]
    total, done = sum(len(trial[name]) for trial, name in trials), 0
    notes: list[str] = []
    name = f"{session_name(session)}.nwb"
    with Draft(out / result_name(session, "nwb"), session, "nwb", options) as draft:
        proof.prove(session, options, progress)
        for trial, camera in trials:
            told = f"{trial.id} {camera}"
            films.make(draft, trial, camera, _FOLDER, lambda n, what=told, at=done: progress(what, at + n, total))
            done += len(trial[camera])
        if draft.lacks(name):
            progress(name, total, total)
            with draft.making(name) as path, NWBHDF5IO(str(path), "w") as file:
                file.write(_File(session, films, notes).build())
    return draft.exported("nwb", (*films.notes, *notes))


class _File:
    """What goes into the NWB file of a session."""

    def __init__(self, session: Session, films: Films, notes: list[str]) -> None:
        self._session, self._films, self._notes = session, films, notes
        self._zero = float(session.attributes["start_time"])
        self._devices: dict[str, Any] = {}

    def build(self) -> Any:  # noqa: ANN401 - pynwb ships no types
        session = self._session
        said = session.attributes
        self._file = NWBFile(
            session_description=_description(session),
            identifier=session.fingerprint,
            session_start_time=datetime.fromisoformat(str(said["started_utc"])),
            session_id=session.session,
            experimenter=[str(said["experimenter"])] if said["experimenter"] else None,
            experiment_description=f"Protocol {said['protocol']}, paradigm {session.paradigm}, part {session.part}.",
            keywords=["facial expression", "RGB-D", "voice", "electrodermal activity", session.paradigm],
            protocol=str(said["protocol"]),
            notes=f"LSL time of the start of the session: {self._zero!r} s. {said['reason']}",
            was_generated_by=[["labcapture", json.loads(str(said["software"])).get("labcapture", "")]],
        )
        self._file.subject = Subject(
            subject_id=session.participant,
            species="Homo sapiens",
            sex="U",
            age=_AGE,
            description="The id is a pseudonym; age and sex were not recorded.",
        )
        for trial in session.trials.values():
            for camera in self._films.cameras(trial):
                self._file.add_acquisition(self._pictures(trial, camera))
        for signal in session.samples.values():
            self._signal(signal)
        for sound in session.audio.values():
            for series in self._sound(sound):
                self._file.add_acquisition(series)
        for name, rows, columns in tables_of(session, *EVENT_TABLES):
            self._events(name, rows, columns)
        self._trials()
        return self._file

    def _device(self, stream: str) -> Any:  # noqa: ANN401
        if stream not in self._devices:
            facts = self._session.streams.get(stream, {})
            serial = facts.get("serial_number", facts.get("serial"))
            self._devices[stream] = self._file.create_device(
                name=stream,
                description=json.dumps(dict(facts), default=jsonable, ensure_ascii=False),
                **({"serial_number": str(serial)} if serial else {}),
            )
        return self._devices[stream]

    def _pictures(self, trial: Trial, camera: str) -> Any:  # noqa: ANN401
        stream = trial[camera]
        height, width = stream.shape[1:3]
        kept = "bit-exact" if self._films.codec.is_lossless else "H.264, for looking"
        return ImageSeries(
            name=f"{trial.id}_{camera}",
            description=f"{camera} of trial {trial.id}, {kept}; a time stamp per picture, lost ones are missing.",
            format="external",
            external_file=[f"./{_FOLDER}{self._films.name(trial, camera)}"],
            starting_frame=[0],
            dimension=[width, height],
            timestamps=stream.time - self._zero,
            unit="n.a.",
            device=self._device(camera),
        )

    def _signal(self, signal: SampleStream) -> None:
        timed = np.isfinite(signal.time)
        if not timed.all():
            self._notes.append(f"{signal.name}: {np.count_nonzero(~timed)} samples without a time were left out.")
        if not timed.any():
            return
        unit, conversion = _SI.get(signal.units, (signal.units or "n.a.", 1.0))
        values = signal.values[()][timed]
        self._file.add_acquisition(
            TimeSeries(
                name=signal.name,
                description=f"{signal.name}: {', '.join(signal.channels)}; in {signal.units or 'no unit'} as stored.",
                data=H5DataIO(values if values.shape[1] > 1 else values[:, 0], compression="gzip"),
                timestamps=H5DataIO(signal.time[timed] - self._zero, compression="gzip"),
                unit=unit,
                conversion=conversion,
                comments="Times are corrected by the sender's clock offsets; where samples were lost they jump.",
            )
        )

    def _sound(self, sound: AudioStream) -> Iterator[Any]:
        pieces = list(sound_pieces(sound))
        for number, (first, behind, start, rate_hz) in enumerate(pieces, 1):
            yield TimeSeries(
                name=sound.name if len(pieces) == 1 else f"{sound.name}_{number:03d}",
                description=f"Sound, {', '.join(sound.channels)}; rows {first} to {behind - 1} of the session's.",
                data=H5DataIO(_Rows(sound.values, first, behind), compression="gzip"),
                starting_time=start - self._zero,
                rate=rate_hz,
                unit="n.a.",
                conversion=1 / 32768,
                comments="1 is full scale. The rate is measured by the session's clock; it ends where sound is lost.",
            )

    def _events(self, name: str, rows: Table, columns: tuple[Column, ...]) -> None:
        when = EVENT_TABLES[next(path for path in EVENT_TABLES if path.replace("/", "_") == name)]
        rows = rows[np.isfinite(rows[when].astype(float))]
        if not len(rows):
            return
        rows = rows[np.argsort(rows[when].astype(float), kind="stable")]
        parts = [TimestampVectorData(name="timestamp", description="s from the start", data=rows[when] - self._zero)]
        for column in columns:
            if column.name != when:
                about = column.description or column.name
                if column.units == "s" and column.name not in {
                    "reaction_time",
                    "since_clip_s",
                    "latency_s",
                    "movie_time",
                }:
                    about += " (LSL s)"
                values = rows[column.name]
                data = [str(v) for v in values] if values.dtype.kind == "O" else np.asarray(values)
                parts.append(VectorData(name=column.name, description=about, data=data))
        table = EventsTable(name=name, description=f"{name.replace('_', ' ')} of the session", columns=parts)
        self._file.add_events_table(table)

    def _trials(self) -> None:
        trials = list(self._session.trials.values())
        if not trials:
            return  # an empty table cannot be written
        keys = sorted({key for trial in trials for key in trial.attributes} - {"start", "stop", "start_time", "id"})
        self._file.add_trial_column("trial", "id of the trial")
        self._file.add_trial_column("annotatable", "whether it kept every limit of the quality rule")
        for key in keys:
            self._file.add_trial_column(key, f"{key} of the trial; empty where it has none")
        for trial in trials:
            values = {key: _text(trial.attributes.get(key, "")) for key in keys}
            self._file.add_trial(
                start_time=trial.start - self._zero,
                stop_time=trial.stop - self._zero,
                trial=trial.id,
                annotatable=trial.annotatable,
                **values,
            )


class _Rows(GenericDataChunkIterator):  # type: ignore[misc]  # hdmf ships no types
    """Rows of a sound, read in pieces while they are written."""

    def __init__(self, values: Any, first: int, behind: int) -> None:  # noqa: ANN401 - an HDF5 dataset
        self._values, self._first, self._shape = values, first, (behind - first, values.shape[1])
        rows = behind - first
        super().__init__(
            chunk_shape=(min(rows, _CHUNK_ROWS), self._shape[1]), buffer_shape=(min(rows, _BUFFER_ROWS), self._shape[1])
        )

    def _get_data(self, selection: tuple[slice, ...]) -> NDArray[Any]:
        rows = slice(selection[0].start + self._first, selection[0].stop + self._first)
        values: NDArray[Any] = self._values[rows, selection[1]]
        return values

    def _get_maxshape(self) -> tuple[int, ...]:
        return self._shape

    def _get_dtype(self) -> np.dtype[Any]:
        return np.dtype(np.int16)


def sound_pieces(sound: AudioStream) -> Iterator[tuple[int, int, float, float]]:
    """Yield (first row, row behind the last, LSL time of the first, rate in Hz) of stretches of even sound.

    None has a gap, and no block of it is further than a quarter of a millisecond from where the rate puts it.
    """
    rows, times = np.append(sound.blocks["row"], len(sound)), sound.blocks["time"]
    counted = sound.blocks["first_sample"]
    breaks = np.flatnonzero(np.diff(counted) != np.diff(rows[:-1])) + 1
    waiting = [(int(a), int(b)) for a, b in zip((0, *breaks), (*breaks, len(times)), strict=True) if b > a][::-1]
    while waiting:
        a, b = waiting.pop()
        at = (rows[a:b] - rows[a]).astype(float)
        if b - a > 2:
            period, start = np.polyfit(at, times[a:b] - times[a], 1)
            error = np.abs(start + period * at - (times[a:b] - times[a])).max()
            if error > _LARGEST_ERROR_S:
                middle = (a + b) // 2
                waiting += [(middle, b), (a, middle)]
                continue
            start, rate_hz = float(times[a] + start), float(1 / period)
        else:
            start, rate_hz = float(times[a]), sound.rate_hz
        yield int(rows[a]), int(rows[b]), start, rate_hz


def _description(session: Session) -> str:
    what = f"RGB-D, voice and physiology of {session.paradigm}, recorded with labcapture; verdict: {session.verdict}."
    return f"{what} Simulated: not a measurement of anyone." if session.simulated else what


def _text(value: Any) -> str:  # noqa: ANN401 - any attribute
    return value if isinstance(value, str) else json.dumps(value, default=jsonable, ensure_ascii=False)
