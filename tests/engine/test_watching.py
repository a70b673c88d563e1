"""Under pressure: what gives way first, who is told, and when it is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcapture.core.chunks import Cause, Frame, Gap, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.engine import watching
from labcapture.engine.alarms import Alarms
from labcapture.engine.intake import Intake
from labcapture.engine.log import SessionLog
from labcapture.engine.messages import Alarm
from labcapture.engine.previewer import Previewer
from labcapture.engine.watching import Growth, Pressure, Watch
from labcapture.protocol.rule import QualityRule
from labcapture.recording.recorder import Recorder, SessionHeader, create_folder

COLOR = StreamSpec("color", "frames", "uint8", (240, 424, 3), "", 30.0, clock="camera", simulated=True)
HEADER = SessionHeader("P1", "1", "p", "none", "", "r", "", "en", True, None, {}, QualityRule(), datetime.now(UTC))
NOISE = np.random.default_rng(0).integers(0, 256, COLOR.shape, np.uint8)


class Engine:
    """The part of an engine between a device and the disk, with a recorder that soon has too much to do."""

    def __init__(self, folder: Path, queue_frames: int) -> None:
        self.previewer = Previewer([COLOR])
        self.intake = Intake([COLOR], self.previewer)
        size = queue_frames * COLOR.element_bytes
        self.recorder = Recorder(create_folder(folder, HEADER), HEADER, [COLOR], queue_bytes=size, workers=1)
        self.intake.recorder = self.recorder
        self.alarms = Alarms(SessionLog())
        self.watch = Watch(self.alarms, self.intake.monitors, self.recorder, self.previewer, folder)
        self.clips_left_s = 60.0
        self.trial: str | None = None
        self._number = 0

    def frame(self, **metadata: int) -> None:
        """Have a frame come in."""
        now = lsl_time()
        self.intake.emit(Frame("color", NOISE, self._number, now, now, metadata))
        self._number += 1

    def open_trial(self) -> None:
        self.trial = "01_a"
        self.recorder.open_trial(self.trial)

    def alarm(self, source: str, kind: str) -> Alarm | None:
        """Look, and return the alarm if it stands."""
        self.watch.look(self.trial, self.clips_left_s)
        found = (a for a in self.alarms.view() if (a.source, a.kind) == (source, kind) and a.active)
        return next(found, None)

    def close(self) -> None:
        self.previewer.close()
        self.recorder.close()


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Engine]]:
    monkeypatch.setattr(watching, "CALM_S", 0.2)  # patience that a test does not have
    monkeypatch.setattr(watching, "LOSS_S", 0.2)
    engines: list[Engine] = []

    def start(queue_frames: int) -> Engine:
        engines.append(Engine(tmp_path / str(len(engines)), queue_frames))
        return engines[-1]

    yield start
    for engine in engines:
        engine.close()


def wait(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_raw_pictures_are_an_alarm_until_encoding_keeps_up_again(make: Callable[[int], Engine]) -> None:
    engine = make(400)
    engine.open_trial()
    assert engine.alarm("recorder", "pressure") is None
    for _ in range(300):  # more than a quarter of the queue at once
        engine.frame()
    wait(lambda: engine.recorder.status().raw_frames)
    alarm = engine.alarm("recorder", "pressure")
    assert alarm is not None
    assert "stored raw" in alarm.cause
    assert "nothing is lost" in alarm.remedy
    wait(lambda: engine.alarm("recorder", "pressure") is None)
    status = engine.recorder.status()
    assert status.recorded["color"] == 300
    assert status.lost["color"] == 0
    assert engine.previewer.skipped["color"] > 0


def test_previews_give_way_before_pictures_stay_raw(make: Callable[[int], Engine]) -> None:
    engine = make(400)
    assert engine.previewer.rate_hz == 30
    engine.frame(queue_waiting=watching.FRAMES_WAITING[0] + 1)  # the driver's queue tells first
    assert engine.alarm("recorder", "pressure") is None  # this much is nobody's trouble
    assert engine.previewer.rate_hz == 10
    engine.frame(queue_waiting=watching.FRAMES_WAITING[1] + 1)
    alarm = engine.alarm("recorder", "pressure")
    assert alarm is not None
    assert "previews are slowed" in alarm.cause
    assert engine.previewer.rate_hz == 2
    assert engine.recorder.status().raw_frames == 0
    engine.frame(queue_waiting=0)
    wait(lambda: engine.alarm("recorder", "pressure") is None)
    wait(lambda: engine.alarm("recorder", "pressure") is None and engine.previewer.rate_hz == 30)


def test_what_we_lose_is_told_with_stream_number_and_reason(make: Callable[[int], Engine]) -> None:
    engine = make(40)
    engine.open_trial()
    for _ in range(400):
        engine.frame()
    lost = engine.recorder.status().lost["color"]
    assert lost > 0
    alarm = engine.alarm("color", "lost by us")
    assert alarm is not None
    assert f"{lost} frames of color lost by us" in alarm.cause
    assert f"0 not fetched in time, {lost} not written" in alarm.cause
    wait(lambda: engine.alarm("color", "lost by us") is None)
    engine.intake.emit(Gap("color", Cause.HOST_OVERFLOW, 400, 406, 7, 0.0, 1.0))
    again = engine.alarm("color", "lost by us")
    assert again is not None
    assert f"{lost + 7} frames of color" in again.cause
    assert "7 not fetched in time" in again.cause
    assert again.time > alarm.time


def test_a_disk_too_small_for_the_clips_to_come_is_told_once_the_rate_is_known(make: Callable[[int], Engine]) -> None:
    engine = make(400)
    engine.clips_left_s = 1e12
    engine.open_trial()
    assert engine.alarm("disk", "scarce") is None  # nothing was measured yet

    def told() -> Alarm | None:
        engine.frame()
        return engine.alarm("disk", "scarce")

    wait(told)
    alarm = told()
    assert alarm is not None
    assert "are still to come" in alarm.cause
    engine.clips_left_s = 0.0
    wait(lambda: engine.alarm("disk", "scarce") is None)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 1), st.integers(0, 60)), max_size=40))
def test_pressure_rises_at_once_and_falls_one_step_at_a_time(steps: list[tuple[float, float, int]]) -> None:
    pressure, now = Pressure(), 0.0
    for passed, share, waiting in steps:
        now += passed
        before = pressure.level
        level = pressure.update(now, share, waiting)
        needed = 2 if share > 1 / 8 or waiting > 20 else 1 if share > 1 / 16 or waiting > 8 else 0
        assert level == max(needed, before - 1) if level < before else level == max(needed, before)
        assert level >= needed


@given(st.lists(st.tuples(st.floats(0.1, 5), st.integers(0, 2)), max_size=30))
def test_growth_is_told_while_it_lasts_and_a_little_longer(steps: list[tuple[float, int]]) -> None:
    growth, now, count, grown = Growth(3.0), 0.0, 0, -100.0
    for passed, more in steps:
        now, count = now + passed, count + more
        grown = now if more else grown
        assert growth.update(now, count) == (now - grown <= 3.0)


def test_a_disk_that_does_not_confirm_what_was_written_is_told_of(
    make: Callable[[int], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make(50)
    assert engine.alarm("recorder", "slow disk") is None
    monkeypatch.setattr(watching, "SYNC_LATE_S", 0.3)  # less than the second after which the recorder asks the disk
    deadline = time.monotonic() + 30
    while engine.alarm("recorder", "slow disk") is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    while engine.alarm("recorder", "slow disk") is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
