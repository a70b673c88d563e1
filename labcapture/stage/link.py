"""The stage's end of the line to the engine."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

import numpy as np
import zmq
from numpy.typing import NDArray

from labcapture.core.clock import lsl_time
from labcapture.core.errors import StageError
from labcapture.stage.connection import Connection
from labcapture.stage.messages import FromStage, Heartbeat, Seen, ToStage, to_stage

HEARTBEAT_S = 0.5
_GRACE_S = 5.0  # for a window that hangs after the engine has gone
_UNSENT = 100_000  # messages that may wait for an engine that stands still: hours of flips


class EngineGone(Exception):  # noqa: N818 - not an error of this process
    """The engine has ended, and with it the reason to be."""


class Link:
    """Sends and receives without ever waiting, so that the screen never does.

    Parameters
    ----------
    connection
        Where the engine listens, and the keys.
    """

    def __init__(self, connection: Connection) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.set_hwm(_UNSENT)
        self._socket.curve_serverkey = connection.engine_public.encode()
        self._socket.curve_publickey = connection.stage_public.encode()
        self._socket.curve_secretkey = connection.stage_secret.encode()
        self._socket.connect(connection.endpoint)
        self._next_heartbeat = 0.0
        self._gone, self._stays = threading.Event(), threading.Event()
        threading.Thread(target=self._watch, daemon=True, name="engine-watch").start()

    def send(self, message: FromStage) -> None:
        """Send ``message``.

        Raises
        ------
        StageError
            The engine has not fetched anything for hours.
        """
        try:
            self._socket.send(message.model_dump_json().encode(), zmq.NOBLOCK)
        except zmq.Again:
            raise StageError("the engine does not fetch messages", "stage") from None

    def show(self, pixels: NDArray[np.uint8], time: float) -> None:
        """Send what the screen showed at LSL ``time`` (s), (height, width, 3) RGB, if the engine takes it."""
        seen = Seen(time=time, width=pixels.shape[1], height=pixels.shape[0])
        with suppress(zmq.Again):
            self._socket.send_multipart([seen.model_dump_json().encode(), pixels.tobytes()], zmq.NOBLOCK)

    def receive(self, wait_s: float = 0.0) -> ToStage | None:
        """Return the next message, None if there is none within ``wait_s``.

        Raises
        ------
        EngineGone
            The engine has ended.
        """
        if self._socket.poll(0 if self._gone.is_set() else int(wait_s * 1000)):  # its last word may be to end
            return to_stage.validate_json(self._socket.recv())
        if self._gone.is_set():
            raise EngineGone
        return None

    def stay(self) -> None:
        """Say that the process lives on without the engine."""
        self._stays.set()

    def beat(self, late_flips: int) -> None:
        """Send a heartbeat if one is due."""
        now = lsl_time()
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + HEARTBEAT_S
            self.send(Heartbeat(time=now, late_flips=late_flips))

    def close(self) -> None:
        """Deliver what was sent, for a second at most."""
        self._socket.close(linger=1000)
        self._context.term()

    def _watch(self) -> None:
        """Wait for the end of standard input: the engine holds it open for as long as it lives, however it ends."""
        while os.read(sys.stdin.fileno(), 4096):
            pass
        self._gone.set()
        if not self._stays.wait(_GRACE_S):
            os._exit(3)
