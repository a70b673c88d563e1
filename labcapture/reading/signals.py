"""Sound and LSL streams of a session, as rows against time. What is missing stays missing: NaN, or no row at all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labcapture.core.errors import BadInput
from labcapture.reading.base import Stream, library
from labcapture.reading.resample import Holes, resample
from labcapture.reading.tables import Table, read_table

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
_LONG_STEP = 1.5  # periods between two samples, from which on one is missing between them


class Signal(Stream):
    """A stream of rows, ``values`` (n, channels), with a time each."""

    def __len__(self) -> int:
        return len(self._group["samples"])

    @property
    def channels(self) -> list[str]:
        """Label of each channel."""
        labels = [str(label) for label in self.attributes["channels"]]
        return labels or [str(i) for i in range(self.values.shape[1])]

    @property
    def values(self) -> h5py.Dataset:
        """(n, channels), read where it is indexed: ``stream.values[1000:2000, 0]``."""
        return self._group["samples"]

    @property
    def period_s(self) -> float:
        """Seconds from a sample to the next: nominal, else the median; NaN where that cannot be told."""
        raise NotImplementedError

    def time_of(self, rows: ArrayLike) -> Array:
        """Return the LSL time (s) of each of ``rows`` of `values`."""
        raise NotImplementedError

    def rows_between(self, start: float, stop: float) -> slice:
        """Return the rows of `values` with ``start <= time < stop`` (LSL s)."""
        raise NotImplementedError

    @property
    def holes(self) -> Holes:
        """Stretches without samples: (k, 2) LSL seconds of the last sample before and the first one after each."""
        raise NotImplementedError

    def between(self, start: float, stop: float) -> pd.DataFrame:
        """Return the samples with ``start <= time < stop`` (LSL s): a column per channel, as recorded, against time.

        Where samples are missing there is no row. ``attrs["units"]`` has the unit.
        """
        rows = self.rows_between(start, stop)
        return self._frame(self.values[rows], self.time_of(np.arange(rows.start, rows.stop)))

    def resampled(self, rate_hz: float, start: float | None = None, stop: float | None = None) -> pd.DataFrame:
        """Return values at ``start``, ``start + 1 / rate_hz``, ... before ``stop`` (LSL s; all of it unless given).

        At up to half of the stream's own rate each is the mean of the samples within half a step around it, otherwise
        lies on the straight line between its two neighbours. It is NaN where any sample that it stands on is missing.

        Raises
        ------
        BadInput
            The rate is not above 0.
        """
        if not rate_hz > 0:
            raise BadInput(f"cannot be resampled to {rate_hz:g} Hz", self.name, "Give a rate above 0.")
        n = len(self)
        first, last = self.time_of([0, n - 1]) if n else (np.nan, np.nan)
        start = float(first) if start is None else start
        stop = float(last) + 1e-9 if stop is None else stop
        count = max(0, int(np.ceil((stop - start) * rate_hz - 1e-9))) if n else 0
        grid = start + np.arange(count) / rate_hz
        return self._frame(resample(self, grid, rate_hz), grid)

    def _frame(self, values: NDArray[Any], time: Array) -> pd.DataFrame:
        import pandas as pd  # noqa: PLC0415 - late: it takes long to load

        frame = pd.DataFrame(values, index=pd.Index(time, name="time"), columns=self.channels)
        frame.attrs["units"] = self.units
        return frame

    def to_dask(self) -> Any:  # noqa: ANN401 - dask ships no types
        """Return `values` as a lazy dask array (n, channels).

        Raises
        ------
        RecordingError
            dask is not installed.
        """
        chunk = max(1, 4_000_000 // max(1, self.values.shape[1] * self.values.dtype.itemsize))
        return library("dask.array").from_array(self.values, chunks=(chunk, -1), lock=True, name=False)

    def to_xarray(self, start: float | None = None, stop: float | None = None) -> Any:  # noqa: ANN401 - xarray is optional
        """Return an `xarray.DataArray` (time, channel), all of it or ``start <= time < stop`` (LSL s).

        In the middle of each stretch without samples stands one row of NaN, so that no line is drawn across it;
        the values are floating point for that.

        Raises
        ------
        RecordingError
            xarray is not installed.
        """
        xarray = library("xarray")
        low, high = (-np.inf if start is None else start), (np.inf if stop is None else stop)
        rows = self.rows_between(low, high)
        time, values = self.time_of(np.arange(rows.start, rows.stop)), self.values[rows]
        values = values.astype(np.result_type(values.dtype, np.float32))
        middle = self.holes.mean(axis=1)
        middle = middle[(middle > low) & (middle < high)]
        at = np.searchsorted(time, middle)
        values, time = np.insert(values, at, np.nan, axis=0), np.insert(time, at, middle)
        coords = {"time": ("time", time, {"units": "s"}), "channel": self.channels}
        attrs = {"units": self.units, "rate_hz": self.rate_hz}
        return xarray.DataArray(values, dims=("time", "channel"), coords=coords, name=self.name, attrs=attrs)


class AudioStream(Signal):
    """Sound: ``values`` is (n, channels) int16."""

    @cached_property
    def blocks(self) -> Mapping[str, NDArray[Any]]:
        """The blocks in which it came: row, first_sample, adc_time, arrival_time, time, time_uncertainty."""
        names = ("row", "first_sample", "adc_time", "arrival_time", "time", "time_uncertainty")
        return {name: self._array(f"blocks/{name}") for name in names}

    @property
    def period_s(self) -> float:
        """Seconds from a sample to the next."""
        return 1 / self.rate_hz

    def time_of(self, rows: ArrayLike) -> Array:
        """Return the LSL time (s) at which each of ``rows`` of ``values`` was captured; NaN if there are no blocks."""
        at = np.asarray(rows, np.int64)
        blocks = self.blocks
        if not len(blocks["row"]):
            return np.full(at.shape, np.nan)
        block = np.clip(np.searchsorted(blocks["row"], at, side="right") - 1, 0, None)
        times: Array = blocks["time"][block] + (at - blocks["row"][block]) / self.rate_hz
        return times

    def rows_between(self, start: float, stop: float) -> slice:
        """Return the rows of ``values`` with ``start <= time < stop`` (LSL s)."""
        return slice(self._row_at(start), self._row_at(stop))

    def _row_at(self, time: float) -> int:
        """Return the first row that was not captured before ``time``."""
        blocks, rate = self.blocks, self.rate_hz
        if not len(blocks["row"]):
            return 0
        block = int(np.searchsorted(blocks["time"], time, side="right")) - 1
        if block < 0:
            return 0
        end = int(blocks["row"][block + 1]) if block + 1 < len(blocks["row"]) else len(self)
        begin = int(blocks["row"][block])
        steps = min((time - float(blocks["time"][block])) * rate, float(end - begin))
        return min(end, begin + int(np.ceil(steps - 1e-6)))

    @cached_property
    def holes(self) -> Holes:
        """Stretches without samples: (k, 2) LSL seconds of the last sample before and the first one after each.

        They lie where the count of samples skips, or where a block comes more than its own length too late: the
        device was opened anew.
        """
        blocks, rate = self.blocks, self.rate_hz
        row, first, time = blocks["row"], blocks["first_sample"], blocks["time"]
        if len(row) < 2:
            return np.empty((0, 2))
        length = np.diff(row)
        before = time[:-1] + (length - 1) / rate
        skips = (np.diff(first) != length) | (time[1:] - before > (length + 1) / rate)
        return np.stack([before[skips], np.maximum(time[1:], before + 1 / rate)[skips]], axis=1)


class SampleStream(Signal):
    """An LSL stream: ``values`` is (n, channels)."""

    @cached_property
    def time(self) -> Array:
        """(n,) LSL seconds of this machine."""
        return self._array("time")

    @cached_property
    def time_uncertainty(self) -> Array:
        """(n,) s, half width of the 95 % interval of ``time``."""
        return self._array("time_uncertainty")

    @cached_property
    def raw_time(self) -> Array:
        """(n,) s as the sender stamped them."""
        return self._array("raw_time")

    @cached_property
    def arrival_time(self) -> Array:
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

    @cached_property
    def period_s(self) -> float:
        """Seconds from a sample to the next: nominal, else the median; NaN where that cannot be told."""
        if self.rate_hz > 0:
            return 1 / self.rate_hz
        return float(np.median(np.diff(self.time))) if len(self) > 1 else float("nan")

    def time_of(self, rows: ArrayLike) -> Array:
        """Return the LSL time (s) of each of ``rows`` of ``values``."""
        times: Array = self.time[np.asarray(rows, np.int64)]
        return times

    def rows_between(self, start: float, stop: float) -> slice:
        """Return the rows of ``values`` with ``start <= time < stop`` (LSL s)."""
        first, last = np.searchsorted(self.time, [start, stop])
        return slice(int(first), max(int(first), int(last)))

    @cached_property
    def holes(self) -> Holes:
        """Stretches without samples: (k, 2) LSL seconds of the last sample before and the first one after each.

        They lie where the sender came back, and where a step of time is longer than 1.5 periods.
        """
        time = self.time
        if len(time) < 2:
            return np.empty((0, 2))
        found = (np.diff(time) > _LONG_STEP * self.period_s) | (np.diff(self.segment) != 0)
        return np.stack([time[:-1][found], time[1:][found]], axis=1)
