"""The engine's process: answers commands, publishes snapshots, and moves its one session along.

One thread does all of this. What takes long (opening a rig, closing a session) runs beside it, so that snapshots go on;
the command that asked for it gets its reply when it is done.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import zmq
from pydantic import ValidationError

from labcapture import __version__
from labcapture.core.cancelling import Cancelled
from labcapture.core.clock import lsl_time
from labcapture.core.curve import Guard
from labcapture.core.errors import EngineError, LabcaptureError
from labcapture.engine import connection as connections
from labcapture.engine.calibration import Calibration
from labcapture.engine.check_messages import Calibrate, Cancel, Preflight, Rehearse
from labcapture.engine.checkup import Checkup
from labcapture.engine.connection import Connection
from labcapture.engine.load import Load
from labcapture.engine.messages import (
    Abort,
    Command,
    EngineState,
    Enter,
    ErrorReply,
    Mark,
    Note,
    Pause,
    Ping,
    Prepare,
    Reply,
    Resume,
    SessionResult,
    Shutdown,
    Snapshot,
    Start,
    command_adapter,
)
from labcapture.engine.opening import Opened
from labcapture.engine.preparing import Preparing
from labcapture.engine.session import Session

_TICK_S = 0.02
_SNAPSHOT_S = 0.1
_LINGER_S = 30.0  # an idle engine that no client listens to ends itself


class Server:
    """One engine. `serve` returns when the engine has ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._guard = Guard(self._context)
        self._commands = self._bind(zmq.ROUTER)
        self._snapshots = self._bind(zmq.XPUB)  # tells whether anyone listens
        self._session: Session | None = None
        self._state = EngineState.IDLE
        self._preparing: Preparing | None = None
        self._result: SessionResult | None = None
        self._beside = ThreadPoolExecutor(1, "session")
        self._work: tuple[Future[Any], Callable[[Future[Any]], None]] | None = None
        self._checkup = Checkup()
        self._calibration = Calibration()
        self._load = Load()
        self._listeners = 0
        self._alone_since = time.monotonic()
        self._ending = False

    def serve(self) -> None:
        """Run until a `Shutdown`, a termination signal, or half a minute without session and client."""
        signals = [signal.SIGTERM, signal.SIGINT]
        if sys.platform == "win32":
            signals.append(signal.SIGBREAK)
        for number in signals:
            signal.signal(number, self._terminate)
        connections.write(self._path, self._connection())
        due = 0.0
        try:
            while not (self._ending and self._session is None and self._work is None):
                self._poll()
                self._move()
                now = time.monotonic()
                if now >= due:
                    due = now + _SNAPSHOT_S
                    self._snapshots.send(self._snapshot().model_dump_json().encode())
                if self._abandoned(now):
                    self._ending = True
                    self._cancel()
        finally:
            self._path.unlink(missing_ok=True)
            if self._session is not None:  # only after an error of our own: save what there is
                self._session.close("the engine failed")
            self._beside.shutdown()
            self._guard.close()
            self._context.destroy(linger=500)

    # Commands ---------------------------------------------------------------------------------------------------------

    def _poll(self) -> None:
        """Wait a tick for commands and messages of the stage, and answer the former."""
        poller = zmq.Poller()
        poller.register(self._commands, zmq.POLLIN)
        poller.register(self._snapshots, zmq.POLLIN)
        stage = self._session.stage_socket if self._session and self._work is None else None
        if stage is not None:
            poller.register(stage, zmq.POLLIN)
        events = dict(poller.poll(int(_TICK_S * 1000)))
        if self._snapshots in events:
            self._listeners = int(self._snapshots.recv()[0] == 1)
            self._alone_since = time.monotonic()
        if self._commands in events:
            client, *parts = self._commands.recv_multipart()
            if len(parts) == 2:  # else it is no REQ socket, and could not be answered
                self._answer(client, parts[1])

    def _answer(self, client: bytes, body: bytes) -> None:
        def reply(result: dict[str, Any] | LabcaptureError) -> None:
            answer = Reply(error=_told(result)) if isinstance(result, LabcaptureError) else Reply(result=result)
            self._commands.send_multipart([client, b"", answer.model_dump_json().encode()])

        try:
            command = command_adapter.validate_json(body)
        except ValidationError as error:
            reply(EngineError(f"not a command: {error.errors()[0]['msg']}", mend="Is the client of another version?"))
            return
        try:
            result = self._obey(command, reply)
        except LabcaptureError as error:
            reply(error)
        else:
            if result is not None:
                reply(result)

    def _obey(
        self, command: Command, reply: Callable[[dict[str, Any] | LabcaptureError], None]
    ) -> dict[str, Any] | None:
        """Do what a client asked; None where the reply comes later."""
        if isinstance(command, Ping):
            return {"snapshot": self._snapshot().model_dump(mode="json")}
        if isinstance(command, Prepare):
            self._need(command, EngineState.IDLE)
            self._prepare(command, reply)
            return None
        if isinstance(command, Abort) and self._preparing is not None:
            self._cancel()
            return {}
        if isinstance(command, Preflight | Rehearse | Calibrate | Cancel | Shutdown):
            self._obey_without_session(command)
            return {}
        session = self._need(command, EngineState.READY, EngineState.RUNNING, EngineState.PAUSED)
        if isinstance(command, Start):
            self._need(command, EngineState.READY)
            session.start()
        elif isinstance(command, Pause):
            self._need(command, EngineState.RUNNING)
            session.pause()
        elif isinstance(command, Resume):
            self._need(command, EngineState.PAUSED)
            session.resume()
        elif isinstance(command, Abort):
            session.abort(command.reason or "aborted by the experimenter")
        elif isinstance(command, Note):
            session.note(command.text, command.time)
        elif isinstance(command, Mark):
            session.mark(command.label, command.time)
        else:
            if not isinstance(command, Enter):
                self._need(command, EngineState.RUNNING, EngineState.PAUSED)
            session.obey(command)
        return {}

    def _obey_without_session(self, command: Preflight | Rehearse | Calibrate | Cancel | Shutdown) -> None:
        if isinstance(command, Cancel | Shutdown):
            if isinstance(command, Shutdown):
                self._need(command, EngineState.IDLE)
                self._ending = True
            self._cancel()
            return
        self._need(command, EngineState.IDLE)
        if isinstance(command, Calibrate):
            self._checkup.forget()  # whoever moves camera and lamp has to look again
            calibrated = self._beside.submit(self._calibration.run, self._calibration.begin(command))
            self._work = calibrated, self._calibration.end
        else:
            self._calibration.forget()
            self._work = self._beside.submit(self._checkup.run, self._checkup.begin(command)), self._checkup.end

    def _cancel(self) -> None:
        self._checkup.cancel()
        self._calibration.cancel()
        if self._preparing is not None:
            self._preparing.cancel()

    def _need(self, command: Command, *states: EngineState) -> Session:
        if self._state not in states:
            wanted = " or ".join(states)
            raise EngineError(f"'{command.command}' is refused while the engine is {self._state}; it must be {wanted}")
        if (self._checkup.is_busy or self._calibration.is_busy) and not isinstance(command, Shutdown):
            what = f"'{command.command}' is refused while the rig is looked at"
            raise EngineError(what, mend="Wait for its end, or cancel it.")
        return self._session  # type: ignore[return-value]  # every state but IDLE has one, and IDLE callers ignore it

    # Life of the session ----------------------------------------------------------------------------------------------

    def _prepare(self, command: Prepare, reply: Callable[[dict[str, Any] | LabcaptureError], None]) -> None:
        looked = self._checkup.rows_for(command)
        self._calibration.forget()
        preparing = Preparing(command, looked)
        self._state, self._result, self._preparing = EngineState.PREPARING, None, preparing

        def finished(work: Future[Opened]) -> None:
            error, self._preparing = work.exception(), None
            if error is None:
                self._session = Session(work.result())
                self._state = EngineState.READY
                if preparing.is_cancelled:  # in its last moment
                    self._session.abort("cancelled before it was ready")
                reply({"folder": str(work.result().folder)})
            else:
                self._state = EngineState.IDLE
                reply(_as_told(error))

        self._work = self._beside.submit(preparing.run), finished

    def _move(self) -> None:
        """Let the session take its next step, and begin to close it when it is over."""
        if self._work is not None:
            future, finished = self._work
            if future.done():
                self._work = None
                finished(future)
            return
        if self._session is None:
            return
        if self._ending:
            self._session.abort("the engine was told to end")
        try:
            self._session.tick()
        except Exception as error:  # noqa: BLE001 - whatever it is, the session is closed in order and says so
            self._session.fail(error)
        if self._session.over:
            self._state = EngineState.CLOSING
            self._work = self._beside.submit(self._session.close), self._closed
        else:
            self._state = self._session.state

    def _closed(self, work: Future[Any]) -> None:
        error = work.exception()
        self._result = work.result() if error is None else _not_closed(_as_told(error), self._session)
        self._session, self._state = None, EngineState.IDLE
        self._checkup.forget()

    def _abandoned(self, now: float) -> bool:
        working = self._work is not None and not self._calibration.is_busy  # which would go on for ever
        busy = self._session is not None or working or self._listeners
        if busy:
            self._alone_since = now
        return now - self._alone_since > _LINGER_S

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self._cancel()
        self._ending = True

    # Snapshots --------------------------------------------------------------------------------------------------------

    def _snapshot(self) -> Snapshot:
        self._load.measure()
        facts: dict[str, Any] = {"result": self._result, "check": self._checkup.view(), **self._calibration.facts()}
        if self._session is not None:
            facts = self._session.view()
        elif self._preparing is not None:
            facts = self._preparing.facts()
        return Snapshot(
            version=__version__,
            pid=os.getpid(),
            time=lsl_time(),
            state=self._state,
            cpu_percent=self._load.cpu_percent,
            memory_bytes=self._load.memory_bytes,
            threads_s=self._load.threads_s,
            **facts,
        )

    def _bind(self, kind: int) -> zmq.Socket[bytes]:
        socket: zmq.Socket[bytes] = self._context.socket(kind)
        self._guard.secure(socket)
        socket.bind("tcp://127.0.0.1:*")
        return socket

    def _connection(self) -> Connection:
        return Connection(
            pid=os.getpid(),
            started=self._load.started,
            commands=self._commands.getsockopt_string(zmq.LAST_ENDPOINT),
            snapshots=self._snapshots.getsockopt_string(zmq.LAST_ENDPOINT),
            server_public=self._guard.server.public.decode(),
            client_public=self._guard.client.public.decode(),
            client_secret=self._guard.client.secret.decode(),
        )


def _not_closed(error: LabcaptureError, session: Session | None) -> SessionResult:
    words = f"closing failed: {error}"
    folder = str(session.folder) if session else ""
    return SessionResult(folder=folder, part="", verdict="", reason=words, completed=False, error=words)


def _as_told(error: BaseException) -> LabcaptureError:
    """Return ``error`` as one that a client can be told."""
    if isinstance(error, LabcaptureError):
        return error
    if isinstance(error, Cancelled):
        return EngineError("it was cancelled; nothing is on disk")
    return EngineError(f"{type(error).__name__}: {error}", mend="This is a fault of labcapture; please report it.")


def _told(error: LabcaptureError) -> ErrorReply:
    return ErrorReply(
        kind=type(error).__name__, what=error.what, where=error.where, mend=error.mend, exit_code=error.exit_code
    )
