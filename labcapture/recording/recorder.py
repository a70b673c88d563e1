"""The recorder: takes chunks from any thread without ever waiting, and writes a session folder that can be trusted.

::

    devices ── offer ──> which trial? room? ──> queue (bytes) ──> encoders ──> HDF5 thread ──> files, journals
                              │ no                                       once a second: flush, fsync
                              └──> counted, and a gap row                at the end: times, verdict, checksums

A failure to write is told by `Recorder.status` and never raised into a device's thread. What was written stays.
"""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from labcapture.core.chunks import AudioBlock, Chunk, ClockOffset, Frame, Gap, Samples, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.core.errors import RecordingError
from labcapture.recording import encodings, schema
from labcapture.recording.folder import SessionHeader, create_folder, remove_empty, write_checksums, write_summary
from labcapture.recording.hold import Hold
from labcapture.recording.ledger import QUEUE_FULL, Data, Ledger, Trial
from labcapture.recording.pipeline import Item, Pipeline
from labcapture.recording.reserve import Reserve
from labcapture.recording.rows import Rows
from labcapture.recording.scribe import Scribe
from labcapture.recording.status import RecorderStatus
from labcapture.recording.summary import summary

__all__ = ["Recorder", "RecorderStatus", "SessionHeader", "create_folder"]

_CANNOT_WRITE = (OSError, RuntimeError)  # h5py raises either
_SYNC_S = 1.0
_TICK_S = 0.05
_PATIENCE_S = 2.0  # for a frame that arrived after a trial's stop, to know that nothing is still on its way


