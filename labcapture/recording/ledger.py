"""The recorder's books: what came, what was taken, what was lost, and which frame belongs to which trial.

No thread and no file: the recorder calls it under its lock.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from labcapture.core.chunks import AudioBlock, Cause, Frame, Gap, Samples, StreamSpec
from labcapture.core.errors import RecordingError
from labcapture.recording.boundaries import Seen, Take
from labcapture.recording.quality import LOST_BEFORE_US, LOST_BY_US
from labcapture.recording.schema import clock_name

Data = Frame | AudioBlock | Samples
QUEUE_FULL = "the recorder's queue was full"


def size(chunk: Data) -> int:
    """Return how many frames or samples a chunk holds."""
    if isinstance(chunk, Frame):
        return 1
    return len(chunk.samples) if isinstance(chunk, AudioBlock) else len(chunk.raw_time)


def number(chunk: Data) -> int:
    """Return the number of the first frame or sample of a chunk, -1 where there is no counter."""
    if isinstance(chunk, Frame):
        return chunk.frame_number
    return chunk.first_sample if isinstance(chunk, AudioBlock) else -1


@dataclass(slots=True)
class _Loss:
    """A run of frames or samples that we lost, while it lasts. ``start``: arrival of the last record before it."""

    trial: str
    start: float
    first: int
    last: int
    count: int


@dataclass(slots=True)
class _Stream:
    spec: StreamSpec
    recorded: int = 0
    lost: int = 0
    accepted: float = -math.inf  # arrival of the last accepted record
    last: Seen | None = None  # last frame that came, whether it was stored or not
    loss: _Loss | None = None


@dataclass(slots=True)
class Trial:
    """A trial from `Ledger.open` until its file is on disk."""

    name: str
    start: float
    values: Mapping[str, Any]
    before: dict[str, Seen]
    last: dict[str, Seen] = field(default_factory=dict)
    after: dict[str, Seen] = field(default_factory=dict)
    stop: float | None = None
    closing: Mapping[str, Any] = field(default_factory=dict)
    deadline: float = math.inf
    """Monotonic; from then on no further frame is waited for."""
    is_handed_over: bool = False


@dataclass(frozen=True, slots=True)
class Around:
    """A trial as it was seen coming in: what it takes to find what is missing.

    Parameters
    ----------
    trial, start, stop
        Id; LSL s.
    values, closing
        Attributes given when it was opened, and when it was closed.
    takes
        By stream; without the stored frames, which the file knows.
    reported
        All gaps that were reported so far.
    """

    trial: str
    start: float
    stop: float
    values: Mapping[str, Any]
    closing: Mapping[str, Any]
    takes: Mapping[str, Take]
    reported: Sequence[Gap]


class Ledger:
    """The books of a session with ``streams``."""

    def __init__(self, streams: Sequence[StreamSpec]) -> None:
        self.streams = {spec.name: _Stream(spec) for spec in streams}
        self.trials: dict[str, Trial] = {}
        self.reported: list[Gap] = []
        self._pictures = [spec.name for spec in streams if spec.kind == "frames"]
        self._pairs: dict[str, list[tuple[float, float]]] = {}

    # What comes -------------------------------------------------------------------------------------------------------

    def check(self, chunk: Data) -> None:
        """Refuse data that are not what the stream had said.

        Raises
        ------
        RecordingError
            Shape or type differ.
        """
        spec = self.streams[chunk.stream].spec
        if isinstance(chunk, Frame):
            shape, dtype = chunk.pixels.shape, chunk.pixels.dtype
        elif isinstance(chunk, AudioBlock):
            shape, dtype = chunk.samples.shape[1:], chunk.samples.dtype
        else:
            shape, dtype = chunk.values.shape[1:], chunk.values.dtype
            if len(chunk.values) != len(chunk.raw_time):
                raise RecordingError(f"delivered {len(chunk.values)} rows with {len(chunk.raw_time)} times", spec.name)
        if shape != spec.shape or dtype != spec.dtype:
            told = f"delivered {dtype} {shape} where it had said {spec.dtype} {spec.shape}"
            raise RecordingError(told, spec.name, "Restart the session.")

    def enter(self, frame: Frame) -> Trial | None:
        """Note that a frame came; return the trial that it belongs to."""
        name, seen = frame.stream, Seen(frame.frame_number, frame.arrival_time)
        stream = self.streams[name]
        if math.isfinite(frame.device_time):
            pair = (frame.device_time, frame.arrival_time)
            self._pairs.setdefault(clock_name(stream.spec), []).append(pair)
        home: Trial | None = None
        for trial in self.trials.values():
            if seen.arrival < trial.start:
                trial.before[name] = seen
            elif trial.stop is not None and seen.arrival >= trial.stop:
                trial.after.setdefault(name, seen)
            else:
                trial.last[name] = seen
                home = trial
        stream.last = seen
        return home

    def take_pairs(self) -> dict[str, list[tuple[float, float]]]:
        """Return the (device time, arrival time) of the frames since the last call, by clock."""
        pairs, self._pairs = self._pairs, {}
        return pairs

    # What is taken, and what is lost ----------------------------------------------------------------------------------

    def accept(self, chunk: Data, why: str) -> Gap | None:
        """Count what was taken; return the gap that ends with it, if there was one, with ``why`` as its note."""
        stream = self.streams[chunk.stream]
        stream.recorded += size(chunk)
        stream.accepted = chunk.arrival_time
        return self._end(stream, chunk.arrival_time, why)

    def lose(self, chunk: Data, trial: Trial | None, why: str, *, was_accepted: bool = False) -> Gap | None:
        """Count what was lost by us; return the gap of an earlier trial that ends with it, if there is one."""
        stream, count, first = self.streams[chunk.stream], size(chunk), number(chunk)
        stream.lost += count
        stream.recorded -= count if was_accepted else 0
        last = first + count - 1 if first >= 0 else -1
        name, earliest = (trial.name, trial.start) if trial else ("", -math.inf)
        run = stream.loss
        if run is not None and run.trial == name:
            run.first, run.last, run.count = min(run.first, first), max(run.last, last), run.count + count
            return None
        ended = self._end(stream, chunk.arrival_time, why)
        before = min(stream.accepted, chunk.arrival_time)  # what was accepted later may have been lost on the way, too
        start = max(before, earliest) if math.isfinite(before) else max(chunk.arrival_time, earliest)
        stream.loss = _Loss(name, start, first, last, count)
        return ended

    def end_losses(self, stop: float, note: str, trial: str | None = None) -> Iterator[Gap]:
        """Yield the gaps that last until ``stop``; only those of ``trial`` if one is named."""
        for stream in self.streams.values():
            if stream.loss is not None and trial in {None, stream.loss.trial}:
                gap = self._end(stream, stop, note)
                if gap is not None:
                    yield gap

    def _end(self, stream: _Stream, stop: float, note: str) -> Gap | None:
        run, stream.loss = stream.loss, None
        if run is None:
            return None
        trial = self.trials.get(run.trial)
        if trial is not None and trial.stop is not None:
            stop = min(stop, trial.stop)
        cause = Cause.RECORDER_OVERFLOW
        gap = Gap(stream.spec.name, cause, run.first, run.last, run.count, run.start, stop, note)
        self.reported.append(gap)
        return gap

    # Trials -----------------------------------------------------------------------------------------------------------

    def open(self, name: str, start: float, values: Mapping[str, Any]) -> Trial:
        """Begin a trial at ``start``, but after every frame that has come, and after the end of the trial before it.

        Raises
        ------
        RecordingError
            Another one is open.
        """
        if any(trial.stop is None for trial in self.trials.values()):
            raise RecordingError("another trial is still open", name, "Close it first.")
        before = {name: seen for name in self._pictures if (seen := self.streams[name].last) is not None}
        ends = [trial.stop for trial in self.trials.values() if trial.stop is not None]
        start = max([start, *ends, *(math.nextafter(seen.arrival, math.inf) for seen in before.values())])
        self.trials[name] = trial = Trial(name, start, values, before)
        return trial

    def close(self, stop: float, closing: Mapping[str, Any]) -> Trial:
        """Set the end of the open trial; one before its newest frame becomes the time of that frame.

        Raises
        ------
        RecordingError
            No trial is open.
        """
        trial = next((t for t in self.trials.values() if t.stop is None), None)
        if trial is None:
            raise RecordingError("no trial is open", "recorder")
        newest = max((seen.arrival for seen in trial.last.values()), default=trial.start)
        trial.stop = max(stop, math.nextafter(newest, math.inf))
        trial.closing = closing
        return trial

    def cut(self, trial: Trial) -> None:
        """Let a trial end at its newest frame, or at its stop if that is earlier: no further frame will come."""
        newest = max((seen.arrival for seen in trial.last.values()), default=trial.start)
        end = math.nextafter(newest, math.inf)
        trial.stop = end if trial.stop is None else min(trial.stop, end)

    def whole(self, now: float) -> Iterator[Trial]:
        """Yield the trials of which no further frame is awaited; ``now`` is monotonic."""
        for trial in self.trials.values():
            complete = trial.stop is not None and all(name in trial.after for name in self._pictures)
            if not trial.is_handed_over and (complete or trial.deadline <= now):
                yield trial

    def around(self, trial: Trial) -> Around:
        """Return what is known of a closed trial."""
        stop = trial.start if trial.stop is None else trial.stop
        takes = {
            name: Take(
                stream=name,
                rate_hz=self.streams[name].spec.rate_hz,
                start=trial.start,
                stop=stop,
                stored=(),
                before=trial.before.get(name),
                after=trial.after.get(name),
                last=trial.last.get(name, trial.before.get(name)),
            )
            for name in self._pictures
        }
        return Around(trial.name, trial.start, stop, trial.values, trial.closing, takes, tuple(self.reported))

    # Sums -------------------------------------------------------------------------------------------------------------

    def recorded(self) -> dict[str, int]:
        """Return how many frames or samples of each stream were taken."""
        return {name: stream.recorded for name, stream in self.streams.items()}

    def lost(self) -> dict[str, int]:
        """Return how many of each were lost by the recorder."""
        return {name: stream.lost for name, stream in self.streams.items()}

    def lost_signal(self, stream: str) -> tuple[int, int]:
        """Return the samples lost (before us, by us) of a stream that is no camera."""
        mine = [gap for gap in self.reported if gap.stream == stream]
        before = sum(gap.count for gap in mine if gap.cause in LOST_BEFORE_US)
        return before, sum(gap.count for gap in mine if gap.cause in LOST_BY_US)
