"""The streams of a session: pictures, sound, signals. Nothing is read before it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, overload

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labcapture.core.errors import RecordingError

Table = NDArray[Any]
"""A structured array, one row per row of the table; text is ``str``, not bytes."""


def read_table(dataset: h5py.Dataset) -> Table:
    """Return a table with its text columns as ``str``."""
    rows = dataset[()]
    names = rows.dtype.names
    texts = {name for name in names if h5py.check_string_dtype(dataset.dtype[name]) or rows.dtype[name].kind == "S"}
    table = np.empty(rows.shape, [(name, object if name in texts else rows.dtype[name]) for name in names])
    for name in names:
        table[name] = [_text(value) for value in rows[name]] if name in texts else rows[name]
    return table


def _text(value: Any) -> str:  # noqa: ANN401 - h5py gives bytes or str
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def read_attributes(group: h5py.Group) -> dict[str, Any]:
    """Return the attributes with numbers as Python's and text as ``str``."""
    return {name: _plain(value) for name, value in group.attrs.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any attribute
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "OS":
        return [_text(item) for item in value.ravel()]
    return value


class _Stream:
    """What every stream has."""

    def __init__(self, name: str, group: h5py.Group) -> None:
        self.name = name
        self._group = group

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self)} at {self.rate_hz:g} Hz>"

    def __len__(self) -> int:
        raise NotImplementedError

    def _array(self, path: str) -> NDArray[Any]:
        try:
            array: NDArray[Any] = self._group[path][()]
        except KeyError:
            where = f"{self._group.file.filename}:{self._group.name}/{path}"
            raise RecordingError("is missing", where, "Run: labcapture verify.") from None
        return array

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """What the instrument said of itself: intrinsics, depth_units, firmware, serial number, ..."""
        return read_attributes(self._group)

    @property
    def rate_hz(self) -> float:
        """Nominal rate in frames or samples per second; 0: irregular."""
        return float(self.attributes["rate_hz"])

    @property
    def units(self) -> str:
        """Unit of the values."""
        return str(self.attributes["units"])

    @property
    def simulated(self) -> bool:
        """Whether no real instrument stands behind it."""
        return bool(self.attributes["simulated"])

    @cached_property
    def gaps(self) -> Table:
        """What is missing: cause, first, last, count, start, stop, note."""
        return read_table(self._group["gaps"])


class FrameStream(_Stream):
    """The pictures of one camera stream in one trial; ``stream[i]`` is a picture, ``stream[a:b]`` a stack of them."""

    def __len__(self) -> int:
        return len(self._group["frames"])

    @overload
    def __getitem__(self, index: int) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, index: slice) -> NDArray[Any]: ...
    def __getitem__(self, index: int | slice) -> NDArray[Any]:
        """Return picture(s) as the camera delivered them: (height, width[, 3]), or (n, height, width[, 3]).

        Raises
        ------
        IndexError
            There is no such picture.
        RecordingError
            The stored picture cannot be decoded.
        """
        if isinstance(index, int) and not -len(self) <= index < len(self):
            raise IndexError(f"{self.name} has {len(self)} frames, not one at {index}")
        try:
            pixels: NDArray[Any] = self._group["frames"][index]
        except OSError as error:
            where = f"{self._group.file.filename}:{self._group.name}/frames[{index}]"
            raise RecordingError(f"cannot be decoded ({error})", where, "Run: labcapture verify.") from error
        return pixels

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[i] for i in range(len(self)))

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, height, width[, 3])."""
        return tuple(int(n) for n in self._group["frames"].shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """``uint8`` of colour, ``uint16`` of depth (in ``depth_units`` of the attributes)."""
        dtype: np.dtype[Any] = self._group["frames"].dtype
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


class _Signal(_Stream):
    """A stream of rows."""

    def __len__(self) -> int:
        return len(self._group["samples"])

    @property
    def channels(self) -> list[str]:
        """Label of each channel."""
        return [str(label) for label in self.attributes["channels"]]

    @property
    def values(self) -> h5py.Dataset:
        """(n, channels), read where it is indexed: ``stream.values[1000:2000, 0]``."""
        return self._group["samples"]


class AudioStream(_Signal):
    """Sound: ``values`` is (n, channels) int16."""

    @cached_property
    def blocks(self) -> Mapping[str, NDArray[Any]]:
        """The blocks in which it came: row, first_sample, adc_time, arrival_time, time, time_uncertainty."""
        names = ("row", "first_sample", "adc_time", "arrival_time", "time", "time_uncertainty")
        return {name: self._array(f"blocks/{name}") for name in names}

    def time_of(self, rows: ArrayLike) -> NDArray[np.float64]:
        """Return the LSL time (s) at which each of ``rows`` of ``values`` was captured; NaN if there are no blocks."""
        at = np.asarray(rows, np.int64)
        blocks = self.blocks
        if not len(blocks["row"]):
            return np.full(at.shape, np.nan)
        block = np.clip(np.searchsorted(blocks["row"], at, side="right") - 1, 0, None)
        times: NDArray[np.float64] = blocks["time"][block] + (at - blocks["row"][block]) / self.rate_hz
        return times


class SampleStream(_Signal):
    """An LSL stream: ``values`` is (n, channels)."""

    @cached_property
    def time(self) -> NDArray[np.float64]:
        """(n,) LSL seconds of this machine."""
        return self._array("time")

    @cached_property
    def time_uncertainty(self) -> NDArray[np.float64]:
        """(n,) s, half width of the 95 % interval of ``time``."""
        return self._array("time_uncertainty")

    @cached_property
    def raw_time(self) -> NDArray[np.float64]:
        """(n,) s as the sender stamped them."""
        return self._array("raw_time")

    @cached_property
    def arrival_time(self) -> NDArray[np.float64]:
        """(n,) LSL seconds at which each reached the recording process."""
        return self._array("arrival_time")

    @cached_property
    def segment(self) -> NDArray[np.int64]:
        """(n,) grows by one whenever the stream was lost and came back."""
        return self._array("segment")

    @cached_property
    def clock_offsets(self) -> Table:
        """Measurements of the sender's clock: time, offset, uncertainty, segment."""
        return read_table(self._group["clock_offsets"])
