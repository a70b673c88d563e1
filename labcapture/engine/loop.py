"""The closed loop, measured: flashes found in pictures and tones found in sound, against their markers. Pure numpy.

A camera sees a flash in the first picture that was exposed after it, so that its onset is known to lie between two
exposures: each flash has an earliest and a latest time, and their middle is its estimate. A tone is found to a fraction
of a millisecond: a narrow filter at its frequency rises to half of its height at the onset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labcapture.stage.tones import RISE_S, TONE_HZ, TONE_S

Array = NDArray[np.float64]

EARLIEST_S = -0.15
"""A flash or tone is looked for from here on, relative to its marker: a clock may be off by some milliseconds."""
LATEST_S = 1.0
"""And until here, or until the next one is near."""
_APART_S = 0.25
_WINDOW_S = 0.005  # of the filter: a whole number of the tone's periods
_HELD = 0.8  # share of the tone that must stay above half of its height
_TELLING = 6.0  # times the noise
_LEAST_CONTRAST = 2.0  # grey levels of the mean picture
_LEAST_TONE = 30.0  # of 32768
_LEAST_EXPOSURE_S = 1e-4  # shorter ones say nothing more than the time of the picture
_PARTLY = 0.1  # of the contrast: less is dark, and more than 1 - this is lit


@dataclass(frozen=True, slots=True)
class Found:
    """A marker at LSL ``marker`` (s) and what it marks, whose onset lies between ``earliest`` and ``latest`` (LSL s).

    Both are NaN where it was not found.
    """

    marker: float
    earliest: float = np.nan
    latest: float = np.nan

    @property
    def time(self) -> float:
        """Middle of the two."""
        return (self.earliest + self.latest) / 2

    @property
    def offset(self) -> float:
        """How much later than its marker it was found (s)."""
        return self.time - self.marker


def find_flashes(
    markers: ArrayLike, time: ArrayLike, brightness: ArrayLike, exposure_s: ArrayLike = 0.0
) -> list[Found]:
    """Find the onset of each flash.

    Parameters
    ----------
    markers
        (k,) LSL s, rising.
    time
        (n,) LSL s, rising: the middle of each picture's exposure.
    brightness
        (n,) mean of each picture.
    exposure_s
        (n,) or one: how long each was exposed (s); 0 where that is not known.
    """
    markers, time, brightness = (np.asarray(values, np.float64) for values in (markers, time, brightness))
    exposure = np.broadcast_to(np.asarray(exposure_s, np.float64), time.shape)
    inside = [(time >= begin) & (time <= end) for begin, end in _windows(markers)]
    peaks = [brightness[mask].max() for mask in inside if mask.any()]
    if not peaks:
        return [Found(float(marker)) for marker in markers]
    dark = float(np.median(brightness))
    lit = float(np.median(peaks))
    noise = float(np.median(np.abs(brightness - dark)))
    if lit - dark < max(_LEAST_CONTRAST, _TELLING * noise):
        return [Found(float(marker)) for marker in markers]
    share = (brightness - dark) / (lit - dark)
    return [_flash(float(m), mask, time, share, exposure) for m, mask in zip(markers, inside, strict=True)]


def _flash(marker: float, inside: NDArray[np.bool_], time: Array, share: Array, exposure: Array) -> Found:
    rises = np.flatnonzero(inside[1:] & (share[1:] >= 0.5) & (share[:-1] < 0.5)) + 1
    if not len(rises):
        return Found(marker)
    lit = int(rises[0])
    dark = lit - 1
    for frame in (lit, dark):  # one that was exposed while the flash began tells when
        if _PARTLY <= share[frame] <= 1 - _PARTLY and exposure[frame] >= _LEAST_EXPOSURE_S:
            onset = time[frame] + exposure[frame] * (0.5 - share[frame])
            slack = _PARTLY * exposure[frame]
            return Found(marker, float(onset - slack), float(onset + slack))
    if share[dark] >= _PARTLY:  # partly lit, for an unknown time
        lit, dark = dark, max(dark - 1, 0)
    sure = 0.5 - _PARTLY  # of its exposure, either way
    return Found(marker, float(time[dark] + sure * exposure[dark]), float(time[lit] - sure * exposure[lit]))


def find_tones(
    markers: ArrayLike, samples: ArrayLike, rate_hz: float, index: ArrayLike, time: ArrayLike, known_to_s: float = 0.0
) -> list[Found]:
    """Find the onset of each tone.

    Parameters
    ----------
    markers
        (k,) LSL s, rising.
    samples
        (n,) sound, without holes; missing samples are zeros.
    rate_hz
        Nominal samples per second.
    index, time
        (b,) each, rising: LSL time (s) of some of the samples.
    known_to_s
        Half width of the interval of these times (s).
    """
    markers, sound = np.asarray(markers, np.float64), np.asarray(samples, np.float64)
    index, time = np.asarray(index, np.float64), np.asarray(time, np.float64)
    if len(sound) == 0 or len(index) < 2:
        return [Found(float(marker)) for marker in markers]
    rate = float(np.polyfit(index - index[0], time - time[0], 1)[0])  # s per sample
    found = []
    for marker, (begin, end) in zip(markers, _windows(markers), strict=True):
        first, last = (_sample_at(moment, index, time, rate) for moment in (begin, end + TONE_S))
        start = max(0, int(first))
        onset = _tone(sound[start : max(0, int(last))], rate_hz)
        if onset is None:
            found.append(Found(float(marker)))
        else:
            moment = _time_of(start + onset, index, time, rate) - RISE_S / 2
            found.append(Found(float(marker), moment - known_to_s, moment + known_to_s))
    return found


def _tone(sound: Array, rate_hz: float) -> float | None:
    """Return the sample (with its fraction) at which the tone has half of its height, None without a tone."""
    width = round(_WINDOW_S * rate_hz)
    length = round(TONE_S * rate_hz)
    if len(sound) < width + length:
        return None
    turning = sound * np.exp(-2j * np.pi * TONE_HZ / rate_hz * np.arange(len(sound)))
    total = np.concatenate([[0], np.cumsum(turning)])
    height = np.abs(total[width:] - total[:-width]) * 2 / width  # of the window that begins at each sample
    noise = float(np.median(height))
    peak = float(height.max())
    if peak < max(_LEAST_TONE, _TELLING * noise):
        return None
    is_high = height >= peak / 2
    held = np.concatenate([[0], np.cumsum(is_high)])
    wanted = round(_HELD * (length - width))
    for rise in np.flatnonzero(is_high[1:] & ~is_high[:-1]) + 1:
        stop = min(rise + length - width, len(is_high))
        if held[stop] - held[rise] >= wanted:
            plateau = float(np.median(height[rise + width : stop])) if stop > rise + width else peak
            return _crossing(height, int(rise), plateau / 2) + width / 2
    return None


def _crossing(height: Array, rise: int, level: float) -> float:
    """Return where ``height`` crosses ``level`` around ``rise``, between samples."""
    at = rise
    while at > 0 and height[at - 1] >= level:
        at -= 1
    while at < len(height) - 1 and height[at] < level:
        at += 1
    below, above = height[at - 1] if at else 0.0, height[at]
    return at - 1 + float((level - below) / (above - below)) if above > below else float(at)


def _windows(markers: Array) -> list[tuple[float, float]]:
    """Return from when to when each marker's event is looked for."""
    following = np.append(markers[1:], np.inf)
    return [
        (float(m + EARLIEST_S), float(min(m + LATEST_S, n - _APART_S))) for m, n in zip(markers, following, strict=True)
    ]


