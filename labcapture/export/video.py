"""A film of each trial and camera, with the time of every picture, and voice in sync.

::

    <session>_video/<trial>_<camera>.mp4|.mkv    the film
    <session>_video/<trial>_<camera>.csv         a row per picture: index, time, time_uncertainty, frame_number, pts
    <session>_video/<trial>_<camera>.json        what it is: zero of its time, rows of the voice, silences, the camera
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import BadInput
from labcapture.export import proof
from labcapture.export.draft import Draft, Exported, Progress
from labcapture.export.tables import choice, jsonable, records, result_name, write_csv, write_json
from labcapture.export.video_depth import colours, measured_range, parse_range
from labcapture.export.video_film import CODECS, Codec, write_film
from labcapture.export.video_plan import TICK_HZ, Sound, ticks_of, zero_of
from labcapture.reading.session import Session, Trial
from labcapture.reading.streams import FrameStream

OPTIONS: Mapping[str, str] = {
    "codec": "h264 (MP4, for looking; the default) or ffv1 (Matroska, every bit as recorded)",
    "quality": "of h264: 0 best to 51 worst (18)",
    "sound": "yes (the default) or no",
    "depth": "of h264: colored (the default) or no; ffv1 keeps depth as 16-bit grey",
    "depth_mm": "of h264: nearest and farthest depth of the colours, such as 300-1500 (auto)",
    **proof.OPTION,
}


def export(session: Session, out: Path, options: Mapping[str, str], progress: Progress) -> Exported:
    """Write the films of a session below ``out``; see `labcapture.export.formats`."""
    films = Films(session, options)
    trials = [(trial, name) for trial in session.trials.values() for name in films.cameras(trial)]
    if not trials:
        films.notes.append("no trial has pictures to make a film of")
    total = sum(len(trial[name]) for trial, name in trials)
    done = 0
    with Draft(out / result_name(session, "video"), session, "video", options) as draft:
        proof.prove(session, options, progress)
        for trial, name in trials:
            films.make(
                draft, trial, name, "", lambda n, what=f"{trial.id} {name}", at=done: progress(what, at + n, total)
            )
            done += len(trial[name])
    return draft.exported("video", tuple(films.notes))


class Films:
    """How the films of a session are made.

    Parameters
    ----------
    session, options
        Whose, and how: see `OPTIONS`.

    Raises
    ------
    BadInput
        An option has a value that it cannot have.
    """

    def __init__(self, session: Session, options: Mapping[str, str]) -> None:
        self._session = session
        proof.check_option(options)
        self.codec: Codec = CODECS[choice(options, "codec", tuple(CODECS))]
        self._has_sound = choice(options, "sound", ("yes", "no")) == "yes"
        self._has_depth = choice(options, "depth", ("colored", "no")) == "colored"
        self._depth_mm = parse_range(options.get("depth_mm", "auto"))
        quality = options.get("quality", "18")
        if not (quality.isdecimal() and int(quality) <= 51):
            raise BadInput("is no whole number from 0 to 51", f"--set quality={quality}", "Such as quality=18.")
        self._quality = int(quality)
        self.notes: list[str] = []
        """What the films lack, a sentence each."""

    def cameras(self, trial: Trial) -> list[str]:
        """Return which cameras of a trial get a film."""
        return [name for name in trial if len(trial[name]) and not (self._is_hidden(trial[name]))]

    def _is_hidden(self, stream: FrameStream) -> bool:
        return stream.dtype == np.uint16 and not self.codec.is_lossless and not self._has_depth

    def name(self, trial: Trial, camera: str) -> str:
        """Return the name of the film's file."""
        return f"{trial.id}_{camera}{self.codec.suffix}"

    def make(self, draft: Draft, trial: Trial, camera: str, folder: str, progress: Any) -> None:  # noqa: ANN401
        """Make what is missing of a film's three files in ``folder`` of a draft (``""``, or ``name/``).

        ``progress`` is told how many pictures are done.
        """
        stream, zero = trial[camera], zero_of(trial)
        ticks = ticks_of(stream, zero)
        sounds = self._sounds(stream, zero)
        film = f"{folder}{self.name(trial, camera)}"
        base = film.removesuffix(self.codec.suffix)
        paint, facts = self._look(stream)
        if draft.lacks(film):
            done = 0

            def step() -> None:
                nonlocal done
                done += 1
                progress(done)

            with draft.making(film) as path:
                write_film(
                    path, stream, ticks, self.codec, quality=self._quality, sounds=sounds, paint=paint, step=step
                )
        if draft.lacks(f"{base}.csv"):
            columns = {
                "index": np.arange(len(stream)),
                "time": stream.time,
                "time_uncertainty": stream.time_uncertainty,
                "frame_number": stream.frame_number,
                "pts": ticks,
            }
            with draft.making(f"{base}.csv") as path:
                write_csv(path, columns)
        if draft.lacks(f"{base}.json"):
            with draft.making(f"{base}.json") as path:
                write_json(path, self._about(trial, stream, zero, sounds, facts))
        for sound in sounds:
            if sound.silences:
                lost = sum(silence.samples for silence in sound.silences)
                self.notes.append(f"{base}: {lost} lost samples of {sound.name} are silence; {base}.json lists them.")

    def _sounds(self, stream: FrameStream, zero: float) -> list[Sound]:
        if not self._has_sound:
            return []
        period = 1 / stream.rate_hz if stream.rate_hz else 0.0
        span = float(stream.time[0]), float(stream.time[-1]) + period
        sounds = [Sound(audio, *span, zero) for audio in self._session.audio.values()]
        return [sound for sound in sounds if sound.samples]

    def _look(self, stream: FrameStream) -> tuple[Any, dict[str, Any]]:
        """Return what paints a picture (None: nothing does), and what that means."""
        if self.codec.is_lossless or stream.dtype != np.uint16:
            return None, {"picture": "as recorded" if self.codec.is_lossless else "H.264, BT.709"}
        near, far = self._depth_mm or measured_range(stream)
        table = colours(stream, near, far)

        def paint(picture: NDArray[Any]) -> NDArray[Any]:
            painted: NDArray[Any] = table[picture]
            return painted

        return paint, {
            "picture": "depth in colours by disparity, warm is near; every other 10 mm is darker",
            "near_mm": near,
            "far_mm": far,
        }

    def _about(
        self, trial: Trial, stream: FrameStream, zero: float, sounds: list[Sound], facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {
            "trial": trial.id,
            "camera": stream.name,
            "frames": len(stream),
            "zero_lsl_s": zero,
            "tick_s": 1 / TICK_HZ,
            "codec": self.codec.name,
            **facts,
            "time": "LSL seconds of each picture = zero_lsl_s + pts * tick_s, +- half a tick; the csv has it in full",
            "sound": [
                {
                    "stream": sound.name,
                    "rate_hz": sound.rate_hz,
                    "first_sample_s": sound.start_s,
                    "rows": sound.rows,
                    "silences": [asdict(silence) for silence in sound.silences],
                }
                for sound in sounds
            ],
            "gaps": records(stream.gaps),
            "attributes": json.loads(json.dumps(stream.attributes, default=jsonable)),
        }
