"""Gaps, counts and verdicts: what a script loses is what is counted, no more, no less, and by its cause."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcapture.core.chunks import Cause, Frame, Gap, StreamSpec
from labcapture.protocol.rule import QualityRule
from labcapture.recording.quality import GapTracker, StreamCounts, TrialVerdict, judge, route, trial_counts

SPEC = StreamSpec("color", "frames", "uint8", (2, 2, 3), "", 30.0)
PIXELS = np.zeros((2, 2, 3), np.uint8)


def frame(index: int, number: int | None = None, device: float | None = None, **metadata: int) -> Frame:
    """Return frame ``index`` of a flawless stream, except for what is given."""
    true = index / 30
    return Frame(
        "color",
        PIXELS,
        index if number is None else number,
        5 + true if device is None else device,
        1000.01 + true,
        metadata,
    )


def gaps_of(frames: Sequence[Frame]) -> list[Gap]:
    """Return what a fresh tracker says of ``frames``."""
    tracker = GapTracker(SPEC)
    return [gap for gap in map(tracker.update, frames) if gap is not None]


@given(st.lists(st.booleans(), min_size=1, max_size=200), st.integers(0, 10**6), st.booleans())
def test_the_gaps_are_the_script(kept: list[bool], start: int, has_counter: bool) -> None:
    indices = [start + i for i, keep in enumerate(kept) if keep]
    gaps = gaps_of([frame(i, i if has_counter else -1) for i in indices])
    between = set(range(indices[0], indices[-1] + 1)) - set(indices) if indices else set()
    assert sum(gap.count for gap in gaps) == len(between)
    assert all(gap.cause is Cause.DROPPED for gap in gaps)
    if has_counter:
        assert {i for gap in gaps for i in range(gap.first, gap.last + 1)} == between
    else:
        assert all((gap.first, gap.last) == (-1, -1) for gap in gaps)
    for gap in gaps:
        assert gap.count == round((gap.stop - gap.start) * 30) - 1


@given(
    st.lists(st.sampled_from(["fine", "drop", "slow", "overflow", "away"]), max_size=60),
)
def test_causes_are_told_apart(events: list[str]) -> None:
    frames, number, device = [frame(0)], 0, 5.0
    expected = []
    for event in events:
        step = {"fine": 1, "slow": 1, "drop": 3, "overflow": 2, "away": 31}[event]
        number += step
        device += (step + (event == "slow")) / 30
        evidence = {"overflow": {"host_overflow": 1}, "away": {"after_disconnect": 1}}.get(event, {})
        frames.append(Frame("color", PIXELS, number, device, 995.01 + device, evidence))
        cause = {"drop": "dropped", "slow": "slow", "overflow": "host_overflow", "away": "disconnect"}.get(event)
        if cause:
            expected.append((cause, step - 1, number - step + 1, number - 1))
    assert [(g.cause, g.count, g.first, g.last) for g in gaps_of(frames)] == expected


def test_a_restarted_counter_is_no_negative_gap() -> None:
    (gap,) = gaps_of([frame(100), frame(131, number=0, device=0.0)])
    assert (gap.cause, gap.count, gap.first, gap.last) == (Cause.DISCONNECT, 30, -1, -1)
    assert "100 to 0" in gap.note


def test_after_a_restart_counting_goes_on() -> None:
    gaps = gaps_of([frame(100), frame(131, 0, 0.0), frame(132, 1, 1 / 30), frame(134, 3, 3 / 30)])
    assert [(gap.cause, gap.count) for gap in gaps] == [(Cause.DISCONNECT, 30), (Cause.DROPPED, 1)]


def test_a_short_absence_without_loss_is_on_record() -> None:
    (gap,) = gaps_of([frame(3), frame(4, after_disconnect=1)])
    assert (gap.cause, gap.count) == (Cause.DISCONNECT, 0)


def test_a_device_that_was_away_without_counting_has_lost_what_was_due() -> None:
    (gap,) = gaps_of([frame(3), frame(94, number=4, after_disconnect=1)])
    assert (gap.cause, gap.count) == (Cause.DISCONNECT, 90)


def test_frames_that_only_came_late_are_not_lost() -> None:
    """A silence of three seconds of which every frame was delivered at its end."""
    late = Frame("color", PIXELS, 4, 5 + 4 / 30, 1003.2, {"after_disconnect": 1})
    (gap,) = gaps_of([frame(3), late])
    assert (gap.cause, gap.count, gap.stop) == (Cause.DISCONNECT, 0, 1003.2)


def test_a_camera_opened_again_is_judged_by_time_whatever_its_counter_says() -> None:
    (gap,) = gaps_of([frame(3), frame(34, number=7, device=0.2, after_disconnect=2)])
    assert (gap.cause, gap.count, gap.first, gap.last) == (Cause.DISCONNECT, 30, -1, -1)


def test_a_frame_delivered_twice_is_no_gap() -> None:
    assert gaps_of([frame(3), frame(3), frame(4)]) == []


def test_without_a_counter_an_absence_is_measured_by_arrival() -> None:
    (gap,) = gaps_of([frame(0, -1), frame(61, -1, device=0.5, after_disconnect=2)])
    assert (gap.cause, gap.count) == (Cause.DISCONNECT, 60)


@pytest.mark.parametrize(("periods", "slow"), [(1.0, False), (1.49, False), (1.51, True), (2.0, True), (9.0, True)])
def test_slow_begins_beyond_one_and_a_half_periods(periods: float, slow: bool) -> None:
    gaps = gaps_of([frame(0), frame(1, device=5 + periods / 30)])
    assert [gap.cause for gap in gaps] == ([Cause.SLOW] if slow else [])
    assert all((gap.count, gap.first, gap.last) == (0, 1, 0) for gap in gaps)


def test_an_irregular_stream_is_never_slow() -> None:
    tracker = GapTracker(StreamSpec("color", "frames", "uint8", (2, 2, 3), "", 0.0))
    assert tracker.update(frame(0)) is None
    assert tracker.update(frame(1, device=99.0)) is None


def count(frames: Sequence[Frame], gaps: Sequence[Gap]) -> StreamCounts:
    """Return the counts of a trial of ``frames``."""
    return trial_counts("color", 30.0, [f.device_time for f in frames], [f.arrival_time for f in frames], gaps)


@given(st.lists(st.sampled_from("..........xo"), min_size=1, max_size=120).map("".join))
def test_counts_equal_the_script(script: str) -> None:
    frames, overflow = [], False
    for i, event in enumerate(f".{script}."):  # x: dropped, o: lost to an overflow, which taints its run
        if event == ".":
            frames.append(frame(i, host_overflow=int(overflow)))
        overflow = event == "o" or (overflow and event == "x")
    counts = count(frames, gaps_of(frames))
    runs = [len(run) for run in script.replace("o", "x").split(".")]
    assert counts.due == len(script) + 2
    assert counts.recorded == len(frames)
    assert counts.lost == counts.lost_before_us + counts.lost_by_us == sum(runs)
    assert counts.longest_run == max(runs)
    assert counts.slow_steps == 0
    assert counts.mean_rate_hz == pytest.approx(30)
    assert (counts.lost_by_us > 0) == ("o" in script)


def test_losses_of_two_causes_without_a_frame_between_are_one_run() -> None:
    frames = [frame(0), frame(6)]
    a, b = frames[0].arrival_time, frames[1].arrival_time
    dropped = Gap("color", Cause.DROPPED, 1, 3, 3, a, a + 4 / 30)
    ours = Gap("color", Cause.RECORDER_OVERFLOW, 4, 5, 2, a + 3 / 30, b)
    counts = count(frames, [dropped, ours])
    assert (counts.longest_run, counts.lost_before_us, counts.lost_by_us, counts.due) == (5, 3, 2, 7)


def test_head_and_tail_count_as_lost_but_not_for_the_rate() -> None:
    frames = [frame(i) for i in range(10, 100)]
    head = Gap("color", Cause.DROPPED, 0, 9, 10, 1000.0, frames[0].arrival_time)
    tail = Gap("color", Cause.DISCONNECT, 100, -1, 50, frames[-1].arrival_time, math.nan)
    other = Gap("depth", Cause.DROPPED, 0, 9, 10, 1000.0, frames[0].arrival_time)
    counts = count(frames, [head, tail, other])
    assert (counts.due, counts.lost, counts.longest_run) == (150, 60, 50)
    assert counts.mean_rate_hz == pytest.approx(30)


def test_nothing_recorded() -> None:
    counts = count([], [Gap("color", Cause.DISCONNECT, -1, -1, 90, 1000.0, math.nan)])
    assert (counts.due, counts.recorded, counts.longest_run, counts.mean_rate_hz) == (90, 0, 90, 0.0)
    assert count([], []).lost_fraction == 1.0


def counts_with(**changes: float | str) -> StreamCounts:
    """Return the counts of 900 flawless frames, except for ``changes``."""
    flawless = {
        "stream": "depth",
        "due": 900,
        "recorded": 900,
        "lost_before_us": 0,
        "lost_by_us": 0,
        "longest_run": 0,
        "slow_steps": 0,
        "mean_rate_hz": 30.0,
        "nominal_rate_hz": 30.0,
    }
    return StreamCounts(**(flawless | changes))  # type: ignore[arg-type] # a mapping of mixed types


RULE = QualityRule(critical=("depth",))


def test_a_flawless_trial_is_annotatable() -> None:
    assert judge(RULE, [counts_with()]) == TrialVerdict(True, ())


def test_at_the_limit_is_within_it() -> None:
    at = counts_with(recorded=891, lost_before_us=9, longest_run=2, mean_rate_hz=30 * 1.0099)
    assert judge(RULE, [at]).annotatable


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"recorded": 886, "lost_before_us": 14}, "depth lost 14 of 900 frames (1.6 %), limit 1 %"),
        ({"recorded": 897, "lost_before_us": 3, "longest_run": 3}, "depth lost 3 frames in a row, limit 2"),
        (
            {"recorded": 899, "lost_by_us": 1, "longest_run": 1},
            "depth lost 1 frame to a host or recorder overflow, limit 0",
        ),
        ({"mean_rate_hz": 28.5}, "depth ran at 28.50 Hz instead of 30 Hz (5 % off), limit 1 %"),
        ({"recorded": 0, "lost_before_us": 900}, "depth has no frames"),
    ],
)
def test_every_limit_has_its_sentence(changes: dict[str, float | str], reason: str) -> None:
    assert judge(RULE, [counts_with(**changes)]) == TrialVerdict(False, (reason,))


def test_a_missing_critical_stream_is_a_reason_and_another_is_not() -> None:
    verdict = judge(QualityRule(), [counts_with(), counts_with(stream="side", recorded=0)])
    assert verdict.reasons == ("color has no frames",)


GOOD, BAD = TrialVerdict(True), TrialVerdict(False, ("depth lost 3 frames in a row, limit 2",))


@pytest.mark.parametrize(
    ("paradigm", "verdicts", "completed", "part", "verdict"),
    [
        ("neutralization", [GOOD, GOOD], True, "A", "labelled"),
        ("neutralization", [GOOD, BAD], True, "B", "unlabelled"),
        ("neutralization", [GOOD, GOOD], False, "B", "unlabelled"),
        ("neutralization", [], True, "B", "unlabelled"),
        ("mock_crime", [GOOD], True, "C", "labelled"),
        ("mock_crime", [BAD], True, "C-unlabelled", "unlabelled"),
        ("perception", [GOOD], True, "none", "labelled"),
        ("none", [BAD], True, "none", "unlabelled"),
    ],
)
def test_routing(paradigm: str, verdicts: list[TrialVerdict], completed: bool, part: str, verdict: str) -> None:
    routing = route(paradigm, verdicts, completed)
    assert (routing.part, routing.verdict) == (part, verdict)


def test_the_reason_of_a_part_names_the_first_bad_trial() -> None:
    reason = route("neutralization", [GOOD, BAD, BAD], True).reason
    assert reason == "2 of 3 trials are not annotatable, first trial 2: depth lost 3 frames in a row, limit 2"
