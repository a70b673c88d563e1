"""Whether the data of a file agree with themselves: times and counters rise, every skip has its row among the gaps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

_COMPARISONS = 20_000_000  # some seconds; a stream in which every second frame is lost, for a quarter of an hour
_FEW = 5  # problems of one kind and dataset that are told one by one


def few(where: str, problems: Iterator[str]) -> Iterator[str]:
    """Tell the first few ``problems`` of one place one by one, and how many more there are."""
    more = 0
    for number, problem in enumerate(problems):
        if number < _FEW:
            yield f"{where} {problem}"
        else:
            more += 1
    if more:
        yield f"{where} and {more} more like this"


def picture_contradictions(stream: h5py.Group, name: str) -> Iterator[str]:
    """Yield a sentence for everything that contradicts itself in a camera stream of a trial; ``name`` is the file's."""
    where = f"{name}: {stream.name}"
    arrival, time = stream["arrival_time"][()], stream["time"][()]
    yield from few(f"{where}/arrival_time", _falls(arrival))
    yield from few(f"{where}/time", _falls(time))
    negative = np.flatnonzero(~(stream["time_uncertainty"][()] >= 0))
    yield from few(f"{where}/time_uncertainty", (f"is negative or missing at frame {i}" for i in negative))
    yield from few(f"{where}/frame_number", _skips(stream["frame_number"][()], arrival, stream["gaps"][()]))


def sound_contradictions(stream: h5py.Group, name: str) -> Iterator[str]:
    """Yield a sentence for everything that contradicts itself in a stream of sound."""
    where, blocks = f"{name}: {stream.name}", stream["blocks"]
    row, first, arrival = (blocks[column][()] for column in ("row", "first_sample", "arrival_time"))
    yield from few(f"{where}/blocks/arrival_time", _falls(arrival, "block"))
    yield from few(f"{where}/blocks/row", _falls(row, "block"))
    if len(row) and (row[0] != 0 or row[-1] > len(stream["samples"])):
        yield f"{where}/blocks/row does not fit the {len(stream['samples'])} rows of samples"
    skipped = int(first[-1] - first[0] - (row[-1] - row[0])) if len(row) else 0
    known = int(stream["gaps"]["count"].sum())
    if skipped > known:
        yield f"{where}/blocks/first_sample skips {skipped} samples, its gaps tell of {known}"


def sample_contradictions(stream: h5py.Group, name: str) -> Iterator[str]:
    """Yield a sentence for everything that contradicts itself in an LSL stream."""
    where = f"{name}: {stream.name}"
    yield from few(f"{where}/arrival_time", _falls(stream["arrival_time"][()], "row"))
    yield from few(f"{where}/segment", _falls(stream["segment"][()], "row"))
    rows = {column: len(stream[column]) for column in ("samples", "raw_time", "time", "time_uncertainty", "segment")}
    if len(set(rows.values())) > 1:
        yield f"{where} has columns of different length: " + ", ".join(f"{key} {n}" for key, n in rows.items())


def _falls(values: NDArray[Any], what: str = "frame") -> Iterator[str]:
    """Yield where ``values`` go back. A NaN is no fall: that a time is unknown is told by its uncertainty."""
    for i in np.flatnonzero(np.diff(values) < 0):
        yield f"goes back at {what} {i + 1}, from {values[i]} to {values[i + 1]}"


def _skips(number: NDArray[np.int64], arrival: NDArray[np.float64], gaps: NDArray[Any]) -> Iterator[str]:
    """Yield where frame numbers repeat, go back or skip without a row of ``gaps`` that says so."""
    covered = sorted((int(row["first"]), int(row["last"])) for row in gaps if row["first"] >= 0)
    estimated = [(row["start"], row["stop"]) for row in gaps if row["first"] < 0]
    jumps = np.flatnonzero((np.diff(number) != 1) & (number[:-1] >= 0) & (number[1:] >= 0))
    if len(jumps) * len(gaps) > _COMPARISONS:
        yield f"jumps {len(jumps)} times, with {len(gaps)} gaps: too often to be held against each other"
        return
    for i in jumps:
        before, after = int(number[i]), int(number[i + 1])
        if any(start <= arrival[i + 1] and not stop < arrival[i] for start, stop in estimated):
            continue  # the device began anew: its numbers do not compare
        if after == before:
            yield f"repeats at frame {i + 1}: {after} stands twice"
        elif after < before:
            yield f"goes back at frame {i + 1}, from {before} to {after}, and no gap says why"
        elif missing := _uncovered(before + 1, after - 1, covered):
            yield f"skips {missing} of the numbers before frame {i + 1} ({before} to {after}) without a gap"


def _uncovered(first: int, last: int, covered: list[tuple[int, int]]) -> int:
    """Return how many of the numbers from ``first`` to ``last`` lie in none of the sorted ranges ``covered``."""
    count = 0
    for low, high in covered:
        if first > last or low > last:
            break
        count += max(0, low - first)
        first = max(first, high + 1)
    return count + max(0, last - first + 1)
