"""The pictures of a camera in one trial: as delivered, or as something that is computed from each."""

from __future__ import annotations

import operator
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, SupportsIndex

import h5py
import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import RecordingError
from labcapture.reading.base import Stream, library, still_open
from labcapture.reading.tables import Table
from labcapture.recording import encodings as codecs
from labcapture.recording.codecs import decode

Pixels = NDArray[Any]
ALL = min(4, os.cpu_count() or 1)
"""Threads that decode one picture that is asked for by itself."""


class Chunk(bytes):
    """A picture as it is stored; `raw` says that it is not encoded."""

    raw: bool

    def __new__(cls, data: bytes, raw: bool) -> Chunk:
        """Hold ``data``, which is copied."""
        self = super().__new__(cls, data)
        self.raw = raw
        return self


class Pictures(ABC):
    """Pictures with a time each. ``it[i]`` is one, ``it[a:b]`` a stack of them; nothing is read before it is asked for.

    A picture that was lost is not there: the index jumps over it. `time`, ``gaps`` and `masked_index` tell where.
    """

    name: str

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """(n, height, width[, 3])."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel."""

    @property
    @abstractmethod
    def time(self) -> NDArray[np.float64]:
        """(n,) LSL seconds at which each was taken."""

    @property
    @abstractmethod
    def frame_number(self) -> NDArray[np.int64]:
        """(n,) the camera's own counter; -1 where it has none."""

    @property
    @abstractmethod
    def gaps(self) -> Table:
        """What is missing: cause, first, last, count, start, stop, note; times are those of arrival."""

    @property
    @abstractmethod
    def rate_hz(self) -> float:
        """Nominal rate in frames per second; 0: irregular."""

    @property
    @abstractmethod
    def units(self) -> str:
        """Unit of a pixel's value."""

    @abstractmethod
    def read_picture(self, index: int, threads: int = 1) -> Pixels:
        """Return picture ``index`` (0 to n - 1), decoded by ``threads``; may be called from any thread."""

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int | slice | Sequence[int] | NDArray[Any] | tuple[Any, ...]) -> Pixels:
        """Return picture(s), as numpy would: ``it[i]``, ``it[a:b]``, ``it[[i, j]]``, ``it[i, 100:200, :]``.

        One picture is (height, width[, 3]), several are (n, height, width[, 3]). Each is decoded whole, whatever part
        of it is asked for.

        Raises
        ------
        IndexError
            There is no such picture.
        RecordingError
            The stored picture cannot be decoded.
        """
        if isinstance(index, tuple):
            which, *part = index
            return self[which][tuple(part) if isinstance(which, SupportsIndex) else (slice(None), *part)]
        if isinstance(index, SupportsIndex) and not isinstance(index, np.ndarray):
            return self.read_picture(self._row(index), ALL)
        rows = range(*index.indices(len(self))) if isinstance(index, slice) else [self._row(each) for each in index]
        stack = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for place, row in enumerate(rows):
            stack[place] = self.read_picture(row, ALL)
        return stack

    def _row(self, index: SupportsIndex) -> int:
        row = operator.index(index)
        if not -len(self) <= row < len(self):
            raise IndexError(f"{self.name} has {len(self)} frames, not one at {row}")
        return row % len(self)

    def __iter__(self) -> Iterator[Pixels]:
        return (self.read_picture(i, ALL) for i in range(len(self)))

    @cached_property
    def period_s(self) -> float:
        """Seconds from a picture to the next: nominal, else the median; NaN where that cannot be told."""
        if self.rate_hz > 0:
            return 1 / self.rate_hz
        return float(np.median(np.diff(self.time))) if len(self) > 1 else float("nan")

    def index_at(self, time: float) -> int:
        """Return the index of the picture that was taken nearest to ``time`` (LSL s), however far that is.

        Raises
        ------
        IndexError
            There are no pictures.
        """
        if not len(self):
            raise IndexError(f"{self.name} has no frames")
        times = self.time
        after = int(np.clip(np.searchsorted(times, time), 1, len(times) - 1)) if len(times) > 1 else 0
        return after - 1 if after and time - times[after - 1] <= times[after] - time else after

    def masked_index(self, rate_hz: float | None = None) -> np.ma.MaskedArray[Any, np.dtype[np.int64]]:
        """Return which picture belongs to each beat of a regular clock, masked where none does.

        The clock starts with the first picture and beats ``rate_hz`` times per second (nominal rate unless given) up
        to the last one. To a beat belongs the nearest picture, if it is no further than half a beat: what was lost is
        masked, and nothing is repeated in its place.
        """
        rate = rate_hz or (1 / self.period_s if len(self) > 1 else 1.0)
        times = self.time
        beats = times[0] + np.arange(round((times[-1] - times[0]) * rate) + 1) / rate if len(self) else times
        after = np.clip(np.searchsorted(times, beats), 1, max(len(times) - 1, 1))
        nearest = (
            np.where(beats - times[after - 1] <= times[after] - beats, after - 1, after)
            if len(times) > 1
            else (np.zeros(len(beats), np.int64))
        )
        far = np.abs(times[nearest] - beats) > 0.5 / rate + 1e-9 if len(beats) else np.zeros(0, bool)
        found: np.ma.MaskedArray[Any, np.dtype[np.int64]]
        found = np.ma.array(nearest.astype(np.int64), mask=far, fill_value=-1)  # type: ignore[no-untyped-call]  # numpy leaves it untyped
        return found

    def to_dask(self) -> Any:  # noqa: ANN401 - dask ships no types
        """Return a lazy dask array (n, height, width[, 3]), one picture a block.

        Raises
        ------
        RecordingError
            dask is not installed.
        """
        array = library("dask.array")
        shape = (1, *self.shape[1:])
        chunks = ((1,) * len(self), *((n,) for n in self.shape[1:]))

        def block(block_info: Any = None) -> Pixels:  # noqa: ANN401 - dask's own dict
            (row, _), *_ = block_info[None]["array-location"]
            return self.read_picture(int(row)).reshape(shape)

        if not len(self):
            return array.zeros(self.shape, dtype=self.dtype)
        return array.map_blocks(block, chunks=chunks, dtype=self.dtype, meta=np.empty((0,) * len(shape), self.dtype))

    def to_xarray(self) -> Any:  # noqa: ANN401 - xarray is optional
        """Return a lazy `xarray.DataArray` with the dimensions time, y, x (and channel).

        Its coordinates are time (LSL s) and frame_number; where pictures were lost the time jumps. Its attribute
        ``gaps`` has a text per gap.

        Raises
        ------
        RecordingError
            xarray or dask is not installed.
        """
        xarray = library("xarray")
        dims = ("time", "y", "x", "channel")[: len(self.shape)]
        coords = {"time": ("time", self.time, {"units": "s"}), "frame_number": ("time", self.frame_number)}
        told = [f"{gap['count']} {gap['cause']} from {gap['start']:.6f} s" for gap in self.gaps]
        attrs = {"units": self.units, "rate_hz": self.rate_hz, "gaps": told}
        return xarray.DataArray(self.to_dask(), dims=dims, coords=coords, name=self.name, attrs=attrs)


