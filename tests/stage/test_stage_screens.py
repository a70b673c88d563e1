"""Every kind of screen in the real stage on a virtual display, with an autopilot and with a participant's hands."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import h5py
import numpy as np
import pytest
from PIL import Image as Picture
from PIL import ImageGrab

from labcapture.core.clock import lsl_time
from labcapture.core.errors import StageError
from labcapture.devices.rig import Patch, StageSettings
from labcapture.protocol import steps
from labcapture.protocol.manifest import Clip, Manifest
from labcapture.protocol.placeholders import make_placeholders
from labcapture.stage.messages import (
    Answer,
    Done,
    Flag,
    FromStage,
    GoOn,
    Heartbeat,
    Marker,
    Pause,
    Preload,
    Recorded,
    Show,
    Stop,
)
from labcapture.stage.process import StageProcess
from tests.stage.stage_hands import VIRTUAL, Hands, gone, is_marker, is_over, listen, show, wait_until

pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a virtual display"),
    pytest.mark.timeout(180),
]
PICTURES = 60
EMOTIONS = ("joy", "fear", "anger")
OPTIONS = tuple(steps.Option(id=name, text=name) for name in EMOTIONS)
FORM = steps.Form(
    id="report",
    kind="form",
    questions=(
        steps.Choice(id="one", kind="choice", text="Which?", options=OPTIONS),
        steps.Choice(id="many", kind="choice", text="Which ones?", options=OPTIONS, several=True),
        steps.WrittenText(id="words", kind="text", text="What?", required=True),
        steps.Number(id="age", kind="number", text="How old?", least=18, most=99, unit="years"),
    ),
)
GRID = steps.Form(
    id="grid", kind="form", layout="grid", questions=tuple(steps.Rating(id=name, text=name) for name in EMOTIONS)
)
REVIEW = steps.Review(id="review", kind="review", about="film")
MOVIE = steps.Movie(id="film", kind="movie", clip="c", start="participant")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    manifest = Manifest(clips=(Clip(id="c", file="c.mp4", duration_s=1, emotion="fear"),))
    return make_placeholders(manifest, tmp_path_factory.mktemp("films"))[0].path


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "blue.png"
    Picture.new("RGB", (300, 200), (10, 20, 200)).save(path)
    return path


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Make a trial of two seconds, its clocks not yet fitted, as it is while its session runs."""
    path = tmp_path_factory.mktemp("trials") / "01_a.h5"
    with h5py.File(path, "x", libver="v110") as h5:
        color = h5.create_group("color")
        color.attrs["rate_hz"] = 30.0
        color["arrival_time"] = 50 + np.arange(PICTURES) / 30
        color["time"] = np.empty(0)
        color["frames"] = np.full((PICTURES, 90, 160, 3), 128, np.uint8)
    return Recorded(file=str(path), stream="color")


@pytest.fixture
def stage() -> Iterator[StageProcess]:
    stage = StageProcess(VIRTUAL)
    try:
        yield stage
    finally:
        stage.close()


GUARD_S = 0.3  # that of labcapture.stage.screens.base, which only a process with a display can import


def settle(stage: StageProcess) -> list[FromStage]:
    """Let some flips pass from now on, and the time in which a key is taken for one of the screen before."""
    until = lsl_time() + GUARD_S + 0.05
    return listen(stage, lambda m: isinstance(m, Heartbeat) and m.time > until)


def grab(name: str, size: tuple[int, int]) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    screen = ImageGrab.grab(xdisplay=name)
    left, top = (screen.width - size[0]) // 2, (screen.height - size[1]) // 2
    return np.asarray(screen.crop((left, top, left + size[0], top + size[1])), np.uint8)


def answers(heard: list[FromStage]) -> dict[str, object]:
    return {message.question: message.value for message in heard if isinstance(message, Answer)}


