"""A voice that is nobody's: vowel-like syllables with pauses, and clicks at known samples.

Run as a program it plays itself into a PulseAudio server::

    python -m labcapture.devices.simulated.voice --server unix:/... --settings '{"seed": 1}'
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from labcapture.core.clock import lsl_time
from labcapture.core.config import Model
from labcapture.devices._blocks import Block, BoundedQueue
from labcapture.devices.simulated import pulse

LOOP_S = 8
PEAK = 12000
CLICK = 30000
FORMANTS_HZ = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480))
"""Vowels /a i u e/ of a male speaker; Peterson & Barney 1952, table II."""


class SimulatedVoice(Model):
    """The ``simulated:`` part of a microphone."""

    hears: Literal["voice", "stage"] = Field(
        default="voice", description="A made-up voice, or what the stage plays (needs PulseAudio)"
    )
    seed: int = Field(default=1, ge=0, description="Same seed, same voice")
    click_period_s: float = Field(
        default=0.0, ge=0, le=60, description="A click of one sample every so often; 0 for none"
    )
    gain: float = Field(default=1.0, ge=0, le=100, description="Times as loud; 3 and more are clipped")
    prefer_generated: bool = Field(
        default=False, description="True: blocks made in this process even where PulseAudio could play the voice"
    )

    @model_validator(mode="after")
    def _possible(self) -> SimulatedVoice:
        if self.hears == "stage" and (self.prefer_generated or self.click_period_s):
            raise ValueError("'hears: stage' goes with neither prefer_generated nor click_period_s")
        return self


class Voice:
    """The voice as an endless signal; what `read` returns does not depend on how it is cut."""

    def __init__(self, settings: SimulatedVoice, rate_hz: int, channels: int) -> None:
        self._loop = np.clip(_babble(settings.seed, rate_hz) * settings.gain, -32768, 32767).astype(np.int16)
        self._click = round(settings.click_period_s * rate_hz)
        self._channels = channels
        self._at = 0

    def read(self, count: int) -> NDArray[np.int16]:
        """Return the next ``count`` samples, (count, channels) int16. Clicks stand at multiples of the click period."""
        index = np.arange(self._at, self._at + count)
        self._at += count
        signal = self._loop[index % len(self._loop)]
        if self._click:
            signal[index % self._click == 0] = CLICK
        columns: NDArray[np.int16] = np.repeat(signal[:, None], self._channels, axis=1)
        return columns


def _babble(seed: int, rate_hz: int) -> NDArray[np.int16]:
    """Return `LOOP_S` seconds of syllables over a faint noise, within ± `PEAK`."""
    rng = np.random.default_rng(seed)
    length = LOOP_S * rate_hz
    signal = np.zeros(length)
    start = 0.2
    while start < LOOP_S - 1.0:
        seconds = rng.uniform(0.15, 0.35)
        t = np.arange(round(seconds * rate_hz)) / rate_hz
        pitch_hz = rng.uniform(100, 140)
        phase = 2 * np.pi * (pitch_hz * t + 2.0 * np.sin(2 * np.pi * 5 * t) / 5)
        harmonics = np.arange(1, int(3800 / pitch_hz))
        gain = sum(1 / (1 + ((harmonics * pitch_hz - formant) / 90) ** 2) for formant in rng.choice(FORMANTS_HZ))
        syllable = (gain / harmonics) @ np.sin(harmonics[:, None] * phase)
        at = round(start * rate_hz)
        signal[at : at + len(t)] += np.sin(np.pi * t / seconds) ** 2 * syllable / np.abs(syllable).max()
        start += seconds + (rng.uniform(0.5, 0.9) if rng.random() < 0.3 else rng.uniform(0.02, 0.08))
    noise = rng.normal(0, 15, length).clip(-100, 100)
    babble: NDArray[np.int16] = np.round(signal * (PEAK - 200) + noise).astype(np.int16)
    return babble


class GeneratedInput:
    """Where there is no sound system to play into: a thread that makes a block whenever one is due."""

    is_active = True

    def __init__(self, settings: SimulatedVoice, rate_hz: int, channels: int, block_frames: int) -> None:
        self._voice = Voice(settings, rate_hz, channels)
        self._period = block_frames / rate_hz
        self._frames = block_frames
        self._queue: BoundedQueue[Block] = BoundedQueue(round(10 / self._period) + 1)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.facts = {"input": "generated in this process", "adc_time": "not used: there is no sound hardware"}

    def start(self) -> None:
        """Begin to make blocks."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._make, name="generated voice", daemon=True)
        self._thread.start()

    def _make(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due + self._period - time.monotonic())):
            due += self._period
            self._queue.put(Block(self._voice.read(self._frames), float("nan"), lsl_time()), self._frames)

    def read(self, timeout: float) -> Block | None:
        """Return the next block, or None if none came within ``timeout`` seconds."""
        got = self._queue.get(timeout)
        return replace(got[0], refused=got[1]) if got else None

    def stop(self) -> None:
        """Make no more blocks."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def close(self) -> None:
        """As `stop`."""
        self.stop()


def _play(server: str, settings: SimulatedVoice, rate_hz: int, channels: int) -> int:
    """Play the voice without end; return only when the server is gone."""
    voice = Voice(settings, rate_hz, channels)
    command = ["pacat", "--playback", "--raw", "--format=s16le", f"--rate={rate_hz}", f"--channels={channels}"]
    # Two seconds ahead: a busy machine must not tear the voice.
    command += [f"--server={server}", f"--device={pulse.SINK}", "--latency-msec=2000"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as player:
        pipe = player.stdin
        assert pipe is not None  # noqa: S101 - we asked for it
        try:
            while True:
                pipe.write(voice.read(rate_hz // 10).tobytes())
        except BrokenPipeError:
            return 1
        finally:
            player.kill()  # else it would play on for as long as it is ahead


def main() -> int:
    """Play as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--settings", default="{}")
    parser.add_argument("--rate", type=int, default=48000)
    parser.add_argument("--channels", type=int, default=1)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    return _play(given.server, SimulatedVoice.model_validate_json(given.settings), given.rate, given.channels)


if __name__ == "__main__":
    sys.exit(main())
