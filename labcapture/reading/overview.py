"""A session at a glance: what `report` says of it, and besides that what is to be drawn of it.

Pictures are decoded one per clip and stream; signals are reduced block by block, so that an hour of sound costs no
more memory than a second of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import RecordingError
from labcapture.core.fit import ClockFit
from labcapture.reading.loglines import Alarm, alarms
from labcapture.reading.report import Facts, report
from labcapture.reading.session import Session, Trial
from labcapture.reading.streams import AudioStream, SampleStream, Table, read_table
from labcapture.reading.thumbnails import Thumbnail, thumbnail
from labcapture.recording.guard import DAMAGE, reading

Array = NDArray[np.float64]

BINS = 1000
"""Columns of a drawn signal: about one per pixel of a page."""
CLOCK_BINS = 240
MAX_CHANNELS = 4  # of a signal that are drawn
_FURTHER = ("responses", "review_flags", "ledger", "assignments", "preflight", "sync_test")
_ROWS = 1 << 20  # of a signal read at once
_GROUP = 480  # sound samples summed up before their time is looked up


@dataclass(frozen=True)
class Trace:
    """One channel of a signal: the lowest and highest value (n,) in each of n equal bins from `start` to `stop`.

    NaN where the signal has no sample. Times are LSL seconds.
    """

    stream: str
    channel: str
    units: str
    start: float
    stop: float
    low: Array
    high: Array


@dataclass(frozen=True)
class ClockTrace:
    """How far a clock's pairs lie from its fit: least, median, most per bin (n,), and the fit's uncertainty, all in s.

    ``time`` (n,) is LSL time. ``of`` says what was measured: ``arrival`` (never negative but for noise: a delay) or
    ``offset`` (of a sender's clock, less its straight line).
    """

    name: str
    of: str
    time: Array
    low: Array
    middle: Array
    high: Array
    uncertainty: Array


@dataclass(frozen=True)
class GapMark:
    """A gap on the time line of a clip: from ``start`` to ``stop`` (s after the clip's start)."""

    cause: str
    count: int
    start: float
    stop: float


@dataclass(frozen=True)
class Clip:
    """What is drawn of a trial: its thumbnails and gaps by stream, and when its film ran (s after its start)."""

    thumbnails: Mapping[str, Thumbnail]
    gaps: Mapping[str, list[GapMark]]
    film: tuple[float, float] | None


@dataclass(frozen=True)
class Overview:
    """Everything that a page about a session needs. Times are LSL seconds."""

    facts: Facts
    attributes: Mapping[str, Any]
    start: float
    stop: float
    clips: Mapping[str, Clip]
    traces: list[Trace]
    clocks: list[ClockTrace]
    markers: Table
    self_report: Table
    answers: Table
    notes: Table
    further: Mapping[str, Table]
    """Tables of the session that no other field has and that are not empty, by name."""
    alarms: list[Alarm]


def overview(session: Session) -> Overview:
    """Return what is to be told and drawn of a session.

    Raises
    ------
    RecordingError
        It cannot be read. What is missing or damaged in a single clip stands in ``facts["problems"]`` instead.
    """
    facts = report(session)
    problems: list[str] = facts["problems"]
    with reading(session.folder):
        start, stop = _span(session)
        clips = {trial.id: _clip(session, trial, problems) for trial in session.trials.values()}
        traces = [trace for name in session.streams for trace in _traces(session, name, start, stop)]
        return Overview(
            facts=facts,
            attributes=session.attributes,
            start=start,
            stop=stop,
            clips=clips,
            traces=traces,
            clocks=list(_clocks(session, start, stop)),
            markers=session.markers,
            self_report=session.self_report,
            answers=session.answers,
            notes=session.notes,
            further={
                name: rows for name in _FURTHER if name in session.h5 and len(rows := read_table(session.h5[name]))
            },
            alarms=alarms(session.folder),
        )


def _span(session: Session) -> tuple[float, float]:
    """Return the first and last LSL time (s) at which something happened in the session."""
    seen = [float(session.attributes.get("start_time", math.nan)), *map(float, session.markers["time"])]
    seen += [time for trial in session.trials.values() for time in (trial.start, trial.stop)]
    for signal in session.samples.values():
        seen += [float(time) for time in signal.time[[0, -1]]] if len(signal.time) else []
    for sound in session.audio.values():
        seen += [float(time) for time in sound.blocks["time"][[0, -1]]] if len(sound.blocks["time"]) else []
    known = [time for time in seen if math.isfinite(time)] or [0.0]
    return min(known), max(known)


# Clips ----------------------------------------------------------------------------------------------------------------


def _clip(session: Session, trial: Trial, problems: list[str]) -> Clip:
    thumbnails: dict[str, Thumbnail] = {}
    gaps: dict[str, list[GapMark]] = {}
    for name in trial:
        try:
            stream = trial[name]
            gaps[name] = [_mark(row, trial) for row in stream.gaps]
            if len(stream):
                thumbnails[name] = thumbnail(stream, len(stream) // 2)
        except RecordingError as error:
            if str(error) not in problems:  # a missing file is told once
                problems.append(str(error))
        except DAMAGE as error:
            problems.append(f"trial {trial.id}: no picture of {name} ({type(error).__name__}: {str(error)[:200]})")
    flips = session.stimulus_flips
    mine = flips["time"][flips["trial"] == trial.id] - trial.start
    return Clip(thumbnails, gaps, (float(mine.min()), float(mine.max())) if len(mine) else None)


def _mark(row: Any, trial: Trial) -> GapMark:  # noqa: ANN401 - a row of a table
    length = trial.stop - trial.start
    start = float(row["start"]) - trial.start
    stop = float(row["stop"]) - trial.start
    start, stop = (start if math.isfinite(start) else 0.0), (stop if math.isfinite(stop) else length)
    return GapMark(row["cause"], int(row["count"]), min(max(start, 0.0), length), min(max(stop, 0.0), length))


# Signals --------------------------------------------------------------------------------------------------------------


class _Bins:
    """Lowest and highest value in equal bins of time."""

    def __init__(self, start: float, stop: float, count: int) -> None:
        self._start, self._width = start, max(stop - start, 1e-9) / count
        self.low, self.high = np.full(count, np.inf), np.full(count, -np.inf)

    def place(self, times: Array) -> NDArray[np.int64]:
        """Return the bin of each time."""
        at = np.clip((times - self._start) / self._width, 0, len(self.low) - 1)
        return at.astype(np.int64)

    def add(self, times: Array, low: Array, high: Array) -> None:
        """Take in values (n,), or the lowest and highest of groups of them, at ``times`` (n,)."""
        known = np.isfinite(times) & np.isfinite(low) & np.isfinite(high)
        at = self.place(times[known])
        np.minimum.at(self.low, at, low[known])
        np.maximum.at(self.high, at, high[known])

    def done(self) -> tuple[Array, Array]:
        """Return lowest and highest, NaN where nothing was."""
        empty = self.low > self.high
        self.low[empty] = self.high[empty] = np.nan
        return self.low, self.high


def _traces(session: Session, name: str, start: float, stop: float) -> Iterator[Trace]:
    facts = session.streams[name]
    if facts["kind"] == "frames":
        return
    signal = session.audio[name] if facts["kind"] == "audio" else session.samples[name]
    channels = signal.channels
    shown = min(int(signal.values.shape[1]), MAX_CHANNELS)
    bins = [_Bins(start, stop, BINS) for _ in range(shown)]
    pieces = _sound(signal, shown) if isinstance(signal, AudioStream) else _values(signal, shown)
    for times, low, high in pieces:
        for channel in range(shown):
            bins[channel].add(times, low[:, channel], high[:, channel])
    for channel, found in enumerate(bins):
        label = channels[channel] if channel < len(channels) else str(channel + 1)
        yield Trace(name, label, signal.units, start, stop, *found.done())


def _values(signal: SampleStream, channels: int) -> Iterator[tuple[Array, Array, Array]]:
    for row in range(0, len(signal), _ROWS):
        values = np.asarray(signal.values[row : row + _ROWS, :channels], np.float64)
        yield signal.time[row : row + len(values)], values, values


def _sound(signal: AudioStream, channels: int) -> Iterator[tuple[Array, Array, Array]]:
    """Yield (times, low, high) of groups of samples as shares of full scale, a few seconds at a time."""
    full = float(np.iinfo(signal.values.dtype).max) + 1 if signal.values.dtype.kind == "i" else 1.0
    step = _ROWS - _ROWS % _GROUP
    for row in range(0, len(signal), step):
        values = signal.values[row : row + step, :channels]
        edges = np.arange(0, len(values), _GROUP)
        low, high = np.minimum.reduceat(values, edges), np.maximum.reduceat(values, edges)
        yield signal.time_of(row + edges), low / full, high / full


# Clocks ---------------------------------------------------------------------------------------------------------------


def _clocks(session: Session, start: float, stop: float) -> Iterator[ClockTrace]:
    for name, group in session.h5["clock"].items():
        if name == "wall" or "fit" not in group or "device_time" not in group:
            continue
        fit = group["fit"]
        if "segment" not in fit:
            continue
        found = ClockFit.from_arrays({**{key: fit[key][()] for key in fit}, **dict(fit.attrs)})
        arrival = group["arrival_time"][()]
        time, uncertainty = found.to_lsl(group["device_time"][()], arrival)
        yield _binned(name, "arrival", arrival, arrival - time, uncertainty, (start, stop))
    for name, sound in session.audio.items():
        blocks = sound.blocks
        lengths = np.diff(blocks["row"], append=len(sound)) / sound.rate_hz
        delay = blocks["arrival_time"] - blocks["time"] - lengths
        yield _binned(name, "arrival", blocks["arrival_time"], delay, blocks["time_uncertainty"], (start, stop))
    for name, signal in session.samples.items():
        table = signal.clock_offsets
        for segment in np.unique(table["segment"]):
            rows = table[table["segment"] == segment]
            time, off = rows["time"], rows["offset"]
            if len(rows) > 2 and np.isfinite(time).all() and np.isfinite(off).all() and np.ptp(time) > 0:
                slope, level = np.polyfit(time - time[0], off - off[0], 1)
                off = off - off[0] - level - slope * (time - time[0])
                label = name if segment == table["segment"][0] else f"{name}, segment {segment}"
                yield ClockTrace(label, "offset", time, off, off, off, rows["uncertainty"])


def _binned(name: str, of: str, time: Array, value: Array, uncertainty: Array, span: tuple[float, float]) -> ClockTrace:
    """Return least, median and most of ``value`` per bin of time; bins with nothing are left out."""
    known = np.isfinite(time) & np.isfinite(value)
    time, value, uncertainty = time[known], value[known], uncertainty[known]
    at = _Bins(*span, CLOCK_BINS).place(time)
    order = np.argsort(at, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(at[order])) + 1) if len(order) else []
    rows = [
        (
            float(time[part].mean()),
            float(value[part].min()),
            float(np.median(value[part])),
            float(value[part].max()),
            float(np.median(uncertainty[part])),
        )
        for part in parts
    ]
    columns = np.array(rows, np.float64).reshape(-1, 5).T
    return ClockTrace(name, of, *columns)
