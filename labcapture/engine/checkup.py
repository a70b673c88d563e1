"""The engine's looks at a rig before a session, whole or in part, and rehearsals: what they found."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

from labcapture.core.cancelling import Cancellation, Cancelled
from labcapture.core.clock import lsl_time
from labcapture.core.errors import EngineError, LabcaptureError
from labcapture.engine.check_messages import CANCELLING, CheckView, Preflight, Rehearse
from labcapture.engine.messages import Prepare
from labcapture.engine.preflight import Wanted, preflight
from labcapture.engine.preflight_rows import Row
from labcapture.engine.rehearsal import GROUP, rehearse

_OPENING_S, _STAGE_S = 3.0, 6.0  # about how long it takes before the streams are measured


class Looked(NamedTuple):
    """A row as a session keeps it (`labcapture.recording.rows.Rows.preflight`)."""

    time: float
    group: str
    name: str
    verdict: str
    reading: str
    limit: str
    override: str


class Checkup:
    """Holds the rows of one rig with one protocol. `run` is called beside the server's thread, all else from it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._view: CheckView | None = None
        self._times: dict[str, float] = {}  # LSL s at which each group was looked at
        self._number = 0
        self._began = 0.0
        self._cancelled = Cancellation()

    @property
    def is_busy(self) -> bool:
        """Whether a look is going on."""
        return self._view is not None and bool(self._view.doing)

    def view(self) -> CheckView | None:
        """Return how far it has come."""
        with self._lock:
            return self._view

    def begin(self, command: Preflight | Rehearse) -> Preflight | Rehearse:
        """Take note that a look begins; the rows of another rig, protocol or folder count no longer."""
        self._cancelled = Cancellation()
        self._number += 1
        self._began = lsl_time()
        before = self._view
        keeps = isinstance(command, Rehearse) or bool(command.groups)
        rows: tuple[Row, ...] = ()
        if before is not None and keeps and (before.rig, before.protocol) == (command.rig, command.protocol):
            rows = before.rows
        with self._lock:
            self._view = CheckView(
                rig=command.rig,
                protocol=command.protocol,
                number=self._number,
                doing="beginning",
                simulated=before.simulated if before is not None and rows else False,
                rows=rows,
            )
        return command

    def cancel(self) -> None:
        """End a look; the view says so until what it had opened is released."""
        with self._lock:
            if self._view is not None and self._view.doing:
                self._cancelled.ask()
                self._view = self._view.model_copy(update={"doing": CANCELLING})

    def run(self, command: Preflight | Rehearse) -> tuple[tuple[Row, ...], tuple[str, ...], bool | None]:
        """Look; return the rows, the groups that they replace (all others stay), and whether the rig is simulated.

        Raises
        ------
        BadInput
            The rig file or the protocol is wrong.
        Cancelled
            By `cancel`.
        """
        cancelled = self._cancelled
        if isinstance(command, Rehearse):
            return rehearse(command, self._tell, cancelled), (GROUP,), None
        expected = command.seconds + _OPENING_S + (_STAGE_S if command.stage else 0.0)
        wanted = Wanted(
            rig=Path(command.rig),
            protocol=Path(command.protocol) if command.protocol else None,
            out=Path(command.out),
            stimuli=Path(command.stimuli) if command.stimuli else None,
            seconds=command.seconds,
            stage=command.stage,
            groups=command.groups,
        )
        report = preflight(wanted, lambda what: self._tell(what, (lsl_time() - self._began) / expected), cancelled)
        return report.rows, command.groups, report.simulated

    def end(self, work: Future[tuple[tuple[Row, ...], tuple[str, ...], bool | None]]) -> None:
        """Take in what a look came to."""
        view, error = self._view, work.exception()
        if view is None:
            return
        changes: dict[str, object] = {"doing": "", "done_share": 1.0}
        if isinstance(error, Cancelled):
            changes["error"] = "It was cancelled; nothing was found out."
        elif error is not None:
            told = error if isinstance(error, LabcaptureError) else EngineError(f"{type(error).__name__}: {error}")
            changes["error"] = str(told)
        else:
            rows, groups, simulated = work.result()
            kept = tuple(row for row in view.rows if row.group not in groups)
            changes["rows"] = (*kept, *rows) if groups else rows
            if simulated is not None:
                changes["simulated"] = simulated
            self._times.update(dict.fromkeys((row.group for row in rows), lsl_time()))
        with self._lock:
            self._view = view.model_copy(update=changes)

    def forget(self) -> None:
        """Let nothing of it count any longer: a session has been in between."""
        with self._lock:
            self._view = None

    def rows_for(self, command: Prepare) -> tuple[Looked, ...]:
        """Return what the session of ``command`` is to keep; nothing if another rig or protocol was looked at.

        Raises
        ------
        EngineError
            A row failed, and the command does not say why to go on all the same. It may have a reason for each.
        """
        view = self._view
        if view is None or not _same(view.rig, command.rig) or not _same(view.protocol, command.protocol):
            return ()
        hindering = [row for row in view.failed if not command.reason(row.group, row.name)]
        if hindering:
            failed = ", ".join(f"{row.group} {row.name}" for row in hindering[:3])
            raise EngineError(f"the preflight says no-go: {failed}", mend="Mend it, or give a reason to go on.")
        return tuple(
            Looked(
                self._times.get(row.group, self._began),
                row.group,
                row.name,
                row.verdict,
                row.reading,
                row.limit,
                command.reason(row.group, row.name) if row.verdict == "fail" else "",
            )
            for row in view.rows
        )

    def _tell(self, what: str, share: float) -> None:
        with self._lock:
            if self._view is not None and not self._cancelled.is_asked:
                update = {"doing": what, "done_share": min(1.0, max(0.0, share))}
                self._view = self._view.model_copy(update=update)


def _same(one: str | None, other: str) -> bool:
    return one is not None and Path(one).absolute() == Path(other).absolute()
