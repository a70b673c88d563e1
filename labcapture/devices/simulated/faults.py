"""Scripted faults of a simulated camera: pure, deterministic, known before they happen.

`plan` turns a script into the frames of one stream in order of delivery: when each was captured, what the device says
of it, when it reaches the host, or why it never does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field

from labcapture.core.config import Model

Loss = Literal["drop", "stall", "disconnect"]


def _indices(value: int | str) -> int | str:
    _bounds(value)
    return value


def _bounds(value: int | str) -> tuple[int, int]:
    """Return (first, last) of ``7`` or ``"7-12"``."""
    first, dash, last = str(value).partition("-")
    if not (first.isascii() and first.isdigit() and (not dash or (last.isascii() and last.isdigit()))):
        raise ValueError("give a frame index such as 7, or a range such as '7-12'")
    bounds = int(first), int(last if dash else first)
    if bounds[1] < bounds[0]:
        raise ValueError("the range ends before it begins")
    return bounds


Indices = Annotated[int | str, AfterValidator(_indices)]
"""A frame index (``7``) or a range of them with both ends (``"7-12"``)."""


class Drops(Model):
    """Frames that the camera loses, by index from its start: its counter goes on, the frame never comes."""

    color: tuple[Indices, ...] = Field(default=(), description="Colour frames lost: indices and 'first-last' ranges")
    depth: tuple[Indices, ...] = Field(default=(), description="Depth frames lost: indices and 'first-last' ranges")


class Jitter(Model):
    """Delay of delivery beyond the smallest one."""

    mean_ms: float = Field(default=2.0, ge=0, le=1000, description="Mean of the exponential delay (ms)")
    spike_ms: float = Field(default=80.0, ge=0, le=10_000, description="Delay of a spike (ms)")
    spike_probability: float = Field(default=0.0, ge=0, le=1, description="Share of the frames with a spike")


class Slowed(Model):
    """A sensor that takes longer for some frames (as auto-exposure priority does): no frame is lost."""

    frames: Indices = Field(description="Index or 'first-last' range of the frames that take longer")
    factor: float = Field(gt=1, le=20, description="How many times longer")
    stream: Literal["color", "depth"] = Field(default="color", description="Whose sensor")


class Stall(Model):
    """Nothing is delivered for a while, though the sensors go on."""

    at_s: float = Field(ge=0, description="Start, seconds after the camera's start")
    seconds: float = Field(gt=0, le=3600, description="How long")
    late_frames: Literal["lost", "delivered"] = Field(
        default="lost",
        description="What becomes of the frames due meanwhile: lost, or delivered all at once at the end",
    )


class Disconnect(Model):
    """The cable is pulled, and put back: a new device whose counters and clock start anew."""

    at_s: float = Field(ge=0, description="Start, seconds after the camera's start")
    seconds: float = Field(gt=0, le=3600, description="How long the camera is away")


class Faults(Model):
    """All that goes wrong with a simulated camera. Without any it is perfect but for ``jitter``'s default."""

    drop: Drops = Field(default=Drops(), description="Frames that the camera loses")
    jitter: Jitter = Field(default=Jitter(), description="Delay of delivery beyond the smallest one")
    drift_ppm: float = Field(default=0.0, ge=-50_000, le=50_000, description="How much too fast the device clock runs")
    slowed: tuple[Slowed, ...] = Field(default=(), description="Frames that take longer")
    stalls: tuple[Stall, ...] = Field(default=(), description="Times without delivery")
    disconnects: tuple[Disconnect, ...] = Field(default=(), description="Times without a camera")


@dataclass(frozen=True, slots=True)
class Planned:
    """One frame of the plan. Times in seconds after the camera's start, by the host's clock.

    ``number`` and ``device_us`` are what the device says: they start anew after a disconnect (``life`` counts these),
    while ``index`` goes on. ``lost`` is None for a frame that is delivered.
    """

    stream: Literal["color", "depth"]
    index: int
    number: int
    life: int
    device_us: int
    captured_s: float
    delivered_s: float
    lost: Loss | None


def plan(
    faults: Faults,
    stream: Literal["color", "depth"],
    *,
    rate_hz: float,
    start_us: int,
    latency_s: float,
    phase_s: float = 0.0,
    seed: int = 0,
) -> Iterator[Planned]:
    """Yield the frames of one stream without end, in order of delivery.

    Parameters
    ----------
    rate_hz
        Frames per second of the device's clock.
    start_us
        What the device clock shows at the camera's start (us); it is not wrapped here.
    latency_s
        Smallest time from mid-exposure to delivery.
    phase_s
        Mid-exposure of frame 0 after the camera's start.
    seed
        Of the jitter. The same arguments give the same plan.
    """
    rng = np.random.default_rng([seed, 0 if stream == "color" else 1])
    pace = 1 + faults.drift_ppm * 1e-6
    dropped = _Ranges(getattr(faults.drop, stream))
    slow = [(_bounds(s.frames), s.factor) for s in faults.slowed if s.stream == stream]
    returns = sorted(d.at_s + d.seconds for d in faults.disconnects)
    device_s = phase_s * pace
    delivered_s = 0.0
    life, first_index = 0, 0
    index = 0
    while True:
        captured_s = device_s / pace
        jitter = faults.jitter
        spike = jitter.spike_ms if rng.random() < jitter.spike_probability else 0.0
        due_s = captured_s + latency_s + (rng.exponential(jitter.mean_ms) + spike) / 1e3
        stall = next((s for s in faults.stalls if s.at_s <= due_s < s.at_s + s.seconds), None)
        if stall and stall.late_frames == "delivered":
            due_s = stall.at_s + stall.seconds
        delivered_s = max(delivered_s, due_s)  # a cable keeps the order
        while life < len(returns) and captured_s >= returns[life]:
            life, first_index = life + 1, index
        origin_s = returns[life - 1] * pace if life else 0.0
        lost: Loss | None = None
        if any(d.at_s <= delivered_s and captured_s < d.at_s + d.seconds for d in faults.disconnects):
            lost = "disconnect"
        elif stall and stall.late_frames == "lost":
            lost = "stall"
        elif index in dropped:
            lost = "drop"
        device_us = start_us + round((device_s - origin_s) * 1e6)
        yield Planned(stream, index, index - first_index, life, device_us, captured_s, delivered_s, lost)
        index += 1
        device_s += max((f for (a, b), f in slow if a <= index <= b), default=1.0) / rate_hz


class _Ranges:
    """Membership in a script's indices and ranges."""

    def __init__(self, ranges: tuple[int | str, ...]) -> None:
        self._bounds = [_bounds(r) for r in ranges]

    def __contains__(self, index: int) -> bool:
        return any(first <= index <= last for first, last in self._bounds)
