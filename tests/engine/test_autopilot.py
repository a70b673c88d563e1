"""The autopilot waits for a calibration to come true, whatever its speed, and says why if it passes one by."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from labcapture.engine.autopilot import Autopilot, Deed
from labcapture.engine.head_messages import HeadLimit, HeadView
from labcapture.engine.messages import Confirm, Prompt

BROKEN = HeadLimit(name="fill_rate", label="fill rate", reading=0.8125, least=0.95, ok=False)
MISSING = HeadLimit(name="nearest_mm", label="nearest point", units="mm", least=450, most=560, ok=False)
KEPT = HeadLimit(name="clipped", label="clipped", reading=0.0, most=0.02)
LIMITS = (MISSING, KEPT, BROKEN)
SPEEDS = pytest.mark.parametrize("speed", [0.1, 1.0, 60.0])


def deeds(pilot: Autopilot, head: HeadView | None, until_s: float) -> Iterator[tuple[float, Deed]]:
    """Yield when what is done while a calibration is shown, and the head stands as it stands."""
    for tick in range(int(until_s * 50)):
        prompt = Prompt(step="place", kind="calibrate", awaits="confirm", since_s=tick / 50)
        for deed in pilot.tick(prompt, 1, head):
            yield tick / 50, deed


@SPEEDS
@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (HeadView(), "no picture was measured"),
        (HeadView(pictures=3, seen="covered"), "head covered"),
        (HeadView(pictures=3, seen="face", limits=LIMITS), "nearest point: not measured; fill rate: 0.812"),
        (HeadView(pictures=3, seen="face", limits=(KEPT,), held_s=1.24), "all limits held for 1.2 s only"),
    ],
)
def test_it_waits_for_the_head_and_then_says_what_was_not_met(speed: float, head: HeadView, reason: str) -> None:
    assert list(deeds(Autopilot(1, speed), head, 60)) == [(12.0, Confirm(reason=f"autopilot, after 12 s: {reason}"))]


@SPEEDS
def test_it_does_not_wait_where_nothing_measures_the_head(speed: float) -> None:
    ((at, deed),) = deeds(Autopilot(1, speed), None, 60)
    assert deed == Confirm(reason="autopilot")
    assert 0.4 / speed <= at <= 0.9 / speed + 0.02


def test_a_reading_tells_its_unit() -> None:
    near = MISSING.model_copy(update={"reading": 421.37})
    ((_, deed),) = deeds(Autopilot(1), HeadView(pictures=9, seen="face", limits=(near,)), 20)
    assert deed == Confirm(reason="autopilot, after 12 s: nearest point: 421 mm")
