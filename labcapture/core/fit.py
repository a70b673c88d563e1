"""Device time to LSL time, with an honest uncertainty.

A device stamps its data by a clock of its own; we note the LSL time at which they arrive. ``arrival - device`` is the
offset between the two clocks plus a delay that is never negative, mostly a few milliseconds and now and then long.
The truth therefore lies under the cloud of pairs: the highest line below all of them is the maximum-likelihood line
for exponential delays, and no late pair can pull on it. Long sessions are fitted window by window, so that a drift
that changes with temperature is followed.

What cannot be seen: a *constant* smallest delay (exposure, transfer, driver) is part of the fitted offset. Times are
those of the truth plus that delay, and the stated uncertainty does not include it.

Pure numpy: no LSL, no devices.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labcapture.core.lines import (
    MAX_DRIFT,
    MAX_DRIFT_CHANGE,
    MIN_PAIRS,
    Array,
    cap,
    envelope,
    fit_window,
    piecewise,
    weighted_line,
    with_ends,
)

WARM_UP_S = 2.0  # the first two seconds of a RealSense are not trustworthy
LONG_ENOUGH_S = 5.0  # with less than this nothing can be spared for the warm-up
WINDOW_S = 60.0
LSL_WINDOW_S = 120.0
MAX_LSL_DRIFT = 1e-4  # between two computers, where a single offset was measured
EPOCH_STEP_S = 0.5  # a lasting change of the offset by more than this is another epoch of the device clock
EPOCH_TELLING_S = 10.0  # so long must a change last to be told from a computer that reads late


@dataclass(frozen=True, eq=False)
class ClockFit:
    """A piecewise linear map from device time to LSL time.

    Parameters
    ----------
    segment
        (k,) int64. Which epoch of the device clock a knot belongs to: a device that was reset starts a new one.
    device_time, lsl_time, uncertainty
        (k,) float64 seconds. The knots, in order of time; ``uncertainty`` is the half width of a 95 % interval,
        infinite where the pairs were too few (`MIN_PAIRS`) to say anything.
    segment_arrival
        (s,) float64, LSL s. Arrival of the first pair of each epoch.
    drift_ppm
        How much too fast the device clock runs against LSL time, on average over its longest epoch.
    pairs, discarded
        How many pairs there were, and how many of them the fit left out (warm-up, not finite, impossibly early).
    residual_median, residual_p95, residual_max
        Arrival minus fitted time in seconds: the delays, less the smallest.
    """

    segment: NDArray[np.int64]
    device_time: Array
    lsl_time: Array
    uncertainty: Array
    segment_arrival: Array
    drift_ppm: float
    pairs: int
    discarded: int
    residual_median: float
    residual_p95: float
    residual_max: float

    def to_lsl(self, device_time: ArrayLike, arrival_time: ArrayLike | None = None) -> tuple[Array, Array]:
        """Return (LSL time, half width of its 95 % interval), each of ``device_time``'s shape, in seconds.

        Outside of the fitted range the line goes on and its uncertainty grows. A NaN gives NaN with infinite
        uncertainty.

        Parameters
        ----------
        device_time
            Seconds of the device clock, unwrapped.
        arrival_time
            LSL seconds; says which epoch is meant, needed only where the device clock was reset.

        Raises
        ------
        ValueError
            There are several epochs and no ``arrival_time``.
        """
        device = np.asarray(device_time, np.float64)
        epochs = len(self.segment_arrival)
        if epochs > 1 and arrival_time is None:
            raise ValueError(f"the device clock has {epochs} epochs: arrival_time must say which one is meant")
        time, uncertainty = np.full(device.shape, np.nan), np.full(device.shape, np.inf)
        arrival = np.full(device.shape, np.inf) if arrival_time is None else np.asarray(arrival_time, np.float64)
        which = np.clip(np.searchsorted(self.segment_arrival, arrival, side="right") - 1, 0, epochs - 1)
        for epoch in range(epochs):
            mine = (which == epoch) & np.isfinite(device)
            knots = self.segment == epoch
            origin = self.device_time[knots][0]
            x, at = device[mine] - origin, self.device_time[knots] - origin
            time[mine] = device[mine] + piecewise(x, at, self.lsl_time[knots] - self.device_time[knots])
            known = self.uncertainty[knots]
            uncertainty[mine] = piecewise(x, at, known) if np.isfinite(known).all() else np.inf
        return time, uncertainty

    def to_arrays(self) -> dict[str, Any]:
        """Return every field as an array or a number, fit for a file; `from_arrays` is the way back."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> ClockFit:
        """Rebuild a fit from what `to_arrays` gave; further keys are ignored.

        Raises
        ------
        KeyError
            A field is missing.
        """
        kinds = {"segment": np.int64, "pairs": int, "discarded": int}
        vectors = ("device_time", "lsl_time", "uncertainty", "segment_arrival")
        kinds |= dict.fromkeys(vectors, np.float64)
        values: dict[str, Any] = {}
        for name in cls.__dataclass_fields__:
            kind = kinds.get(name, float)
            is_vector = name == "segment" or name in vectors
            values[name] = np.asarray(arrays[name], kind) if is_vector else kind(arrays[name])
        return cls(**values)