def test_autopilot_answers_whatever_is_asked(trial: Recorded, clip: Path) -> None:
    stage = StageProcess(VIRTUAL, autopilot=3, speed=20)
    try:
        stage.start()
        stage.send(show(FORM))
        told = answers(listen(stage, is_over))
        stage.send(show(GRID))
        rated = answers(listen(stage, is_over))
        stage.send(Preload(clip=str(clip)))
        stage.send(show(MOVIE, clip))
        film = listen(stage, is_over)
        flags: list[Flag] = []
        for take in range(1, 9):
            stage.send(Show(step=REVIEW.model_dump(mode="json"), take=take, recorded=trial))
            heard = listen(stage, is_over)
            done = heard[-1]
            assert isinstance(done, Done)
            assert done.outcome == "done", done.message
            mine = [message for message in heard if isinstance(message, Flag)]
            assert done.facts["flags"] == len(mine)
            flags += mine
        began = time.monotonic()
        stage.send(show(steps.Break(id="b", kind="break", seconds=7200 / 20)))
        listen(stage, is_marker("step_onset"))
        stage.send(GoOn(step="another"))
        settle(stage)
        stage.send(GoOn(step="b"))
        assert listen(stage, is_over)[-1] == Done(step="b", outcome="done")
        assert time.monotonic() - began < 7200 / 20
    finally:
        stage.close()
    assert told["one"] in EMOTIONS
    assert isinstance(told["many"], list)
    assert set(told["many"]) <= set(EMOTIONS)
    assert isinstance(told["words"], str)
    assert told["words"]
    assert isinstance(told["age"], int)
    assert 18 <= told["age"] <= 99
    assert set(rated) == set(EMOTIONS)
    assert "start_pressed" in [m.label for m in film if isinstance(m, Marker)]
    assert flags
    assert all(0 <= flag.first <= flag.last < PICTURES and flag.start < flag.stop for flag in flags)
    assert {flag.by for flag in flags} == {"autopilot"}


WAITING: list[steps.Leaf] = [
    steps.Consent(id="s", kind="consent", text="Do you agree?"),
    steps.Calibrate(id="s", kind="calibrate"),
    steps.Instruction(id="s", kind="instruction", text="Wait", leave="experimenter"),
    steps.Break(id="s", kind="break"),
    steps.Note(id="s", kind="note", text="Only for the experimenter"),
    steps.Assign(id="s", kind="assign", variable="group", values=("a", "b"), how="entered"),
    steps.Question(id="s", kind="question", text="Did you take it?"),
    steps.Interview(id="s", kind="interview", text="Tell me"),
    steps.Image(id="s", kind="image", image="i"),
]


def test_what_others_end_waits_for_them_and_shows_none_of_their_words(stage: StageProcess, image: Path) -> None:
    hello = stage.start()
    hands = Hands(hello.display, hello.size)
    pictures: dict[str, np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]] = {}
    for step in WAITING:
        path = str(image) if isinstance(step, steps.Image) else None
        stage.send(Show(step=step.model_dump(mode="json"), image=path))
        listen(stage, is_marker("step_onset"))
        settle(stage)
        hands.press("space", "Return")
        assert not any(isinstance(m, Done) for m in settle(stage)), step.kind
        pictures[step.kind] = grab(hello.display, hello.size)
        stage.send(GoOn(step="s"))
        heard = listen(stage, is_over)
        assert heard[-1] == Done(step="s", outcome="done")
    hands.close()
    for kind in ("note", "assign", "question", "interview"):
        assert np.ptp(pictures[kind], axis=(0, 1)).max() == 0, f"{kind} shows something"
    for kind in ("consent", "calibrate", "instruction", "break"):
        assert np.ptp(pictures[kind]) > 50
    assert tuple(pictures["image"][135, 240]) == (10, 20, 200)


def test_participant_chooses_and_writes(stage: StageProcess) -> None:
    hello = stage.start()
    hands = Hands(hello.display, hello.size)
    stage.send(show(FORM))
    listen(stage, is_marker("question_onset/one"))
    settle(stage)
    hands.press("Return", "9", "Down", "Down", "Return")  # nothing chosen yet; no such option
    heard = listen(stage, is_marker("question_onset/many"))
    settle(stage)
    hands.press("1", "3", "1", "Down", "space", "Return")  # joy on and off, anger on, fear on
    heard += listen(stage, is_marker("question_onset/words"))
    settle(stage)
    hands.press("Return", "h", "o", "x", "BackSpace", "space")
    for character in "你好":
        hands.write(character)
        settle(stage)  # the key changes its meaning
    hands.press("Return")
    heard += listen(stage, is_marker("question_onset/age"))
    settle(stage)
    hands.press("7", "Return", "x", "0", "Return")  # 7 is too young
    heard += listen(stage, is_over)
    hands.close()
    assert answers(heard) == {"one": "fear", "many": ["fear", "anger"], "words": "ho 你好", "age": 70}
    assert heard[-1] == Done(step="report", outcome="done")


