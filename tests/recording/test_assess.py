"""Standstills, windows and signals: what was missing when it mattered is never annotatable."""

from __future__ import annotations

import math
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labcapture.core.chunks import Cause, Frame, Gap, StreamSpec
from labcapture.protocol.rule import QualityRule, Window
from labcapture.recording.assess import Account, Pictures, Signal, assess, onset_of
from labcapture.recording.counting import signal_counts
from labcapture.recording.quality import GapTracker, TrialVerdict
from labcapture.recording.recorder import Recorder, create_folder
from tests.recording.recording_world import COLOR, DEPTH, Camera, header

RATE = 30.0
START = 100.0
PIXELS = np.zeros((1, 1), np.uint16)
SPEC = StreamSpec("depth", "frames", "uint16", (1, 1), "", RATE)
RULE = QualityRule(critical=("depth",))


def account(
    seconds: float,
    lost: frozenset[int] | set[int] = frozenset(),
    stands: tuple[float, float] | None = None,
    delay_s: float = 0.004,
    signal: Signal | None = None,
) -> Account:
    """Return a trial of one depth stream: ``lost`` frames, and a sensor that ``stands`` still (at s, for s)."""
    tracker = GapTracker(SPEC)
    taken, gaps = [], []
    for i in range(round(seconds * RATE)):
        when = START + i / RATE
        if stands and when - START >= stands[0]:
            when += stands[1]
        if i in lost or when - START >= seconds:
            continue
        taken.append(when)
        gap = tracker.update(Frame("depth", PIXELS, i, when - 50, when + delay_s))
        gaps += [gap] if gap else []
    pictures = Pictures(RATE, taken, np.array(taken) + delay_s, gaps)
    signals = {} if signal is None else {"eda": signal}
    return Account(START - 0.01, START + seconds, START + 1, "film", {"depth": pictures}, signals)


def verdict(rule: QualityRule, seen: Account) -> TrialVerdict:
    return assess(rule, seen)[1]


def test_a_second_of_standstill_is_never_annotatable_however_long_the_clip() -> None:
    seen = account(144, stands=(70, 1.0))
    (depth,), judged = assess(RULE, seen)
    assert (depth.lost, depth.slow_steps) == (0, 1)
    assert depth.longest_step_s == pytest.approx(1 + 1 / RATE)
    assert judged.reasons == ("depth has no frame for 1.033 s (31.0 periods), limit 0.117 s (3.5 periods)",)


@pytest.mark.parametrize(("periods", "good"), [(1.0, True), (2.0, True), (2.4, True), (2.6, False), (9, False)])
def test_a_hole_of_two_frames_passes_whoever_made_it(periods: float, good: bool) -> None:
    assert verdict(RULE, account(60, stands=(30, periods / RATE))).annotatable is good


@settings(deadline=None, max_examples=60)
@given(lost=st.sets(st.integers(20, 1700), max_size=12), at=st.integers(20, 1700), run=st.integers(0, 6))
def test_a_hole_in_frames_and_a_hole_in_time_are_judged_alike(lost: set[int], at: int, run: int) -> None:
    """With no loss limit but the run's, a hole is judged by its length, counted or not."""
    rule = RULE.model_copy(update={"max_lost_fraction": 1.0, "max_rate_error": 1.0})
    lost = {i for i in lost if not at - 5 <= i <= at + 12}
    longest = max((len(part) for part in "".join("x" if i in lost else " " for i in range(1800)).split()), default=0)
    counted = verdict(rule, account(60, lost | set(range(at, at + run))))
    stood = verdict(rule, account(60, lost, stands=(at / RATE - 1e-6, run / RATE)))
    assert counted.annotatable is (max(run, longest) <= 2)
    if longest <= 2:
        assert stood.annotatable is counted.annotatable


