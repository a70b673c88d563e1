"""Flashes and tones of known truth are found, with an uncertainty that holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labcapture.core.chunks import AudioBlock, Frame, StreamSpec
from labcapture.engine import loop
from labcapture.engine.loop_tap import LoopTap
from labcapture.protocol.steps import SyncTest
from labcapture.recording.tables import SYNC_FIGURES, SYNC_TEST
from labcapture.stage.tones import onsets, track

Array = NDArray[np.float64]
RATE_HZ = 48_000
STEP = SyncTest(id="sync", kind="sync_test", pairs=8)
FLASH_S = STEP.flash_s


def _shares(time: Array, onsets_s: Array, exposure_s: float) -> Array:
    """Return the share of each picture's exposure during which the screen was white."""
    first, last = time[:, None] - exposure_s / 2, time[:, None] + exposure_s / 2
    lit = np.minimum(last, onsets_s + FLASH_S) - np.maximum(first, onsets_s)
    shares: Array = np.clip(lit / exposure_s, 0, 1).sum(axis=1)
    return shares


@settings(deadline=None, max_examples=60)
@given(
    delay=st.floats(-0.05, 0.3),
    phase=st.floats(0, 1),
    exposure_s=st.sampled_from([1e-6, 0.002, 0.0098, 0.03]),
    drop=st.sets(st.integers(0, 500), max_size=20),
    noise=st.floats(0, 0.8),
    seed=st.integers(0, 2**31),
)
def test_a_flash_lies_between_its_bounds(
    delay: float, phase: float, exposure_s: float, drop: set[int], noise: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    markers = 1000 + onsets(STEP, RATE_HZ)
    true = markers + delay + rng.uniform(0, 0.005, len(markers))
    time = 999 + (phase + np.arange(500)) / 30
    time = np.delete(time, [i for i in drop if i < len(time)])
    share = _shares(time, true, exposure_s)
    brightness = 70 + 60 * share + rng.normal(0, noise, len(time))
    found = loop.find_flashes(markers, time, brightness, exposure_s)
    assert [one.marker for one in found] == markers.tolist()
    slack = 0.001 + 0.03 * exposure_s + exposure_s * 6 * noise / 60
    for one, onset in zip(found, true, strict=True):
        assert one.earliest - slack <= onset <= one.latest + slack
        around = time[(time > onset - 0.2) & (time < onset + 0.2)]
        assert one.latest - one.earliest <= 2 * np.diff(around).max() + slack  # no wider than pictures that frame it
    told = loop.figures(found)
    assert (told["due"], told["found"]) == (len(markers), len(markers))
    assert abs(told["median_s"] - np.median(true - markers)) <= told["uncertainty_s"] + slack


@settings(deadline=None, max_examples=25)
@given(delay=st.floats(-0.1, 0.6), noise=st.floats(0, 60), gain=st.floats(0.02, 1.5), seed=st.integers(0, 2**31))
def test_a_tone_is_found_within_a_third_of_a_millisecond(delay: float, noise: float, gain: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = onsets(STEP, RATE_HZ)
    sound = gain * track(times, RATE_HZ)
    start = round(0.7 * RATE_HZ)
    samples = np.concatenate([np.zeros(start), sound, np.zeros(RATE_HZ)])
    samples = (samples + rng.normal(0, noise, len(samples))).astype(np.int16)
    period = (1 + 80e-6) / RATE_HZ  # a sound card's clock is off, too
    index = np.arange(0, len(samples), 960)
    markers = 500.0 + times
    first = 500.0 + delay - start * period  # when the first sample was captured
    found = loop.find_tones(markers, samples, RATE_HZ, index, first + index * period, 0.0005)
    true = first + (start + np.round(times * RATE_HZ)) * period
    for one, onset in zip(found, true, strict=True):
        assert one.time == pytest.approx(onset, abs=0.00035 + 0.00002 * noise)
        assert one.latest - one.earliest == pytest.approx(0.001)
        assert one.offset == pytest.approx(one.time - one.marker)


def test_nothing_is_found_where_nothing_is() -> None:
    rng = np.random.default_rng(1)
    markers = 10 + onsets(STEP, RATE_HZ)
    time = 9 + np.arange(600) / 30
    dark = loop.find_flashes(markers, time, 80 + rng.normal(0, 1, len(time)))
    hiss = rng.normal(0, 300, 20 * RATE_HZ).astype(np.int16)
    index = np.arange(0, len(hiss), 960)
    quiet = loop.find_tones(markers, hiss, RATE_HZ, index, 9 + index / RATE_HZ)
    for found in (dark, quiet, loop.find_flashes(markers, [], []), loop.find_tones(markers, [], RATE_HZ, [], [])):
        told = loop.figures(found)
        assert (told["due"], told["found"]) == (len(markers), 0)
        assert np.isnan(told["median_s"])


def test_a_single_flash_that_was_not_seen_is_counted() -> None:
    markers = 10 + onsets(STEP, RATE_HZ)
    time = 9 + np.arange(600) / 30
    brightness = 50 + 100 * _shares(time, np.delete(markers, 3) + 0.02, 1e-6)
    found = loop.find_flashes(markers, time, brightness)
    assert [bool(np.isfinite(one.time)) for one in found] == [i != 3 for i in range(len(markers))]
    assert loop.figures(found)["found"] == len(markers) - 1


def test_the_tap_measures_a_camera_and_a_microphone() -> None:
    """Chunks go in as devices give them, markers come late; what comes out fits the tables of the session."""
    camera = StreamSpec("color", "frames", "uint8", (48, 64, 3), "", 30.0, clock="camera")
    voice = StreamSpec("voice", "audio", "int16", (2,), "", float(RATE_HZ))
    tap = LoopTap([camera, voice, StreamSpec("eda", "samples", "float64", (1,), "uS", 100.0)], 60.0)
    assert tap.measure() is None
    times = 100 + onsets(STEP, RATE_HZ)
    sound = np.concatenate(
        [np.zeros(100 * RATE_HZ, np.int16), track(onsets(STEP, RATE_HZ), RATE_HZ), np.zeros(RATE_HZ, np.int16)]
    )
    events: list[tuple[float, AudioBlock | Frame | tuple[str, float]]] = []
    for i in range(92 * 30, round((times[-1] + 2) * 30)):
        taken = i / 30
        white = bool(((taken >= times + 0.012) & (taken < times + 0.012 + FLASH_S)).any())
        pixels = np.full(camera.shape, 200 if white else 60, np.uint8)
        events.append((taken + 0.02, Frame("color", pixels, i, taken - 50, taken + 0.02, {"actual_exposure": 1})))
    for first in range(92 * RATE_HZ, len(sound) - 960, 960):
        samples = np.repeat(sound[first : first + 960, None], 2, axis=1)
        arrival = (first + 960) / RATE_HZ + 0.03
        events.append((arrival, AudioBlock("voice", samples, first, float("nan"), arrival)))
    events += [(time + 0.1, (label, time)) for time in times for label in ("flash", "tone")]
    for _, event in sorted(events, key=lambda pair: pair[0]):
        if isinstance(event, tuple):
            tap.mark(event[0], event[1], "sync")
        else:
            tap.note(event)
    measured = tap.measure()
    assert measured is not None
    rows, told = measured
    assert set(told) == {name for name, *_ in SYNC_FIGURES}
    assert [len(row) for row in rows] == [len(SYNC_TEST)] * STEP.pairs
    assert (told["flash_found"], told["tone_found"], told["flash_within_limit"]) == (8, 8, 8)
    assert told["camera_period_s"] == pytest.approx(1 / 30, abs=1e-6)
    assert told["flash_limit_s"] == pytest.approx(1 / 30 + 1 / 60, abs=1e-6)
    # The least latency of a device cannot be seen by a fit, and stands in its times.
    assert told["flash_median_s"] == pytest.approx(0.012 + 0.02, abs=told["flash_uncertainty_s"] + 0.001)
    assert told["tone_median_s"] == pytest.approx(0.03, abs=told["tone_uncertainty_s"] + 0.001)
