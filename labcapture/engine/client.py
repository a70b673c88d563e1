"""The engine as its clients see it: commands with replies, and snapshots."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import zmq

from labcapture.core.errors import BadInput, DeviceError, EngineError, LabcaptureError, RecordingError, StageError
from labcapture.engine import connection as connections
from labcapture.engine.messages import Command, ErrorReply, Ping, Reply, Snapshot

_ERRORS = {cls.__name__: cls for cls in (BadInput, DeviceError, EngineError, RecordingError, StageError)}


class Client:
    """Talks to one engine. Use it from one thread at a time.

    Parameters
    ----------
    connection
        The engine's connection file.

    Raises
    ------
    EngineError
        There is no such engine, or it does not answer.
    """

    def __init__(self, connection: Path) -> None:
        self.connection = connection
        self.details = connections.read(connection)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._commands: zmq.Socket[bytes] | None = None
        self._snapshots = self._socket(zmq.SUB, self.details.snapshots)

    @classmethod
    def attach(cls, connection: Path | None = None, timeout: float = 5.0) -> Client:
        """Attach to the engine of ``connection``, or to the one that was started last.

        Raises
        ------
        EngineError
            No engine is running, or it does not answer within ``timeout`` seconds.
        """
        if connection is None:
            running = connections.find()
            if not running:
                raise EngineError("no engine is running", mend="Start one with 'labcapture' or 'labcapture run'.")
            connection = running[0]
        client = cls(connection)
        try:
            client.command(Ping(), timeout)
        except LabcaptureError:
            client.close()
            raise
        return client

    @classmethod
    def spawn(cls, connection: Path | None = None, timeout: float = 30.0) -> Client:
        """Start an engine in a process of its own, which outlives this one, and attach to it.

        Raises
        ------
        EngineError
            It did not come up within ``timeout`` seconds; the message has its last words.
        """
        connection = connection or connections.new_path()
        log = connection.with_suffix(".log")
        detached: dict[str, Any] = {"start_new_session": True}  # a Ctrl-C in the terminal is the client's to handle
        if sys.platform == "win32":
            detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "labcapture.engine", "--connection", str(connection)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **detached,
            )
        deadline = time.monotonic() + timeout
        while not connection.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
                raise EngineError(f"the engine did not start: {' '.join(words) or 'no message'}", str(log))
            time.sleep(0.02)  # a file that appears has no portable event
        client = cls.attach(connection)
        client._process = process
        return client

    _process: subprocess.Popen[bytes] | None = None  # kept so that an engine of ours is reaped when it ends

    def command(self, command: Command, timeout: float = 10.0) -> dict[str, Any]:
        """Send a command and return its result.

        Raises
        ------
        LabcaptureError
            As the engine replied, or `EngineError` if it gave no answer within ``timeout`` seconds.
        """
        if self._commands is None:
            self._commands = self._socket(zmq.REQ, self.details.commands)
        self._commands.send(command.model_dump_json().encode())
        try:
            answered = self._commands.poll(int(timeout * 1000))
        except BaseException:  # Ctrl-C
            self._forget()
            raise
        if not answered:
            self._forget()
            connections.read(self.connection)  # raises if the engine has ended
            raise EngineError(f"no answer to '{command.command}' within {timeout:g} s", mend="Is the engine busy?")
        reply = Reply.model_validate_json(self._commands.recv())
        if reply.error is not None:
            raise _error(reply.error)
        return reply.result

    def _forget(self) -> None:
        """Wait for the reply no longer: a REQ socket without it is stuck, and the next command takes a new one."""
        if self._commands is not None:
            self._commands.close()
            self._commands = None

    def snapshot(self) -> Snapshot:
        """Ask for the present snapshot."""
        return Snapshot.model_validate(self.command(Ping())["snapshot"])

    def snapshots(self, timeout: float) -> Snapshot | None:
        """Wait up to ``timeout`` seconds for the next published snapshot; None if none came.

        Raises
        ------
        EngineError
            None came because the engine has ended.
        """
        if self._snapshots.poll(int(timeout * 1000)):
            return Snapshot.model_validate_json(self._snapshots.recv())
        connections.read(self.connection)
        return None

    def close(self) -> None:
        """Let go of the engine, which goes on."""
        for socket in (self._commands, self._snapshots):
            if socket is not None:
                socket.close(linger=0)
        self._context.term()

    def wait_ended(self, timeout: float) -> bool:
        """Wait until an engine that this client started has ended; return whether it has."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _socket(self, kind: int, endpoint: str) -> zmq.Socket[bytes]:
        socket: zmq.Socket[bytes] = self._context.socket(kind)
        socket.linger = 0
        socket.curve_serverkey = self.details.server_public.encode()
        socket.curve_publickey = self.details.client_public.encode()
        socket.curve_secretkey = self.details.client_secret.encode()
        if kind == zmq.SUB:
            socket.setsockopt(zmq.CONFLATE, 1)  # an old snapshot is of no use to anyone
            socket.subscribe(b"")
        socket.connect(endpoint)
        return socket


def _error(reply: ErrorReply) -> LabcaptureError:
    error = _ERRORS.get(reply.kind, LabcaptureError)(reply.what, reply.where, reply.mend)
    error.exit_code = reply.exit_code
    return error