def fit_device_clock(device_time: ArrayLike, arrival_time: ArrayLike) -> ClockFit:
    """Fit device time to LSL time from pairs.

    Parameters
    ----------
    device_time
        (n,) seconds of the device clock, unwrapped. Streams of one clock may be mixed.
    arrival_time
        (n,) LSL seconds at which each reached us. Pairs that are not finite are left out.

    Raises
    ------
    ValueError
        There is not one usable pair, or the lengths differ.
    """
    device, arrival = np.asarray(device_time, np.float64), np.asarray(arrival_time, np.float64)
    if device.shape != arrival.shape or device.ndim != 1:
        raise ValueError(f"device and arrival times differ in shape: {device.shape} and {arrival.shape}")
    total = len(device)
    usable = np.isfinite(device) & np.isfinite(arrival)
    device, arrival = device[usable], arrival[usable]
    if not len(device):
        raise ValueError("a clock cannot be fitted without a pair of device and arrival time")
    order = np.argsort(arrival, kind="stable")
    device, arrival = device[order], arrival[order]
    starts = _epochs(device, arrival)
    bounds = [*starts, len(device)]
    pieces = [_fit_epoch(device[a:b], arrival[a:b]) for a, b in pairwise(bounds)]
    longest = max(pieces, key=lambda piece: piece.span)
    residuals = np.concatenate([piece.residuals for piece in pieces])
    median, p95 = np.quantile(residuals, [0.5, 0.95])
    return ClockFit(
        segment=np.repeat(np.arange(len(pieces), dtype=np.int64), [len(piece.knots) for piece in pieces]),
        device_time=np.concatenate([piece.knots for piece in pieces]),
        lsl_time=np.concatenate([piece.knots + piece.offset for piece in pieces]),
        uncertainty=np.concatenate([piece.uncertainty for piece in pieces]),
        segment_arrival=arrival[starts],
        drift_ppm=(1 / (1 + longest.drift) - 1) * 1e6,  # the line rises by LSL seconds per device second
        pairs=total,
        discarded=total - sum(piece.used for piece in pieces),
        residual_median=float(median),
        residual_p95=float(p95),
        residual_max=float(residuals.max()),
    )


@dataclass(frozen=True, eq=False)
class SampleFit:
    """The map from sample count to LSL time of an audio stream.

    Parameters
    ----------
    clock
        The fit of ``sample / nominal_rate_hz`` seconds to LSL time.
    nominal_rate_hz
        Samples per second as the device claims them; ``rate_hz`` is what was measured against LSL time.
    source
        ``adc``: from the capture times that the host API told; ``arrival``: from the callbacks, less the block's length
        (a constant input latency is then not known, and stays in the times).
    """

    clock: ClockFit
    nominal_rate_hz: float
    source: str

    @property
    def rate_hz(self) -> float:
        """Measured rate in samples per second of LSL time."""
        return self.nominal_rate_hz * (1 + self.clock.drift_ppm * 1e-6)

    def to_lsl(self, sample: ArrayLike, arrival_time: ArrayLike | None = None) -> tuple[Array, Array]:
        """Return (LSL time at which each sample was captured, half width of its 95 % interval) in seconds."""
        return self.clock.to_lsl(np.asarray(sample, np.float64) / self.nominal_rate_hz, arrival_time)


