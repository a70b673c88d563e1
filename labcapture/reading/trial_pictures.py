"""What is made of the pictures of a trial, whether its session is closed or still being recorded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import BadInput
from labcapture.reading import side_by_side
from labcapture.reading.align import Alignment, in_mm, millimetres
from labcapture.reading.side_by_side import Pair
from labcapture.reading.streams import ComputedPictures, FrameStream, Pictures

Kind = Literal["raw", "mm", "aligned"]


class TrialPictures(ABC):
    """The camera streams of a trial, attributes by name: ``trial.color[0]``, ``trial.depth.time``."""

    attributes: Mapping[str, Any]
    """step, clip, emotion, take, ... of the trial."""

    @property
    @abstractmethod
    def streams(self) -> Mapping[str, FrameStream]:
        """Its camera streams by name."""

    @abstractmethod
    def __iter__(self) -> Iterator[str]:
        """Yield the names of its streams."""

    @abstractmethod
    def __getitem__(self, stream: str) -> FrameStream:
        """Return a camera stream."""

    def __getattr__(self, stream: str) -> FrameStream:
        if stream.startswith("_") or stream not in tuple(self):
            raise AttributeError(f"trial has no stream or attribute {stream!r}")
        return self[stream]

    @property
    def start(self) -> float:
        """LSL time (s) from which on frames belong to the trial, by arrival."""
        return float(self.attributes["start"])

    @property
    def stop(self) -> float:
        """LSL time (s) up to which they do."""
        return float(self.attributes["stop"])

    @cached_property
    def depth_mm(self) -> ComputedPictures:
        """Depth in mm, float32, NaN where nothing was measured."""
        return self.millimetres("depth")

    @cached_property
    def depth_aligned(self) -> ComputedPictures:
        """Depth in the colour camera's pixels, mm along its axis, NaN where nothing is known. Indices are depth's."""
        return self.aligned("depth", "color")

    def millimetres(self, depth: str) -> ComputedPictures:
        """Return the pictures of a depth stream in mm, float32, NaN where nothing was measured.

        Raises
        ------
        RecordingError
            It does not tell its unit.
        """
        source, count_mm = self[depth], millimetres(self[depth])
        height, width = source.shape[1:3]
        return ComputedPictures(source, f"{depth}_mm", "mm", (height, width), lambda raw: in_mm(raw, count_mm))

    def aligned(self, depth: str, color: str) -> ComputedPictures:
        """Return the pictures of a depth stream as a colour camera beside it would have measured them, in mm.

        Raises
        ------
        RecordingError
            The streams do not tell their lenses, or where they stand to each other.
        """
        source, count_mm, alignment = self[depth], millimetres(self[depth]), self._alignment(depth, color)
        lens = alignment.color.lens
        return ComputedPictures(
            source,
            f"{depth}_aligned",
            "mm",
            (lens.height, lens.width),
            lambda raw: alignment.align(in_mm(raw, count_mm)),
        )

    def pointcloud(self, index: int, depth: str = "depth", color: str = "color") -> NDArray[np.float32]:
        """Return (height, width, 3) mm: the point of each pixel of a depth picture in the colour camera's coordinates.

        x is to the right, y down, z away from the camera; NaN where nothing was measured.
        """
        counts = self[depth][index]
        return self._alignment(depth, color).points(in_mm(counts, millimetres(self[depth])))

    def _alignment(self, depth: str, color: str) -> Alignment:
        known: dict[tuple[str, str], Alignment] = self.__dict__.setdefault("_alignments", {})
        if (depth, color) not in known:
            known[depth, color] = Alignment.of(self[depth], self[color])
        return known[depth, color]

    def frames(
        self, start: int = 0, stop: int | None = None, step: int = 1, workers: int = 2, depth: Kind = "raw"
    ) -> Iterator[Pair]:
        """Yield colour pictures ``start``, ``start + step``, ... before ``stop``, each with the depth beside it.

        Pictures are decoded ahead by ``workers`` threads, a few at a time, and come in order. The depth picture is the
        one taken nearest in time, if that is within half a period.

        Parameters
        ----------
        start, stop, step
            As of a slice of ``trial.color``.
        workers
            Threads that decode.
        depth
            ``raw`` as the camera delivered it, ``mm``, or ``aligned`` to the colour picture.

        Raises
        ------
        BadInput
            There are no such workers, or there is no such kind of depth.
        """
        kinds: dict[str, Callable[[], Pictures]] = {
            "raw": lambda: self["depth"],
            "mm": lambda: self.depth_mm,
            "aligned": lambda: self.depth_aligned,
        }
        if depth not in kinds:
            raise BadInput(f"no kind of depth: {depth!r}", "depth", f"Use one of: {', '.join(kinds)}.")
        if workers < 1:
            raise BadInput(f"cannot decode with {workers} threads", "workers", "Give 1 or more.")
        color = self["color"]
        rows = range(*slice(start, stop, step).indices(len(color)))
        beside = kinds[depth]() if "depth" in self.streams else None
        return side_by_side.pairs(color, beside, rows, workers)