def test_grid_takes_digits_row_by_row_and_tells_when_each_was_chosen(stage: StageProcess) -> None:
    hello = stage.start()
    hands = Hands(hello.display, hello.size)
    stage.send(show(GRID))
    listen(stage, is_marker("question_onset/anger"))
    settle(stage)
    hands.press("2", "Return", "5", "Return", "1", "Up", "Left", "Return")
    heard = listen(stage, is_over)
    hands.close()
    mine = [message for message in heard if isinstance(message, Answer)]
    assert [(m.question, m.value) for m in mine] == [("joy", 2), ("fear", 4), ("anger", 1)]
    assert mine[0].time < mine[2].time < mine[1].time  # fear was changed last


def test_participant_flags_own_movements_and_takes_one_back(stage: StageProcess, trial: Recorded) -> None:
    hello = stage.start()
    hands = Hands(hello.display, hello.size)
    slow = REVIEW.model_copy(update={"speed": 0.1})  # 20 s: enough for a slow machine
    stage.send(Show(step=slow.model_dump(mode="json"), recorded=trial))
    listen(stage, is_marker("step_onset"))
    settle(stage)
    hands.press("space")
    heard = listen(stage, is_marker("review_onset"))
    settle(stage)  # a key that is pressed again at once counts as the keyboard's own repetition
    hands.hold("space")  # longer than the keyboard takes to repeat it
    settle(stage)
    settle(stage)
    hands.release("space")
    heard += listen(stage, is_marker("flag_end"))
    hands.press("space")  # a tap begins
    settle(stage)
    hands.press("space")  # a tap ends
    heard += listen(stage, is_marker("flag_end"))
    settle(stage)
    hands.hold("space")
    heard += listen(stage, is_marker("flag_start"))
    stage.send(Pause())
    listen(stage, is_marker("pause"))
    stage.send(Stop())
    hands.release("space")
    heard += listen(stage, is_over)
    flags = [message for message in heard if isinstance(message, Flag)]
    assert len(flags) == 3  # a step that is stopped keeps what was flagged
    assert 0 <= flags[0].first < flags[0].last <= flags[1].first < flags[1].last < PICTURES

    quick = REVIEW.model_copy(update={"speed": 0.25})
    stage.send(Show(step=quick.model_dump(mode="json"), recorded=trial))
    listen(stage, is_marker("step_onset"))
    settle(stage)
    hands.press("space")
    listen(stage, is_marker("review_onset"))
    settle(stage)
    for _ in range(3):
        hands.press("space")
        listen(stage, lambda m: isinstance(m, Marker) and m.label.startswith("flag_"))
        settle(stage)
    listen(stage, is_marker("review_offset"))
    settle(stage)
    hands.press("Delete", "Return")
    heard = listen(stage, is_over)
    hands.close()
    done = heard[-1]
    assert isinstance(done, Done)
    assert (done.facts["flags"], done.facts["flags_taken_back"]) == (1, 1)
    left = [message for message in heard if isinstance(message, Flag)]
    assert [flag.last for flag in left] == [PICTURES - 1]  # the second, which the end of the film closed


def test_participant_starts_a_preloaded_clip(stage: StageProcess, clip: Path) -> None:
    hello = stage.start()
    hands = Hands(hello.display, hello.size)
    stage.send(Preload(clip=str(clip.with_name("none.mp4"))))  # of no consequence
    stage.send(Preload(clip=str(clip)))
    stage.send(show(MOVIE, clip))
    heard = listen(stage, is_marker("step_onset"))
    heard += settle(stage)
    assert "movie_onset" not in [m.label for m in heard if isinstance(m, Marker)]
    hands.press("space")
    heard = listen(stage, is_over)
    hands.close()
    assert [m.label for m in heard if isinstance(m, Marker)][:2] == ["start_pressed", "movie_onset"]
    done = heard[-1]
    assert isinstance(done, Done)
    assert done.facts["film_frames"] == 30