class FrameStream(Stream, Pictures):
    """The pictures of one camera stream in one trial, as the camera delivered them."""

    def __len__(self) -> int:
        return self.shape[0]

    def read_picture(self, index: int, threads: int = 1) -> Pixels:
        """Return picture ``index`` (0 to n - 1), decoded by ``threads``; may be called from any thread.

        Raises
        ------
        RecordingError
            It cannot be decoded.
        """
        try:
            if self._codec is None and self._is_foreign:
                pixels: Pixels = self._frames[index]
                return pixels
            return self.decode_chunk(self.read_chunk(index), threads)
        except (OSError, ValueError, RuntimeError) as error:
            raise self._undecodable(index, error) from error

    def _undecodable(self, index: int, error: Exception) -> RecordingError:
        return RecordingError(
            f"cannot be decoded ({error})", f"{self.where}/frames[{index}]", "Run: labcapture verify."
        )

    def read_chunk(self, index: int) -> Chunk:
        """Return picture ``index`` (0 to n - 1) as it is stored; `decode_chunk` makes a picture of it."""
        where = (index, *(0,) * (len(self.shape) - 1))
        mask, data = self._frames.id.read_direct_chunk(where)
        return Chunk(data, bool(mask) or self._codec is None)

    def decode_chunk(self, chunk: Chunk, threads: int = 1) -> Pixels:
        """Return the picture that was stored as ``chunk``; touches no file.

        ``threads`` work on it if it is JPEG XL.

        Raises
        ------
        ValueError
            It is no picture of this stream. (A codec's own error is a RuntimeError.)
        """
        if self._codec is not None and self._codec.name == "jxl" and not chunk.raw:
            return decode(chunk, np.empty(self.shape[1:], self.dtype), threads)
        pixels = codecs.decode(self._codec, chunk, int(chunk.raw), self.dtype, self.shape[1:])
        return pixels if pixels.flags.writeable else pixels.copy()

    @cached_property
    def _opened(self) -> h5py.Dataset:
        return self._group["frames"]

    @property
    def _frames(self) -> h5py.Dataset:
        return still_open(self._opened, self.name)

    @cached_property
    def _is_foreign(self) -> bool:
        """Whether its pictures are not stored one a chunk."""
        return bool(self._frames.chunks != (1, *self.shape[1:]))

    @cached_property
    def _codec(self) -> codecs.Codec | None:
        return None if self._is_foreign else codecs.codec_of(self._frames)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """(n, height, width[, 3])."""
        return tuple(int(n) for n in self._frames.shape)

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """``uint8`` of colour, ``uint16`` of depth (in ``depth_units`` of the attributes)."""
        dtype: np.dtype[Any] = self._frames.dtype
        return dtype

    @cached_property
    def time(self) -> NDArray[np.float64]:
        """(n,) LSL seconds at which each was taken, plus the camera's constant smallest delay."""
        return self._array("time")

    @cached_property
    def time_uncertainty(self) -> NDArray[np.float64]:
        """(n,) s, half width of the 95 % interval of ``time``."""
        return self._array("time_uncertainty")

    @cached_property
    def device_time(self) -> NDArray[np.float64]:
        """(n,) seconds of the device clock, unwrapped but otherwise raw."""
        return self._array("device_time")

    @cached_property
    def arrival_time(self) -> NDArray[np.float64]:
        """(n,) LSL seconds at which each reached the recording process."""
        return self._array("arrival_time")

    @cached_property
    def frame_number(self) -> NDArray[np.int64]:
        """(n,) the camera's own counter; -1 where it has none."""
        return self._array("frame_number")

    @cached_property
    def metadata(self) -> Mapping[str, NDArray[np.int64]]:
        """What came with the frames, (n,) each, in the driver's names and units; -2**63 where a value did not come."""
        return {key: self._array(f"metadata/{key}") for key in self._group["metadata"]}


