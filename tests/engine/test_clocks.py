"""The clocks' live figures: what they say of a drifting camera and a sound card, and what a reset does to them."""

from __future__ import annotations

import numpy as np
import pytest

from labcapture.core.chunks import AudioBlock, Frame, StreamSpec
from labcapture.engine.clocks import PERIOD_S, LiveClocks

COLOR = StreamSpec("color", "frames", "uint8", (2, 2, 3), "", 30.0, clock="camera")
DEPTH = StreamSpec("depth", "frames", "uint16", (2, 2), "", 30.0, clock="camera")
VOICE = StreamSpec("voice", "audio", "int16", (1,), "", 48000.0)
EDA = StreamSpec("eda", "samples", "float64", (1,), "microsiemens", 100.0)
DRIFT = 100e-6
PIXELS = np.zeros((2, 2, 3), np.uint8)


def run(clocks: LiveClocks, seconds: float, start: float = 0.0, device_zero: float = 500.0) -> None:
    """Let the camera and the voice flow, with exponential delays of 3 ms, and fit as the engine does."""
    rng = np.random.default_rng(1)
    for i in range(round(seconds * 30)):
        now = start + i / 30
        device = device_zero + (now - start) * (1 - DRIFT)
        for name in ("color", "depth"):
            clocks.note(Frame(name, PIXELS, i, device, now + rng.exponential(0.003)))
        arrival = now + 1600 / 48000 + rng.exponential(0.003)
        clocks.note(AudioBlock("voice", np.zeros((1600, 1), np.int16), i * 1600, float("nan"), arrival))
        clocks.refresh(now)


def test_a_slow_clock_is_seen_to_fall_behind_by_what_it_does() -> None:
    clocks = LiveClocks([COLOR, DEPTH, VOICE, EDA])
    assert clocks.by_stream["color"] is clocks.by_stream["depth"]  # one device, one clock
    assert "eda" not in clocks.by_stream
    camera, voice = clocks.by_stream["color"], clocks.by_stream["voice"]
    assert (camera.moved_s, camera.uncertainty_s) == (None, None)
    run(clocks, 200.0)
    assert camera.moved_s is not None and camera.uncertainty_s is not None  # noqa: PT018 - for the type checker
    assert voice.moved_s is not None and voice.uncertainty_s is not None  # noqa: PT018
    fitted_for = 200.0 - 2 * PERIOD_S  # the first fit comes after some seconds, the last one some seconds ago
    assert camera.moved_s == pytest.approx(fitted_for * DRIFT, abs=2e-3)
    assert voice.moved_s == pytest.approx(0.0, abs=2e-3)
    assert 0 < camera.uncertainty_s < 2e-3
    assert 0 < voice.uncertainty_s < 5e-3


def test_a_camera_that_was_opened_again_counts_from_there() -> None:
    clocks = LiveClocks([COLOR, DEPTH, VOICE])
    run(clocks, 60.0)
    run(clocks, 90.0, start=70.0, device_zero=3.0)
    moved = clocks.by_stream["color"].moved_s
    assert moved is not None
    assert abs(moved) < 90 * DRIFT + 2e-3


def test_nothing_that_came_is_nothing_to_fit() -> None:
    clocks = LiveClocks([COLOR, DEPTH, VOICE])
    clocks.note(Frame("color", PIXELS, 0, float("nan"), 1.0))
    for now in range(20):
        clocks.refresh(float(now))
    assert {clock.moved_s for clock in clocks.by_stream.values()} == {None}
    LiveClocks([EDA]).refresh(100.0)
