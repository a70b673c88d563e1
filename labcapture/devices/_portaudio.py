"""PortAudio as a source of blocks: which inputs there are, and one of them opened in callback mode."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import math
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyaudio

from labcapture.core.cancelling import NEVER, Cancellation
from labcapture.core.clock import lsl_time
from labcapture.core.errors import DeviceError
from labcapture.devices._blocks import Block, BoundedQueue, adc_fault, facts_of

PROBE_BLOCKS = 12
PROBE_S = 3.0
QUEUE_S = 10.0
BRACKET_S = 200e-6  # a reading of the other clock that took longer was interrupted, and says nothing

_log = logging.getLogger(__name__)
_library = threading.RLock()  # PortAudio's own initialisation is not thread-safe
_words: deque[str] = deque(maxlen=20)
_users = 0


@dataclass(frozen=True, slots=True)
class InputInfo:
    """A sound input as PortAudio lists it; ``rate_hz`` is its default rate."""

    index: int
    name: str
    host_api: str
    channels: int
    rate_hz: float
    is_default: bool

    def __str__(self) -> str:
        return f"{self.index}: {self.name} ({self.host_api}, {self.channels} ch)"


def list_inputs() -> list[InputInfo]:
    """Return the sound inputs that PortAudio sees now."""
    with portaudio() as audio:
        return _inputs(audio)


def _inputs(audio: pyaudio.PyAudio) -> list[InputInfo]:
    try:
        default = int(audio.get_default_input_device_info()["index"])
    except OSError:  # PortAudio's word for "none"
        default = -1
    found = []
    for index in range(audio.get_device_count()):
        device = audio.get_device_info_by_index(index)
        if device["maxInputChannels"] > 0:
            api = audio.get_host_api_info_by_index(device["hostApi"])["name"]
            name, rate_hz = str(device["name"]), float(device["defaultSampleRate"])
            found.append(InputInfo(index, name, str(api), int(device["maxInputChannels"]), rate_hz, index == default))
    return found


def choose(inputs: Sequence[InputInfo], wanted: str | int | None, where: str) -> InputInfo:
    """Return the input that is meant: by index, by name or a part of it, or the default one for None.

    Raises
    ------
    DeviceError
        None fits, or several do; the message lists them.
    """
    if isinstance(wanted, int):
        fit = [i for i in inputs if i.index == wanted]
    elif wanted is None:
        fit = [i for i in inputs if i.is_default]
    else:
        fit = [i for i in inputs if wanted.casefold() in f"{i.name} ({i.host_api})".casefold()]
        exact = [i for i in fit if i.name.casefold() == wanted.casefold()]
        fit = exact if len(exact) == 1 else fit
    if len(fit) == 1:
        return fit[0]
    what = "default sound input" if wanted is None else f"sound input {wanted!r}"
    if fit:
        raise DeviceError(
            f"several inputs fit {wanted!r}: {_listing(fit)}",
            where,
            "Give more of the name, 'name (host api)' or the index.",
        )
    raise DeviceError(
        f"there is no {what}; found: {_listing(inputs) or 'none at all'}", where, "Plug it in, or set 'device'."
    )


def _listing(inputs: Sequence[InputInfo]) -> str:
    return "; ".join(str(i) for i in inputs)


class PortAudioInput:
    """One input, opened and tried out, whose blocks are read from a bounded queue.

    Parameters
    ----------
    wanted
        As `choose` has it.
    rate_hz, channels, block_frames
        What to ask PortAudio for, int16.
    where
        Name of the device in the rig, for errors.
    surroundings
        Entered while PortAudio looks for devices and opens one.
    cancelled
        Ends the trial run; PortAudio itself cannot be interrupted.

    Raises
    ------
    Cancelled
        By ``cancelled``.
    DeviceError
        There is no such input, it refuses the format, or it delivers nothing.
    """

    def __init__(
        self,
        wanted: str | int | None,
        rate_hz: int,
        channels: int,
        block_frames: int,
        where: str,
        surroundings: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
        cancelled: Cancellation = NEVER,
    ) -> None:
        self._rate, self._channels, self._where = rate_hz, channels, where
        self._seconds = block_frames / rate_hz
        bound = max(4, round(QUEUE_S / self._seconds))
        self._queue: BoundedQueue[tuple[bytes, int, float, int, float]] = BoundedQueue(bound)
        self._to_lsl = float("nan")
        self._previous_adc = float("nan")
        self._use_adc = True
        self._failure: Exception | None = None
        self._closing = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            cancelled.check()
            with _library, surroundings():
                audio = stack.enter_context(portaudio())
                self.info = choose(_inputs(audio), wanted, where)
                self._stream = self._open(audio, block_frames)
                stack.callback(self._stream.close)
            self.facts = self._try_out(cancelled)
            self._closing = stack.pop_all()

    def _open(self, audio: pyaudio.PyAudio, block_frames: int) -> pyaudio.PyAudio.Stream:
        try:
            return audio.open(
                rate=self._rate,
                channels=self._channels,
                format=pyaudio.paInt16,
                input=True,
                input_device_index=self.info.index,
                frames_per_buffer=block_frames,
                stream_callback=self._callback,
                start=False,
            )
        except OSError as error:
            said = f" ({_words[-1]})" if _words else ""
            raise DeviceError(
                f"{self.info} refuses {self._channels} channel(s) at {self._rate} Hz: {error.args[-1]}{said}",
                self._where,
                f"It offers {self.info.channels} channel(s), {self.info.rate_hz:.0f} Hz by default; is it in use?",
            ) from error

    def _callback(self, data: bytes | None, frames: int, times: dict[str, float], status: int) -> tuple[None, int]:
        """Take a block from PortAudio's thread: nothing here waits, and nothing escapes."""
        arrival = lsl_time()
        try:
            self._queue.put((data or b"", frames, times["input_buffer_adc_time"], status, arrival), frames)
        except Exception as error:  # noqa: BLE001 - PyAudio would print it and stop; `read` raises it instead
            self._failure = error
        return None, pyaudio.paContinue

    def _try_out(self, cancelled: Cancellation) -> dict[str, Any]:
        """Let it run for some blocks: an input that delivers nothing is not there, and its time stamps may be false."""
        self.start()
        begun = lsl_time()
        faults: list[str] = []
        try:
            while len(faults) < PROBE_BLOCKS and lsl_time() - begun < PROBE_S:
                cancelled.check()
                got = self._queue.get(0.1)
                if got:
                    faults.append(self._adc(got[0])[1])
        finally:
            self.stop()
        if not faults:
            raise DeviceError(
                f"{self.info} delivered no sound within {PROBE_S:.0f} s", self._where, "Is it muted or in use?"
            )
        facts = facts_of(faults)
        self._use_adc = facts["adc_time"] == "used"
        while self._queue.get(0):
            pass  # the trial run is no part of the recording
        return facts | {
            "input": self.info.name,
            "host_api": self.info.host_api,
            "input_latency_s": float(self._stream.get_input_latency()),
            "portaudio": pyaudio.get_portaudio_version_text(),
        }

    def start(self) -> None:
        """Begin to deliver."""
        try:
            self._stream.start_stream()
        except OSError as error:
            raise DeviceError(f"{self.info} does not start: {error.args[-1]}", self._where) from error

    @property
    def is_active(self) -> bool:
        """Whether PortAudio still calls back: an input that was unplugged ends its stream."""
        return bool(self._stream.is_active())

    def read(self, timeout: float) -> Block | None:
        """Return the next block, or None if none came within ``timeout`` seconds."""
        got = self._queue.get(timeout)
        failure, self._failure = self._failure, None
        if failure is not None:
            raise DeviceError(f"a block could not be taken over: {failure!r}", self._where) from failure
        if got is None:
            return None
        raw, refused = got
        data, _, _, status, arrival = raw
        adc, fault = self._adc(raw)
        samples = np.frombuffer(data, np.int16).reshape(-1, self._channels)
        usable = self._use_adc and not fault
        overflow = bool(status & pyaudio.paInputOverflow)
        return Block(samples, adc if usable else float("nan"), arrival, overflow, refused)

    def _adc(self, raw: tuple[bytes, int, float, int, float]) -> tuple[float, str]:
        """Return the capture time of a block in LSL s, and what speaks against it."""
        _, frames, adc, _, arrival = raw
        if adc <= 0:
            return float("nan"), "zero"
        self._read_clock()
        time = adc + self._to_lsl
        fault = adc_fault(time, self._previous_adc, arrival, frames / self._rate)
        self._previous_adc = time
        return time, fault

    def _read_clock(self) -> None:
        """Relate PortAudio's clock to LSL time now: on some hosts it is wall time, which may be stepped.

        Not in the callback, where PortAudio allows no call of its functions.
        """
        before = lsl_time()
        theirs = self._stream.get_time()
        after = lsl_time()
        if after - before < BRACKET_S or math.isnan(self._to_lsl):
            self._to_lsl = (before + after) / 2 - theirs

    def stop(self) -> None:
        """Deliver no more."""
        try:
            self._stream.stop_stream()
        except OSError as error:
            _log.warning("%s: %s did not stop in order: %s", self._where, self.info, error.args[-1])

    def close(self) -> None:
        """Give the input back. May be called twice."""
        with _library:
            self._closing.close()


