"""The engine's side of the participant's screen: starts its process, talks to it, and ends it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import zmq
from numpy.typing import NDArray
from pydantic import ValidationError

from labcapture.core.cancelling import NEVER, Cancellation
from labcapture.core.clock import lsl_time
from labcapture.core.curve import Guard
from labcapture.core.errors import StageError
from labcapture.devices.rig import StageSettings
from labcapture.stage.connection import Connection
from labcapture.stage.messages import Failed, FromStage, Hello, Quit, Seen, ToStage, from_stage

START_S = 60.0  # PsychoPy imports in 2 s on an idle machine; much longer on a busy one
SILENCE_S = 20.0  # a stage that is well sends a heartbeat twice a second; loading a film may hold it up
QUIT_S = 5.0
_TAIL = 20  # lines of the child's output that an error may quote from


class StageProcess:
    """A stage in a process of its own. All methods but `give_up` belong to one thread at a time.

    Parameters
    ----------
    settings
        The ``stage`` part of the rig file.
    language
        Language of the texts (``en``, ``zh``).
    autopilot
        Seed of the answers given in the participant's place, None for a real participant.
    speed
        How many times faster than a participant the autopilot is; breaks and rests are shorter by it, films are not.
    environment
        What its process gets beside our own environment; read when it is started.
    on_log
        Called from a thread of this object with every line that the process prints.
    """

    def __init__(
        self,
        settings: StageSettings,
        *,
        language: str = "en",
        autopilot: int | None = None,
        speed: float = 1.0,
        environment: Mapping[str, str] | None = None,
        on_log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._environment: Mapping[str, str] = {} if environment is None else environment
        self._settings, self._language, self._autopilot, self._on_log = settings, language, autopilot, on_log
        self._speed = speed
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()  # its guard admits no other client
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None
        self._socket: zmq.Socket[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._heard = 0.0
        self._over = False  # the end was told of, or asked for
        self._given_up = threading.Event()
        self._seen: tuple[NDArray[np.uint8], float] | None = None
        self.hello: Hello | None = None
        """What the screen that is open said of itself."""

    @property
    def socket(self) -> zmq.Socket[bytes]:
        """The socket to poll; readable when `receive` has something to return."""
        if self._socket is None:
            raise StageError("the stage has not been started", "stage")
        return self._socket

    @property
    def pid(self) -> int | None:
        """Process id, None before `start`."""
        return None if self._process is None else self._process.pid

    def start(self, timeout_s: float = START_S, cancelled: Cancellation = NEVER) -> Hello:
        """Start the process and wait until its window is open.

        Raises
        ------
        Cancelled
            By ``cancelled``. Nothing is left behind.
        StageError
            It ended, failed or did not answer within ``timeout_s``. Nothing is left behind.
        """
        try:
            self._spawn()
            return self._await_hello(lsl_time() + timeout_s, timeout_s, cancelled)
        except BaseException:
            self.close()
            raise

    def restart(self, timeout_s: float = START_S) -> Hello:
        """End what is left of the process and start another one, which knows nothing of what was.

        Raises
        ------
        StageError
            As `start`.
        """
        self.close()
        self._context = zmq.Context()  # the old one's guard knows the old keys
        self._tail.clear()
        self._over = False
        return self.start(timeout_s)

    def give_up(self) -> None:
        """End a `start` that is under way, and any later one; from any thread."""
        self._given_up.set()

    def send(self, message: ToStage) -> None:
        """Send ``message``.

        Raises
        ------
        StageError
            The stage does not take messages any more.
        """
        try:
            self.socket.send(message.model_dump_json().encode(), zmq.NOBLOCK)
        except zmq.Again:
            raise StageError("the participant's screen takes no more messages", "stage") from None

    def receive(self) -> list[FromStage]:
        """Return what has arrived, without waiting; a stage that died or fell silent yields one `Failed`, once.

        Raises
        ------
        StageError
            Something arrived that is no message.
        """
        messages = self._drain()
        if self._over or self._process is None:
            return messages
        if self._process.poll() is not None:
            self.socket.poll(50)  # its last words may still be on their way
            messages += self._drain()
            if not any(isinstance(message, Failed) for message in messages):
                messages.append(Failed(message=self._last_words()))
        elif lsl_time() - self._heard > SILENCE_S:
            messages.append(Failed(message=f"the participant's screen has been silent for {SILENCE_S:.0f} s"))
        self._over = any(isinstance(message, Failed) for message in messages)
        return messages

    def seen(self) -> tuple[NDArray[np.uint8], float] | None:
        """Return, once, the newest picture that `receive` took in: pixels (height, width, 3) RGB, LSL time (s)."""
        seen, self._seen = self._seen, None
        return seen

    def close(self) -> None:
        """End the process; may be called more than once. A virtual display ends with it."""
        self._over, self.hello = True, None
        if self._process is not None:
            if self._socket is not None and self._process.poll() is None:
                with contextlib.suppress(zmq.Again):  # a full queue: the closed pipe below tells it just as well
                    self._socket.send(Quit().model_dump_json().encode(), zmq.NOBLOCK)
            self._end(self._process)
            self._process = None
        if self._socket is not None:
            self._socket.close(linger=0)
            self._socket = None
        if self._guard is not None:
            self._guard.close()
            self._guard = None
        self._context.term()

    def _spawn(self) -> None:
        self._guard = Guard(self._context)
        self._socket = self._context.socket(zmq.DEALER)
        self._guard.secure(self._socket)
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        line = Connection(
            endpoint=f"tcp://127.0.0.1:{port}",
            engine_public=self._guard.server.public.decode(),
            stage_public=self._guard.client.public.decode(),
            stage_secret=self._guard.client.secret.decode(),
            settings=self._settings,
            language=self._language,
            autopilot=self._autopilot,
            speed=self._speed,
        ).model_dump_json()
        group: dict[str, Any] = {"start_new_session": True}  # Ctrl-C in the engine's terminal must not end it
        if sys.platform == "win32":
            group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "labcapture.stage.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # Its last words must get out.
            env={**os.environ, **self._environment, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"},
            **group,
        )
        self._reader = threading.Thread(target=self._read_output, args=(self._process,), daemon=True, name="stage-log")
        self._reader.start()
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()  # stays open: its end tells the child that the engine is gone
        except OSError:
            raise StageError(self._last_words(), "stage") from None
        self._heard = lsl_time()

    def _await_hello(self, deadline: float, timeout_s: float, cancelled: Cancellation) -> Hello:
        while lsl_time() < deadline and not self._given_up.is_set():
            cancelled.check()
            self.socket.poll(100)
            self._heard = lsl_time()
            for message in self.receive():
                if isinstance(message, Hello):
                    self.hello = message
                    return message
                if isinstance(message, Failed):
                    raise StageError(message.message)
        if self._given_up.is_set():
            raise StageError("the participant's screen is not wanted any more", "stage")
        raise StageError(f"the participant's screen did not open within {timeout_s:.0f} s", "stage", self._quote())

    def _drain(self) -> list[FromStage]:
        messages: list[FromStage] = []
        while self._socket is not None and self._socket.poll(0):
            head, *pixels = self._socket.recv_multipart()
            try:
                message = from_stage.validate_json(head)
            except ValidationError as error:
                raise StageError(f"the stage sent what is no message ({error.errors()[0]['msg']})", "stage") from error
            self._heard = lsl_time()
            if isinstance(message, Seen):
                self._seen = _picture(message, b"".join(pixels)), message.time
            else:
                messages.append(message)
        return messages

    def _read_output(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None  # noqa: S101 - asked for in _spawn
        with process.stdout as output:
            for raw in output:
                line = raw.decode("utf-8", "replace").rstrip()
                if line:
                    self._tail.append(line)
                    self._on_log(line)

    def _last_words(self) -> str:
        """Say how the process ended."""
        assert self._process is not None and self._reader is not None  # noqa: S101, PT018 - only asked once it has run
        code = self._process.wait(timeout=QUIT_S)
        self._reader.join(timeout=1)  # its words may still be in the pipe
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"the participant's screen {how}. {self._quote()}"

    def _quote(self) -> str:
        return f"Its last words: {' | '.join(list(self._tail)[-3:])}" if self._tail else "It said nothing."

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is not None:
            with contextlib.suppress(OSError):  # it may be gone already
                process.stdin.close()
        for step in (None, process.terminate, process.kill):
            if step is not None:
                step()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=QUIT_S)
                break
        if self._reader is not None:
            self._reader.join(timeout=QUIT_S)


def _picture(seen: Seen, pixels: bytes) -> NDArray[np.uint8]:
    if len(pixels) != seen.height * seen.width * 3:
        raise StageError("the stage sent a picture that is not whole", "stage")
    return np.frombuffer(pixels, np.uint8).reshape(seen.height, seen.width, 3)
