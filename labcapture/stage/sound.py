"""The sound of a film, played so that a chosen LSL time is the time of its first sample at the converter."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import pyaudio
from numpy.typing import NDArray

from labcapture.core.clock import lsl_time
from labcapture.stage.film import SOUND_RATE_HZ

CHANNELS = 2
_BLOCK = 960  # 20 ms: short enough to start and stop in time, long enough for Python
_TOLERANCE = round(0.04 * SOUND_RATE_HZ)  # a larger departure from the film's clock is mended by a jump
_MOST_LEAD_S = 2.0  # what a host says beyond this is no latency


class Sound:
    """A sound track that follows the clock of its film.

    Set `start` to the LSL time of film time zero to let it play, to None to silence it. Attributes are read and set
    from other threads than PortAudio's; each is one value, replaced whole.

    Parameters
    ----------
    samples
        (n, 2) int16 at 48 kHz.
    lead_s
        Time from filling a block to hearing it (s), used where the host does not tell it per block.
    """

    def __init__(self, samples: NDArray[np.int16], lead_s: float = 0.0) -> None:
        self._samples = samples
        self.lead_s = lead_s
        self.start: float | None = None
        self.jumps = 0
        self.underflows = 0
        self._position: int | None = None

    def fill(self, count: int, dac_time: float) -> NDArray[np.int16]:
        """Return the next ``count`` samples (count, 2), the first of which is heard at LSL ``dac_time`` (s)."""
        block = np.zeros((count, 2), np.int16)
        start = self.start
        if start is None:
            self._position = None
            return block
        wanted = round((dac_time - start) * SOUND_RATE_HZ)
        if self._position is None:
            self._position = wanted
        elif abs(wanted - self._position) > _TOLERANCE:
            self._position = wanted
            self.jumps += 1
        first, last = max(self._position, 0), min(self._position + count, len(self._samples))
        if first < last:
            block[first - self._position : last - self._position] = self._samples[first:last]
        self._position += count
        return block


class Speaker:
    """The default output of this machine, found once; without one, films are silent."""

    def __init__(self) -> None:
        self.name = ""
        self.problem = ""
        """Why there is no sound; empty where there is."""
        self._running = threading.Event()
        self._stream: pyaudio.PyAudio.Stream | None = None
        with _muted_stderr():
            self._portaudio = pyaudio.PyAudio()
            try:
                self.name = str(self._portaudio.get_default_output_device_info()["name"])
            except OSError as error:
                self.problem = _words(error)

    def play(self, sound: Sound) -> bool:
        """Open the output for ``sound``, which is heard once its start is set; return False if that fails."""
        if self.problem:
            return False
        self._running.clear()
        try:
            self._stream = self._portaudio.open(
                SOUND_RATE_HZ,
                CHANNELS,
                pyaudio.paInt16,
                output=True,
                frames_per_buffer=_BLOCK,
                stream_callback=partial(self._fill, sound),
            )
        except OSError as error:
            self.problem = _words(error)
            return False
        sound.lead_s = float(self._stream.get_output_latency())
        self._running.wait(timeout=2.0)  # after its first block the lead is a measured one
        return True

    def stop(self) -> None:
        """Give the output back."""
        if self._stream is not None:
            with contextlib.suppress(OSError):  # it was unplugged meanwhile
                self._stream.close()
            self._stream = None

    def close(self) -> None:
        """Let go of PortAudio."""
        self.stop()
        self._portaudio.terminate()

    def _fill(
        self, sound: Sound, _input: bytes | None, count: int, times: Mapping[str, float], status: int
    ) -> tuple[bytes, int]:
        now = lsl_time()
        lead = times["output_buffer_dac_time"] - times["current_time"]
        if 0 < lead < _MOST_LEAD_S:  # some hosts say zero, or a time that is over
            sound.lead_s = lead
        if status & pyaudio.paOutputUnderflow:
            sound.underflows += 1
        self._running.set()
        return sound.fill(count, now + sound.lead_s).tobytes(), pyaudio.paContinue


def _words(error: OSError) -> str:
    return str(next((part for part in error.args if isinstance(part, str)), error))


@contextlib.contextmanager
def _muted_stderr() -> Iterator[None]:
    """Keep ALSA and JACK from printing a hundred lines about every device that this machine does not have."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
