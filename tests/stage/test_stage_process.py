"""The real stage on a virtual display: what it shows, when, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pylsl
import pytest
import zmq
from PIL import ImageGrab
from zmq.utils.monitor import recv_monitor_message

from labcapture.core.clock import lsl_time
from labcapture.core.errors import StageError
from labcapture.devices.rig import StageSettings
from labcapture.protocol.manifest import Clip, Manifest
from labcapture.protocol.placeholders import make_placeholders, read_frame_number
from labcapture.protocol.steps import Fixation, Form, Instruction, Leaf, Movie, Rating
from labcapture.stage.messages import (
    Answer,
    Done,
    Failed,
    Flips,
    FromStage,
    Heartbeat,
    Marker,
    Pause,
    Resume,
    Stop,
)
from labcapture.stage.process import StageProcess
from tests.stage.stage_hands import PATIENCE_S, VIRTUAL, Hands, gone, is_marker, is_over, listen, show, wait_until

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a virtual display"),
    pytest.mark.timeout(180),
]
SECONDS = 2.0

INSTRUCTION = Instruction(id="hello", kind="instruction", text={"en": "Hello", "zh": "您好"})
CROSS = Fixation(id="cross", kind="fixation", seconds=0.5)
MOVIE = Movie(id="film", kind="movie", clip="c")
FORM = Form(id="report", kind="form", questions=(Rating(id="joy", text="Joy?"), Rating(id="fear", text="Fear?")))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    manifest = Manifest(clips=(Clip(id="c", file="c.mp4", duration_s=SECONDS, emotion="fear"),))
    return make_placeholders(manifest, tmp_path_factory.mktemp("films"))[0].path


@pytest.fixture
def stage() -> Iterator[StageProcess]:
    stage = StageProcess(VIRTUAL, language="zh", autopilot=7)
    try:
        yield stage
    finally:
        stage.close()


def test_steps_on_autopilot_leave_a_true_record(stage: StageProcess, clip: Path) -> None:
    hello = stage.start()
    assert hello.paced
    assert hello.size == (480, 270)
    found = pylsl.resolve_byprop("source_id", hello.markers, 1, PATIENCE_S)
    inlet = pylsl.StreamInlet(found[0])
    inlet.open_stream(PATIENCE_S)

    began, heard = lsl_time(), list[FromStage]()
    for step in (INSTRUCTION, CROSS, MOVIE, FORM):
        stage.send(show(step, clip if step is MOVIE else None))
        heard += listen(stage, is_over)
    ended = lsl_time()

    done = [message for message in heard if isinstance(message, Done)]
    assert [(d.step, d.outcome, d.message) for d in done] == [
        ("hello", "done", ""),
        ("cross", "done", ""),
        ("film", "done", ""),
        ("report", "done", ""),
    ]
    markers = [message for message in heard if isinstance(message, Marker)]
    assert [f"{m.label} {m.step}" for m in markers] == [
        "step_onset hello",
        "step_offset hello",
        "step_onset cross",
        "step_offset cross",
        "step_onset film",
        "movie_onset film",
        "movie_offset film",
        "step_offset film",
        "step_onset report",
        "question_onset/joy report",
        "answer/joy report",
        "question_onset/fear report",
        "answer/fear report",
        "step_offset report",
    ]
    times = [m.time for m in markers]
    assert times == sorted(times)
    assert began < times[0]
    assert times[-1] < ended

    received: list[tuple[str, float]] = []
    while len(received) < len(markers):
        sample, stamp = inlet.pull_sample(timeout=PATIENCE_S)
        assert sample is not None
        received.append((sample[0], stamp))
    inlet.close_stream()
    assert received == [(f"{m.label} {m.step}", m.time) for m in markers]

    rows = [row for message in heard if isinstance(message, Flips) for row in message.rows]
    facts = done[2].facts
    assert [row[0] for row in rows] == list(range(len(rows)))
    assert all(a[1] < b[1] and a[2] <= b[2] for a, b in pairwise(rows))
    assert rows[0][1:3] == (times[5], 0.0)  # the onset is the flip of the first picture
    assert rows[-1][1] < times[6]
    assert facts["film_frames"] == 60
    assert facts["frames_shown"] == len({row[2] for row in rows})
    assert int(facts["frames_shown"]) + int(facts["frames_dropped"]) == 60
    assert facts["flips"] == len(rows)
    assert facts["late_flips"] == sum(row[3] for row in rows)
    assert str(facts["sound"]).startswith(("played on ", "none: "))
    for row in rows:  # each flip shows the picture that was due at it, or an earlier one where it was late
        assert row[2] <= row[1] - rows[0][1] + 1 / 60

    answers = [message for message in heard if isinstance(message, Answer)]
    assert [answer.question for answer in answers] == ["joy", "fear"]
    onsets = [m.time for m in markers if m.label.startswith("question_onset")]
    for answer, onset in zip(answers, onsets, strict=True):
        assert answer.by == "autopilot"
        assert answer.value in range(1, 6)
        assert answer.reaction_time == pytest.approx(answer.time - onset)
        assert answer.reaction_time > 0.3


def test_participant_answers_with_keys_and_mouse() -> None:
    stage = StageProcess(VIRTUAL)
    try:
        hello = stage.start()
        hands = Hands(hello.display, hello.size)
        stage.send(show(INSTRUCTION))
        listen(stage, is_marker("step_onset"))
        listen(stage, lambda m: isinstance(m, Heartbeat))
        listen(stage, lambda m: isinstance(m, Heartbeat))  # past the moment in which keys are meant for the step before
        hands.press("space")
        assert listen(stage, is_over)[-1] == Done(step="hello", outcome="done")

        stage.send(show(FORM))
        listen(stage, is_marker("question_onset/joy"))
        for key in ("9", "2", "Right", "Right", "Return"):  # 9 is not on the scale
            hands.press(key)
        joy = next(m for m in listen(stage, is_marker("question_onset/fear")) if isinstance(m, Answer))
        centre, spacing = 0.5, 0.17 * VIRTUAL.size[1] / VIRTUAL.size[0]
        hands.click(0.5, 0.84)  # the button, before anything is chosen
        hands.click(centre - 2 * spacing, 0.59)  # point 1
        hands.click(0.5, 0.84)
        heard = listen(stage, is_over)
        fear = next(m for m in heard if isinstance(m, Answer))
        hands.close()
    finally:
        stage.close()
    assert (joy.question, joy.value, joy.by) == ("joy", 4, "participant")
    assert (fear.question, fear.value, fear.by) == ("fear", 1, "participant")
    assert 0 < joy.reaction_time < PATIENCE_S
    assert heard[-1] == Done(step="report", outcome="done")


def test_hold_and_stop_in_mid_clip(stage: StageProcess, clip: Path) -> None:
    stage.start()
    stage.send(show(MOVIE, clip))
    listen(stage, lambda m: isinstance(m, Flips) and m.rows[-1][2] > 0.5)
    stage.send(Pause())
    listen(stage, is_marker("pause"))
    held = listen(stage, lambda m: isinstance(m, Flips))[-1]
    later = listen(stage, lambda m: isinstance(m, Flips))[-1]
    assert isinstance(held, Flips)
    assert isinstance(later, Flips)
    assert len({row[2] for row in later.rows}) == 1  # the film stands still
    assert held.rows[-1][2] == later.rows[0][2]
    stage.send(Resume())
    listen(stage, lambda m: isinstance(m, Flips) and m.rows[-1][2] > later.rows[0][2])
    stage.send(Stop())
    heard = listen(stage, is_over)
    done = heard[-1]
    assert isinstance(done, Done)
    assert done.outcome == "stopped"
    assert int(done.facts["frames_shown"]) < 60
    assert [m.label for m in heard if isinstance(m, Marker)][-2:] == ["movie_offset", "step_offset"]
    stage.send(show(CROSS))  # and it is fit for the next step
    assert listen(stage, is_over)[-1] == Done(step="cross", outcome="done")


@pytest.mark.parametrize("before", [CROSS, INSTRUCTION, FORM])
def test_the_display_shows_the_picture_that_the_flips_tell(stage: StageProcess, clip: Path, before: Leaf) -> None:
    hello = stage.start()
    stage.send(show(before))
    listen(stage, is_over)
    stage.send(show(MOVIE, clip))
    listen(stage, lambda m: isinstance(m, Flips) and m.rows[-1][2] > 0.5)
    stage.send(Pause())
    listen(stage, is_marker("pause"))
    held = listen(stage, lambda m: isinstance(m, Flips) and len({row[2] for row in m.rows}) == 1)[-1]
    assert isinstance(held, Flips)
    screen = ImageGrab.grab(xdisplay=hello.display)
    left, top = (screen.width - hello.size[0]) // 2, (screen.height - hello.size[1]) // 2
    picture = np.asarray(screen.crop((left, top, left + hello.size[0], top + hello.size[1])))
    assert read_frame_number(picture) == round(held.rows[-1][2] * 30)


def test_film_that_cannot_be_shown_fails_its_step_only(stage: StageProcess, tmp_path: Path) -> None:
    stage.start()
    broken = tmp_path / "broken.mp4"
    broken.write_text("no film", encoding="utf-8")
    stage.send(show(MOVIE, broken))
    done = listen(stage, is_over)[-1]
    assert isinstance(done, Done)
    assert done.outcome == "failed"
    assert "broken.mp4" in done.message
    stage.send(show(CROSS))
    assert listen(stage, is_over)[-1] == Done(step="cross", outcome="done")


def test_killed_stage_is_told_once_and_leaves_no_display(stage: StageProcess) -> None:
    stage.start()
    assert stage.pid is not None
    children = psutil.Process(stage.pid).children()
    assert [child.name() for child in children] == ["Xvfb"]
    os.kill(stage.pid, signal.SIGKILL)
    failed = listen(stage, lambda m: isinstance(m, Failed))[-1]
    assert isinstance(failed, Failed)
    assert "signal 9" in failed.message
    assert stage.receive() == []
    wait_until(lambda: all(gone(child.pid) for child in children))


def test_display_that_is_not_there_is_one_clear_error() -> None:
    lines: list[str] = []
    stage = StageProcess(StageSettings(display=":9999"), on_log=lines.append)
    with pytest.raises(StageError) as caught:
        stage.start()
    assert "display :9999: no X display answers" in str(caught.value)
    assert stage.pid is None  # nothing is left behind
    stage.close()


ENGINE = """
import sys, time
from labcapture.devices.rig import StageSettings
from labcapture.stage.process import StageProcess
from tests.stage.stage_hands import PATIENCE_S, VIRTUAL, Hands, gone, is_marker, is_over, listen, show, wait_until
stage = StageProcess(StageSettings(display="virtual", size=(320, 180)))
stage.start()
print(stage.pid, flush=True)
time.sleep(600)
"""


def test_stage_ends_with_a_killed_engine() -> None:
    with subprocess.Popen([sys.executable, "-c", ENGINE], stdout=subprocess.PIPE, text=True) as engine:
        try:
            assert engine.stdout is not None
            pid = int(engine.stdout.readline())
            family = [pid, *(child.pid for child in psutil.Process(pid).children())]
            assert len(family) == 2
        finally:
            engine.kill()
    wait_until(lambda: all(gone(one) for one in family))


def test_only_the_stage_that_was_started_is_heard(stage: StageProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one who knows the engine's public key."""
    made: list[tuple[bytes, bytes]] = []
    make = zmq.curve_keypair

    def note() -> tuple[bytes, bytes]:
        made.append(make())
        return made[-1]

    monkeypatch.setattr(zmq, "curve_keypair", note)
    stage.start()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    intruder = context.socket(zmq.DEALER)
    intruder.curve_publickey, intruder.curve_secretkey = make()
    intruder.curve_serverkey = made[0][0]
    monitor = intruder.get_monitor_socket()
    intruder.connect(stage.socket.getsockopt_string(zmq.LAST_ENDPOINT))
    intruder.send(Failed(message="I am not the stage").model_dump_json().encode())
    events: list[int] = []
    deadline = time.monotonic() + PATIENCE_S
    while zmq.Event.HANDSHAKE_FAILED_AUTH not in events:
        assert time.monotonic() < deadline
        if monitor.poll(100):
            events.append(recv_monitor_message(monitor)["event"])
    assert zmq.Event.HANDSHAKE_SUCCEEDED not in events
    stage.send(show(CROSS))
    heard = listen(stage, is_over)
    assert heard[-1] == Done(step="cross", outcome="done")
    intruder.disable_monitor()
    monitor.close(linger=0)
    intruder.close(linger=0)
    context.term()
