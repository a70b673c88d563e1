"""A dataset in the Brain Imaging Data Structure: behaviour, events, physiology; voice and films beside.

::

    <out>/dataset_description.json  participants.tsv  participants.json  README.md  .bidsignore
    <out>/sub-P007/ses-01/beh/sub-P007_ses-01_task-mockcrime_events.tsv                    .json
                              ..._beh.tsv                                                  .json
                              ..._recording-eda_physio.tsv.gz                              .json
                              ..._recording-voice_audio.wav                                .json
                              ..._recording-color01a_video.mp4                             .json
                              ..._recording-depth01a_video.mkv                             .json

Any number of sessions go into one dataset. The standard has no place for sound and films yet (proposal 47 is under
review): they bear the proposal's names, and ``.bidsignore`` tells validators to pass over them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from labcapture import __version__
from labcapture.core.errors import BadInput, RecordingError
from labcapture.export import proof
from labcapture.export.bids_signals import physio_of, write_physio
from labcapture.export.bids_tables import (
    BEH_COLUMNS,
    EVENT_COLUMNS,
    write_behaviour,
    write_events,
)
from labcapture.export.draft import Draft, Exported, Progress
from labcapture.export.shared import once, read_rows, shared, write_rows
from labcapture.export.tables import jsonable
from labcapture.export.wav import write_wav
from labcapture.reading.session import Session, Trial

OPTIONS: Mapping[str, str] = {
    "task": "name of the task (the paradigm)",
    "session": "label of the session (its id, letters and digits)",
    "sound": "yes (default) or no",
    "video": "no (default) or h264: a film of each trial's colour pictures",
    "depth": "no (default) or ffv1: a lossless film of each trial's depth pictures, 16-bit grey",
    **proof.OPTION,
}
_VERSION = "1.11.0"
_FILMS = {"color": "video=h264", "depth": "depth=ffv1"}
"""The option that puts films of a camera into the dataset."""
_PEOPLE = ("participant_id", "pseudonym")


def export(session: Session, out: Path, options: Mapping[str, str], progress: Progress) -> Exported:
    """Write a session into the dataset at ``out``.

    Raises
    ------
    BadInput
        An option has no such value.
    RecordingError
        The session is there already, its label belongs to another participant, or the dataset cannot be written.
    """
    for name, values in (("sound", ("yes", "no")), ("video", ("no", "h264")), ("depth", ("no", "ffv1"))):
        if options.get(name, values[0]) not in values:
            raise BadInput("is no value of this option", f"--set {name}", f"There are: {', '.join(values)}.")
    proof.check_option(options)
    sub = _label(session.participant, "the participant's pseudonym")
    ses = _label(options.get("session", session.session), "--set session")
    task = _label(options.get("task", session.paradigm), "--set task")
    if session.holds(out):
        raise RecordingError("lies in the session itself", str(out), "Name another folder for the export.")
    _enter(out, sub, session)
    notes: list[str] = []
    with Draft(out / f"sub-{sub}" / f"ses-{ses}", session, "bids", options) as draft:
        if any(options.get(name.partition("=")[0], "no") != "no" for name in _FILMS.values()):
            proof.prove(session, options, progress)
        making = _Making(draft, session, f"beh/sub-{sub}_ses-{ses}_task-{task}", options, progress, notes)
        making.all()
    return draft.exported("bids", tuple(notes))


class _Making:
    """The files of one session."""

    def __init__(
        self,
        draft: Draft,
        session: Session,
        stem: str,
        options: Mapping[str, str],
        progress: Progress,
        notes: list[str],
    ) -> None:
        self._draft = draft
        self._session = session
        self._stem = stem
        self._options = options
        self._progress = progress
        self._notes = notes
        self._zero = session.start_time
        self._common = {
            "TaskName": options.get("task", session.paradigm),
            "TaskDescription": f"Protocol {session.attributes['protocol']}",
            "SourceSession": session.name,
            "SourceFingerprint": session.fingerprint,
            "ZeroUTC": str(session.attributes["started_utc"]),
            "ZeroLSLTime": self._zero,
            "Clock": "Onsets and StartTime are seconds since ZeroUTC on the recording machine's LSL clock, which was "
            "at ZeroLSLTime then.",
            "Simulated": session.simulated,
        }

    def all(self) -> None:
        """Make what is missing."""
        session, tables = self._session, 2
        trials = [trial for trial in session.trials.values() if not trial.superseded]
        pictures = [
            (trial, camera) for trial in trials for camera in _FILMS if camera in tuple(trial) and len(trial[camera])
        ]
        films = [(trial, camera) for trial, camera in pictures if self._codec(camera) != "no"]
        sounds = [name for name in session.audio if self._options.get("sound", "yes") == "yes"]
        total = tables + len(session.samples) + len(sounds) + len(films)
        for done, (what, make) in enumerate(
            [
                ("events", self._events),
                ("behaviour", self._behaviour),
                *((name, lambda name=name: self._physio(name)) for name in session.samples),
                *((name, lambda name=name: self._sound(name)) for name in sounds),
                *(
                    (f"{trial.id} {camera}", lambda trial=trial, camera=camera: self._film(trial, camera))
                    for trial, camera in films
                ),
            ]
        ):
            self._progress(what, done, total)
            make()
        self._progress("done", total, total)
        for camera in dict.fromkeys(camera for _, camera in pictures):
            if self._codec(camera) == "no":
                option = f"--set {_FILMS[camera]}"
                self._notes.append(f"{camera} pictures are not in the dataset; {option} puts films of them there")
        if films and len(trials) < len(session.trials):
            self._notes.append("trials that were shown again have films of the last time alone")

    def _codec(self, camera: str) -> str:
        """Return the codec of a camera's films: ``no`` for none."""
        return self._options.get(_FILMS[camera].partition("=")[0], "no")

    def _sidecar(self, name: str, facts: Mapping[str, Any]) -> None:
        with self._draft.making(f"{self._stem}_{name}.json") as path:
            path.write_text(json.dumps({**self._common, **facts}, indent=1, ensure_ascii=False) + "\n", "utf-8")

    def _events(self) -> None:
        with self._draft.making(f"{self._stem}_events.tsv") as path:
            left_out = write_events(path, self._session, self._zero)
        if left_out:
            self._notes.append(f"{left_out} events without a time are not in events.tsv")
        self._sidecar("events", EVENT_COLUMNS)

    def _behaviour(self) -> None:
        if len(self._session.self_report) + len(self._session.answers) + len(self._session.responses) == 0:
            self._notes.append("nobody answered anything: no behaviour")
            return
        with self._draft.making(f"{self._stem}_beh.tsv") as path:
            write_behaviour(path, self._session, self._zero)
        self._sidecar("beh", BEH_COLUMNS)

    def _physio(self, name: str) -> None:
        facts = physio_of(self._session.samples[name], self._zero)
        if facts is None:
            self._notes.append(f"{name} has no regular rate, or no samples: it has no place in a physio file")
            return
        recording = f"recording-{_label(name, 'the name of a stream')}_physio"
        with self._draft.making(f"{self._stem}_{recording}.tsv.gz") as path:
            write_physio(path, self._session.samples[name])
        self._sidecar(recording, facts)

    def _sound(self, name: str) -> None:
        if not len(self._session.audio[name]):
            self._notes.append(f"{name} has no sound")
            return
        recording = f"recording-{_label(name, 'the name of a stream')}_audio"
        with self._draft.making(f"{self._stem}_{recording}.wav") as path:
            sound = write_wav(path, self._session.audio[name])
        facts = {
            "StartTime": sound.start_time - self._zero,
            "Duration": sound.samples / sound.rate_hz,
            "AudioSampleRate": sound.rate_hz,
            "AudioChannelCount": sound.channels,
            "AudioCodec": "pcm_s16le",
            "SilentWhereNothingWasRecorded": [list(stretch) for stretch in sound.silent],
        }
        self._sidecar(recording, facts)

    def _film(self, trial: Trial, camera: str) -> None:
        from labcapture.export.video_film import CODECS, write_film  # noqa: PLC0415 - needs av, which not all have
        from labcapture.export.video_plan import ticks_of, zero_of  # noqa: PLC0415 - the same

        codec = CODECS[self._codec(camera)]
        recording = f"recording-{camera}{_label(trial.id, 'the id of a trial')}_video"
        film = f"{self._stem}_{recording}{codec.suffix}"
        zero, stream = zero_of(trial), trial[camera]
        if self._draft.lacks(film):
            with self._draft.making(film) as path:
                write_film(path, stream, ticks_of(stream, zero), codec, quality=18, sounds=())
        facts = {
            "StartTime": zero - self._zero,
            "VideoFrameRate": stream.rate_hz,
            "VideoCodec": codec.name,
            "ImageWidth": stream.shape[2],
            "ImageHeight": stream.shape[1],
            "FrameCount": len(stream),
            "FrameOnsets": [round(float(time) - self._zero, 6) for time in stream.time],
            "Trial": trial.id,
        }
        if camera == "depth":
            facts |= {
                "BitDepth": 16,
                "PixelUnits": "m",
                "PixelScale": stream.attributes["depth_units"],
                "PixelMeaning": "distance along the depth camera's axis, times PixelScale; 0: not measured",
                "Camera": json.loads(json.dumps(stream.attributes, default=jsonable)),
            }
        self._sidecar(recording, facts)


