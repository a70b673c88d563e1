"""The words and figures of the window."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcapture.console import text
from labcapture.engine.messages import EngineState
from tests.console.console_cases import ALARM, STREAMS, snapshot


@given(st.floats(min_value=0, max_value=360_000))
def test_a_clock_time_reads_back_to_the_second(seconds: float) -> None:
    figures = [int(part) for part in text.clock(seconds).split(":")]
    assert sum(figure * 60**power for power, figure in enumerate(reversed(figures))) == round(seconds)
    assert all(figure < 60 for figure in figures[1:])


@given(st.floats(min_value=1, max_value=1e15))
def test_a_size_is_right_to_three_figures(number: float) -> None:
    figure, unit = text.size(number).split()
    factor = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit]
    assert float(figure) * factor == pytest.approx(number, rel=0.006)


@pytest.mark.parametrize(
    ("state", "changes", "word", "detail"),
    [
        (EngineState.IDLE, {}, "IDLE", "no session is open"),
        (EngineState.PREPARING, {}, "PREPARING", "opening rig and screen"),
        (EngineState.PREPARING, {"doing": "cancelling"}, "PREPARING", "cancelling"),
        (EngineState.READY, {}, "READY", "Space starts the session"),
        (EngineState.RUNNING, {}, "RECORDING", "clip 2 of 2"),
        (EngineState.RUNNING, {"trial": None, "step": 6}, "RUNNING", "step 7 of 8"),
        (EngineState.PAUSED, {}, "PAUSED", "clip 2 of 2"),
        (EngineState.CLOSING, {}, "CLOSING", "checking what was written"),
        (EngineState.RUNNING, {"alarms": (ALARM,)}, "ALARM", "RECORDING clip 2 of 2"),
        (EngineState.RUNNING, {"alarms": (ALARM.model_copy(update={"active": False}),)}, "RECORDING", "clip 2 of 2"),
    ],
)
def test_the_large_state(state: EngineState, changes: dict[str, object], word: str, detail: str) -> None:
    head = text.headline(snapshot(state, **changes))
    assert (head.word, head.detail) == (word, detail)


def test_red_is_for_alarms_alone() -> None:
    tones = {state: text.headline(snapshot(state)).tone for state in EngineState}
    assert "alarm" not in tones.values()
    assert text.headline(snapshot(EngineState.PAUSED, alarms=(ALARM,))).tone == "alarm"


def test_what_comes_next() -> None:
    assert text.next_step(snapshot(EngineState.READY)) == "Welcome and instruction"
    assert text.next_step(snapshot(EngineState.RUNNING)) == "How did you feel?"
    assert text.next_step(snapshot(EngineState.RUNNING, step=7)) == "end of session"


def test_an_offset_shows_its_uncertainty_and_the_other_epoch() -> None:
    stream = STREAMS[3]
    assert text.offset(stream) == "+0.12 ± 0.04"
    far = stream.model_copy(update={"clock_offset_s": 100.00213, "clock_uncertainty_s": 0.0002})
    assert text.offset(far) == "+100.002 s ± 0.20"
    assert text.offset(stream.model_copy(update={"clock_offset_s": None})) == text.NOTHING


def test_a_silent_or_slow_stream_is_told() -> None:
    stream = STREAMS[0]
    assert not text.is_stale(stream)
    assert not text.is_off_rate(stream)
    assert text.is_stale(stream.model_copy(update={"age_s": 1.2}))
    assert text.is_off_rate(stream.model_copy(update={"rate_hz": 24.0}))
    slow = stream.model_copy(update={"nominal_rate_hz": 1.0, "rate_hz": 1.0, "age_s": 3.0})
    assert not text.is_stale(slow)  # five periods of its own
    assert text.rates(stream.model_copy(update={"received": 0})) == "– / 30"
    assert text.rates(STREAMS[2]) == "48.00 / 48 k"
