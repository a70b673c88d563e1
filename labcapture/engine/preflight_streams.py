"""Judges what the instruments delivered. Pure: measures in, rows out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from labcapture.engine.preflight_measure import FULL_SCALE, StreamMeasure
from labcapture.engine.preflight_rows import Row, row

Check = Callable[[StreamMeasure], Iterator[Row]]
CHECKS: list[Check] = []
"""Every check of a stream, in the order in which its rows are shown."""

LEAST_RATE = 0.97  # of the nominal one, over some seconds
CLIPPED_SHARE = 1e-4  # of the samples of a voice
QUIET_DBFS, FLOOR_DBFS = -50.0, -40.0
STUCK_SHARE = 0.5  # of the samples that have one and the same extreme value
EDA_MICROSIEMENS = (0.05, 60.0)  # Boucsein 2012, ch. 2.2: what skin can have
UNCERTAIN_S = 0.010
DRIFT_PPM = 500.0  # no crystal is so far off
UNTOLD = "the camera does not tell"
METADATA_MEND = "Install the SDK's kernel patches or its metadata registry entries; update the firmware."
_LEAST_PICTURES = 5  # at either end
_ADC_SHARE = 0.5  # of the blocks must tell when they were captured, else their arrival is used


def check(function: Check) -> Check:
    """Enter a check into `CHECKS`."""
    CHECKS.append(function)
    return function


def judge_stream(stream: StreamMeasure) -> Iterator[Row]:
    """Yield every row about a stream; nothing but that if nothing came."""
    if not stream.received and stream.spec.rate_hz <= 0:  # such as a button that nobody pressed
        mend = "Have it send something, and look again, if you are not sure of it."
        yield row(stream.device, f"{stream.spec.name} flows", "warn", "nothing came so far", "it may be silent", mend)
        yield from senders_clock(stream)
        return
    if not stream.received:
        mend = "Is the instrument switched on and connected?"
        yield row(stream.device, f"{stream.spec.name} flows", False, "nothing came", "", mend)
        return
    for it in CHECKS:
        yield from it(stream)


@check
def rate(stream: StreamMeasure) -> Iterator[Row]:
    """Really delivers what it promises."""
    nominal, unit = stream.spec.rate_hz, "frames" if stream.spec.kind == "frames" else "samples"
    if nominal <= 0:
        yield row(stream.device, f"{stream.spec.name} rate", True, f"{stream.received} {unit} came, irregular")
        return
    well = stream.rate_hz >= LEAST_RATE * nominal
    mend = "Give it more light, close other programs, use another port." if unit == "frames" else "Check its sender."
    reading = f"{_rate(stream.rate_hz)} {unit}/s"
    yield row(stream.device, f"{stream.spec.name} rate", well, reading, f"at least {_rate(LEAST_RATE * nominal)}", mend)
    lost = sum(gap.count for gap in stream.gaps)
    mend = "Close other programs; use another cable or port."
    verdict = "warn" if lost else "ok"
    yield row(stream.device, f"{stream.spec.name} losses", verdict, f"{lost} {unit} lost", "none", mend)


@check
def exposure(stream: StreamMeasure) -> Iterator[Row]:
    """Short enough for the rate, and not allowed to slow it down."""
    if stream.spec.kind != "frames":
        return
    name, limit = f"{stream.spec.name} exposure", f"below {1000 / stream.spec.rate_hz:.1f} ms"
    told = [m["actual_exposure"] for m in stream.metadata if "actual_exposure" in m]
    if told:
        longest = max(told) / 1000
        well = longest < 1000 / stream.spec.rate_hz
        yield row(stream.device, name, well, f"{longest:.1f} ms", limit, "Give the face more light.")
    else:
        yield row(stream.device, name, "warn", UNTOLD, limit, METADATA_MEND)
    if not _is_color(stream):
        return
    priority = stream.spec.attributes.get("option_auto_exposure_priority")
    verdict = "warn" if priority is None else "fail" if priority else "ok"
    mend = "Remove auto_exposure_priority from the rig file." if priority else "Watch the rate in dim light."
    reading = UNTOLD if priority is None else "on: dim light would halve the rate" if priority else "off"
    yield row(stream.device, "auto-exposure priority", verdict, reading, "off", mend)


@check
def mains(stream: StreamMeasure) -> Iterator[Row]:
    """Flicker of the lamps is filtered on purpose."""
    if not _is_color(stream):
        return
    value = stream.spec.attributes.get("option_power_line_frequency")
    reading = {None: UNTOLD, 0: "off", 1: "50 Hz", 2: "60 Hz", 3: "automatic"}.get(value, f"{value}")
    mend = "Set line_frequency_hz of the camera in the rig file, and no power_line_frequency."
    verdict = "warn" if value is None else "ok" if value in {1, 2} else "fail"
    yield row(stream.device, "power line", verdict, reading, "50 or 60 Hz", mend)


@check
def stamps(stream: StreamMeasure) -> Iterator[Row]:
    """Each picture says when it was taken, by the camera's own clock."""
    if not stream.metadata:
        return
    domains = {m.get("timestamp_domain", -1) for m in stream.metadata}
    names = {0: "device clock", 1: "system time", 2: "global time", -1: "unknown"}
    reading = ", ".join(names.get(domain, str(domain)) for domain in sorted(domains))
    yield row(stream.device, f"{stream.spec.name} time domain", domains == {0}, reading, "device clock", METADATA_MEND)
    missing = [key for key in ("frame_counter", "sensor_timestamp") if any(key not in m for m in stream.metadata)]
    reading = "missing: " + ", ".join(missing) if missing else "counter and mid-exposure in every frame"
    yield row(stream.device, f"{stream.spec.name} metadata", not missing, reading, "in every frame", METADATA_MEND)


