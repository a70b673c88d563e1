"""The recorder: takes chunks from any thread without ever waiting, and writes a session folder that can be trusted.

::

    devices ── offer ──> which trial? room? ──> queue (bytes) ──> encoders ──> HDF5 thread ──> files, journals
                              │ no                                       once a second: flush, fsync
                              └──> counted, and a gap row                at the end: times, verdict, checksums

A failure to write is told by `Recorder.status` and never raised into a device's thread. What was written stays.
"""

from __future__ import annotations

import math
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from labcapture.core.chunks import AudioBlock, Cause, Chunk, Frame, Gap, Samples, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.core.errors import RecordingError
from labcapture.recording import codecs, schema
from labcapture.recording.boundaries import Seen, Take
from labcapture.recording.folder import SessionHeader, create_folder, write_checksums, write_summary
from labcapture.recording.journal import jsonable
from labcapture.recording.pipeline import Item, Pipeline
from labcapture.recording.quality import LOST_BEFORE_US, LOST_BY_US, TrialVerdict
from labcapture.recording.reserve import Reserve
from labcapture.recording.scribe import Around, Scribe

__all__ = ["Recorder", "RecorderStatus", "SessionHeader", "create_folder"]

_SYNC_S = 1.0
_TICK_S = 0.05
_PATIENCE_S = 2.0  # for a frame that arrived after a trial's stop, to know that nothing is still on its way


@dataclass(frozen=True, slots=True)
class RecorderStatus:
    """The recorder at one moment.

    Parameters
    ----------
    queue_bytes, queue_limit_bytes
        What waits to be written, and its bound.
    encode_backlog
        Pictures that wait for an encoder.
    raw_frames
        Pictures stored raw because encoding fell behind.
    recorded, lost
        Frames or samples of each stream that were accepted for the file, and those lost by the recorder.
    written_bytes
        Pictures and signals so far.
    sync_age_s
        Seconds since the disk last held everything.
    error
        What failed; empty if nothing did. From then on chunks are refused.
    verdicts
        Of the trials that are finished.
    """

    queue_bytes: int
    queue_limit_bytes: int
    encode_backlog: int
    raw_frames: int
    recorded: Mapping[str, int]
    lost: Mapping[str, int]
    written_bytes: int
    sync_age_s: float
    error: str
    verdicts: Mapping[str, TrialVerdict]


@dataclass(slots=True)
class _Loss:
    """A run of frames or samples that we lost, while it lasts."""

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
    accepted: float = math.nan  # arrival of the last accepted record
    last: Seen | None = None  # last frame that came, whether it was stored or not
    loss: _Loss | None = None


@dataclass(slots=True)
class _Trial:
    name: str
    start: float
    values: dict[str, Any]
    before: dict[str, Seen]
    last: dict[str, Seen] = field(default_factory=dict)
    after: dict[str, Seen] = field(default_factory=dict)
    stop: float | None = None
    closing: dict[str, Any] = field(default_factory=dict)
    deadline: float = math.inf  # monotonic
    handed_over: bool = False


