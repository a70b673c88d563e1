"""Counters go on rising over their wrap."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labcapture.core.counters import CounterUnwrapper


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(-(2**20), 2**31 - 1), max_size=50))
def test_unwrapping_undoes_the_wrap(start: int, steps: list[int]) -> None:
    counts = start + np.concatenate([[0], np.cumsum(np.array(steps, np.int64))])
    raw = counts % 2**32
    unwrap = CounterUnwrapper()
    assert [unwrap(int(value)) for value in raw] == counts.tolist()