def fit_sample_clock(
    first_sample: ArrayLike, samples: ArrayLike, adc_time: ArrayLike, arrival_time: ArrayLike, nominal_rate_hz: float
) -> SampleFit:
    """Fit sample count to LSL time from blocks of sound.

    Capture times that are not finite, do not move, or lie after the callback are not used; where fewer than half of the
    blocks have a usable one, the callbacks are fitted instead. A capture time errs to both sides, so its line runs
    through the middle of the cloud, and its uncertainty reaches down to the lower edge.

    Parameters
    ----------
    first_sample, samples
        (n,) count of the first sample of each block, and the length of each block in samples.
    adc_time
        (n,) LSL s at which the first sample was captured as the host API told it; NaN where unusable.
    arrival_time
        (n,) LSL s of the callback that delivered the block.
    nominal_rate_hz
        Claimed samples per second.

    Raises
    ------
    ValueError
        There is no block, or the rate is not positive.
    """
    if not nominal_rate_hz > 0:
        raise ValueError(f"a nominal rate of {nominal_rate_hz} Hz is no rate")
    device = np.asarray(first_sample, np.float64) / nominal_rate_hz
    arrival = np.asarray(arrival_time, np.float64) - np.asarray(samples, np.float64) / nominal_rate_hz
    adc = np.asarray(adc_time, np.float64)
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(adc) & (adc <= np.asarray(arrival_time, np.float64))
        usable[1:] &= adc[1:] != adc[:-1]
    if usable.sum() < max(MIN_PAIRS, len(adc) / 2):
        return SampleFit(fit_device_clock(device, arrival), nominal_rate_hz, "arrival")
    fit = fit_device_clock(np.where(usable, device, np.nan), adc)
    middle = fit.residual_median
    shifted = replace(
        fit,
        lsl_time=fit.lsl_time + middle,
        uncertainty=fit.uncertainty + middle,
        residual_median=0.0,
        residual_p95=fit.residual_p95 - middle,
        residual_max=fit.residual_max - middle,
    )
    return SampleFit(shifted, nominal_rate_hz, "adc")


def correct_lsl(
    raw_time: ArrayLike, offset_time: ArrayLike, offset: ArrayLike, uncertainty: ArrayLike
) -> tuple[Array, Array]:
    """Bring a sender's stamps into local LSL time; return (time, half width of its 95 % interval), each (n,) s.

    The measured offsets are smoothed by robust lines over two minutes, weighted by their own uncertainties; between
    the lines the correction is interpolated, beyond the measurements it goes on with growing uncertainty. Any epoch
    and a drift up to `MAX_DRIFT` are followed. Call it for one segment of a stream at a time: a recovered stream may
    have another epoch.

    Parameters
    ----------
    raw_time
        (n,) seconds as stamped by the sender.
    offset_time
        (m,) local LSL s at which each offset was measured.
    offset, uncertainty
        (m,) s: local LSL time = raw time + offset, known to plus or minus ``uncertainty``.

    Raises
    ------
    ValueError
        No offset was measured: a time would be a guess.
    """
    raw = np.asarray(raw_time, np.float64)
    when, shift, spread = (np.asarray(a, np.float64) for a in (offset_time, offset, uncertainty))
    usable = np.isfinite(when) & np.isfinite(shift) & np.isfinite(spread)
    when, shift, spread = when[usable], shift[usable], np.maximum(spread[usable], 1e-6)
    if not len(when):
        raise ValueError("times of another clock cannot be corrected without a measured offset")
    sent = when - shift
    order = np.argsort(sent, kind="stable")
    sent, shift, spread = sent[order], shift[order], spread[order]
    origin = sent[0]
    x = sent - origin
    if len(x) == 1 or x[-1] <= 0:
        best = int(spread.argmin())
        return raw + shift[best], spread[best] + MAX_LSL_DRIFT * np.abs(raw - origin)
    count = max(1, min(round(x[-1] / LSL_WINDOW_S), len(x)))
    edges = np.searchsorted(x, np.linspace(0, x[-1], count + 1)[1:-1])
    parts = [p for p in np.split(np.arange(len(x)), edges) if len(p) >= (2 if count == 1 else 4)]
    if not parts:
        parts = [np.arange(len(x))]
    lines = [weighted_line(x[p], shift[p], spread[p]) for p in parts]
    knots, level, known = with_ends(lines, 0.0, float(x[-1]))
    return raw + piecewise(raw - origin, knots, level), piecewise(raw - origin, knots, known)


