"""A plan follows its script to the frame."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from labcapture.devices.simulated.faults import Faults, Planned, plan

RATE_HZ = 30.0
START_US = 1_000_000


def planned(count: int, seed: int = 0, **faults: Any) -> list[Planned]:  # noqa: ANN401 - as a rig file has them
    frames = plan(Faults.model_validate(faults), "color", rate_hz=RATE_HZ, start_us=START_US, latency_s=0.02, seed=seed)
    return list(itertools.islice(frames, count))


@st.composite
def scripts(draw: st.DrawFn) -> tuple[tuple[int | str, ...], set[int]]:
    """A script of drops, and the indices that it means."""
    script: list[int | str] = []
    meant: set[int] = set()
    for first in draw(st.lists(st.integers(0, 199), max_size=8)):
        last = first + draw(st.integers(0, 20))
        wide = f"{first}-{last}"
        script.append(first if last == first and draw(st.booleans()) else wide)
        meant |= set(range(first, last + 1))
    return tuple(script), meant


@given(scripts())
def test_drops_are_those_of_the_script(script: tuple[tuple[int | str, ...], set[int]]) -> None:
    frames = planned(240, drop={"color": script[0]})
    assert {f.index for f in frames if f.lost} == script[1]
    assert [f.number for f in frames] == [f.index for f in frames] == list(range(240))


@given(
    st.integers(0, 1000),
    st.floats(0, 50),
    st.floats(0, 0.3),
    st.floats(-500, 500),
    st.sampled_from(["lost", "delivered"]),
)
def test_order_and_time(seed: int, mean_ms: float, spikes: float, ppm: float, late: str) -> None:
    faults = {
        "jitter": {"mean_ms": mean_ms, "spike_probability": spikes},
        "drift_ppm": ppm,
        "stalls": [{"at_s": 1, "seconds": 0.5, "late_frames": late}],
    }
    frames = planned(120, seed, **faults)
    assert frames == planned(120, seed, **faults)
    for before, after in itertools.pairwise(frames):
        assert after.captured_s > before.captured_s
        assert after.delivered_s >= before.delivered_s
    for frame in frames:
        assert frame.delivered_s >= frame.captured_s + 0.02
        assert frame.device_us == pytest.approx(START_US + frame.index * 1e6 / RATE_HZ, abs=1)
        assert frame.captured_s == pytest.approx(frame.index / RATE_HZ / (1 + ppm * 1e-6), abs=1e-9)


def test_no_jitter_means_exact_delivery() -> None:
    for frame in planned(30, jitter={"mean_ms": 0}):
        assert frame.delivered_s == pytest.approx(frame.captured_s + 0.02)


def test_a_slowed_sensor_loses_nothing() -> None:
    frames = planned(40, slowed=[{"frames": "10-12", "factor": 2.5}])
    steps = {b.index: (b.device_us - a.device_us) * RATE_HZ / 1e6 for a, b in itertools.pairwise(frames)}
    assert {i for i, step in steps.items() if step > 1.5} == {10, 11, 12}
    assert all(step == pytest.approx(2.5, abs=1e-3) for i, step in steps.items() if i in {10, 11, 12})
    assert not any(f.lost for f in frames)


def test_a_stall_loses_its_frames() -> None:
    frames = planned(90, jitter={"mean_ms": 0}, stalls=[{"at_s": 1.01, "seconds": 0.5}])
    assert [f.index for f in frames if f.lost == "stall"] == list(range(30, 45))


def test_a_stall_delivers_its_frames_late() -> None:
    frames = planned(90, jitter={"mean_ms": 0}, stalls=[{"at_s": 1.01, "seconds": 0.5, "late_frames": "delivered"}])
    assert not any(f.lost for f in frames)
    assert [f.index for f in frames if f.delivered_s == 1.51] == list(range(30, 45))


def test_a_disconnect_starts_the_device_anew() -> None:
    frames = planned(
        150, jitter={"mean_ms": 0}, disconnects=[{"at_s": 1.01, "seconds": 1}, {"at_s": 3.01, "seconds": 1}]
    )
    assert [f.index for f in frames if f.lost == "disconnect"] == [*range(30, 61), *range(90, 121)]
    for life, first in ((1, 61), (2, 121)):
        frame = frames[first]
        assert (frame.life, frame.number) == (life, 0)
        assert START_US <= frame.device_us < START_US + 1e6 / RATE_HZ


def test_the_two_streams_jitter_apart() -> None:
    streams = [
        list(itertools.islice(plan(Faults(), name, rate_hz=30, start_us=0, latency_s=0), 9))
        for name in ("color", "depth")
    ]
    assert [f.delivered_s for f in streams[0]] != [f.delivered_s for f in streams[1]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"drop": {"color": ["9-3"]}},
        {"drop": {"color": ["x"]}},
        {"drop": {"color": [-1]}},
        {"drop": {"color": ["1-"]}},
        {"slowed": [{"frames": 3, "factor": 1}]},
        {"jitter": {"mean_s": 1}},
    ],
)
def test_a_wrong_script_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Faults.model_validate(wrong)