class Recorder(Rows):
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
        A stream has no place in the format, its pictures cannot be encoded here, or the files cannot be created; none
        is left behind.
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
        super().__init__()
        codec = encodings.ready(header.codec)
        for spec in streams:
            schema.check_stream(spec)
            if spec.kind == "frames":
                codec.options(spec.dtype, spec.shape)
        self.folder, self._header = folder, header
        self._ledger = Ledger(streams)
        self._error = ""
        self._is_broken = False  # whether writing failed; from then on only small things are still tried
        self._summary: dict[str, Any] | None = None
        self._is_closing = False
        self._ended = False
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        started = lsl_time() - (datetime.now(UTC) - header.started_utc).total_seconds()
        self._reserve = Reserve(folder)
        hold: Hold | None = None
        try:
            hold = Hold(folder)
            self._reserve.hold()
            self._scribe = Scribe(folder, header, streams, started, lsl_time)
        except BaseException as error:
            self._reserve.free()
            if hold is not None:
                hold.release()
            remove_empty(folder)
            if not isinstance(error, _CANNOT_WRITE):
                raise
            where = folder if folder.exists() else folder.parent
            raise RecordingError(f"a session cannot be created ({error})", str(where), "Is the disk full?") from error
        self._hold = hold
        raw_above = queue_bytes // 4 if raw_above_bytes is None else raw_above_bytes
        self._pipeline = Pipeline(queue_bytes, raw_above, workers, codec.encode)
        self._synced = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="recorder-hdf5", daemon=True)
        self._thread.start()

    # Intake: any thread, never waits ----------------------------------------------------------------------------------

    def offer(self, chunk: Chunk) -> bool:
        """Take a chunk; False: it was lost by us, and is counted. Never waits, never raises.

        Pictures are stored while a trial is open, everything else always. A gap is to be offered before the frame that
        ended it.
        """
        try:
            with self._lock:
                if self._is_closing:
                    return False  # nothing more is due, so nothing is lost
                if isinstance(chunk, Frame):
                    return self._offer_frame(chunk)
                if isinstance(chunk, AudioBlock | Samples):
                    return self._settle(chunk, None, self._is_wanted(chunk) and self._pipeline.put(chunk))
                if isinstance(chunk, Gap):
                    self._ledger.reported.append(chunk)
                return self._pipeline.put(chunk)
        except Exception as error:  # noqa: BLE001 - a device's thread must live; the error is told by status
            self._fail(error)
            return False

    def _offer_frame(self, frame: Frame) -> bool:
        trial = self._ledger.enter(frame)
        self._hand_over_whole()
        if trial is None:
            return True
        return self._settle(frame, trial, self._is_wanted(frame) and self._pipeline.put_frame(frame, trial.name))

    def _is_wanted(self, chunk: Data) -> bool:
        """Return whether a chunk can be written: nothing has failed, and it is what its stream had said."""
        try:
            self._ledger.check(chunk)
        except RecordingError as error:
            self._fail(error)
            return False
        return not self._is_broken

    def _settle(self, chunk: Data, trial: Trial | None, taken: bool) -> bool:
        """Enter into the books whether a chunk was taken."""
        why = self._error or QUEUE_FULL
        gap = self._ledger.accept(chunk, why) if taken else self._ledger.lose(chunk, trial, why)
        if gap is not None:
            self._pipeline.put(gap)
        return taken

    # Trials -----------------------------------------------------------------------------------------------------------

    def open_trial(self, trial: str, *, start: float | None = None, **values: Any) -> None:  # noqa: ANN401 - attributes
        """Store pictures from ``start`` (LSL s; now unless given) on; ``values``: step, clip, emotion, take, ...

        A picture belongs to one trial: one that opens before the last one's ``stop`` begins there.

        Raises
        ------
        RecordingError
            Another trial is open, or this one exists.
        """
        schema.check_trial(trial)
        with self._lock:
            if trial in self._ledger.trials or (self.folder / schema.trial_path(trial)).exists():
                raise RecordingError("a trial of this name exists", trial, "Count its takes.")
            opened = self._ledger.open(trial, lsl_time() if start is None else start, values)
            self._pipeline.put_action(partial(self._scribe.open_trial, trial, opened.start, values))

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
            trial = self._ledger.close(stop, values)
            ahead = (trial.stop or 0.0) - lsl_time()
            trial.deadline = time.monotonic() + max(0.0, ahead) + _PATIENCE_S
            self._hand_over_whole()

    def wait_trials(self, timeout: float) -> bool:
        """Wait until every closed trial is on disk; False if that takes longer than ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(
                lambda: all(trial.stop is None for trial in self._ledger.trials.values()), timeout
            )

    def _hand_over_whole(self) -> None:
        """Have the HDF5 thread finish the trials of which no further picture is awaited."""
        for trial in self._ledger.whole(time.monotonic()):
            self._hand_over(trial)

    def _hand_over(self, trial: Trial) -> None:
        trial.is_handed_over = True
        self._pipeline.put_action(partial(self._finish, trial))

    def _finish(self, trial: Trial) -> None:
        """Finish a trial's file (HDF5 thread)."""
        try:
            self._enter_losses(trial.stop or trial.start, trial.name)
            self._store_pairs()
            with self._lock:
                around = self._ledger.around(trial)
            if self._scribe.is_open(trial.name):
                self._scribe.close_trial(around)
            else:
                self._scribe.lost_trial(around, self._error)
        finally:
            with self._changed:
                del self._ledger.trials[trial.name]
                self._changed.notify_all()

    def _enter_losses(self, stop: float, trial: str | None = None) -> None:
        """Enter what we lost until ``stop`` and have not yet told (HDF5 thread)."""
        with self._lock:
            gaps = list(self._ledger.end_losses(stop, self._error or QUEUE_FULL, trial))
        for gap in gaps:
            self._scribe.record(gap)

    # Tables -----------------------------------------------------------------------------------------------------------

    def _do(self, action: Callable[[Scribe], None]) -> None:
        self._pipeline.put_action(partial(action, self._scribe))

    # State ------------------------------------------------------------------------------------------------------------

    def status(self) -> RecorderStatus:
        """Return the present state. Cheap."""
        with self._lock:
            return RecorderStatus(
                queue_bytes=self._pipeline.nbytes,
                queue_limit_bytes=self._pipeline.limit_bytes,
                encode_backlog=self._pipeline.backlog,
                raw_frames=self._pipeline.raw_frames,
                recorded=self._ledger.recorded(),
                lost=self._ledger.lost(),
                written_bytes=self._scribe.written_bytes,
                sync_age_s=time.monotonic() - self._synced,
                error=self._error,
                verdicts=self._scribe.verdicts,
            )

    def _fail(self, error: Exception) -> None:
        with self._lock:
            self._error = self._error or self._told(error)

    def _told(self, error: Exception) -> str:
        if isinstance(error, RecordingError):
            return str(error)
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        what = "the disk is full" if full else f"cannot be written ({type(error).__name__}: {error})"
        return str(RecordingError(what, str(self.folder), "End the session; all until now is kept."))

    # HDF5 thread ------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._ended:
            item = self._pipeline.take(_TICK_S)
            if item is not None:
                self._attempt(partial(self._handle, item))
                self._pipeline.done(item)
            with self._lock:
                self._hand_over_whole()
            if time.monotonic() - self._synced >= _SYNC_S and not (self._is_broken or self._ended):
                self._attempt(self._sync)
        self._scribe.abandon()

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - the recorder goes on with what can be saved; status tells the error
            self._fail(error)
            if isinstance(error, _CANNOT_WRITE) and not isinstance(error, FileExistsError):
                self._is_broken = True
                self._reserve.free()

    def _handle(self, item: Item) -> None:
        content = item.content
        if callable(content):
            content()
        elif isinstance(content, ClockOffset | Gap):
            self._scribe.record(content)
        else:
            try:
                self._write(item, content)
            except Exception:
                with self._lock:
                    trial = self._ledger.trials.get(item.trial)
                    gap = self._ledger.lose(content, trial, self._error or QUEUE_FULL, was_accepted=True)
                if gap is not None:
                    self._scribe.record(gap)
                raise

    def _write(self, item: Item, content: Data) -> None:
        if self._is_broken:
            raise RecordingError(self._error)
        if isinstance(content, Frame):
            self._scribe.picture(item)
        else:
            self._scribe.record(content)

    def _store_pairs(self) -> None:
        with self._lock:
            pairs = self._ledger.take_pairs()
        self._scribe.pairs(pairs)

    def _sync(self) -> None:
        if not self._is_broken:
            self._reserve.check()
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
            self._is_closing = True
            for trial in self._ledger.trials.values():
                if not trial.is_handed_over:
                    self._ledger.cut(trial)
                    self._hand_over(trial)
        outcome: dict[str, Any] = {}
        self._pipeline.put_action(partial(self._conclude, completed, error, outcome))
        self._thread.join()
        self._pipeline.close()
        self._reserve.free()
        self._summary = summary(
            self._header,
            self._ledger,
            self._scribe.trials,
            outcome,
            completed=completed,
            error=error or self._error,
            raw_frames=self._pipeline.raw_frames,
            more={"assigned": self._scribe.session.assigned, **self.told},
        )
        try:
            write_summary(self.folder, self._summary)
            write_checksums(self.folder)
        except OSError as failure:
            self._fail(failure)
            self._summary["error"] = self._summary["error"] or self._error
        self._hold.release()
        return self._summary

    def _conclude(self, completed: bool, error: str, outcome: dict[str, Any]) -> None:
        try:
            self._enter_losses(lsl_time())
            self._sync()
            outcome |= self._scribe.conclude(completed, error or self._error)
        finally:
            self._ended = True
