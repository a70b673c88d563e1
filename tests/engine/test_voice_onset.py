"""The onset of a voice, against sound of which it is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labcapture.core.chunks import AudioBlock, StreamSpec
from labcapture.engine.sound_tap import SoundTap
from labcapture.engine.voice_onset import STEP_S, find_onset

RATE = 16_000.0


def sound(seconds: float, voices: list[tuple[float, float]], noise: float = 30.0, seed: int = 1) -> np.ndarray:
    """Return noise with voices (begin, end in s): a buzz of 150 Hz, loud at once."""
    chance = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    samples = chance.normal(0, noise, len(time))
    for begin, end in voices:
        inside = (time >= begin) & (time < end)
        samples[inside] += 3000 * np.sign(np.sin(2 * np.pi * 150 * time[inside]))
    return np.stack([samples, samples], axis=1).clip(-32768, 32767).astype(np.int16)


@settings(max_examples=40, deadline=None)
@given(st.floats(3.1, 6.0), st.floats(0.2, 1.0), st.floats(0, 200), st.integers(0, 1000))
def test_onset_is_found_within_two_steps(begin: float, length: float, noise: float, seed: int) -> None:
    samples = sound(8, [(0.5, 2.9), (begin, begin + length)], noise, seed)
    found = find_onset(samples, RATE, 1000.0, 1003.0)
    assert found.time == pytest.approx(1000 + begin, abs=2 * STEP_S)
    assert "10 ms" in found.method


def test_interviewer_who_still_speaks_at_the_end_of_the_question_is_not_the_answer() -> None:
    samples = sound(8, [(1, 3.3), (5, 6)])
    assert find_onset(samples, RATE, 0.0, 3.0).time == pytest.approx(5, abs=2 * STEP_S)


@pytest.mark.parametrize(
    ("samples", "after", "word"),
    [
        (sound(6, [(1, 2.5)]), 3.0, "no voice"),
        (sound(6, [(4, 4.04)]), 3.0, "no voice"),  # a click
        (sound(6, [(4, 5)]), math.nan, "not marked"),
        (np.empty((0, 2), np.int16), 3.0, "no sound"),
        (np.zeros((96_000, 2), np.int16), 3.0, "no voice"),
    ],
)
def test_what_is_no_voice_is_told(samples: np.ndarray, after: float, word: str) -> None:
    found = find_onset(samples, RATE, 0.0, after)
    assert math.isnan(found.time)
    assert word in found.method


def test_tap_cuts_out_what_was_captured_in_time_and_fills_holes() -> None:
    tap = SoundTap(StreamSpec("voice", "audio", "int16", (1,), "", RATE))
    for number in range(400):  # 100 ms each; block 300 was lost
        if number != 300:
            block = np.full((1600, 1), number, np.int16)
            begin = 500 + number * 0.1
            tap.note(AudioBlock("voice", block, number * 1600, begin, begin + 0.12))
    samples, start, rate = tap.cut(529.95, 530.25)
    assert rate == pytest.approx(RATE, rel=1e-4)
    assert start == pytest.approx(529.9, abs=1e-3)
    assert samples[::1600, 0].tolist() == [299, 0, 301, 302]
    assert len(tap.cut(100, 101)[0]) == 0
