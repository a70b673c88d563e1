"""What was recorded when: which picture stands for a moment of the session, and where there is none. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import RecordingError
from labcapture.reading import FrameStream, Session, Trial


@dataclass(frozen=True)
class Camera:
    """Colour and depth of one camera, by the names of their streams; None for one that it lacks."""

    name: str
    color: str | None
    depth: str | None


HELD = 0.75
"""Of a frame's period: so far from a moment may a picture have been taken that still stands for it."""
_LATE = 1.5  # periods between two frames from which on one is missing, as in the gap tables
NO_FRAME = "NO FRAME"


@dataclass(frozen=True)
class Shown:
    """What one stream shows at a moment.

    Parameters
    ----------
    trial, stream
        Where it is from; trial is empty between two trials.
    index
        Of the frame; None where there is none.
    time
        LSL seconds at which that was taken; NaN where there is none.
    reason
        Why there is none, in words.
    """

    trial: str
    stream: str
    index: int | None = None
    time: float = float("nan")
    reason: str = ""


class Reel:
    """The frames of one stream of a trial along the session's time."""

    def __init__(self, trial: Trial, stream: FrameStream) -> None:
        self.trial = trial
        self.stream = stream
        self.time: NDArray[np.float64] = stream.time
        steps = np.diff(self.time)
        rate_hz = stream.rate_hz
        self.period = 1 / rate_hz if rate_hz > 0 else float(np.median(steps)) if len(steps) else 1 / 30

    def __len__(self) -> int:
        return len(self.time)

    def nearest(self, time: float) -> int:
        """Return the index of the frame nearest to LSL ``time`` (s), however far it is; the reel is not empty."""
        after = int(np.searchsorted(self.time, time))
        if after == 0:
            return 0
        if after == len(self.time) or time - self.time[after - 1] <= self.time[after] - time:
            return after - 1
        return after

    def at(self, time: float) -> Shown:
        """Return what is to be seen at LSL ``time`` (s)."""
        name = self.stream.name
        if not len(self):
            return Shown(self.trial.id, name, reason=f"no frame of {name} was recorded in this trial")
        index = self.nearest(time)
        if abs(self.time[index] - time) <= HELD * self.period:
            return Shown(self.trial.id, name, index, float(self.time[index]))
        return Shown(self.trial.id, name, reason=self._why(time))

    def _why(self, time: float) -> str:
        for gap in self.stream.gaps:
            if gap["start"] - self.period <= time <= gap["stop"] + self.period:
                count = int(gap["count"])
                return f"{gap['cause']}, {count} frame{'s' * (count != 1)} missing" if count else str(gap["cause"])
        if time < self.time[0]:
            return "before the first frame of the trial"
        return "after the last frame of the trial" if time > self.time[-1] else "nothing recorded here"

    def step(self, time: float, frames: int) -> float:
        """Return the LSL time (s) that is ``frames`` frames from ``time``; a missing frame is a step, too."""
        way = 1 if frames > 0 else -1
        for _ in range(abs(frames)):
            time = self._step(time, way)
        return time

    def _step(self, time: float, way: int) -> float:
        if not len(self):
            return time + way * self.period
        near = self.nearest(time)
        from_frame = abs(self.time[near] - time) <= HELD * self.period
        here = float(self.time[near]) if from_frame else time
        ahead = self.time[self.time > here + 1e-9] if way > 0 else self.time[self.time < here - 1e-9]
        if not len(ahead):
            return here
        goal = float(ahead[0] if way > 0 else ahead[-1])
        return goal if abs(goal - here) <= _LATE * self.period else here + way * self.period


