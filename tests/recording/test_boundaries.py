"""Whatever is dropped, stalled or refused, the pictures of a trial and its gap rows add up to the frames due."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labcapture.core.chunks import Cause, Frame, Gap, StreamSpec
from labcapture.recording.boundaries import Seen, Take, trial_gaps
from labcapture.recording.quality import GapTracker

RATE_HZ = 30.0
SPEC = StreamSpec("color", "frames", "uint8", (1, 1, 3), "", RATE_HZ)
PIXELS = np.zeros((1, 1, 3), np.uint8)


def arrival(index: int) -> float:
    return 100.0 + index / RATE_HZ


def take_of(
    came: list[int], start: int, stop: int, refused: frozenset[int] = frozenset(), counter: bool = True
) -> Take:
    """Return what is seen of frames ``came`` around a trial that is due to hold the frames start .. stop - 1."""
    begin, end = arrival(start) - 0.5 / RATE_HZ, arrival(stop) - 0.5 / RATE_HZ
    seen = [Seen(i if counter else -1, arrival(i)) for i in came]
    before = [s for s in seen if s.arrival < begin]
    inside = [s for s in seen if begin <= s.arrival < end]
    after = [s for s in seen if s.arrival >= end]
    upto = before + inside
    stored = [s for s in inside if s.number not in refused]
    last = upto[-1] if upto else None
    return Take("color", RATE_HZ, begin, end, stored, before[-1] if before else None, after[0] if after else None, last)


def tracked(came: list[int], counter: bool = True) -> list[Gap]:
    """Return the gaps that the engine reports of frames ``came``."""
    tracker = GapTracker(SPEC)
    frames = (Frame("color", PIXELS, i if counter else -1, arrival(i) - 50, arrival(i)) for i in came)
    return [gap for frame in frames if (gap := tracker.update(frame)) is not None]


SCRIPTS = st.tuples(
    st.sets(st.integers(0, 59), max_size=30),  # dropped
    st.integers(0, 60),  # first frame that ever comes
    st.integers(0, 60),  # the stream is silent from here on
    st.integers(5, 25),  # trial: first
    st.integers(26, 55),  # and one past its last frame
)


@settings(max_examples=400, deadline=None)
@given(script=SCRIPTS, is_reported=st.booleans(), counter=st.booleans())
def test_recorded_and_missing_frames_are_those_due(
    script: tuple[set[int], int, int, int, int], is_reported: bool, counter: bool
) -> None:
    dropped, first, silent, start, stop = script
    came = [i for i in range(first, silent) if i not in dropped]
    take = take_of(came, start, stop, counter=counter)
    rows = trial_gaps(take, tracked(came, counter) if is_reported or not counter else [])
    missing = sorted(set(range(start, stop)) - set(came))
    assert len(take.stored) + sum(row.count for row in rows) == stop - start
    if counter and came and came[0] < stop:  # else no frame says which numbers are missing
        named = [n for row in rows for n in range(row.first, row.last + 1)]
        assert sorted(named) == missing
    assert [row.start for row in rows] == sorted(row.start for row in rows)


@settings(max_examples=200, deadline=None)
@given(dropped=st.sets(st.integers(10, 29), max_size=8), refused=st.integers(10, 28), run=st.integers(1, 6))
def test_a_refused_run_is_counted_once_beside_drops(dropped: set[int], refused: int, run: int) -> None:
    came = [i for i in range(40) if i not in dropped]
    lost = [i for i in came if refused <= i < min(refused + run, 30)]
    take = take_of(came, 10, 30, frozenset(lost))
    gaps = tracked(came)
    if lost:
        gaps.append(
            Gap(
                "color",
                Cause.RECORDER_OVERFLOW,
                lost[0],
                lost[-1],
                len(lost),
                max(take.start, arrival(lost[0] - 1)),
                min(take.stop, arrival(lost[-1] + 1)),
            )
        )
    rows = trial_gaps(take, gaps)
    by_cause = {cause: sum(row.count for row in rows if row.cause is cause) for cause in Cause}
    assert by_cause[Cause.RECORDER_OVERFLOW] == len(lost)
    assert by_cause[Cause.DROPPED] == len(dropped)
    assert len(take.stored) + len(lost) + len(dropped) == 20


def test_a_whole_trial_has_no_rows() -> None:
    assert trial_gaps(take_of(list(range(60)), 10, 50), []) == []


def test_a_drop_over_the_start_is_cut_to_the_trial() -> None:
    came = [i for i in range(60) if not 5 <= i < 15]
    (row,) = trial_gaps(take_of(came, 10, 50), tracked(came))
    assert (row.cause, row.first, row.last, row.count) == (Cause.DROPPED, 10, 14, 5)
    assert "10 in all" in row.note


def test_a_drop_between_trials_belongs_to_none() -> None:
    came = [i for i in range(60) if not 5 <= i < 9]
    assert trial_gaps(take_of(came, 10, 50), tracked(came)) == []


def test_silence_that_never_ended_keeps_what_the_device_said() -> None:
    came = list(range(30))
    said = Gap("color", Cause.DISCONNECT, -1, -1, 0, arrival(29), math.nan, "unplugged")
    (row,) = trial_gaps(take_of(came, 10, 50), [said])
    assert (row.cause, row.first, row.last, row.count) == (Cause.DISCONNECT, 30, 49, 20)
    assert "unplugged" in row.note
    assert math.isnan(row.stop)


def test_an_open_row_goes_when_the_silence_was_counted() -> None:
    came = [i for i in range(60) if not 20 <= i < 30]
    said = Gap("color", Cause.DISCONNECT, -1, -1, 0, arrival(19), math.nan, "silent")
    (row,) = trial_gaps(take_of(came, 10, 50), [said, *tracked(came)])
    assert (row.first, row.last, row.count) == (20, 29, 10)


def test_a_slow_step_is_told_and_counts_nothing() -> None:
    slow = Gap("color", Cause.SLOW, 21, 20, 0, arrival(20), arrival(21), "step of 1.80 periods")
    assert trial_gaps(take_of(list(range(60)), 10, 50), [slow]) == [slow]


def test_other_streams_are_left_out() -> None:
    other = Gap("depth", Cause.DROPPED, 20, 20, 1, arrival(19), arrival(21))
    assert trial_gaps(take_of(list(range(60)), 10, 50), [other]) == []


def test_a_counter_that_starts_again_is_no_gap_of_its_own() -> None:
    take = take_of(list(range(60)), 10, 50)
    again = [Seen(s.number if s.number < 30 else s.number - 30, s.arrival) for s in take.stored]
    after = Seen(20, arrival(50))
    assert trial_gaps(Take("color", RATE_HZ, take.start, take.stop, again, take.before, after, again[-1]), []) == []


@pytest.mark.parametrize("rate_hz", [0.0, 30.0])
def test_a_stream_that_never_came(rate_hz: float) -> None:
    (row,) = trial_gaps(Take("color", rate_hz, 10.0, 12.0, [], None, None, None), [])
    assert (row.cause, row.count) == (Cause.DISCONNECT, 2 * rate_hz)