@contextlib.contextmanager
def portaudio() -> Iterator[pyaudio.PyAudio]:
    """Initialise PortAudio, and take what its back ends say into the log instead of on the terminal.

    Looking for devices, ALSA and JACK print dozens of lines of what does *not* exist. Both let a program take their
    messages, so standard error stays untouched for everyone else: each line goes to the log at debug level, and the
    last one into the `DeviceError` when an input cannot be opened. PortAudio's own lines come only with a failed call.
    """
    global _users  # noqa: PLW0603 - the libraries are one per process, and so is this count
    with _library:
        if _users == 0:
            _divert(_ALSA, _JACK)
        _users += 1
        audio = pyaudio.PyAudio()
    try:
        yield audio
    finally:
        with _library:
            audio.terminate()
            _users -= 1
            if _users == 0:
                _divert(_AlsaHandler(), _JackHandler())  # null pointers: the libraries' own handlers again


def _note(line: str) -> None:
    _words.append(line)
    _log.debug("%s", line)


_AlsaHandler = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)
_JackHandler = ctypes.CFUNCTYPE(None, ctypes.c_char_p)


def _alsa_says(file: bytes, line: int, function: bytes, code: int, text: bytes) -> None:
    # The arguments of its format string cannot be read from here; function and error name the trouble well enough.
    reason = f": {os.strerror(code)}" if code else ""
    _note(
        f"ALSA {(function or b'').decode(errors='replace')}: {(text or b'').decode(errors='replace').strip()}{reason}"
    )


def _jack_says(text: bytes) -> None:
    _note(f"JACK: {(text or b'').decode(errors='replace').strip()}")


_ALSA, _JACK = _AlsaHandler(_alsa_says), _JackHandler(_jack_says)  # kept: a library holds the pointers


def _divert(alsa: Any, jack: Any) -> None:  # noqa: ANN401 - ctypes function pointers
    """Hand the message handlers to the back ends that PortAudio has brought into this process, if any."""
    if not sys.platform.startswith("linux"):
        return
    for library, function, handler in (
        ("libasound.so.2", "snd_lib_error_set_handler", alsa),
        ("libjack.so.0", "jack_set_error_function", jack),
        ("libjack.so.0", "jack_set_info_function", jack),
    ):
        try:
            getattr(ctypes.CDLL(library, mode=os.RTLD_NOLOAD), function)(handler)
        except (OSError, AttributeError) as error:
            _log.debug("messages of %s stay on the terminal: %s", library, error)
