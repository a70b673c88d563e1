"""Watches the participant's head while the cameras run, a few times a second, without ever holding them up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from labcapture.core.chunks import Frame, StreamSpec
from labcapture.core.head import HeadTargets
from labcapture.engine.head_judge import HeadJudge
from labcapture.engine.head_measure import HeadMeter, HeadOptics, camera_streams
from labcapture.engine.head_messages import HeadView

RATE_HZ = 5.0
"""How often the head is measured, at most."""
_STALE_S = 1.0  # a picture of the other stream that is older than this is not of the same head
_THUMBNAIL_WIDTH = 320


@dataclass(frozen=True)
class Pair:
    """The newest pictures of both streams, as they were measured together."""

    color: Frame
    depth: Frame

    def thumbnails(self) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
        """Return small pictures, colour (h, w, 3) and depth (h, w); depth in counts, not averaged."""
        return (
            cv2.resize(self.color.pixels, _small(self.color.pixels), interpolation=cv2.INTER_AREA),
            cv2.resize(self.depth.pixels, _small(self.depth.pixels), interpolation=cv2.INTER_NEAREST),
        )


def _small(pixels: NDArray[np.generic]) -> tuple[int, int]:
    height, width = pixels.shape[:2]
    return _THUMBNAIL_WIDTH, round(height * _THUMBNAIL_WIDTH / width)


class HeadWatch:
    """Measures the newest pair of pictures in a thread of its own.

    Parameters
    ----------
    streams
        Of the rig; the first camera with colour and depth is the one.
    targets
        Limits of the head position.
    rate_hz
        How often to measure, at most.
    on_view
        Called in the thread with every new view.

    Raises
    ------
    DeviceError
        There is no such camera, or it does not tell its optics.
    """

    def __init__(
        self,
        streams: Sequence[StreamSpec],
        targets: HeadTargets,
        *,
        rate_hz: float = RATE_HZ,
        on_view: Callable[[HeadView], None] = lambda view: None,
    ) -> None:
        color, depth = camera_streams(streams)
        self._names = color.name, depth.name
        self.optics = HeadOptics.of(streams)
        self._targets, self._period, self._on_view = targets, 1 / rate_hz, on_view
        self.share = 1.0
        """Of one core that measuring may take; what takes longer is done less often."""
        self._lock = threading.Lock()
        self._latest: dict[str, Frame] = {}
        self._judge = self._new_judge()
        self._view = HeadView(min_z_mm=self.optics.min_z_mm)
        self._pair: Pair | None = None
        self.error: BaseException | None = None
        self._news = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="head", daemon=True)
        self._thread.start()

    def _new_judge(self) -> HeadJudge:
        return HeadJudge(self._targets, self.optics.min_z_mm, self.optics.max_z_mm)

    def offer(self, frame: Frame) -> None:
        """Hand over a frame of any stream, from any thread; returns at once."""
        if frame.stream in self._names:
            with self._lock:
                self._latest[frame.stream] = frame
            self._news.set()

    def restart(self) -> None:
        """Forget what was seen before: a new calibration begins."""
        with self._lock:
            self._judge = self._new_judge()
            self._view = HeadView(min_z_mm=self.optics.min_z_mm)
            self._pair = None
            self._latest.clear()  # of a head that may long have moved

    def view(self) -> HeadView:
        """Return how the head stands now."""
        return self._view

    def seen(self) -> tuple[HeadView, Pair | None]:
        """Return how the head stands with the very pictures that show it."""
        with self._lock:
            return self._view, self._pair

    def metadata(self) -> Mapping[str, int]:
        """Return what came with the newest colour picture that was measured."""
        pair = self._pair
        return pair.color.metadata if pair else {}

    def close(self) -> None:
        """End the thread."""
        self._ending.set()
        self._news.set()
        self._thread.join()

    def _run(self) -> None:
        meter = HeadMeter(self.optics)
        try:
            while not self._ending.is_set():
                self._news.wait()
                self._news.clear()
                began, spent = time.monotonic(), time.thread_time()
                with self._lock:
                    frames, judge = [self._latest.get(name) for name in self._names], self._judge
                self._measure(meter, judge, *frames)
                period = max(self._period, (time.thread_time() - spent) / self.share)
                self._ending.wait(max(0.0, began + period - time.monotonic()))
        except Exception as error:  # noqa: BLE001 - the session goes on without it; its owner tells the error
            self.error = error

    def _measure(self, meter: HeadMeter, judge: HeadJudge, color: Frame | None, depth: Frame | None) -> None:
        if color is None or depth is None or abs(color.arrival_time - depth.arrival_time) > _STALE_S:
            return
        before = self._pair
        if before is not None and before.color is color:
            return
        view = judge.update(meter.measure(color.pixels, depth.pixels, color.arrival_time))
        with self._lock:
            if judge is not self._judge:  # of the time before `restart`
                return
            self._pair, self._view = Pair(color, depth), view
        self._on_view(view)