def _sample_at(moment: float, index: Array, time: Array, period: float) -> float:
    near = int(np.clip(np.searchsorted(time, moment) - 1, 0, len(time) - 1))
    return float(index[near] + (moment - time[near]) / period)


def _time_of(sample: float, index: Array, time: Array, period: float) -> float:
    near = int(np.clip(np.searchsorted(index, sample) - 1, 0, len(index) - 1))
    return float(time[near] + (sample - index[near]) * period)


def figures(found: Sequence[Found], known_to_s: float = 0.0) -> Mapping[str, float | int]:
    """Return what is to be said of flashes, or of tones.

    Parameters
    ----------
    found
        Of each marker.
    known_to_s
        Half width of the interval of the stream's own times (s).

    Returns
    -------
    dict
        ``due``, ``found`` (counts); ``median_s``, ``p5_s``, ``p95_s``, ``max_abs_s`` of the offsets; ``uncertainty_s``:
        the median is known to ± this, for it lies between the medians of the earliest and of the latest times. NaN
        where nothing was found.
    """
    seen = [one for one in found if np.isfinite(one.offset)]
    offsets = np.array([one.offset for one in seen])
    if not seen:
        names = ("median_s", "p5_s", "p95_s", "max_abs_s", "uncertainty_s")
        return {"due": len(found), "found": 0, **dict.fromkeys(names, float("nan"))}
    earliest = np.median([one.earliest - one.marker for one in seen])
    latest = np.median([one.latest - one.marker for one in seen])
    middle = float(np.median(offsets))
    p5, p95 = np.quantile(offsets, [0.05, 0.95])
    return {
        "due": len(found),
        "found": len(seen),
        "median_s": middle,
        "p5_s": float(p5),
        "p95_s": float(p95),
        "max_abs_s": float(np.abs(offsets).max()),
        "uncertainty_s": float(max(latest - middle, middle - earliest)) + known_to_s,
    }
