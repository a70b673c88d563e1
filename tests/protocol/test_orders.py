"""Orders and allocations: laws that hold for any number of things, and balance over the lab's sessions."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcapture.protocol.allocation import allocate
from labcapture.protocol.order import Order, arrange, dice, latin_square, put_between, spread, williams, williams_rows
from labcapture.protocol.steps import Assign

COUNTS = st.integers(1, 14)
ROWS = st.integers(0, 100)
KEYS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=9)


@given(
    how=st.sampled_from(["fixed", "shuffled", "latin_square", "williams"]),
    count=COUNTS,
    row=ROWS,
    seed=st.integers(),
    data=st.data(),
)
def test_every_order_has_everything_once(how: Order, count: int, row: int, seed: int, data: st.DataObject) -> None:
    first = data.draw(st.none() | st.integers(0, count - 1))
    order = arrange(how, range(count), dice(seed), row, first)
    assert sorted(order) == list(range(count))
    assert first is None or order[0] == first
    assert order == arrange(how, range(count), dice(seed), row, first)


@given(COUNTS)
def test_latin_square_puts_everything_once_in_every_place(count: int) -> None:
    rows = [latin_square(count, row) for row in range(count)]
    for place in range(count):
        assert sorted(row[place] for row in rows) == list(range(count))


@given(COUNTS)
def test_williams_square_is_balanced_for_places_and_for_neighbours(count: int) -> None:
    rows = [williams(count, row) for row in range(williams_rows(count))]
    times = len(rows) // count
    for place in range(count):
        assert Counter(row[place] for row in rows) == dict.fromkeys(range(count), times)
    pairs = Counter(pair for row in rows for pair in pairwise(row))
    assert pairs == {(a, b): times for a in range(count) for b in range(count) if a != b}


def can_be_kept_apart(keys: list[str], after: str | None) -> bool:
    """Try every order: the slow truth."""
    if not keys:
        return True
    return any(
        can_be_kept_apart([*keys[:n], *keys[n + 1 :]], key)
        for n, key in enumerate(keys)
        if key != after and key not in keys[:n]
    )


@given(keys=KEYS, seed=st.integers(), after=st.none() | st.sampled_from("abcd"))
def test_spread_keeps_equals_apart_whenever_that_can_be(keys: list[str], seed: int, after: str | None) -> None:
    if not can_be_kept_apart(keys, after):
        with pytest.raises(ValueError, match="keeps equal ones apart"):
            spread(keys, dice(seed), after)
        return
    order = spread(keys, dice(seed), after)
    assert sorted(order) == list(range(len(keys)))
    assert all(a != b for a, b in pairwise([after, *(keys[n] for n in order)]))


@given(keys=KEYS, seed=st.integers(), data=st.data())
def test_spread_begins_with_the_buffer(keys: list[str], seed: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(keys) - 1))
    try:
        order = spread(keys, dice(seed), first=first)
    except ValueError:
        return
    assert order[0] == first


def test_spread_and_shuffle_prefer_no_order() -> None:
    orders = Counter(tuple(spread("aab", dice(seed))) for seed in range(2000))
    assert set(orders) == {(0, 2, 1), (1, 2, 0)}
    assert all(900 < times < 1100 for times in orders.values())
    shuffles = Counter(tuple(arrange("shuffled", range(3), dice(seed), 0)) for seed in range(6000))
    assert len(shuffles) == 6
    assert all(850 < times < 1150 for times in shuffles.values())


@given(count=COUNTS, guests=st.integers(0, 4), seed=st.integers(), least=st.integers(0, 1))
def test_guests_leave_the_order_of_the_others(count: int, guests: int, seed: int, least: int) -> None:
    joined = put_between(list(range(count)), [-1 - n for n in range(guests)], dice(seed), least)
    assert [entry for entry in joined if entry >= 0] == list(range(count))
    assert len(joined) == count + guests
    assert not least or joined[0] >= 0


def test_an_order_of_today_is_that_of_last_year() -> None:
    """A session's order must be found again from its seed by any later version."""
    assert arrange("shuffled", range(8), dice(7, "P001", "clips", 1), 0) == [5, 0, 1, 6, 3, 2, 7, 4]


OUTCOME = Assign(id="o", kind="assign", variable="outcome", values=("taken", "left"), how="random")
ACCUSED = Assign(id="a", kind="assign", variable="accused", values=("guilty", "innocent"), within=("outcome",))


@given(seed=st.integers(0, 10_000), sessions=st.integers(1, 60))
def test_accusations_are_balanced_within_each_outcome(seed: int, sessions: int) -> None:
    history: list[dict[str, str]] = []
    for session in range(sessions):
        variables = {"outcome": allocate(OUTCOME, history=history, variables={}, seed=seed + session)}
        variables["accused"] = allocate(ACCUSED, history=history, variables=variables, seed=seed + session)
        history.append(variables)
    for outcome in OUTCOME.values:
        counts = Counter(row["accused"] for row in history if row["outcome"] == outcome)
        assert abs(counts["guilty"] - counts["innocent"]) <= 1


@given(seed=st.integers(0, 10_000), values=st.integers(2, 6), sessions=st.integers(1, 60))
def test_counts_of_groups_differ_by_one_at_most(seed: int, values: int, sessions: int) -> None:
    step = Assign(id="g", kind="assign", variable="group", values=tuple(f"g{n}" for n in range(values)))
    history: list[dict[str, str]] = [{"group": "of an older version of the file"}, {}]
    for session in range(sessions):
        history.append({"group": allocate(step, history=history, variables={}, seed=seed + session)})
    counts = Counter(row["group"] for row in history[2:])
    assert max(counts.values()) - min(counts[value] for value in step.values) <= 1


def test_ties_are_left_to_the_seed() -> None:
    drawn = Counter(allocate(ACCUSED, history=[], variables={"outcome": "taken"}, seed=seed) for seed in range(1000))
    assert 400 < drawn["guilty"] < 600


def test_what_a_person_enters_is_not_drawn() -> None:
    step = OUTCOME.model_copy(update={"how": "entered"})
    with pytest.raises(ValueError, match="entered by the experimenter"):
        allocate(step, history=[], variables={}, seed=1)
