"""The laws of device time: close to the truth, and never surer than right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labcapture.core.counters import CounterUnwrapper
from labcapture.core.fit import (
    ClockFit,
    correct_lsl,
    fit_device_clock,
    fit_sample_clock,
)
from labcapture.core.lines import Array
from labcapture.core.offsets import offset_figures

EPOCH = 77.25  # the device counts from somewhere else


def delays(rng: np.random.Generator, n: int, kind: str = "exponential") -> Array:
    """Delays of a few ms, one in a hundred 80 ms late."""
    few_ms = {
        "exponential": rng.exponential(3e-3, n),
        "rayleigh": rng.rayleigh(2e-3, n),
        "uniform": rng.uniform(0, 6e-3, n),
        "half-normal": np.abs(rng.normal(0, 3e-3, n)),
    }[kind]
    return np.asarray(few_ms + 80e-3 * (rng.random(n) < 0.01), np.float64)


def session(
    seed: int, seconds: float, ppm: float = 50.0, wander_ppm: float = 0.0, kind: str = "exponential"
) -> tuple[Array, Array, Array]:
    """Return (true LSL time, device time, arrival) at 30 frames a second; the drift grows by ``wander_ppm``."""
    rng = np.random.default_rng(seed)
    true = 1000 + np.arange(max(1, round(seconds * 30))) / 30
    x = true - true[0]
    device = EPOCH + x - 1e-6 * (ppm * x + wander_ppm * x**2 / (2 * max(seconds, 1)))
    return true, device, np.maximum.accumulate(true + delays(rng, len(true), kind))


@pytest.mark.parametrize(("seconds", "wander", "seeds"), [(3, 0, 200), (20, 0, 100), (1800, 15, 12)])
def test_times_are_right_to_a_millisecond_and_the_interval_holds(seconds: float, wander: float, seeds: int) -> None:
    errors, held = [], []
    for seed in range(seeds):
        ppm = 50.0 if seed % 2 else -50.0
        true, device, arrival = session(seed, seconds, ppm, wander)
        time, uncertainty = fit_device_clock(device, arrival).to_lsl(device)
        error = np.abs(time - true)
        errors.append(error[true - true[0] >= 2] if seconds > 5 else error)
        held.append(error <= uncertainty)
    assert np.quantile(np.concatenate(errors), 0.99) <= 1e-3
    assert np.concatenate(held).mean() >= 0.95


@pytest.mark.parametrize("kind", ["exponential", "rayleigh", "uniform", "half-normal"])
@pytest.mark.parametrize("frames", [8, 12, 30, 60, 90, 300, 1800])
def test_the_interval_is_honest_for_any_kind_of_delay(kind: str, frames: int) -> None:
    held = []
    for seed in range(150):
        true, device, arrival = session(1000 + seed, frames / 30, kind=kind)
        time, uncertainty = fit_device_clock(device, arrival).to_lsl(device)
        held.append(np.abs(time - true) <= uncertainty)
    assert np.concatenate(held).mean() >= 0.95


def test_drift_is_measured_with_its_sign() -> None:
    _, device, arrival = session(3, 120, ppm=50)  # 50 ppm too slow
    assert fit_device_clock(device, arrival).drift_ppm == pytest.approx(-50, abs=1)


def test_a_changing_drift_is_followed_where_one_line_would_fail() -> None:
    true, device, arrival = session(5, 1800, ppm=40, wander_ppm=20)
    time, _ = fit_device_clock(device, arrival).to_lsl(device)
    line = np.polyval(np.polyfit(device - EPOCH, true, 1), device - EPOCH)
    assert np.abs(line - true).max() > 2e-3
    assert np.abs(time - true).max() < 1e-3


@pytest.mark.parametrize("frames", range(1, 8))
def test_a_handful_of_pairs_gives_no_certainty(frames: int) -> None:
    _, device, arrival = session(1, frames / 30)
    time, uncertainty = fit_device_clock(device, arrival).to_lsl(device)
    assert np.isfinite(time).all()
    assert np.isinf(uncertainty).all()


def test_thirty_pairs_give_a_wide_interval() -> None:
    _, device, arrival = session(1, 1)
    _, uncertainty = fit_device_clock(device, arrival).to_lsl(device)
    assert 5e-4 < uncertainty.min() < uncertainty.max() < 0.1


def test_no_pair_no_fit() -> None:
    with pytest.raises(ValueError, match="without a pair"):
        fit_device_clock([], [])
    with pytest.raises(ValueError, match="without a pair"):
        fit_device_clock([np.nan], [1.0])


def test_a_nan_stays_visible() -> None:
    _, device, arrival = session(2, 10)
    device[17] = np.nan
    fit = fit_device_clock(device, arrival)
    time, uncertainty = fit.to_lsl(device)
    assert np.isnan(time[17])
    assert np.isinf(uncertainty[17])
    assert np.isfinite(np.delete(time, 17)).all()
    assert (fit.pairs, fit.discarded) == (300, 61)  # 60 of warm-up and the NaN


def test_warm_up_does_not_pull() -> None:
    true, device, arrival = session(4, 30)
    device[:45] += 0.02  # the first frames claim to be younger than they are: they would arrive too early
    time, _ = fit_device_clock(device, arrival).to_lsl(device)
    assert np.abs(time - true)[60:].max() < 1e-3


def test_beyond_the_pairs_the_uncertainty_grows() -> None:
    _, device, arrival = session(6, 30)
    fit = fit_device_clock(device, arrival)
    _, uncertainty = fit.to_lsl(device[-1] + np.array([0.0, 60.0, 600.0]))
    assert uncertainty[0] < uncertainty[1] < uncertainty[2]


def test_a_starved_computer_is_no_new_epoch() -> None:
    """For four seconds pairs arrive in bursts, up to two seconds late, and the session is fitted while that lasts."""
    rng = np.random.default_rng(5)
    device = 50 + np.arange(0, 20, 1 / 60)
    arrival = device + 900 + rng.exponential(0.003, len(device))
    late = device > 66
    arrival[late] = np.maximum.accumulate(arrival[late] + rng.choice([0.4, 1.1, 2.0], late.sum()))
    fit = fit_device_clock(device, arrival)
    assert len(fit.segment_arrival) == 1
    time, uncertainty = fit.to_lsl(device)
    assert (np.diff(time) > 0).all()
    assert np.abs(time - device - 900).max() < 0.002
    assert np.isfinite(uncertainty).all()


def test_a_device_that_was_reset_has_two_epochs() -> None:
    true, device, arrival = session(7, 60)
    device2, arrival2, true2 = device - device[0] + 0.01, arrival + 70, true + 70
    both, arrivals = np.concatenate([device, device2]), np.concatenate([arrival, arrival2])
    fit = fit_device_clock(both, arrivals)
    time, uncertainty = fit.to_lsl(both, arrivals)
    assert len(fit.segment_arrival) == 2
    assert np.abs(time - np.concatenate([true, true2])).max() < 1e-3
    assert np.isfinite(uncertainty).all()
    with pytest.raises(ValueError, match="2 epochs"):
        fit.to_lsl(both)


@pytest.mark.parametrize("backlog_s", [0.7, 3.0, 10.0])
def test_a_backlog_delivered_late_is_no_new_epoch(backlog_s: float) -> None:
    true, device, arrival = session(8, 60)
    stalled = (true > 1030) & (true < 1030 + backlog_s)
    arrival[stalled] = 1030 + backlog_s + 1e-3 * np.arange(stalled.sum())
    arrival = np.maximum.accumulate(arrival)
    fit = fit_device_clock(device, arrival)
    time, _ = fit.to_lsl(device)
    assert len(fit.segment_arrival) == 1
    assert np.abs(time - true).max() < 1e-3


def test_a_backlog_of_which_most_was_thrown_away_is_no_new_epoch() -> None:
    """A held computer reads the oldest second of what it missed, half a minute late, and then the newest again."""
    true, device, arrival = session(11, 90)
    missed = (true > 1020) & (true < 1050)
    old = missed & (true < 1021)
    arrival[old] = 1050 + 1e-3 * np.arange(old.sum())
    kept = ~missed | old
    true, device, arrival = true[kept], device[kept], np.maximum.accumulate(arrival[kept])
    fit = fit_device_clock(device, arrival)
    time, _ = fit.to_lsl(device)
    assert len(fit.segment_arrival) == 1
    assert np.abs(time - true).max() < 2e-3


def test_a_clock_that_was_set_ahead_is_a_new_epoch() -> None:
    true, device, arrival = session(12, 60)
    ahead = device + 20.0 * (true > true[0] + 30)
    fit = fit_device_clock(ahead, arrival)
    time, _ = fit.to_lsl(ahead, arrival)
    assert len(fit.segment_arrival) == 2
    assert np.abs(time - true).max() < 2e-3


def test_a_few_impossible_stamps_do_not_pull() -> None:
    true, device, arrival = session(9, 60)
    broken = device.copy()
    broken[[400, 1200]] += 0.05  # 50 ms younger than possible
    time, _ = fit_device_clock(broken, arrival).to_lsl(device)
    assert np.abs(time - true).max() < 1e-3


def test_a_minute_in_which_everything_was_late_is_bridged() -> None:
    true, device, arrival = session(10, 600)
    arrival = arrival + 0.02 * ((true > 1200) & (true < 1290))
    time, uncertainty = fit_device_clock(device, np.maximum.accumulate(arrival)).to_lsl(device)
    assert np.abs(time - true).max() < 4e-3  # a clock may wander by 30 ppm: 60 s x 30 ppm on each side
    assert (np.abs(time - true) <= uncertainty).mean() > 0.95


@pytest.mark.parametrize("seconds", [0.1, 3, 200])
def test_a_fit_survives_the_file(seconds: float) -> None:
    _, device, arrival = session(11, seconds)
    fit = fit_device_clock(device, arrival)
    again = ClockFit.from_arrays(fit.to_arrays() | {"more": 1})
    for mine, theirs in zip(fit.to_lsl(device), again.to_lsl(device), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert again.drift_ppm == fit.drift_ppm


def test_a_session_over_the_wrap_of_the_counter_is_one_line() -> None:
    true, device, arrival = session(12, 120)
    raw = ((device + 4294.0 - EPOCH - 60) * 1e6).astype(np.int64) % 2**32  # wraps after about a minute
    assert (np.diff(raw) < 0).any()
    unwrap = CounterUnwrapper()
    unwrapped = np.array([unwrap(int(count)) for count in raw]) / 1e6
    time, _ = fit_device_clock(unwrapped, arrival).to_lsl(unwrapped)
    assert np.abs(time - true).max() < 1e-3


def blocks(
    seed: int, seconds: float, ppm: float = 80.0, latency: float = 0.0
) -> tuple[Array, NDArray[np.int64], Array, Array]:
    """Return (first sample, samples, true capture time of each block, arrival of its callback)."""
    rng = np.random.default_rng(seed)
    n = round(seconds * 100)
    first = np.arange(n) * 480
    true = 500 + first / 48000 * (1 + ppm * 1e-6)
    arrival = true + 0.01 + latency + rng.exponential(2e-3, n)
    return first.astype(np.float64), np.full(n, 480), true, np.maximum.accumulate(arrival)


def test_sample_clock_from_callbacks() -> None:
    first, samples, true, arrival = blocks(1, 60)
    fit = fit_sample_clock(first, samples, np.full(len(first), np.nan), arrival, 48000)
    time, uncertainty = fit.to_lsl(first)
    assert fit.source == "arrival"
    assert fit.rate_hz == pytest.approx(48000 / (1 + 80e-6), rel=2e-6)
    assert (np.abs(time - true) <= uncertainty).mean() >= 0.95
    assert np.abs(time - true).max() < 1e-3


@pytest.mark.parametrize("symmetric", [True, False])
def test_sample_clock_from_capture_times(symmetric: bool) -> None:
    rng = np.random.default_rng(2)
    first, samples, true, arrival = blocks(2, 60, latency=0.3)  # callbacks come 0.3 s late, the capture times know it
    adc = true + (rng.normal(0, 5e-4, len(true)) if symmetric else rng.exponential(5e-4, len(true)))
    adc[::10] = np.nan
    adc[5::10] = arrival[5::10] + 0.1  # impossible: after the callback
    fit = fit_sample_clock(first, samples, adc, arrival, 48000)
    time, uncertainty = fit.to_lsl(first)
    assert fit.source == "adc"
    assert np.abs(time - true).max() < 2e-3
    assert (np.abs(time - true) <= uncertainty).mean() >= 0.95


@pytest.mark.parametrize("useless", ["zero", "unmoving", "ahead"])
def test_useless_capture_times_are_not_used(useless: str) -> None:
    first, samples, _, arrival = blocks(3, 20)
    adc = {"zero": np.zeros_like(arrival), "unmoving": np.full_like(arrival, 499.0), "ahead": arrival + 1.0}[useless]
    assert fit_sample_clock(first, samples, adc, arrival, 48000).source == "arrival"


def test_a_rate_must_be_positive() -> None:
    with pytest.raises(ValueError, match="no rate"):
        fit_sample_clock([0], [480], [1.0], [1.0], 0)


def measured_offsets(seed: int, seconds: float, ppm: float, epoch: float) -> tuple[Array, Array, Array, Array, Array]:
    """Return (raw stamps, their true local time, when measured, offset, uncertainty) of a sender with its own clock."""
    rng = np.random.default_rng(seed)
    local = 2000 + np.arange(round(seconds * 100)) / 100
    raw = epoch + (local - 2000) * (1 - ppm * 1e-6)
    when = np.asarray(2000 + np.arange(0, seconds, 5.0), np.float64)
    one = rng.exponential(1e-4, len(when)) + 2e-5  # the way there
    other = rng.exponential(1e-4, len(when)) + 2e-5  # the way back
    true = when - (epoch + (when - 2000) * (1 - ppm * 1e-6))
    return raw, local, when, true + (one - other) / 2, one + other


@pytest.mark.parametrize("seconds", [4, 9, 30, 900])
@pytest.mark.parametrize(("ppm", "epoch"), [(0, 2000.0), (50, 1e5), (-50, -3.0)])
def test_remote_stamps_come_into_local_time(seconds: float, ppm: float, epoch: float) -> None:
    held = []
    for seed in range(20):
        raw, local, when, offset, spread = measured_offsets(seed, seconds, ppm, epoch)
        time, uncertainty = correct_lsl(raw, when, offset, spread)
        assert np.abs(time - local).max() < 1e-3
        held.append(np.abs(time - local) <= uncertainty)
    assert np.concatenate(held).mean() >= 0.95


def test_a_bad_measurement_of_the_offset_does_not_pull() -> None:
    raw, local, when, offset, spread = measured_offsets(1, 300, 50, 10.0)
    offset[10] += 0.05
    spread[10] += 0.1
    offset[40] -= 0.02  # and one that does not even admit it
    time, _ = correct_lsl(raw, when, offset, spread)
    assert np.abs(time - local).max() < 1e-3


@pytest.mark.parametrize("ppm", [50, -50, 0])
def test_the_drift_of_a_sender_is_told_with_its_sign(ppm: float) -> None:
    _, _, when, offset, spread = measured_offsets(3, 900, ppm, 77.0)
    figures = offset_figures(when, offset, spread)
    assert figures["drift_ppm"] == pytest.approx(-ppm, abs=0.5)  # raw runs slow for a positive ppm
    assert 0 < figures["residual_median"] < figures["residual_p95"] < figures["residual_max"] < 1e-3
    assert figures["uncertainty"] < 1e-3
    alone = offset_figures(when[:1], offset[:1], spread[:1])
    assert np.isnan(alone["drift_ppm"])
    assert alone["residual_max"] == pytest.approx(0, abs=1e-9)


def test_without_an_offset_there_is_no_time() -> None:
    with pytest.raises(ValueError, match="without a measured offset"):
        correct_lsl([1.0, 2.0], [], [], [])


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=40),
)
def test_any_finite_pairs_give_finite_times(pairs: list[tuple[float, float]]) -> None:
    device, arrival = (np.array(column) for column in zip(*pairs, strict=True))
    time, uncertainty = fit_device_clock(device, arrival).to_lsl(device, arrival)
    assert np.isfinite(time).all()
    assert (uncertainty >= 0).all()
