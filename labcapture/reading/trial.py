"""One recorded trial: its pictures, by index and by time, and what the rest of the session saw meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import BadInput, RecordingError
from labcapture.reading import moment, side_by_side
from labcapture.reading.align import Alignment, in_mm, millimetres
from labcapture.reading.moment import Moment, Pair
from labcapture.reading.streams import ComputedPictures, FrameStream, Pictures, read_attributes
from labcapture.recording import schema
from labcapture.recording.conformity import plainly
from labcapture.recording.guard import check_file, check_inside, reading

if TYPE_CHECKING:
    from labcapture.reading.session import Session

Kind = Literal["raw", "mm", "aligned"]


class Trial:
    """One recorded trial. Its streams are attributes by name: ``trial.color[0]``, ``trial.depth.time``."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._group = session.h5["trials"][name]
        self.id = name
        self.attributes: Mapping[str, Any] = read_attributes(self._group)
        """step, clip, emotion, take, ... of the trial."""

    def __repr__(self) -> str:
        return f"<Trial {self.id}: {', '.join(self)}, {self.stop - self.start:.1f} s>"

    def __iter__(self) -> Iterator[str]:
        return iter(self._group)

    def __getitem__(self, stream: str) -> FrameStream:
        """Return a camera stream.

        Raises
        ------
        KeyError
            The trial has no such stream.
        RecordingError
            Its file is missing or unreadable.
        """
        if stream not in self.streams:
            raise KeyError(f"trial {self.id} has {', '.join(self)}, not {stream}")
        return self.streams[stream]

    def __getattr__(self, stream: str) -> FrameStream:
        if stream.startswith("_") or stream not in self._group:
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

    @property
    def superseded(self) -> bool:
        """Whether the clip was shown again, and the later trial counts."""
        return bool(self.attributes.get("superseded", False))

    @property
    def annotatable(self) -> bool:
        """Whether the trial kept every limit of the rule."""
        return self._session.verdicts[self.id][0]

    @property
    def reasons(self) -> list[str]:
        """Why it is not annotatable, a sentence for each limit."""
        return self._session.verdicts[self.id][1]

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

    def at(self, time: float, window_s: float = 1.0, periods: float = 1.0) -> Moment:
        """Return what all streams saw at ``time`` (LSL s).

        Parameters
        ----------
        time
            LSL s.
        window_s
            Length of the window of EDA and voice around it.
        periods
            How many periods of its stream a picture may be away; None stands for one that is further away.
        """
        return moment.moment(self._session, self, time, window_s, periods)

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

    @cached_property
    def file(self) -> h5py.File:
        """The trial's own file.

        Raises
        ------
        RecordingError
            It is missing, was not closed, or is damaged.
        """
        path = self._session.folder / schema.trial_path(self.id)
        schema.check_trial(self.id)
        with reading(path):
            there = path.is_file()
        if not there:
            raise RecordingError("the trial's file is missing", str(path), "Put it back beside session.h5.")
        check_inside(self._session.folder, path)
        try:
            h5 = h5py.File(path, "r")
        except OSError as error:
            mend = f"Run: labcapture recover {self._session.folder}"
            raise RecordingError(f"cannot be opened: {plainly(error)}", str(path), mend) from error
        try:
            check_file(h5, str(path))
        except BaseException:
            h5.close()
            raise
        return h5

    @cached_property
    def streams(self) -> Mapping[str, FrameStream]:
        """Its camera streams by name."""
        return {name: FrameStream(name, self.file[name]) for name in self}

    def close(self) -> None:
        """Close its file if it was opened."""
        if "file" in self.__dict__:
            self.file.close()