class Recorder:
    """Records one session into a folder made by `create_folder`.

    Parameters
    ----------
    folder, header
        Of the session.
    streams
        Everything that will be offered.
    queue_bytes
        Bound of what waits to be written; what does not fit is lost by us, counted, and entered as a gap.
    workers
        Encoders.
    raw_above_bytes
        Pictures are stored raw while more than this waits for an encoder; a quarter of the queue unless given.

    Raises
    ------
    RecordingError
        A stream has no place in the format, or the files cannot be created; none is left behind.
    """

    def __init__(
        self,
        folder: Path,
        header: SessionHeader,
        streams: Sequence[StreamSpec],
        *,
        queue_bytes: int = 512 * 2**20,
        workers: int = 2,
        raw_above_bytes: int | None = None,
    ) -> None:
        for spec in streams:
            schema.check_stream(spec)
            if spec.kind == "frames":
                codecs.dataset_options(spec.dtype, spec.shape)
        self.folder, self._header = folder, header
        self._streams = {spec.name: _Stream(spec) for spec in streams}
        self._pictures = [spec.name for spec in streams if spec.kind == "frames"]
        self._trials: dict[str, _Trial] = {}
        self._reported: list[Gap] = []
        self._pairs: dict[str, list[tuple[float, float]]] = {}
        self._error = ""
        self._summary: dict[str, Any] | None = None
        self._ended = False
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        started = lsl_time() - (datetime.now(UTC) - header.started_utc).total_seconds()
        try:
            self._reserve = Reserve(folder)
            self._scribe = Scribe(folder, header, streams, started, lsl_time)
        except OSError as error:
            self._undo()
            raise RecordingError(
                f"cannot be created ({error.strerror or error})", str(folder), "Is the disk full?"
            ) from error
        raw_above = queue_bytes // 4 if raw_above_bytes is None else raw_above_bytes
        self._pipeline = Pipeline(queue_bytes, raw_above, workers)
        self._synced = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="recorder-hdf5", daemon=True)
        self._thread.start()

    def _undo(self) -> None:
        """Remove the files of a session that did not come to be."""
        for path in sorted(self.folder.rglob("*.*")):
            if path.name in {schema.SESSION_FILE, "session.jsonl", Reserve.NAME}:
                path.unlink()

    # Intake: any thread, never waits ----------------------------------------------------------------------------------

    def offer(self, chunk: Chunk) -> bool:
        """Take a chunk; False: it was lost by us, and is counted. Never waits, never raises.

        Pictures are stored while a trial is open, everything else always. A gap is to be offered before the frame that
        ended it.
        """
        try:
            with self._lock:
                stream = self._streams[chunk.stream]
                if isinstance(chunk, Frame):
                    return self._offer_frame(stream, chunk)
                if isinstance(chunk, Gap):
                    self._reported.append(chunk)
                    return self._pipeline.put(chunk)
                if isinstance(chunk, AudioBlock):
                    return self._offer_rows(stream, chunk, len(chunk.samples), chunk.first_sample, chunk.samples.shape)
                if isinstance(chunk, Samples):
                    return self._offer_rows(stream, chunk, len(chunk.raw_time), -1, chunk.values.shape)
                return self._pipeline.put(chunk)
        except Exception as error:  # noqa: BLE001 - a device's thread must live; the error is told by status
            self._fail(error)
            return False

    def _offer_frame(self, stream: _Stream, frame: Frame) -> bool:
        name, seen = frame.stream, Seen(frame.frame_number, frame.arrival_time)
        if math.isfinite(frame.device_time):
            pair = (frame.device_time, frame.arrival_time)
            self._pairs.setdefault(schema.clock_name(stream.spec), []).append(pair)
        home: _Trial | None = None
        for trial in list(self._trials.values()):
            if seen.arrival < trial.start:
                trial.before[name] = seen
            elif trial.stop is not None and seen.arrival >= trial.stop:
                trial.after.setdefault(name, seen)
                self._hand_over_if_whole(trial)
            else:
                trial.last[name] = seen
                home = trial
        stream.last = seen
        if home is None:
            return True
        self._check_shape(stream.spec, frame.pixels.shape, frame.pixels.dtype)
        start = max(home.start, stream.accepted) if math.isfinite(stream.accepted) else home.start
        if self._error or not self._pipeline.put_frame(frame, home.name):
            self._lose(stream, _Loss(home.name, start, seen.number, seen.number, 1))
            return False
        self._accept(stream, 1, seen.arrival)
        return True

    def _offer_rows(
        self, stream: _Stream, chunk: AudioBlock | Samples, count: int, first: int, shape: tuple[int, ...]
    ) -> bool:
        self._check_shape(stream.spec, shape[1:], None)
        if self._error or not self._pipeline.put(chunk):
            last = first + count - 1 if first >= 0 else -1
            self._lose(stream, _Loss("", stream.accepted, first, last, count))
            return False
        self._accept(stream, count, chunk.arrival_time)
        return True

    def _check_shape(self, spec: StreamSpec, shape: tuple[int, ...], dtype: np.dtype[Any] | None) -> None:
        if shape != spec.shape or (dtype is not None and dtype != np.dtype(spec.dtype)):
            told = f"{dtype or ''} {shape} where it had said {spec.dtype} {spec.shape}"
            raise RecordingError(f"delivered {told.strip()}", spec.name, "Restart the session.")

    def _accept(self, stream: _Stream, count: int, arrival: float) -> None:
        self._end_loss(stream, arrival)
        stream.recorded += count
        stream.accepted = arrival

    def _lose(self, stream: _Stream, loss: _Loss) -> None:
        stream.lost += loss.count
        run = stream.loss
        if run is not None and run.trial == loss.trial:
            run.first, run.last = min(run.first, loss.first), max(run.last, loss.last)
            run.count += loss.count
        else:
            self._end_loss(stream, loss.start)
            stream.loss = loss

    def _end_loss(self, stream: _Stream, stop: float) -> None:
        """Enter the run of what we lost, now that it is over."""
        run, stream.loss = stream.loss, None
        if run is not None:
            note = self._error or "the recorder's queue was full"
            cause = Cause.RECORDER_OVERFLOW
            gap = Gap(stream.spec.name, cause, run.first, run.last, run.count, run.start, stop, note)
            self._reported.append(gap)
            self._pipeline.put(gap)

    # Trials -----------------------------------------------------------------------------------------------------------

    def open_trial(self, trial: str, *, start: float | None = None, **values: Any) -> None:  # noqa: ANN401 - attributes
        """Store pictures from ``start`` (LSL s; now unless given) on; ``values``: step, clip, emotion, take, ...

        Raises
        ------
        RecordingError
            Another trial is open, or this one exists.
        """
        schema.check_trial(trial)
        with self._lock:
            if any(other.stop is None for other in self._trials.values()):
                raise RecordingError("another trial is still open", trial, "Close it first.")
            if trial in self._trials or (self.folder / schema.trial_path(trial)).exists():
                raise RecordingError("a trial of this name exists", trial, "Count its takes.")
            begin = lsl_time() if start is None else start
            last = {name: self._streams[name].last for name in self._pictures}
            before = {name: seen for name, seen in last.items() if seen is not None and seen.arrival < begin}
            self._trials[trial] = _Trial(trial, begin, values, before)
            self._pipeline.put_action(partial(self._scribe.open_trial, trial, begin, values))

    def close_trial(self, stop: float, **values: Any) -> None:  # noqa: ANN401 - attributes
        """End the open trial at ``stop`` (LSL s); returns at once.

        Pictures are taken until one of each stream arrived at ``stop`` or later, at most two seconds longer; then the
        file is finished. A ``stop`` before the newest picture becomes the time of that picture.

        Raises
        ------
        RecordingError
            No trial is open.
        """
        with self._lock:
            trial = next((t for t in self._trials.values() if t.stop is None), None)
            if trial is None:
                raise RecordingError("no trial is open", "recorder")
            newest = max((seen.arrival for seen in trial.last.values()), default=trial.start)
            trial.stop = max(stop, math.nextafter(newest, math.inf))
            trial.closing = values
            trial.deadline = time.monotonic() + max(0.0, trial.stop - lsl_time()) + _PATIENCE_S
            self._hand_over_if_whole(trial)

    def wait_trials(self, timeout: float) -> bool:
        """Wait until every closed trial is on disk; False if that takes longer than ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: all(t.stop is None for t in self._trials.values()), timeout)

    def _hand_over_if_whole(self, trial: _Trial) -> None:
        if trial.stop is not None and all(name in trial.after for name in self._pictures):
            self._hand_over(trial)

    def _hand_over(self, trial: _Trial) -> None:
        """Have the HDF5 thread finish a trial, of which no further picture will come."""
        if trial.handed_over or trial.stop is None:
            return
        trial.handed_over = True
        takes = {}
        for name in self._pictures:
            stream = self._streams[name]
            if stream.loss is not None and stream.loss.trial == trial.name:
                self._end_loss(stream, trial.stop)
            last = trial.last.get(name, trial.before.get(name))
            takes[name] = Take(
                stream=name,
                rate_hz=stream.spec.rate_hz,
                start=trial.start,
                stop=trial.stop,
                stored=(),
                before=trial.before.get(name),
                after=trial.after.get(name),
                last=last,
            )
        values = {**trial.values, **trial.closing}
        around = Around(trial.name, trial.start, trial.stop, values, takes, tuple(self._reported))
        self._pipeline.put_action(partial(self._finish, trial, around))

    def _finish(self, trial: _Trial, around: Around) -> None:
        """Finish a trial's file (HDF5 thread)."""
        try:
            self._store_pairs()
            if self._scribe.is_open(trial.name):
                self._scribe.close_trial(around, trial.closing)
            else:
                self._scribe.lost_trial(around, self._error)
        finally:
            with self._changed:
                del self._trials[trial.name]
                self._changed.notify_all()

    # Tables -----------------------------------------------------------------------------------------------------------

    def marker(self, time: float, label: str, source: str, step: str = "") -> None:
        """Enter an event at LSL ``time``; ``source``: stage, engine or experimenter."""
        self._rows("/markers", [(time, label, source, step)])

    def note(self, time: float, text: str) -> None:
        """Enter a line of the experimenter."""
        self._rows("/notes", [(time, text)])

    def answer(
        self,
        step: str,
        question: str,
        value: str | float | None,
        time: float,
        reaction_time: float,
        by: str = "participant",
        *,
        trial: str = "",
        self_report: bool = False,
    ) -> None:
        """Enter an answer given at LSL ``time``; ``self_report``: it says what the participant felt in ``trial``."""
        number = float(value) if isinstance(value, int | float) else math.nan
        row = (time, step, trial, question, "" if value is None else str(value), number, reaction_time, by)
        self._rows("/self_report" if self_report else "/answers", [row])

    def flips(self, step: str, trial: str, rows: Sequence[tuple[int, float, float, bool]]) -> None:
        """Enter flips of a film: (flip index, LSL time s, film time s, late) each."""
        self._rows("/stimulus_flips", [(trial, step, *row) for row in rows])

    def _rows(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        self._pipeline.put_action(partial(self._scribe.session.rows, table, rows))

    # State ------------------------------------------------------------------------------------------------------------

    def status(self) -> RecorderStatus:
        """Return the present state. Cheap."""
        with self._lock:
            return RecorderStatus(
                queue_bytes=self._pipeline.nbytes,
                queue_limit_bytes=self._pipeline.limit_bytes,
                encode_backlog=self._pipeline.backlog,
                raw_frames=self._pipeline.raw_frames,
                recorded={name: stream.recorded for name, stream in self._streams.items()},
                lost={name: stream.lost for name, stream in self._streams.items()},
                written_bytes=self._scribe.written_bytes,
                sync_age_s=time.monotonic() - self._synced,
                error=self._error,
                verdicts=self._scribe.verdicts,
            )

    def _fail(self, error: Exception) -> None:
        with self._lock:
            if not self._error:
                self._error = self._told(error)
        self._reserve.free()

    def _told(self, error: Exception) -> str:
        if isinstance(error, RecordingError):
            return str(error)
        full = shutil.disk_usage(self.folder).free < Reserve.BYTES
        what = "the disk is full" if full else f"cannot be written ({type(error).__name__}: {error})"
        return str(RecordingError(what, str(self.folder), "End the session; all until now is kept."))

    # HDF5 thread ------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._ended:
            item = self._pipeline.take(_TICK_S)
            if item is not None:
                self._attempt(partial(self._handle, item))
                self._pipeline.done(item)
            self._hand_over_late()
            if time.monotonic() - self._synced >= _SYNC_S and not self._error:
                self._attempt(self._sync)
        self._scribe.abandon()

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - the recorder goes on with what can be saved; status tells the error
            self._fail(error)

    def _handle(self, item: Item) -> None:
        if not isinstance(item.content, Frame):
            if callable(item.content):
                item.content()
            elif not self._error or item.nbytes == 0:  # after a failure only small things are still tried
                self._scribe.record(item.content)
            else:
                self._lose_accepted(item)
            return
        if not self._error:
            try:
                self._scribe.picture(item)
            except Exception:
                self._lose_accepted(item)
                raise
        else:
            self._lose_accepted(item)

    def _lose_accepted(self, item: Item) -> None:
        """Count what was accepted and could not be written."""
        chunk = item.content
        with self._lock:
            if isinstance(chunk, Frame):
                loss = _Loss(item.trial, chunk.arrival_time, chunk.frame_number, chunk.frame_number, 1)
            else:
                rows = cast("AudioBlock | Samples", chunk)
                first = rows.first_sample if isinstance(rows, AudioBlock) else -1
                count = len(rows.samples) if isinstance(rows, AudioBlock) else len(rows.raw_time)
                loss = _Loss("", rows.arrival_time, first, first + count - 1 if first >= 0 else -1, count)
            stream = self._streams[chunk.stream]  # type: ignore[union-attr]
            stream.recorded -= loss.count
            self._lose(stream, loss)

    def _hand_over_late(self) -> None:
        with self._lock:
            for trial in list(self._trials.values()):
                if trial.deadline <= time.monotonic():
                    self._hand_over(trial)

    def _store_pairs(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, {}
        self._scribe.pairs(pairs)

    def _sync(self) -> None:
        self._store_pairs()
        self._scribe.sync()
        self._synced = time.monotonic()

    # The end ----------------------------------------------------------------------------------------------------------

    def close(self, *, completed: bool = False, error: str = "") -> dict[str, Any]:
        """Finish everything: trials, times, verdict, summary.json, checksums. May be called again.

        Parameters
        ----------
        completed
            Whether every step of the protocol was run.
        error
            What failed elsewhere in the session.

        Returns
        -------
        dict
            What summary.json says.
        """
        if self._summary is not None:
            return self._summary
        with self._lock:
            if any(trial.stop is None for trial in self._trials.values()):
                self.close_trial(-math.inf)  # ends with the newest picture
            for trial in list(self._trials.values()):
                self._hand_over(trial)
            for stream in self._streams.values():
                self._end_loss(stream, lsl_time())
        outcome: dict[str, Any] = {}
        self._pipeline.put_action(partial(self._conclude, completed, error, outcome))
        self._thread.join()
        self._pipeline.close()
        self._reserve.free()
        self._summary = self._summed_up(outcome, completed, error)
        try:
            write_summary(self.folder, self._summary)
            write_checksums(self.folder)
        except OSError as failure:
            self._fail(failure)
            self._summary["error"] = self._summary["error"] or self._error
        return self._summary

    def _conclude(self, completed: bool, error: str, outcome: dict[str, Any]) -> None:
        try:
            self._sync()
            outcome |= self._scribe.conclude(completed, error or self._error)
        finally:
            self._ended = True

    def _summed_up(self, outcome: Mapping[str, Any], completed: bool, error: str) -> dict[str, Any]:
        names = list(self._streams)
        counts = {name: [t["streams"][name] for t in self._scribe.trials if name in t["streams"]] for name in names}
        lost_before, lost_by = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
        for name, stream in self._streams.items():
            if stream.spec.kind == "frames":
                lost_before[name] = sum(count["lost_before_us"] for count in counts[name])
                lost_by[name] = sum(count["lost_by_us"] for count in counts[name])
            else:
                mine = [gap for gap in self._reported if gap.stream == name]
                lost_before[name] = sum(gap.count for gap in mine if gap.cause in LOST_BEFORE_US)
                lost_by[name] = sum(gap.count for gap in mine if gap.cause in LOST_BY_US)
        identity = {key: value for key, value in self._header.identity().items() if key != "NX_class"}
        summary = {
            **identity,
            "ended_utc": datetime.now(UTC).isoformat(),
            **(outcome or {"part": "", "verdict": "", "reason": "session.h5 could not be finished"}),
            "completed": completed,
            "error": error or self._error,
            "recorded": {name: stream.recorded for name, stream in self._streams.items()},
            "lost_before_us": lost_before,
            "lost_by_us": lost_by,
            "raw_frames": self._pipeline.raw_frames,
            "trials": self._scribe.trials,
        }
        return cast("dict[str, Any]", jsonable(summary))