@pytest.mark.parametrize("edge", ["start", "stop"])
def test_a_standstill_over_the_edge_of_a_trial_counts_as_far_as_it_lies_inside(edge: str) -> None:
    times = START + np.arange(900) / RATE
    times[450:] += 1.0
    cut = (times[449] + 0.5) if edge == "stop" else (times[450] - 0.5)
    inside = times[times < cut] if edge == "stop" else times[times >= cut]
    gap = Gap("depth", Cause.SLOW, 450, 449, 0, times[449], times[450], "step of 31 periods")
    span = (START - 0.01, cut) if edge == "stop" else (cut, float(times[-1]) + 0.01)
    seen = Account(span[0], span[1], math.nan, "", {"depth": Pictures(RATE, inside, inside, [gap])}, {})
    assert "no frame for 0.5" in verdict(RULE, seen).reasons[0]


def test_late_delivery_is_no_hole() -> None:
    seen = account(60).pictures["depth"]
    late = np.array(seen.arrival_time)
    late[600:690] = late[690]  # three seconds of frames, all there, delivered at once
    assert verdict(
        RULE, Account(START - 0.01, START + 60, math.nan, "", {"depth": Pictures(RATE, seen.time, late, [])}, {})
    ).annotatable


def test_frames_without_a_device_time_are_judged_by_arrival() -> None:
    seen = account(60, stands=(30, 1.0)).pictures["depth"]
    for unknown in (slice(None), slice(100, 110)):
        times = np.array(seen.time)
        times[unknown] = np.nan
        held = Account(
            START - 0.01, START + 60, math.nan, "", {"depth": Pictures(RATE, times, seen.arrival_time, [])}, {}
        )
        assert "no frame for 1.03" in " ".join(verdict(RULE, held).reasons)


WINDOW = Window(from_s=30, to_s=40, max_lost_run=0)


@pytest.mark.parametrize(
    ("lost", "good"),
    [({100}, True), ({31 * 30 + 5}, False), ({30 * 31 - 2}, True), ({41 * 30 + 2}, True), ({41 * 30 - 2}, False)],
)
def test_a_window_is_stricter_than_the_clip(lost: set[int], good: bool) -> None:
    rule = RULE.model_copy(update={"windows": (WINDOW,)})  # 30 to 40 s after the onset, which is at 1 s
    counts, judged = assess(rule, account(60, lost))
    assert judged.annotatable is good
    if not good:
        assert judged.reasons == ("depth in window 30-40 s lost 1 frame in a row, limit 0",)
    whole, window = counts
    assert (whole.window, window.window, window.due) == ("", "30-40 s", 300)
    assert window.lost == (0 if good else 1)


def test_a_slow_step_in_a_window_that_may_lose_nothing() -> None:
    rule = RULE.model_copy(update={"windows": (WINDOW,)})
    assert verdict(rule, account(60, stands=(10, 1 / RATE))).annotatable
    (reason,) = verdict(rule, account(60, stands=(35, 1 / RATE))).reasons
    assert reason.startswith(
        "depth in window 30-40 s has no frame for 0.067 s (2.0 periods), limit 0.050 s (1.5 periods)"
    )


def test_a_window_that_cannot_be_placed_is_a_reason() -> None:
    rule = RULE.model_copy(update={"windows": (WINDOW,)})
    assert "which ends 19.0 s after the onset" in verdict(rule, account(20)).reasons[0]
    other = RULE.model_copy(update={"windows": (Window(from_s=30, to_s=40, clip="another"),)})
    assert verdict(other, account(20)).annotatable


def test_the_limits_of_a_window_are_those_of_the_clip_where_it_names_none() -> None:
    rule = QualityRule(max_lost_run=4, max_lost_fraction=0.02, max_step_periods=9)
    plain, strict = Window(from_s=0, to_s=1), Window(from_s=0, to_s=1, max_lost_run=0)
    assert rule.within(plain).step_periods == 9
    assert rule.within(plain).max_lost_run == 4
    assert rule.within(strict).step_periods == 1.5
    assert QualityRule(max_lost_run=4).step_periods == 5.5


def gap(count: int, start: float, stop: float, cause: Cause = Cause.DISCONNECT) -> Gap:
    return Gap("eda", cause, -1, -1, count, start, stop)


