"""What Part C has beside numbered pictures: voice, physiology, and the interview as one film with its sound.

All of them begin with picture 0: the first sample of the voice, the 5 of the physiology, and zero of the film's time.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from labcapture.export.casme3_clip import Clip
from labcapture.export.casme3_physiology import RATE_HZ, write_physiology
from labcapture.export.draft import Draft, Progress
from labcapture.export.video_film import CODECS, write_film
from labcapture.export.video_plan import TICK_HZ, Sound, ticks_of
from labcapture.export.wav import write_wav
from labcapture.reading.session import Session
from labcapture.reading.streams import AudioStream


def write_signals(draft: Draft, session: Session, clip: Clip, notes: list[str]) -> dict[str, Any]:
    """Write voice and physiology of Part C; return what is to be known of them."""
    zero = clip.grid.zero
    about: dict[str, Any] = {}
    if "voice" in session.audio and len(session.voice):
        with draft.making("voice.wav") as path:
            sound = write_wav(path, session.voice, zero, clip.trials[-1].stop, channels=2)
        about["voice"] = {
            "start_lsl_s": sound.start_time,
            "rate_hz": sound.rate_hz,
            "samples": sound.samples,
            "silent_where_nothing_was_recorded": [list(stretch) for stretch in sound.silent],
        }
        if session.voice.values.shape[1] == 1:
            notes.append("voice.wav: both channels are the one that was recorded")
        if sound.rate_hz != 48_000:
            notes.append(f"voice.wav has {sound.rate_hz:g} samples per second, as recorded, not 48000")
        if sound.silent:
            notes.append(f"voice.wav is silent where sound is missing ({len(sound.silent)} times; see about.json)")
    else:
        notes.append("no voice was recorded")
    with draft.making("physiology.txt") as path:
        physiology = write_physiology(path, session, zero)
        if physiology is None:
            path.write_text("", "utf-8")
    if physiology is None:
        (draft.folder / "physiology.txt").unlink()
        notes.append("no physiology was recorded")
    else:
        about["physiology"] = {
            "start_lsl_s": physiology.start_time,
            "rate_hz": RATE_HZ,
            "rows": physiology.rows,
            "sync_row": physiology.sync_row,
            "sources": physiology.sources,
        }
        absent = [name for name in ("PPG", "RSP", "ECG", "EDA") if name not in physiology.sources]
        if absent:
            notes.append(f"physiology.txt: {', '.join(absent)} had no instrument and are NaN")
    return about


def write_interview_film(draft: Draft, session: Session, clip: Clip, codec: str, progress: Progress) -> dict[str, Any]:
    """Write the film; return what is to be known of it."""
    how = CODECS[codec]
    name = f"video{how.suffix}"
    zero, reel = clip.grid.zero, _Reel(clip)
    sounds = [_heard(session.voice, clip)] if "voice" in session.audio else []
    if draft.lacks(name):
        done = 0

        def step() -> None:
            nonlocal done
            done += 1
            progress(name, done, len(reel))

        with draft.making(name) as path:
            heard = [sound for sound in sounds if sound.samples]
            write_film(path, reel, ticks_of(reel, zero), how, sounds=heard, step=step)
    return {
        "file": name,
        "codec": how.name,
        "pictures": len(reel),
        "zero_lsl_s": zero,
        "tick_s": 1 / TICK_HZ,
        "time": "LSL seconds of each picture = zero_lsl_s + pts * tick_s, +- half a tick",
    }


def _heard(voice: AudioStream, clip: Clip) -> Sound:
    """Return the sound from picture 0 on; none of its samples before, for players have no time below zero."""
    half = 0.5 / voice.rate_hz
    zero, end = clip.grid.zero, clip.color_time[-1] + clip.grid.period_s
    return Sound(voice, zero + half, end + half, zero)


class _Reel:
    """The colour pictures of a clip, whatever trials they lie in, in order of time."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        first = clip.trials[0].color
        self.name, self.rate_hz, self.dtype = first.name, first.rate_hz, first.dtype
        self.time = clip.color_time
        self.shape = (len(self.time), *first.shape[1:])

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, index: int) -> NDArray[Any]:
        trial, place = self._clip.color_at(index)
        picture: NDArray[Any] = trial.color[place]
        return picture