class ComputedPictures(Pictures):
    """Pictures that are computed one by one from those of a stream: same indices, same times, same gaps.

    Parameters
    ----------
    source
        The stream.
    name, units
        What they show.
    size
        (height, width) of each.
    compute
        Of a picture of the source, in any thread: a picture of float32.
    """

    def __init__(
        self, source: FrameStream, name: str, units: str, size: tuple[int, int], compute: Callable[[Pixels], Pixels]
    ) -> None:
        self.name = name
        self.source = source
        self.compute = compute
        self._units = units
        self._size = size

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} of {self.source!r}>"

    def read_picture(self, index: int, threads: int = 1) -> Pixels:
        """Return picture ``index`` (0 to n - 1), decoded by ``threads``; may be called from any thread."""
        return self.compute(self.source.read_picture(index, threads))

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, height, width)."""
        return (len(self.source), *self._size)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Always float32."""
        return np.dtype(np.float32)

    @property
    def units(self) -> str:
        """Unit of a pixel's value."""
        return self._units

    @property
    def time(self) -> NDArray[np.float64]:
        """(n,) LSL seconds, those of the source."""
        return self.source.time

    @property
    def frame_number(self) -> NDArray[np.int64]:
        """(n,) those of the source."""
        return self.source.frame_number

    @property
    def gaps(self) -> Table:
        """Those of the source."""
        return self.source.gaps

    @property
    def rate_hz(self) -> float:
        """That of the source."""
        return self.source.rate_hz
