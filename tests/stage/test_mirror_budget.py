"""The laws by which pictures of the participant's screen are taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcapture.stage.mirror_budget import FLIPS, LEAST_PAUSE_S, MARGIN, MOST_PAUSE_S, SHARE, Budget

PERIOD_S = 1 / 60
AMPLE_S = 1.0
SECONDS = st.floats(1e-5, 0.05)


@given(first=SECONDS, story=st.lists(st.tuples(SECONDS, SECONDS, st.floats(0, 2)), max_size=300))
def test_copies_take_their_share_at_most_and_only_where_there_is_slack(
    first: float, story: list[tuple[float, float, float]]
) -> None:
    now = began = 100.0
    budget = Budget(first, now)
    spent, slacks = 0.0, list[float]()
    for slack, cost, pause in story:
        now += pause
        allowed, expected = budget.allows(now), budget.cost_s(now)
        if allowed:
            assert len(slacks) >= FLIPS
            assert min(slacks[-FLIPS:]) > MARGIN * expected
            assert spent <= SHARE * (now - began) * (1 + 1e-6)  # all that went before
            spent += cost
            budget.paid(cost, now)
        slacks.append(slack)
        budget.flipped(slack, now, copied=allowed)


@pytest.mark.parametrize(("cost_s", "rate_hz"), [(0.001, 20.0), (0.004, 5.0), (0.04, 0.5)])
def test_a_dear_copy_is_taken_more_rarely(cost_s: float, rate_hz: float) -> None:
    budget, taken = Budget(cost_s, 0.0), 0
    for flip in range(60 * 60):
        now = flip * PERIOD_S
        if budget.allows(now):
            budget.paid(cost_s, now)
            taken += 1
        budget.flipped(AMPLE_S, now)
    assert taken / 60 == pytest.approx(rate_hz, rel=0.2)


@pytest.mark.parametrize(("times_cost", "allowed"), [(MARGIN * 0.99, False), (MARGIN * 1.01, True)])
def test_one_short_flip_among_the_last_ones_forbids_a_copy(times_cost: float, allowed: bool) -> None:
    budget = Budget(0.004, 0.0)
    for i in range(FLIPS):
        budget.flipped(times_cost * 0.004 if i == 2 else AMPLE_S, 0.0)
    assert budget.allows(0.0) is allowed
    for _ in range(2):
        budget.flipped(AMPLE_S, 0.0)
    assert budget.allows(0.0) is allowed
    budget.flipped(AMPLE_S, 0.0)  # and now it is forgotten
    assert budget.allows(0.0)


def test_nothing_is_allowed_before_enough_flips_were_seen_or_after_a_rest() -> None:
    budget = Budget(0.001, 0.0)
    for _ in range(FLIPS):
        assert not budget.allows(0.0)
        budget.flipped(AMPLE_S, 0.0)
    assert budget.allows(0.0)
    budget.rest()
    assert not budget.allows(0.0)
    assert budget.is_due(0.0)  # for the screen that rests, no flip of which can be late
    budget.paid(0.01, 0.0)
    assert not budget.is_due(0.01 / SHARE - 1e-3)
    assert budget.is_due(0.01 / SHARE + 1e-3)


def test_late_flips_double_the_pause_and_good_ones_halve_it() -> None:
    budget = Budget(0.0, 0.0)

    def pause_after(late: bool, now: float) -> float:
        budget.flipped(AMPLE_S, now, copied=True, late=late)
        for _ in range(FLIPS):
            budget.flipped(AMPLE_S, now)
        waited = 0.0
        while not budget.allows(now + waited):
            waited += LEAST_PAUSE_S / 4
        return waited

    now, pauses = 0.0, list[float]()
    for late in [*[True] * 12, False, False, True]:
        pauses.append(pause_after(late, now))
        now += 2 * MOST_PAUSE_S
    doubled = [min(LEAST_PAUSE_S * 2**i, MOST_PAUSE_S) for i in range(12)]
    assert pauses == [*doubled, 0.0, 0.0, MOST_PAUSE_S / 2]


def test_a_single_hiccup_is_not_the_end() -> None:
    budget = Budget(0.001, 0.0)
    budget.paid(0.2, 0.0)
    for flip in range(120 * 60):
        now = flip * PERIOD_S
        budget.flipped(0.01, now)
        if budget.allows(now):
            assert now > 10
            break
    else:
        pytest.fail("no picture in two minutes")
