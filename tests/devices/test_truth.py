"""The truth of a simulated camera comes back as it was told."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from labcapture.devices.simulated.d415 import Stream
from labcapture.devices.simulated.faults import Loss
from labcapture.devices.simulated.truth import Truth, Truths

WHOLE = st.integers(-(2**63), 2**63 - 1)
TIME = st.floats(allow_nan=False)
LOST = st.none() | st.sampled_from(get_args(Loss))


@given(st.lists(st.builds(Truth, st.sampled_from(get_args(Stream)), WHOLE, WHOLE, WHOLE, TIME, st.none() | TIME, LOST)))
def test_the_truth_comes_back_as_it_was_told(told: list[Truth]) -> None:
    truths = Truths()
    for truth in told:
        truths.add(truth)
    assert truths.all() == told