@check
def drift(stream: StreamMeasure) -> Iterator[Row]:
    """Run like a clock: the camera's own."""
    if stream.spec.kind != "frames":
        return
    device, arrival = np.array(stream.device_times), np.array([at for at, _ in stream.times])
    known = np.isfinite(device)
    device, arrival = device[known], arrival[known]
    third = len(device) // 3
    if third < _LEAST_PICTURES:
        return
    # The least delayed pictures of the first and the last third: unlike a recording's fit this has no idea beforehand
    # of how far off a clock may be.
    delay = arrival - device
    ends = slice(0, third), slice(len(delay) - third, len(delay))
    first, last = (part.start + int(np.argmin(delay[part])) for part in ends)
    span = arrival[last] - arrival[first]
    drift_ppm = 1e6 * ((device[last] - device[first]) / span - 1)
    doubt_s = sum(float(np.quantile(delay[part], 0.25) - delay[part].min()) for part in ends)
    limit = DRIFT_PPM + 1e6 * doubt_s / span  # what jitter alone can feign in so short a time
    mend = "Replug the camera; measure again."
    reading, told = f"{drift_ppm:+.0f} ppm in {span:.0f} s", f"within {limit:.0f} ppm"
    yield row(stream.device, f"{stream.spec.name} clock", abs(drift_ppm) < limit, reading, told, mend)


@check
def sound(stream: StreamMeasure) -> Iterator[Row]:
    """Loud enough, not too loud, in a quiet room, and with a time."""
    if stream.spec.kind != "audio":
        return
    samples = np.abs(stream.values.astype(np.float64))
    peak = float(samples.max())
    loud = _dbfs(peak)
    mend = "Raise the input's gain; is the right input chosen?"
    verdict = "fail" if peak == 0 else "ok" if loud > QUIET_DBFS else "warn"
    reading = "digital silence" if peak == 0 else f"peak {loud:.0f} dBFS"
    yield row(stream.device, "level", verdict, reading, f"above {QUIET_DBFS:.0f} dBFS when somebody speaks", mend)
    share = float(np.mean(samples >= FULL_SCALE - 2))
    mend = "Lower the input's gain."
    yield row(
        stream.device,
        "clipping",
        share <= CLIPPED_SHARE,
        f"{share:.2%} of the samples",
        f"at most {CLIPPED_SHARE:.2%}",
        mend,
    )
    floor = _dbfs(float(np.percentile([np.sqrt(np.mean(b.astype(np.float64) ** 2)) for b in stream.blocks], 10)))
    mend = "Make the room quieter, or lower the gain."
    yield row(
        stream.device,
        "noise floor",
        "ok" if floor < FLOOR_DBFS else "warn",
        f"{floor:.0f} dBFS",
        f"below {FLOOR_DBFS:.0f} dBFS",
        mend,
    )
    usable = float(np.mean(np.isfinite(stream.adc_times)))
    mend = "The arrival of blocks is used instead; a constant latency then stays unknown."
    verdict = "ok" if usable >= _ADC_SHARE else "warn"
    yield row(
        stream.device,
        "capture time",
        verdict,
        f"usable in {usable:.0%} of the blocks",
        f"at least {_ADC_SHARE:.0%}",
        mend,
    )


@check
def signal(stream: StreamMeasure) -> Iterator[Row]:
    """Alive, within its range, on a clock that answers."""
    if stream.spec.kind != "samples":
        return
    values = stream.values.astype(np.float64)
    finite = values[np.isfinite(values).all(axis=1)]
    if not len(finite):
        yield row(stream.device, "values", False, "no numbers came", "", "Check the sensor.")
        return
    low, high = float(finite.min()), float(finite.max())
    if stream.spec.rate_hz > 0:
        yield from _alive(stream, finite, low)
    if stream.spec.units == "microsiemens":
        least, most = EDA_MICROSIEMENS
        within = least <= low and high <= most
        reading = f"{low:.2f} to {high:.2f} µS"
        yield row(
            stream.device, "range", within, reading, f"{least:g} to {most:g} µS", "Check electrodes, gel and unit."
        )
    yield from senders_clock(stream)


def _alive(stream: StreamMeasure, finite: NDArray[np.float64], low: float) -> Iterator[Row]:
    """Yield whether a signal moves; of single events nothing follows."""
    moving = bool((np.ptp(finite, axis=0) > 0).all())
    yield row(
        stream.device,
        "flat",
        moving,
        "it moves" if moving else f"constant at {low:.4g}",
        "moving",
        "Check the electrodes.",
    )
    stuck = max(float(np.mean(finite == edge)) for edge in (finite.min(axis=0), finite.max(axis=0)))
    saturated = moving and stuck > STUCK_SHARE
    reading = f"{stuck:.0%} at one extreme" if saturated else "no"
    yield row(
        stream.device, "saturated", not saturated, reading, f"at most {STUCK_SHARE:.0%}", "Lower the amplifier's gain."
    )


def senders_clock(stream: StreamMeasure) -> Iterator[Row]:
    """Yield how well the clock of a stream from the network is known."""
    known = stream.uncertainty_s
    if known is not None:
        verdict = "ok" if known < UNCERTAIN_S else "warn"
        mend = "Use a cable instead of wireless."
        reading = f"known to ± {known * 1000:.2f} ms"
        yield row(stream.device, "sender's clock", verdict, reading, f"± {UNCERTAIN_S * 1000:.0f} ms", mend)


def _is_color(stream: StreamMeasure) -> bool:
    return stream.spec.kind == "frames" and len(stream.spec.shape) == 3


def _dbfs(level: float) -> float:
    return float(20 * np.log10(max(level, 1e-3) / FULL_SCALE))


def _rate(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.2f}"
