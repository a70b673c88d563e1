"""Signals as BIDS has them: at a fixed rate, gzipped, without a line of names."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np

from labcapture.reading.streams import SampleStream

_PIECE_S = 600.0  # that are in memory at a time


def physio_of(stream: SampleStream, zero: float) -> dict[str, Any] | None:
    """Return what the sidecar says of a signal, its start since ``zero`` (LSL s); None: it has no place there."""
    if stream.rate_hz <= 0 or len(stream) < 2 or not np.isfinite(stream.time[[0, -1]]).all():
        return None
    columns = _names(stream)
    facts: dict[str, Any] = {
        "PhysioType": "generic",
        "StartTime": float(stream.time[0]) - zero,
        "SamplingFrequency": stream.rate_hz,
        "Columns": columns,
        "Resampling": "on straight lines between the samples as recorded; n/a where samples are missing",
    }
    for name, channel in zip(columns, stream.channels, strict=True):
        facts[name] = {"Description": f"channel {channel} of {stream.name}", "Units": stream.units or "arbitrary"}
    return facts


def write_physio(path: Path, stream: SampleStream) -> None:
    """Write a signal at its nominal rate from its first sample on."""
    first, last = float(stream.time[0]), float(stream.time[-1])
    count = int(np.floor((last - first) * stream.rate_hz + 1e-6)) + 1
    step = max(1, int(_PIECE_S * stream.rate_hz))
    # No time and no name in the header: the same signal makes the same file.
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
        io.TextIOWrapper(packed, "ascii", newline="\n") as file,
    ):
        for a in range(0, count, step):
            b = min(a + step, count)
            start, stop = first + a / stream.rate_hz, first + (b - 0.5) / stream.rate_hz
            for row in stream.resampled(stream.rate_hz, start, stop).to_numpy():
                file.write("\t".join(f"{value:.9g}" if np.isfinite(value) else "n/a" for value in row) + "\n")


def _names(stream: SampleStream) -> list[str]:
    """Return a name of each column; a channel that is called like another has its place behind it."""
    names: list[str] = []
    for place, channel in enumerate(stream.channels):
        name = "_".join(channel.split()) or f"channel{place}"
        names.append(name if name not in names else f"{name}_{place}")
    return names
