"""Counting a stream, and telling when the disk will be full."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcapture.core.chunks import Cause, Frame, Gap, StreamSpec
from labcapture.engine.health import DiskForecast, StreamMonitor

COLOR = StreamSpec("color", "frames", "uint8", (4, 4, 3), "", 30.0)


def frame(number: int, arrival: float) -> Frame:
    return Frame("color", np.zeros((4, 4, 3), np.uint8), number, arrival, arrival)


@given(st.floats(5, 200), st.integers(10, 400))
def test_the_rate_is_that_of_the_last_two_seconds(rate_hz: float, count: int) -> None:
    monitor = StreamMonitor(COLOR)
    for number in range(count):
        monitor.data(frame(number, 100 + number / rate_hz), accepted=True)
    now = 100 + (count - 1) / rate_hz
    view = monitor.view(now, 0, 0)
    assert view.received == count
    assert view.rate_hz == pytest.approx(rate_hz, rel=1e-6)
    assert monitor.view(now + 10, 0, 0).rate_hz == 0  # a stream that has stopped has no rate
    assert monitor.silent(now + 10)


@given(st.lists(st.tuples(st.sampled_from(Cause), st.integers(1, 50))))
def test_losses_are_kept_apart(gaps: list[tuple[Cause, int]]) -> None:
    monitor = StreamMonitor(COLOR)
    for cause, count in gaps:
        monitor.gap(Gap("color", cause, 0, count - 1, count, 0.0, 1.0))
    view = monitor.view(0.0, 0, 0)
    by_us = {Cause.HOST_OVERFLOW, Cause.RECORDER_OVERFLOW}
    assert view.lost_by_us == sum(count for cause, count in gaps if cause in by_us)
    assert view.slow_steps == sum(cause is Cause.SLOW for cause, _ in gaps)
    assert view.lost_before_us == sum(count for cause, count in gaps if cause not in by_us | {Cause.SLOW})


def test_what_the_recorder_refused_is_lost_by_us() -> None:
    monitor = StreamMonitor(COLOR)
    monitor.data(frame(0, 1.0), accepted=True)
    monitor.data(frame(1, 1.1), accepted=False)
    assert monitor.view(1.1, 1, 0).lost_by_us == 1


def test_the_forecast_assumes_the_raw_rate_and_then_measures() -> None:
    forecast = DiskForecast([COLOR])
    raw = 4 * 4 * 3 * 30
    assert forecast.minutes(raw * 60, 0, None, 0.0) == pytest.approx(1.0)
    forecast.minutes(raw * 60, 1000, "01_a", 10.0)
    assert forecast.minutes(raw * 60, 1000 + raw * 2, "01_a", 14.0) == pytest.approx(2.0)
    assert forecast.minutes(raw * 60, 99_999, None, 90.0) == pytest.approx(2.0)  # kept between trials