def _label(text: str, what: str) -> str:
    """Return the letters and digits of ``text``: the standard knows no others in names."""
    label = re.sub(r"[^0-9a-zA-Z]", "", text)
    if not label:
        raise BadInput(f"has no letter or digit ({text!r})", what, "Give it a latin letter, or a digit.")
    return label


def _enter(out: Path, sub: str, session: Session) -> None:
    """Write what all sessions of the dataset share, and the participant into their list."""
    description = {
        "Name": out.resolve().name,
        "BIDSVersion": _VERSION,
        "DatasetType": "raw",
        "GeneratedBy": [{"Name": "labcapture", "Version": __version__}],
    }
    people = {
        "participant_id": {"Description": "label of the participant in this dataset"},
        "pseudonym": {"Description": "pseudonym that the sessions were recorded under"},
    }
    path = out / "participants.tsv"
    with shared(out):
        once(out / "dataset_description.json", lambda path: _write_json(path, description))
        once(out / "participants.json", lambda path: _write_json(path, people))
        once(out / "README.md", lambda path: _write_text(path, _readme()))
        once(out / ".bidsignore", lambda path: _write_text(path, _IGNORED))
        rows = read_rows(path, _PEOPLE, "\t")
        mine = [row for row in rows if row["participant_id"] == f"sub-{sub}"]
        if any(row["pseudonym"] != session.participant for row in mine):
            what = f"sub-{sub} is {mine[0]['pseudonym']}, and {session.participant} would have the same label"
            raise RecordingError(what, str(path), "Export it to another folder.")
        if not mine:
            columns = list(rows[0]) if rows else list(_PEOPLE)
            new = dict.fromkeys(columns, "n/a") | {"participant_id": f"sub-{sub}", "pseudonym": session.participant}
            write_rows(path, columns, [*rows, new], "\t")


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _readme() -> str:
    return files("labcapture.export").joinpath("bids_readme.md").read_text("utf-8")


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")


_IGNORED = """\
*_audio.wav
*_audio.json
*_video.mp4
*_video.mkv
*_video.json
**/*.partial/**
.recording
"""