def test_patch_is_white_while_the_first_picture_is_on_and_else_black(tmp_path: Path) -> None:
    film = tmp_path / "slow.mp4"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        for i in range(40):
            frame = av.VideoFrame.from_ndarray(np.full((90, 160, 3), 90, np.uint8), format="rgb24")
            frame.pts = i * (30 if i else 1)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    corner = Patch(corner="upper_right", size_px=40)
    stage = StageProcess(VIRTUAL.model_copy(update={"patch": corner, "fullscreen": True}))
    try:
        hello = stage.start()
        where = (slice(0, 40), slice(hello.size[0] - 40, hello.size[0]))
        stage.send(show(steps.Movie(id="film", kind="movie", clip="c"), film))
        listen(stage, is_marker("movie_onset"))
        stage.send(Pause())
        listen(stage, is_marker("pause"))
        settle(stage)
        lit = grab(hello.display, hello.size)[where]
        stage.send(Stop())
        listen(stage, is_over)
        settle(stage)
        dark = grab(hello.display, hello.size)[where]
    finally:
        stage.close()
    assert hello.size == (1280, 720)  # the whole of the virtual display
    assert lit.min() == 255
    assert dark.max() == 0


def test_screen_that_is_not_there_is_one_clear_error(x_server: str) -> None:
    stage = StageProcess(StageSettings(display=x_server, screen=3))
    with pytest.raises(StageError, match=r"screen 3 is not there; this machine has 1"):
        stage.start()


@pytest.mark.parametrize(
    "broken", [Show(step={"id": "s", "kind": "image", "image": "i"}), Show(step=REVIEW.model_dump(mode="json"))]
)
def test_step_without_its_file_fails_alone(stage: StageProcess, broken: Show, tmp_path: Path, image: Path) -> None:
    stage.start()
    wrong = tmp_path / "wrong.h5"
    wrong.write_text("no recording", encoding="utf-8")
    for more in ({}, {"image": str(wrong), "recorded": Recorded(file=str(wrong), stream="color")}):
        stage.send(broken.model_copy(update=more))
        done = listen(stage, is_over)[-1]
        assert isinstance(done, Done)
        assert done.outcome == "failed"
        assert done.message
    stage.send(Show(step={"id": "s", "kind": "image", "image": "i", "seconds": 0.2}, image=str(image)))
    assert listen(stage, is_over)[-1] == Done(step="s", outcome="done")


# The engine is gone ---------------------------------------------------------------------------------------------------

ENGINE = """
import sys, time
from labcapture.devices.rig import StageSettings
from labcapture.stage.process import StageProcess
stage = StageProcess(StageSettings(display=sys.argv[1], size=(480, 270)))
stage.start()
print(stage.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def x_server() -> Iterator[str]:
    """Start a display that is not the stage's own."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x720x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=(writing,), stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        with os.fdopen(reading) as pipe:
            name = f":{pipe.readline().strip()}"
        try:
            yield name
        finally:
            server.terminate()


def left_alone(x_server: str) -> int:
    """Start an engine with a stage, kill the engine, return the pid of the stage once it asks to wait."""
    with subprocess.Popen([sys.executable, "-c", ENGINE, x_server], stdout=subprocess.PIPE, text=True) as engine:
        try:
            assert engine.stdout is not None
            pid = int(engine.stdout.readline())
            wait_until(lambda: bool(np.ptp(grab(x_server, (480, 270))) == 0))
        finally:
            engine.kill()
    wait_until(lambda: bool(np.ptp(grab(x_server, (480, 270))) > 50))
    return pid


def end_by_keys(x_server: str) -> None:
    hands = Hands(x_server, (480, 270))
    hands.press("q", "Escape")
    hands.hold("Control_L")
    hands.press("q")
    hands.release("Control_L")
    hands.close()


def end_by_another(x_server: str) -> None:
    another = StageProcess(StageSettings(display=x_server, size=(480, 270)))
    another.start()
    another.close()


@pytest.mark.parametrize("end", [end_by_keys, end_by_another])
def test_stage_of_a_lost_engine_asks_to_wait_until_it_is_ended(x_server: str, end: Callable[[str], None]) -> None:
    pid = left_alone(x_server)
    if end is end_by_keys:
        time.sleep(6.0)  # longer than a window that hangs is left
        assert not gone(pid)
        assert np.ptp(grab(x_server, (480, 270))) > 50
    end(x_server)
    wait_until(lambda: gone(pid))