@pytest.mark.parametrize(
    ("gaps", "heard", "missing"),
    [
        ([], 200.0, 0),
        ([gap(100, 110, 111)], 200.0, 100),
        ([gap(100, 99.5, 100.5)], 200.0, 50),  # half of it before the trial
        ([gap(0, 110, math.nan), gap(300, 110, 113)], 200.0, 300),  # announced, then counted
        ([gap(0, 120, math.nan)], 120.0, 1000),  # and never came back
        ([], 125.0, 500),  # nobody said so, but nothing came
        ([gap(100, 90, 91), gap(100, 140, 141)], 200.0, 0),
    ],
)
def test_what_a_signal_misses_in_a_trial(gaps: list[Gap], heard: float, missing: int) -> None:
    counts = signal_counts("eda", 100.0, gaps, heard, 100.0, 130.0)
    assert (counts.due, counts.lost_before_us, counts.recorded) == (3000, missing, 3000 - missing)


def test_a_critical_signal_is_judged_by_its_share() -> None:
    rule = QualityRule(critical=("depth", "eda"))
    for count, good in ((50, True), (100, False)):
        signal = Signal(100.0, [gap(count, START + 10, START + 10 + count / 100)], START + 60)
        judged = verdict(rule, account(60, signal=signal))
        assert judged.annotatable is good
    assert judged.reasons == ("eda lost 100 of 6001 samples (1.7 %), limit 1 %",)
    assert verdict(rule, account(60)).reasons == ("eda has no frames",)
    irregular = Signal(0.0, [gap(0, START + 10, START + 11)], START + 60)
    assert "eda was interrupted" in verdict(rule, account(60, signal=irregular)).reasons[0]
    assert verdict(rule, account(60, signal=Signal(0.0, [], START + 60))).annotatable


def test_the_onset_is_the_film_of_this_trial() -> None:
    markers = [
        (5.0, "movie_onset", "a"),
        (9.0, "step_onset", "b"),
        (11.0, "movie_onset", "b"),
        (30.0, "movie_onset", "b"),
    ]
    assert onset_of(markers, "b", 10, 20) == 11.0
    assert math.isnan(onset_of(markers, "a", 10, 20))
    assert onset_of(markers, "", 0, 20) == 5.0


def test_the_recorder_stores_windows_and_their_verdict(tmp_path: Path) -> None:
    rule = QualityRule(max_lost_fraction=0.05, windows=(Window(from_s=0.5, to_s=1.5, name="peak", max_lost_run=0),))
    who = header(rule=rule)
    recorder = Recorder(create_folder(tmp_path, who), who, (COLOR, DEPTH))
    cameras = [Camera(recorder, COLOR)]
    cameras.append(Camera(recorder, DEPTH, cameras[0].start))
    for camera in cameras:
        camera.offer(0, 10)
    start = cameras[0].time(10) - 0.5 / RATE
    recorder.open_trial("01_a", start=start, step="film", clip="x", take=1)
    recorder.marker(start + 0.1, "movie_onset", "stage", step="film")
    for camera, skip in zip(cameras, (set(), {40}), strict=True):
        camera.offer(10, 100, skip)
    recorder.close_trial(cameras[0].time(100) - 0.5 / RATE)
    for camera in cameras:
        camera.offer(100, 103)
    assert recorder.wait_trials(60)
    summary = recorder.close(completed=True)
    (trial,) = summary["trials"]
    assert trial["reasons"] == ["depth in window peak lost 1 frame in a row, limit 0"]
    assert set(trial["streams"]) == {"color", "depth"}
    with h5py.File(recorder.folder / "session.h5") as file:
        rows = {(row["stream"].decode(), row["window"].decode()): row for row in file["quality/windows"][:]}
        assert len(file["quality/counts"]) == 2
    assert rows.keys() == {(s, w) for s in ("color", "depth") for w in ("", "peak")}
    assert rows["depth", "peak"]["lost_before_us"] == 1
    assert rows["depth", "peak"]["start"] == pytest.approx(start + 0.6)
    assert np.isnan(rows["depth", ""]["start"])
    assert rows["depth", ""]["longest_step_s"] == pytest.approx(2 / RATE, abs=1e-3)