@dataclass(frozen=True)
class _Piece:
    """The fit of one epoch: knots (device s), offset (LSL - device) and its uncertainty there, and what it left."""

    knots: Array
    offset: Array
    uncertainty: Array
    residuals: Array
    used: int
    span: float
    drift: float


def _epochs(device: Array, arrival: Array) -> NDArray[np.int64]:
    """Return the index of the first pair of each epoch.

    A clock that leaps back was set anew. So was one that leaps further ahead than the time that passed, unless it was
    read late and only catches up, because what had waited too long was thrown away. One that seems to fall behind may
    only be read late: a starved computer delivers seconds of backlog, and the offset falls back when that is done. That
    is another epoch only if the offset never falls back, and long enough to tell.
    """
    steps, passed = np.diff(device), np.diff(arrival)
    offset = arrival - device
    back, ahead = steps < -EPOCH_STEP_S, steps > np.maximum(passed, 0.0) + EPOCH_STEP_S
    bounds, seen, least = [0], 0, math.inf  # the least offset since the last bound, up to ``seen``
    for leap in (np.flatnonzero(back | ahead) + 1).tolist():
        least, seen = min(least, float(offset[seen:leap].min())), leap
        if back[leap - 1] or offset[leap] < least - EPOCH_STEP_S:
            bounds.append(leap)
            least = math.inf
    bounds.append(len(device))
    behind = (np.flatnonzero(passed - steps > EPOCH_STEP_S) + 1).tolist()
    starts: list[int] = []
    for begin, end in pairwise(bounds):  # each part is looked through once, however often it seems to fall behind
        starts.append(begin)
        jumps = behind[bisect_right(behind, begin) : bisect_left(behind, end)]
        if not jumps:
            continue
        least_later = np.minimum.accumulate(offset[begin:end][::-1])[::-1]
        seen, least = begin, math.inf  # the least offset of the present epoch, up to ``seen``
        for jump in jumps:
            least, seen = min(least, float(offset[seen:jump].min())), jump
            if device[end - 1] - device[jump] < EPOCH_TELLING_S:
                continue
            if least_later[jump - begin] - least > EPOCH_STEP_S:
                starts.append(jump)
                least = math.inf
    return np.array(starts, np.int64)


def _fit_epoch(device: Array, arrival: Array) -> _Piece:
    order = np.argsort(device, kind="stable")
    device, arrival = device[order], arrival[order]
    first, last = float(device[0]), float(device[-1])
    span = last - first
    kept = device >= first + WARM_UP_S if span > LONG_ENOUGH_S else np.ones(len(device), bool)
    if kept.sum() < MIN_PAIRS:
        kept[:] = True
    x, y = device[kept], (arrival - device)[kept]
    count = max(1, min(round((x[-1] - x[0]) / WINDOW_S), len(x)))
    drift, reach = 0.0, MAX_DRIFT
    if count >= 3:
        drift, reach = envelope(x - x.mean(), y, 0.0, MAX_DRIFT)[0], MAX_DRIFT_CHANGE
    edges = np.searchsorted(x, np.linspace(x[0], x[-1], count + 1)[1:-1])
    windows = zip(np.split(x, edges), np.split(y, edges), strict=True)
    lines = [fit_window(wx, wy, drift, reach) for wx, wy in windows if count == 1 or len(wx) >= MIN_PAIRS]
    if not lines:
        lines = [fit_window(x, y, drift, reach)]
    if count >= 3:
        lines = cap(lines, drift)
    knots, offset, uncertainty = with_ends(lines, first, last)
    rate = (offset[-1] - offset[0]) / (knots[-1] - knots[0]) if span > 0 else 0.0
    residuals = arrival - device - piecewise(device - first, knots - first, offset)
    used = sum(line.used for line in lines)
    return _Piece(knots, offset, uncertainty, residuals, used, span, float(rate))
