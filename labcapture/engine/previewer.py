"""Feeds the previews from the flow without ever holding it up: newest picture only, in a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence

import numpy as np

from labcapture.core.chunks import AudioBlock, Frame, Samples, StreamSpec
from labcapture.engine.preview import VOICE_BUCKET, PreviewBoard

_RATES_HZ = (30.0, 10.0, 2.0)  # without pressure, under some, under much
_SIGNAL_CHUNKS = 1000  # some ten seconds of every signal; only a stuck thread could fill it


class Previewer:
    """Queue LATEST of each camera stream, and a bounded one of signals, into the shared memory.

    ``stage`` is the size of the pictures of the participant's screen, which another thread puts on the `board`.
    """

    def __init__(self, streams: Sequence[StreamSpec], stage: tuple[int, int] | None = None) -> None:
        self.board = PreviewBoard(streams, stage)
        self.skipped = dict.fromkeys((spec.name for spec in streams), 0)
        self._rates = {spec.name: spec.rate_hz for spec in streams}
        self.rate_hz = _RATES_HZ[0]
        """How often previews are shown, at most."""
        self._latest: dict[str, Frame] = {}
        self._signals: deque[tuple[AudioBlock | Samples, float]] = deque(maxlen=_SIGNAL_CHUNKS)
        self._news = threading.Condition()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="previewer")
        self._thread.start()

    def offer(self, chunk: Frame | AudioBlock | Samples, offset: float) -> None:
        """Hand over a chunk; ``offset`` (s) brings a `Samples`' raw time to LSL time. Returns at once."""
        with self._news:
            if isinstance(chunk, Frame):
                self.skipped[chunk.stream] += chunk.stream in self._latest
                self._latest[chunk.stream] = chunk
            else:
                self._signals.append((chunk, offset))
            self._news.notify()

    def slow_down(self, level: int) -> None:
        """Show previews less often: 30, 10 or 2 times a second at ``level`` 0, 1 or 2."""
        self.rate_hz = _RATES_HZ[level]

    def close(self) -> None:
        """Show what is there, end the thread and give the memory back."""
        self._ending.set()
        with self._news:
            self._news.notify()
        self._thread.join()
        self.board.close()

    def _run(self) -> None:
        ending = False
        while not ending:
            with self._news:
                self._news.wait_for(lambda: self._latest or self._signals or self._ending.is_set())
                frames, self._latest = list(self._latest.values()), {}
                signals = list(self._signals)
                self._signals.clear()
            ending = self._ending.is_set()
            for frame in frames:
                self.board.show(frame.stream, frame.pixels, frame.frame_number, frame.arrival_time)
            for chunk, offset in signals:
                self._trace(chunk, offset)
            self._ending.wait(1 / self.rate_hz)

    def _trace(self, chunk: AudioBlock | Samples, offset: float) -> None:
        if isinstance(chunk, Samples):
            self.board.trace(chunk.stream, chunk.raw_time + offset, chunk.values)
            return
        mono = chunk.samples.max(axis=1)
        buckets = -(-len(mono) // VOICE_BUCKET)
        edges = np.arange(buckets) * VOICE_BUCKET
        extremes = np.stack(
            [np.minimum.reduceat(chunk.samples.min(axis=1), edges), np.maximum.reduceat(mono, edges)], 1
        )
        times = chunk.arrival_time - (len(mono) - edges) / self._rates[chunk.stream]
        self.board.trace(chunk.stream, times, extremes)
