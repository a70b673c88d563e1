"""Orders of things: pure functions of a source of chance and of how many sessions there were before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from random import Random
from typing import Literal, TypeVar

Order = Literal["fixed", "shuffled", "latin_square", "williams", "spread"]
T = TypeVar("T")


def dice(*seeds: object) -> Random:
    """Return a source of chance that is the same for the same ``seeds``, on every machine."""
    return Random(" ".join(map(str, seeds)))  # noqa: S311 - no secret


def draw(count: int, chance: Random) -> int:
    """Draw one of ``count`` numbers from 0. `Random.random` alone is promised never to change between versions."""
    return int(chance.random() * count)


def shuffled(count: int, chance: Random) -> list[int]:
    """Return the numbers below ``count`` in one of all orders, each equally likely (Fisher and Yates)."""
    order = list(range(count))
    for last in range(count - 1, 0, -1):
        other = draw(last + 1, chance)
        order[last], order[other] = order[other], order[last]
    return order


def latin_square(count: int, row: int) -> list[int]:
    """Return row ``row`` of the cyclic Latin square: over ``count`` rows everything stands once in every place."""
    return [(row + place) % count for place in range(count)]


def williams(count: int, row: int) -> list[int]:
    """Return row ``row`` of Williams' square, or of the pair of squares if ``count`` is odd.

    Over all rows (``count``, or twice that if odd) everything stands equally often in every place, and follows every
    other thing equally often (Williams 1949, Australian Journal of Scientific Research A 2, 149).
    """
    rows = williams_rows(count)
    row %= rows
    first = [place // 2 + 1 if place % 2 else (count - place // 2) % count for place in range(count)]
    order = [(value + row) % count for value in first]
    return order[::-1] if row >= count else order


def williams_rows(count: int) -> int:
    """Return after how many rows Williams' square is balanced."""
    return count if count % 2 == 0 or count == 1 else 2 * count


def spread(keys: Sequence[Hashable], chance: Random, after: Hashable = None, first: int | None = None) -> list[int]:
    """Return a random order in which equal ``keys`` never follow each other.

    Parameters
    ----------
    keys
        Of each thing; what is to be kept apart.
    chance
        Decides between the orders that are left.
    after
        Key of what came before, None if nothing did.
    first
        Number of the thing that must come first.

    Raises
    ------
    ValueError
        There is no such order.
    """
    things: dict[Hashable, list[int]] = {}
    for number, key in enumerate(keys):
        things.setdefault(key, []).append(number)
    order: list[int] = []
    last = after
    while len(order) < len(keys):
        fit = [key for key in _fitting(things, len(keys) - len(order)) if key != last]
        if first is not None and not order:
            fit = [key for key in fit if key == keys[first]]
        if not fit:
            most, times = Counter(keys).most_common(1)[0]
            raise ValueError(
                f"no order of these {len(keys)} keeps equal ones apart: {times} are '{most}'; choose another order"
            )
        chosen = things[_drawn(fit, things, chance)]
        at = chosen.index(first) if first is not None and not order else draw(len(chosen), chance)
        order.append(chosen.pop(at))
        last = keys[order[-1]]
    return order


def _fitting(things: dict[Hashable, list[int]], left: int) -> list[Hashable]:
    """Return the keys after which the rest of ``left`` things can still be kept apart."""
    counts = {key: len(numbers) for key, numbers in things.items() if numbers}
    pressing = [key for key, count in counts.items() if count > left // 2]  # it has to come at every other place
    if len(pressing) > 1:
        return []
    return [key for key in pressing or counts if counts[key] - 1 <= (left - 1) // 2]


def _drawn(fit: Sequence[Hashable], things: dict[Hashable, list[int]], chance: Random) -> Hashable:
    """Draw a key, each by how many things of it are left."""
    number = draw(sum(len(things[key]) for key in fit), chance)
    for key in fit:
        number -= len(things[key])
        if number < 0:
            return key
    return fit[-1]


def arrange(
    how: Order,
    keys: Sequence[Hashable],
    chance: Random,
    row: int,
    first: int | None = None,
    after: Hashable = None,
) -> list[int]:
    """Return the numbers of ``keys`` in the order ``how``; ``row`` of a square, ``first`` what comes first.

    Raises
    ------
    ValueError
        There is no such order.
    """
    count = len(keys)
    match how:
        case "fixed":
            order = list(range(count))
        case "shuffled":
            order = shuffled(count, chance)
        case "latin_square":
            order = _square(latin_square, count, row, first)
        case "williams":
            order = _square(williams, count, row, first)
        case "spread":
            return spread(keys, chance, after, first)
    if first is not None:
        order.remove(first)
        order.insert(0, first)
    return order


def _square(rows: object, count: int, row: int, first: int | None) -> list[int]:
    """Return a row of a square over all things but ``first``, which is added at the end."""
    assert callable(rows)  # noqa: S101 - one of the two above
    others = [n for n in range(count) if n != first]
    order = [others[n] for n in rows(len(others), row)] if others else []
    return order if first is None else [*order, first]


def put_between(order: Sequence[T], guests: Sequence[T], chance: Random, least: int = 0) -> list[T]:
    """Return ``order`` with each of ``guests`` at a random place, none before place ``least``."""
    out = list(order)
    for guest in guests:
        low = min(least, len(out))
        out.insert(low + draw(len(out) - low + 1, chance), guest)
    return out
