"""A trial's own file as the recorder writes it: pictures, when each was taken, what came with it.

All methods belong to the one thread that owns h5py.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from labcapture.core.chunks import Frame, Gap, StreamSpec
from labcapture.recording import encodings
from labcapture.recording.boundaries import Seen
from labcapture.recording.folder import SessionHeader
from labcapture.recording.journal import ChunkRecord
from labcapture.recording.schema import MISSING, journal_path, trial_path
from labcapture.recording.store import Store

Array = NDArray[np.float64]


def gap_row(gap: Gap) -> tuple[Any, ...]:
    """Return ``gap`` as a row of a gap table."""
    return (gap.cause.value, gap.first, gap.last, gap.count, gap.start, gap.stop, gap.note)


class _Seen:
    """Number and times of the stored pictures of a stream, until the trial is closed: 24 bytes each."""

    def __init__(self) -> None:
        self.number, self.arrival, self.device = array("q"), array("d"), array("d")

    def add(self, frame: Frame) -> None:
        """Append those of a picture."""
        self.number.append(frame.frame_number)
        self.arrival.append(frame.arrival_time)
        self.device.append(frame.device_time)


class TrialFile(Store):
    """trials/<trial>.h5 while it is recorded.

    Parameters
    ----------
    folder, header
        Of the session.
    trial, start, values
        Id; LSL s; further attributes.
    streams
        The camera streams.
    """

    def __init__(
        self,
        folder: Path,
        header: SessionHeader,
        trial: str,
        start: float,
        values: Mapping[str, Any],
        streams: Sequence[StreamSpec],
    ) -> None:
        super().__init__(folder, "trial", trial_path(trial), journal_path(trial))
        self.trial, self.start = trial, start
        self.streams = {spec.name: spec for spec in streams}
        self._codec = encodings.of(header.codec)
        self._pictures: dict[str, h5py.Dataset] = {}
        self._seen = {spec.name: _Seen() for spec in streams}
        whole = {**values, **header.identity(), "trial": trial, "start": start, "stop": math.nan, "closed": False}
        try:
            self.values("/", whole)
            for spec in streams:
                self._add_stream(spec)
            self.sync()  # what a journal begins with must not be lost
        except BaseException:
            self.discard()
            raise

    def _add_stream(self, spec: StreamSpec) -> None:
        path = f"/{spec.name}"
        self.group(path, spec)
        self.group(f"{path}/metadata")
        self._pictures[spec.name] = pictures = self.file.create_dataset(
            f"{path}/frames",
            (0, *spec.shape),
            spec.dtype,
            maxshape=(None, *spec.shape),
            **self._codec.options(spec.dtype, spec.shape),
        )
        pictures.attrs["long_name"] = self._codec.long_name
        pictures.attrs["units"] = spec.units
        for name in ("time", "time_uncertainty", "device_time", "arrival_time", "frame_number"):
            self.column(f"{path}/{name}")
        self.table(f"{path}/gaps")

    def add(self, frame: Frame, stored: bytes | memoryview, filter_mask: int, digest: str) -> None:
        """Append a picture: ``stored`` bytes of its chunk (``filter_mask`` 0 encoded, 1 raw) and their digest."""
        path, seen = f"/{frame.stream}", self._seen[frame.stream]
        index = len(seen.number)
        pictures = self._pictures[frame.stream]
        try:
            offset = self._write(pictures, index, stored, filter_mask)
            self.journal.chunk(
                ChunkRecord(
                    f"{path}/frames",
                    index,
                    offset,
                    len(stored),
                    filter_mask,
                    digest,
                    frame.frame_number,
                    frame.device_time,
                    frame.arrival_time,
                    frame.metadata,
                )
            )
        except BaseException:
            pictures.id.set_extent((index, *pictures.shape[1:]))  # else a picture of zeros would stand there
            raise
        seen.add(frame)
        self._growing[f"{path}/frame_number"].push(frame.frame_number)
        self._growing[f"{path}/arrival_time"].push(frame.arrival_time)
        self._growing[f"{path}/device_time"].push(frame.device_time)
        self._add_metadata(f"{path}/metadata", index, frame.metadata)

    def _write(self, pictures: h5py.Dataset, index: int, stored: bytes | memoryview, filter_mask: int) -> int:
        """Write one chunk; return its offset in the file."""
        dataset, file, tail = pictures.id, self.file.id, pictures.shape[1:]
        dataset.set_extent((index + 1, *tail))
        at = (index,) + (0,) * len(tail)
        end = file.get_filesize()
        dataset.write_direct_chunk(at, stored, filter_mask)
        # The file grew by nothing but this chunk, so it begins where the file ended. Asking HDF5 instead takes a time
        # that grows with the number of chunks; that is left for the few that made the chunk index grow, too.
        if file.get_filesize() == end + len(stored):
            return int(end)
        return int(dataset.get_chunk_info_by_coord(at).byte_offset)

    def _add_metadata(self, path: str, index: int, metadata: Mapping[str, int]) -> None:
        for key, value in metadata.items():
            column = self._growing.get(f"{path}/{key}")
            if column is None:
                column = self.column(f"{path}/{key}")
                column.dataset.attrs["missing"] = MISSING
            if column.count < index:
                column.extend(np.full(index - column.count, MISSING, np.int64))
            column.push(value)

    def seen(self, stream: str) -> list[Seen]:
        """Return number and arrival of every stored picture."""
        seen = self._seen[stream]
        return [Seen(number, arrival) for number, arrival in zip(seen.number, seen.arrival, strict=True)]

    def times(self, stream: str) -> tuple[Array, Array]:
        """Return device and arrival times, each (n,), of every stored picture."""
        seen = self._seen[stream]
        return np.array(seen.device, np.float64), np.array(seen.arrival, np.float64)

    def conclude(
        self,
        stop: float,
        values: Mapping[str, Any],
        gaps: Mapping[str, Sequence[Gap]],
        times: Mapping[str, tuple[Array, Array]],
    ) -> None:
        """Write what is known only at the end, and close the file.

        Parameters
        ----------
        stop
            LSL s.
        values
            Further attributes.
        gaps
            Rows of each stream.
        times
            Of each stream: LSL time of each picture and its uncertainty, each (n,) s.
        """
        self.values("/", {**values, "stop": stop})
        for name, seen in self._seen.items():
            time, uncertainty = times[name]
            self.extend(f"/{name}", {"time": time, "time_uncertainty": uncertainty}, derived=True)
            self.rows(f"/{name}/gaps", [gap_row(gap) for gap in gaps[name]])
            for path, column in self._growing.items():
                if path.startswith(f"/{name}/metadata/") and column.count < len(seen.number):
                    column.extend(np.full(len(seen.number) - column.count, MISSING, np.int64))
        self.finish({**self.counts(), **{f"/{name}/frames": len(seen.number) for name, seen in self._seen.items()}})