class Film:
    """All trials of a session along its time.

    Parameters
    ----------
    session
        Open as long as this is in use.

    Raises
    ------
    RecordingError
        A trial's file is missing or damaged, or nothing was recorded.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.trials = list(session.trials.values())
        for trial in self.trials:
            for stream in trial.streams.values():
                len(stream)
        self._reels: dict[tuple[str, str], Reel] = {}
        self._spans: dict[str, tuple[float, float]] = {}
        ends = [(trial.start, trial.stop) for trial in self.trials]
        ends += [(times[0], times[-1]) for it in session.samples.values() if len(times := it.time)]
        for sound in session.audio.values():
            if len(sound) and len(sound.blocks["row"]):
                first, last = sound.time_of([0, len(sound) - 1])
                ends.append((float(first), float(last)))
        if not ends:
            raise RecordingError("holds nothing that could be shown", str(session.folder), "")
        self.start = float(min(start for start, _ in ends))
        """LSL time (s) of the first thing recorded; times that people read count from here."""
        self.stop = float(max(stop for _, stop in ends))

    @cached_property
    def cameras(self) -> list[Camera]:
        """The cameras, told apart by the clocks of their streams."""
        found: dict[str, dict[str, str]] = {}
        for name, facts in self.session.streams.items():
            if facts["kind"] == "frames":
                is_depth = "depth_units" in facts or name.startswith("depth")
                found.setdefault(str(facts["clock"]), {}).setdefault("depth" if is_depth else "color", name)
        return [Camera(clock, it.get("color"), it.get("depth")) for clock, it in sorted(found.items())]

    def trial_at(self, time: float) -> Trial | None:
        """Return the trial that was recorded at LSL ``time`` (s)."""
        for trial in self.trials:
            first, last = self.span(trial)
            if min(first, trial.start) <= time <= max(last, trial.stop):
                return trial
        return None

    def span(self, trial: Trial) -> tuple[float, float]:
        """Return LSL times (s) of the first and the last frame; of its limits where it has none."""
        if trial.id not in self._spans:
            times = [it for name in trial.streams if len(it := self.reel(trial, name).time)]
            first, last = min((it[0] for it in times), default=None), max((it[-1] for it in times), default=None)
            self._spans[trial.id] = (
                float(trial.start if first is None else first),
                float(trial.stop if last is None else last),
            )
        return self._spans[trial.id]

    def reel(self, trial: Trial, stream: str) -> Reel:
        """Return a stream of a trial; `KeyError` if the trial lacks it."""
        key = (trial.id, stream)
        if key not in self._reels:
            self._reels[key] = Reel(trial, trial[stream])
        return self._reels[key]

    def lead(self, trial: Trial, camera: Camera) -> Reel | None:
        """Return the stream by whose frames one steps: colour where there is one."""
        name = next((name for name in (camera.color, camera.depth) if name in trial.streams), None)
        return None if name is None else self.reel(trial, name)

    def at(self, time: float, stream: str | None) -> Shown:
        """Return what a camera stream shows at LSL ``time`` (s)."""
        trial = self.trial_at(time)
        if stream is None:
            return Shown("", "", reason="this camera has none")
        if trial is None:
            return Shown("", stream, reason="between trials: no pictures are recorded")
        if stream not in trial.streams:
            return Shown(trial.id, stream, reason=f"the trial has no {stream}")
        return self.reel(trial, stream).at(time)

    def step(self, time: float, frames: int, camera: Camera) -> float:
        """Return the LSL time (s) ``frames`` frames from ``time``; between trials: the next or the last frame."""
        trial = self.trial_at(time)
        reel = None if trial is None else self.lead(trial, camera)
        if reel is not None:
            return reel.step(time, frames)
        edges = sorted(edge for trial in self.trials for edge in self.span(trial))
        ahead = [edge for edge in edges if (edge > time if frames > 0 else edge < time)]
        return time if not ahead else ahead[0] if frames > 0 else ahead[-1]

    def neighbour(self, time: float, way: int) -> Trial | None:
        """Return the next (``way`` 1) or the previous (-1) trial as seen from LSL ``time`` (s)."""
        here = self.trial_at(time)
        if here is not None:
            place = self.trials.index(here) + way
            return self.trials[place] if 0 <= place < len(self.trials) else None
        found = [it for it in self.trials if (it.start > time if way > 0 else it.stop < time)]
        return None if not found else found[0] if way > 0 else found[-1]

    def clock(self, time: float) -> str:
        """Return LSL ``time`` (s) as minutes and seconds since the start, ``12:34.567``."""
        ms = round((time - self.start) * 1000)
        sign, ms = ("−", -ms) if ms < 0 else ("", ms)
        return f"{sign}{ms // 60000:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"

    def parse(self, text: str) -> float:
        """Return the LSL time (s) that ``text`` means: ``mm:ss.mmm`` or seconds since the start, or ``LSL 1234.5``.

        Raises
        ------
        ValueError
            It means none.
        """
        words = text.strip().replace(",", ".")
        if words.casefold().startswith("lsl"):
            return float(words[3:])
        seconds = 0.0
        for part in words.split(":"):
            seconds = seconds * 60 + float(part)
        return self.start + seconds


def gap_rows(film: Film) -> list[tuple[str, float, float, dict[str, Any]]]:
    """Return (stream, start, stop, row) of every gap; of cameras only those within a trial."""
    found = []
    for name, facts in film.session.streams.items():
        for row in film.session.gaps(name):
            start, stop = float(row["start"]), float(row["stop"])
            within = any(start < trial.stop and stop > trial.start for trial in film.trials)
            if facts["kind"] != "frames" or within:
                found.append((name, start, stop, {key: row[key] for key in row.dtype.names}))
    return found
