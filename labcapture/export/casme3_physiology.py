"""The physiology text of CAS(ME)3's Part C: 200 rows a second, and a 5 where picture and sound begin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labcapture.reading.session import Session
from labcapture.reading.streams import SampleStream

RATE_HZ = 200
SYNC = 5
"""In the marker column: pictures and voice begin here."""
COLUMNS = ("min", "PPG", "RSP", "ECG", "EDA", "marker")
_CALLED = {
    "PPG": ("ppg", "bvp", "pulse", "pleth"),
    "RSP": ("rsp", "resp", "breath"),
    "ECG": ("ecg", "ekg"),
    "EDA": ("eda", "gsr", "scl"),
}  # how streams and channels are named, as they begin


@dataclass(frozen=True, slots=True)
class Physiology:
    """What was written.

    Parameters
    ----------
    rows
        How many.
    start_time
        LSL time (s) of the first row, minute 0.
    sync_row
        Row of the 5.
    sources
        Stream, channel and unit of each column that an instrument stood behind.
    """

    rows: int
    start_time: float
    sync_row: int
    sources: dict[str, str]


def write_physiology(path: Path, session: Session, sync_time: float) -> Physiology | None:
    """Write what the instruments of a session said, with a row exactly at ``sync_time`` (LSL s).

    Values lie on the straight line between two samples; in a gap, and without the instrument, they are NaN.
    None, and no file, if there was no such instrument.
    """
    found = {name: source for name in COLUMNS[1:5] if (source := _source(session, name)) is not None}
    times_of = [stream.time[np.isfinite(stream.time)] for stream, _ in found.values()]
    spans = [(times[0], times[-1]) for times in times_of if len(times)]
    if not spans:
        return None
    first = math.ceil((min(sync_time, *(a for a, _ in spans)) - sync_time) * RATE_HZ)
    last = math.floor((max(sync_time, *(b for _, b in spans)) - sync_time) * RATE_HZ)
    place = np.arange(first, last + 1)
    times = sync_time + place / RATE_HZ
    table = np.full((len(times), len(COLUMNS)), np.nan)
    table[:, 0] = (place - first) / (60 * RATE_HZ)
    for name, (stream, channel) in found.items():
        drawn = stream.resampled(RATE_HZ, times[0], times[-1] + 0.5 / RATE_HZ)
        table[:, COLUMNS.index(name)] = drawn.to_numpy()[:, channel]
    table[:, 5] = np.where(place == 0, SYNC, 0)
    formats = ["%.8f", "%.6g", "%.6g", "%.6g", "%.6g", "%d"]
    np.savetxt(path, table, fmt=formats, delimiter="\t", header="\t".join(COLUMNS), comments="", encoding="utf-8")
    sources = {name: f"{s.name}/{s.channels[c]} ({s.units or 'no unit'})" for name, (s, c) in found.items()}
    return Physiology(len(times), float(times[0]), -first, sources)


def _source(session: Session, name: str) -> tuple[SampleStream, int] | None:
    """Return the stream and channel that measured it: by the name of the channel, else of the stream."""
    begins = _CALLED[name]
    for stream in session.samples.values():
        for channel, label in enumerate(stream.channels):
            if label.lower().startswith(begins):
                return stream, channel
    for stream in session.samples.values():
        if stream.name.lower().startswith(begins):
            return stream, 0
    return None
