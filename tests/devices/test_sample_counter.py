"""The count of samples: contiguous, or a gap says so and says how many."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcapture.core.chunks import AudioBlock, Cause, Gap
from labcapture.devices._blocks import Block, BoundedQueue, SampleCounter, adc_fault, facts_of

RATE, FRAMES = 48000, 960
PERIOD = FRAMES / RATE


@dataclass
class Card:
    """A sound card whose losses are known."""

    now: float = 100.0
    taken: int = 0
    lost: int = 0

    def block(self, *, adc: bool, late: float, lost: int = 0, overflow: bool = False, refused: int = 0) -> Block:
        self.lost += lost
        first = self.now + (self.taken + self.lost) / RATE
        samples = np.full((FRAMES, 1), self.taken % 30000, np.int16)
        self.taken += FRAMES
        time = first + 1e-4 * math.sin(self.taken) if adc else math.nan
        return Block(samples, time, first + PERIOD + 0.003 + late, overflow, refused)


def contiguous(out: list[AudioBlock | Gap]) -> None:
    """Assert that every number is accounted for, exactly once, in order."""
    due = 0
    for chunk in out:
        if isinstance(chunk, AudioBlock):
            assert chunk.first_sample == due
            due += len(chunk.samples)
        else:
            assert chunk.first == due
            assert chunk.last - chunk.first + 1 == chunk.count or not math.isfinite(chunk.stop)
            due += chunk.count


@given(
    adc=st.booleans(),
    losses=st.lists(st.tuples(st.integers(60, 200), st.integers(100, 40000)), max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
def test_reported_overflows_are_counted(adc: bool, losses: list[tuple[int, int]], seed: int) -> None:
    late = np.random.default_rng(seed)
    card, counter = Card(), SampleCounter("voice", RATE, 100.0)
    out: list[AudioBlock | Gap] = []
    for good, lost in losses:
        for _ in range(good):
            out += counter.add(card.block(adc=adc, late=late.exponential(0.001)))
        out += counter.add(card.block(adc=adc, late=0.0, lost=lost, overflow=True))
    for _ in range(60):
        out += counter.add(card.block(adc=adc, late=late.exponential(0.001)))
    out += counter.finish(out[-1].arrival_time if isinstance(out[-1], AudioBlock) else 0.0)
    contiguous(out)
    gaps = [chunk for chunk in out if isinstance(chunk, Gap)]
    assert [gap.cause for gap in gaps] == [Cause.HOST_OVERFLOW] * len(losses)
    sure = 0.005 * RATE if adc else 2 * FRAMES
    for gap, (_, lost) in zip(gaps, losses, strict=True):
        assert gap.count == pytest.approx(lost, abs=sure)
        assert gap.stop > gap.start
    assert sum(len(c.samples) for c in out if isinstance(c, AudioBlock)) == card.taken


def test_a_backlog_after_silence_is_no_loss() -> None:
    card, counter = Card(), SampleCounter("voice", RATE, 100.0)
    out: list[AudioBlock | Gap] = []
    for _ in range(100):
        out += counter.add(card.block(adc=False, late=0.001))
    silent_until = card.now + card.taken / RATE + 3.0
    told = [chunk for second in (1.0, 2.5, 2.9) for chunk in counter.tick(silent_until - 3.0 + second)]
    assert [(gap.count, math.isnan(gap.stop)) for gap in told if isinstance(gap, Gap)] == [(0, True)]
    for _ in range(250):
        block = card.block(adc=False, late=0.001)
        out += counter.add(Block(block.samples, math.nan, max(silent_until, block.arrival_time)))
    out += counter.finish(silent_until + 2.0)
    contiguous(out)
    gaps = [chunk for chunk in out if isinstance(chunk, Gap)]
    assert [(gap.cause, gap.count) for gap in gaps] == [(Cause.DISCONNECT, 0)]


@pytest.mark.parametrize("handed_over_s", [0.1, 1.2, 4.0])
def test_a_backlog_that_takes_long_to_hand_over_is_counted_when_it_is_through(handed_over_s: float) -> None:
    """The sound server kept 20 of 30 s, and a busy machine fetches them slowly."""
    card, counter = Card(), SampleCounter("voice", RATE, 100.0)
    out: list[AudioBlock | Gap] = []
    for _ in range(100):
        out += counter.add(card.block(adc=False, late=0.001))
    silent_until = card.now + card.taken / RATE + 30.0
    for i in range(1400):
        block = card.block(adc=False, late=0.001, lost=10 * RATE if i == 0 else 0)
        handed_over = silent_until + handed_over_s * min(i, 1000) / 1000
        out += counter.add(Block(block.samples, math.nan, max(handed_over, block.arrival_time)))
    out += counter.finish(card.now + (card.taken + card.lost) / RATE)
    contiguous(out)
    (gap,) = (chunk for chunk in out if isinstance(chunk, Gap))
    assert gap.count == pytest.approx(10 * RATE, abs=2 * FRAMES)
    assert sum(len(c.samples) for c in out if isinstance(c, AudioBlock)) == card.taken


def test_silence_that_lost_samples_is_counted() -> None:
    card, counter = Card(), SampleCounter("voice", RATE, 100.0)
    out: list[AudioBlock | Gap] = []
    for _ in range(100):
        out += counter.add(card.block(adc=False, late=0.001))
    for i in range(100):
        out += counter.add(card.block(adc=False, late=0.001, lost=5 * RATE if i == 0 else 0))
    out += counter.finish(card.now + (card.taken + card.lost) / RATE)
    contiguous(out)
    (gap,) = (chunk for chunk in out if isinstance(chunk, Gap))
    assert gap.cause is Cause.DISCONNECT
    assert gap.count == pytest.approx(5 * RATE, abs=2 * FRAMES)


def test_what_we_refused_ourselves_is_counted_to_the_sample() -> None:
    card, counter = Card(), SampleCounter("voice", RATE, 100.0)
    out = [*counter.add(card.block(adc=False, late=0.0)), *counter.add(card.block(adc=False, late=0.0, refused=1234))]
    contiguous(out)
    (gap,) = (chunk for chunk in out if isinstance(chunk, Gap))
    assert (gap.cause, gap.count) == (Cause.HOST_OVERFLOW, 1234)


def test_what_was_lost_before_the_first_block_is_not_part_of_the_count() -> None:
    card, counter = Card(), SampleCounter("voice", RATE, 90.0)
    out = counter.add(card.block(adc=False, late=0.0, overflow=True))
    assert [type(chunk) for chunk in out] == [AudioBlock]


def test_an_end_in_silence_is_a_gap_without_end() -> None:
    card, counter = Card(), SampleCounter("voice", RATE, 100.0)
    last = card.block(adc=False, late=0.0)
    counter.add(last)
    (gap,) = counter.finish(last.arrival_time + 4.0)
    assert isinstance(gap, Gap)
    assert (gap.first, gap.count, math.isnan(gap.stop)) == (FRAMES, 4 * RATE, True)


def test_an_input_that_never_spoke_is_a_gap() -> None:
    (gap,) = SampleCounter("voice", RATE, 100.0).finish(110.0)
    assert isinstance(gap, Gap)
    assert (gap.first, gap.start) == (0, 100.0)


@pytest.mark.parametrize(
    ("adc", "previous", "arrival", "why"),
    [
        (10.0, math.nan, 10.025, ""),
        (10.0, 10.0, 10.025, "unmoving"),
        (10.01, 9.99, 10.02, "ahead of the callback"),
        (math.nan, 9.99, 10.02, "no time of this clock"),
        (-1e6, math.nan, 10.02, "no time of this clock"),
    ],
)
def test_a_capture_time_that_cannot_be_true_is_found_out(adc: float, previous: float, arrival: float, why: str) -> None:
    assert adc_fault(adc, previous, arrival, PERIOD) == why


def test_the_file_is_told_whether_capture_times_were_used() -> None:
    assert facts_of(["", "", "", "", "unmoving"]) == {"adc_time": "used"}
    assert facts_of(["", "zero", "zero"]) == {"adc_time": "not used: zero in 2 of 3 blocks"}


def test_a_full_queue_counts_what_it_refuses() -> None:
    queue: BoundedQueue[str] = BoundedQueue(2)
    for item in "abcd":
        queue.put(item, 10)
    assert [queue.get(0), queue.get(0), queue.get(0)] == [("a", 0), ("b", 0), None]
    queue.put("e", 10)
    assert queue.get(0.1) == ("e", 20)
