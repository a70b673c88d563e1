"""Playing the voice: PortAudio's clock leads while it plays; without a sound card, the machine's clock does. No Qt."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.reading import AudioStream

_BLOCK = 4096  # samples handed to PortAudio at a time: small ones run dry on a busy machine
_AHEAD = 6  # such blocks prepared beforehand: half a second
_WAITING_S = 0.6  # a card that has asked for nothing for so long is waited for: time stands still
_PATIENCE_S = 4.0  # and has stopped after so long. A PulseAudio sink that was idle may first play out 2 s of silence
_LATENCY_MOST_S = 1.0  # more is no latency but a driver that does not know
SILENT = "no sound card: plays silently"
WAITING = "waits for the sound card"
STALLED = "the sound card stopped: goes on silently"


class Voice:
    """The sound of a session by LSL time, at any speed.

    Parameters
    ----------
    stream
        Read in the thread that asks.
    """

    def __init__(self, stream: AudioStream) -> None:
        self._stream = stream
        self.rate_hz = round(stream.rate_hz)
        self.channels = min(2, int(stream.values.shape[1]))
        blocks = stream.blocks
        self._row, self._time = blocks["row"].astype(float), blocks["time"]
        self._end = len(stream)
        self._gaps = [(float(gap["start"]), float(gap["stop"])) for gap in stream.gaps]

    def samples(self, start: float, n: int, speed: float) -> NDArray[np.int16]:
        """Return ``n`` samples (n, channels) from LSL time ``start`` on, ``speed`` times as fast.

        The pitch changes with the speed, like that of a tape. Silence where nothing was recorded.
        """
        out = np.zeros((n, self.channels), np.int16)
        if not len(self._row):
            return out
        times = start + np.arange(n) * (speed / self.rate_hz)
        rows = np.interp(times, self._time, self._row, left=-1, right=-1)
        after = times > self._time[-1]
        rows[after] = self._row[-1] + (times[after] - self._time[-1]) * self.rate_hz
        known = (rows >= 0) & (rows < self._end - 1)
        for begin, end in self._gaps:
            known &= ~((times >= begin) & (times < end))
        if not known.any():
            return out
        first, last = int(rows[known].min()), int(rows[known].max()) + 2
        piece = self._stream.values[first:last, : self.channels].astype(np.float32)
        if speed > 1:  # what a coarser step cannot carry would come back as noise
            width = round(speed)
            sums = np.cumsum(np.pad(piece, ((width, 0), (0, 0)), mode="edge"), axis=0)
            piece = (sums[width:] - sums[:-width]) / width
        whole = np.arange(first, last)
        for channel in range(self.channels):
            out[known, channel] = np.interp(rows[known], whole, piece[:, channel])
        return out


class Player:
    """Where playing has come to. Sound is opened in a thread: looking for a card can take a second.

    Parameters
    ----------
    voice
        What is heard; None plays silently.
    """

    def __init__(self, voice: Voice | None) -> None:
        self._voice = voice
        self.muted = False
        self.note = "" if voice is not None else "no voice was recorded: plays silently"
        self._run: _Run | None = None
        self._ending: threading.Thread | None = None
        self._no_card = False

    @property
    def playing(self) -> bool:
        """Whether time goes on."""
        return self._run is not None

    def play(self, start: float, speed: float) -> None:
        """Go on from LSL time ``start`` (s), ``speed`` times as fast as it happened.

        While it plays, the sound card stays open: one that was idle may take 2 s to begin.
        """
        voice = self._voice if not self.muted and not self._no_card else None
        if self._run is not None and self._run.plays(voice):
            self._run.turn(start, speed)
        else:
            self.pause()
            self._run = _Run(voice, start, speed, self._ending)

    def position(self) -> float:
        """Return the LSL time (s) that is heard now."""
        if self._run is None:
            raise RuntimeError("not playing")
        self._no_card = self._no_card or self._run.no_card
        at = self._run.position()
        if self._no_card or self._run.stalled:
            self.note = SILENT if self._no_card else STALLED
        elif self._run.waiting:
            self.note = WAITING
        return at

    @property
    def audible(self) -> bool:
        """Whether a sound card plays."""
        return self._run is not None and self._run.audible and not (self._run.waiting or self._run.stalled)

    def pause(self) -> None:
        """Stop; nothing is heard any more, and the sound card will be free soon."""
        if self._run is not None:
            self._no_card = self._no_card or self._run.no_card
            self._ending = self._run.end() or self._ending
            self._run = None

    def close(self) -> None:
        """Stop; the sound card is free again."""
        self.pause()
        if self._ending is not None:
            self._ending.join()


class _Run:
    """From one start of playing to its end. The card is opened once ``before``, which had it, has ended."""

    def __init__(self, voice: Voice | None, start: float, speed: float, before: threading.Thread | None) -> None:
        self._voice, self._start, self._speed = voice, start, speed
        self._before = before
        self._since = time.monotonic()
        self._lock = threading.Lock()
        self._turn = 0  # counts the starts: what was prepared for one before is not played
        self._ready: queue.Queue[tuple[int, bytes]] = queue.Queue(_AHEAD)
        self._asked: float | None = None  # when the card was started, or asked last
        self._heard: tuple[float, int] | None = None  # when the card got its newest block, samples before that
        self._given = 0
        self._latency_s = 0.0
        self._last = start
        self._stop = threading.Event()
        self.no_card = False
        self.waiting = False
        self.stalled = False
        self.audible = False
        self._thread: threading.Thread | None = None
        if voice is not None:
            self._thread = threading.Thread(target=self._feed, args=(voice,), name="sound")
            self._thread.start()

    def position(self) -> float:
        now = time.monotonic()
        with self._lock:
            idle = now - self._asked if self._asked is not None else 0.0
            self.waiting = idle > _WAITING_S
            if idle > _PATIENCE_S and not self.stalled:
                self.stalled, self._since, self._start = True, now, self._last
                self._stop.set()  # else it might come back, and be heard out of step with the pictures
            if self._voice is None or self.no_card or self.stalled:
                self._last = max(self._last, self._start + (now - self._since) * self._speed)
            elif self._heard is not None:
                when, before = self._heard
                played = before / self._voice.rate_hz + min(now - when, _BLOCK / self._voice.rate_hz) - self._latency_s
                self._last = max(self._last, self._start + max(0.0, played) * self._speed)
            return self._last

    def plays(self, voice: Voice | None) -> bool:
        """Return whether this can go on elsewhere with ``voice``."""
        return voice is self._voice and not self.stalled

    def turn(self, start: float, speed: float) -> None:
        """Go on from elsewhere. Time stands there until the card has played what it has got already."""
        with self._lock:
            self._turn += 1
            self._start, self._speed, self._last, self._since = start, speed, start, time.monotonic()
            self._heard, self._given = None, 0
            with contextlib.suppress(queue.Empty):
                while True:
                    self._ready.get_nowait()

    def end(self) -> threading.Thread | None:
        """Play nothing more; return the thread that gives the card back."""
        self._stop.set()
        return self._thread

    def _next(self) -> bytes | None:
        """Return the next block that belongs to this turn; None if none is ready. Holds the lock."""
        with contextlib.suppress(queue.Empty):
            while not self._stop.is_set():
                turn, block = self._ready.get_nowait()
                if turn == self._turn:
                    return block
        return None

    def _silence(self) -> None:
        with self._lock:
            self.no_card = True
            self._since = time.monotonic()
            self._start = self._last

    def _feed(self, voice: Voice) -> None:
        if self._before is not None:
            self._before.join()
            self._before = None
        try:
            with _quiet():
                import pyaudio  # noqa: PLC0415 - late: a machine without PortAudio plays silently

                audio = pyaudio.PyAudio()
        except (ImportError, OSError):
            self._silence()
            return
        try:
            self._play(voice, audio, pyaudio)
        except (OSError, ValueError):  # PortAudio's word for "no card", or one that does not take this rate
            self._silence()
        finally:
            audio.terminate()

    def _play(self, voice: Voice, audio: Any, pyaudio: Any) -> None:  # noqa: ANN401 - untyped library
        silence = bytes(2 * voice.channels * _BLOCK)

        def callback(data: None, frames: int, times: dict[str, float], status: int) -> tuple[bytes, int]:
            del data, frames, status
            ahead = times["output_buffer_dac_time"] - times["current_time"]
            with self._lock:
                self._asked = time.monotonic()
                block = self._next()
                if block is None:  # time stands still while there is nothing to be heard
                    return silence, pyaudio.paContinue
                self._heard = (self._asked, self._given)
                self._given += _BLOCK
                if 0 < ahead < _LATENCY_MOST_S:
                    self._latency_s = ahead
            return block, pyaudio.paContinue

        with _quiet():
            card = audio.open(
                voice.rate_hz,
                voice.channels,
                pyaudio.paInt16,
                output=True,
                frames_per_buffer=_BLOCK,
                stream_callback=callback,
                start=False,
            )
        try:
            self._latency_s = min(card.get_output_latency(), _LATENCY_MOST_S)
            turn, at, speed, started = -1, 0.0, 1.0, False
            while not self._stop.is_set():
                with self._lock:
                    if turn != self._turn:
                        turn, at, speed = self._turn, self._start, self._speed
                block = voice.samples(at, _BLOCK, speed).tobytes()
                at += _BLOCK * speed / voice.rate_hz
                while not self._stop.is_set() and turn == self._turn:
                    try:
                        self._ready.put((turn, block), timeout=0.05)
                        break
                    except queue.Full:
                        if not started:
                            self._asked = time.monotonic()
                            card.start_stream()
                            started = self.audible = True
        finally:
            self.audible = False
            card.close()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the sound libraries print on stderr (a card for each that is not there) from the terminal."""
    try:
        kept = os.dup(2)
    except OSError:  # a program without a terminal has none
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
