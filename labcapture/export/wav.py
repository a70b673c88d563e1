"""Sound as a WAV file that keeps time: what is missing is silence, and listed."""

from __future__ import annotations

import itertools
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import RecordingError
from labcapture.reading.streams import AudioStream

_PIECE = 48_000  # samples that are in memory at a time
_LARGEST = 2**32 - 2**16  # bytes that a WAV file can hold


@dataclass(frozen=True, slots=True)
class Sound:
    """What was written.

    Parameters
    ----------
    start_time
        LSL time (s) of the file's first sample, to half a sample.
    samples, rate_hz, channels
        How many there are of each channel, how many in a second, and how many channels.
    silent
        (sample, how many) of each stretch that was not recorded and is silent.
    """

    start_time: float
    samples: int
    rate_hz: float
    channels: int
    silent: tuple[tuple[int, int], ...]


def write_wav(
    path: Path, audio: AudioStream, start: float | None = None, stop: float | None = None, channels: int | None = None
) -> Sound:
    """Write what was heard from ``start`` to ``stop`` (LSL s; None: all of it) with the samples as they came.

    Each stretch without a gap begins at its time; what lies between is silent. Within a stretch the samples are
    neither stretched nor squeezed: against the session's clock they run as fast as the sound card's own.

    Parameters
    ----------
    channels
        How many the file shall have: a single channel is repeated, surplus ones are left out.

    Raises
    ------
    RecordingError
        There is no sound in this time, or the file would be larger than a WAV file can be.
    """
    begin = float(audio.time_of(0)) if start is None and len(audio) else start
    half = 0.5 / audio.rate_hz
    rows = audio.rows_between(-np.inf if begin is None else begin - half, np.inf if stop is None else stop - half)
    put = channels or int(audio.values.shape[1])
    if begin is None or rows.stop <= rows.start:
        raise RecordingError("has no sound in this time", f"stream {audio.name}")
    stretches = _stretches(audio, rows)
    places = [max(0, round((float(audio.time_of(first)) - begin) * audio.rate_hz)) for first, _ in stretches]
    end = places[-1] + stretches[-1][1] - stretches[-1][0]
    if stop is not None and rows.stop == len(audio):  # it ended before
        end = max(end, round((stop - begin) * audio.rate_hz))
    if end * put * 2 > _LARGEST:
        raise RecordingError("is too long for a WAV file", f"stream {audio.name}", "Export it by the clip.")
    silent: list[tuple[int, int]] = []
    with wave.open(str(path), "wb") as file:
        file.setnchannels(put)
        file.setsampwidth(2)
        file.setframerate(round(audio.rate_hz))
        at = 0
        for (first, last), place in zip(stretches, places, strict=True):
            if place > at:
                silent.append((at, place - at))
                _silence(file, place - at, put)
                at = place
            for row in range(first + at - place, last, _PIECE):  # at > place: two stretches overlap
                piece = np.asarray(audio.values[row : min(row + _PIECE, last)], "<i2")
                file.writeframesraw(_as_channels(piece, put).tobytes())
                at += len(piece)
        if end > at:
            silent.append((at, end - at))
            _silence(file, end - at, put)
    return Sound(begin, max(at, end), audio.rate_hz, put, tuple(silent))


def _stretches(audio: AudioStream, rows: slice) -> list[tuple[int, int]]:
    """Return (first row, row after the last) of each stretch without a hole."""
    times = np.asarray(audio.blocks["time"], float)
    blocks = np.searchsorted(times, audio.holes[:, 1] + 0.5 / audio.rate_hz, side="right") - 1
    breaks = [int(row) for row in audio.blocks["row"][blocks] if rows.start < row < rows.stop]
    edges = [rows.start, *breaks, rows.stop]
    return list(itertools.pairwise(edges))


def _as_channels(samples: NDArray[np.int16], channels: int) -> NDArray[np.int16]:
    if samples.shape[1] == 1 < channels:
        return np.repeat(samples, channels, axis=1)
    return np.ascontiguousarray(samples[:, :channels])


def _silence(file: wave.Wave_write, n: int, channels: int) -> None:
    for a in range(0, n, _PIECE):
        file.writeframesraw(bytes(2 * channels * min(_PIECE, n - a)))
