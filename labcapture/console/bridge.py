"""Where Qt meets the engine's client, and nowhere else: in threads, so that the window never waits for a socket."""

from __future__ import annotations

import queue
import threading
import time
from contextlib import closing
from pathlib import Path

from pydantic import ValidationError
from PySide6.QtCore import QObject, Signal

from labcapture.core.errors import EngineError, LabcaptureError
from labcapture.engine.check_messages import Cancel
from labcapture.engine.client import Client
from labcapture.engine.messages import Abort, Command, Prepare

_POLL_S = 0.25  # how soon the threads notice that the window closes
_SILENCE_S = 3.0  # an engine that publishes nothing for so long counts as lost
_RETRY_S = 1.0
_ANSWER_S = 10.0
_PREPARE_S = 120.0  # opening instruments and the participant's screen
_CLOSE_S = 5.0

_Lane = queue.SimpleQueue[Command | None]


class Bridge(QObject):
    """Follows one engine and carries commands to it.

    Parameters
    ----------
    connection
        The engine's connection file; None for the one that was started last, and a new one where there is none.
    """

    snapshot = Signal(object)
    """A `Snapshot`, ten times a second."""
    lost = Signal(object)
    """`LabcaptureError`: the engine cannot be reached. It is looked for again every second."""
    done = Signal(object, object)
    """A command and its result."""
    refused = Signal(object, object)
    """A command and the `LabcaptureError` that it met."""

    def __init__(self, connection: Path | None = None) -> None:
        super().__init__()
        self._connection = connection
        self._may_spawn = threading.Event()
        if connection is None:
            self._may_spawn.set()
        self._found: Path | None = None
        self._stop = threading.Event()
        self._commands: _Lane = queue.SimpleQueue()
        self._endings: _Lane = queue.SimpleQueue()  # for what others are waiting for
        self._threads = [
            threading.Thread(target=self._listen, name="console listener"),
            # A daemon, because a rig that takes minutes to open must not keep a closed window's process alive.
            threading.Thread(target=self._carry, args=(self._commands,), name="console commands", daemon=True),
            threading.Thread(target=self._carry, args=(self._endings,), name="console endings", daemon=True),
        ]

    def start(self) -> None:
        """Begin to look for the engine."""
        for thread in self._threads:
            thread.start()

    def send(self, command: Command) -> None:
        """Hand over a command; `done` or `refused` tells how it went.

        What ends the preparing of a session overtakes it: that takes as long as its instruments take to open.
        """
        (self._endings if isinstance(command, Abort | Cancel) else self._commands).put(command)

    def start_engine(self) -> None:
        """Start an engine if the next look finds none."""
        self._may_spawn.set()

    def close(self) -> None:
        """End the threads; the engine goes on, also with a command that it has not answered yet."""
        self._stop.set()
        self._commands.put(None)
        self._endings.put(None)
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(_CLOSE_S)

    # Listening --------------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                with closing(self._attach_or_spawn()) as client:
                    self._found = client.connection
                    self._follow(client)
            except (LabcaptureError, ValidationError) as error:
                self._found = None
                self.lost.emit(_told(error))
                self._stop.wait(_RETRY_S)

    def _attach_or_spawn(self) -> Client:
        try:
            return Client.attach(self._connection)
        except EngineError:
            if not self._may_spawn.is_set():
                raise
        self._may_spawn.clear()  # an engine that ends is not replaced unless someone asks for it
        client = Client.spawn()
        if self._connection is not None:  # it is this one that we follow now
            self._connection = client.connection
        return client

    def _follow(self, client: Client) -> None:
        heard = time.monotonic()
        while not self._stop.is_set():
            snapshot = client.snapshots(_POLL_S)
            now = time.monotonic()
            if snapshot is not None:
                heard = now
                self.snapshot.emit(snapshot)
            elif now - heard > _SILENCE_S:
                raise EngineError(f"the engine has been silent for {now - heard:.0f} s", mend="Looking for it again.")

    # Commands ---------------------------------------------------------------------------------------------------------

    def _carry(self, lane: _Lane) -> None:
        client: Client | None = None
        try:
            while (command := lane.get()) is not None:
                try:
                    found = self._found
                    if client is not None and client.connection != found:
                        client.close()
                        client = None
                    client = client or Client.attach(found or self._connection)
                    result = client.command(command, _PREPARE_S if isinstance(command, Prepare) else _ANSWER_S)
                except (LabcaptureError, ValidationError) as error:
                    self.refused.emit(command, _told(error))
                    if client is not None:  # it may be dead; a new one costs some milliseconds
                        client.close()
                        client = None
                else:
                    self.done.emit(command, result)
        finally:
            if client is not None:
                client.close()


def _told(error: LabcaptureError | ValidationError) -> LabcaptureError:
    if isinstance(error, LabcaptureError):
        return error
    return EngineError("the engine speaks another version", mend="Close the session there, then end that engine.")
