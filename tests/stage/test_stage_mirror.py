"""The small pictures of the participant's screen: that they are true, asked for one at a time, and shown."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from labcapture.core.chunks import StreamSpec
from labcapture.devices.rig import Patch
from labcapture.engine.log import SessionLog
from labcapture.engine.mirroring import Mirroring
from labcapture.engine.preview import PreviewBoard, PreviewReader
from labcapture.engine.previewer import Previewer
from labcapture.protocol.manifest import Clip, Manifest
from labcapture.protocol.placeholders import make_placeholders, read_frame_number
from labcapture.protocol.steps import Form, Movie, Rating
from labcapture.stage.messages import Done, Flips, FromStage, Look, Pause
from labcapture.stage.process import StageProcess
from tests.stage.stage_hands import PATIENCE_S, SMALL, VIRTUAL, is_marker, listen, on_display, show

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a virtual display")
pytestmark = pytest.mark.timeout(180)

FORM = Form(id="report", kind="form", questions=(Rating(id="joy", text="Joy?"),))
EDA = StreamSpec("eda", "samples", "float32", (1,), "uS", 32.0)
PATCH = Patch(corner="upper_left", size_px=60)


@pytest.fixture
def stage() -> Iterator[StageProcess]:
    stage = StageProcess(VIRTUAL.model_copy(update={"patch": PATCH}))
    try:
        yield stage
    finally:
        stage.close()


def look(stage: StageProcess) -> tuple[NDArray[np.uint8], float]:
    """Ask for a picture."""
    stage.send(Look())
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        stage.socket.poll(100)
        stage.receive()
        if (seen := stage.seen()) is not None:
            return seen
    pytest.fail("no picture")


@on_linux
def test_it_shows_what_is_on_the_display(stage: StageProcess) -> None:
    hello = stage.start()
    assert hello.mirror == SMALL
    stage.send(show(FORM))
    listen(stage, is_marker("question_onset/joy"))
    pixels, _ = look(stage)
    truth = on_display(hello.display)
    assert pixels.shape == truth.shape
    off = np.abs(pixels - truth).mean()
    assert off < 2
    assert off < np.abs(pixels[::-1] - truth).mean() / 3  # neither upside down
    assert off < np.abs(pixels[:, ::-1] - truth).mean() / 3  # nor mirrored


@on_linux
def test_a_film_is_seen_at_the_very_flip_that_it_tells(stage: StageProcess, tmp_path: Path) -> None:
    manifest = Manifest(clips=(Clip(id="c", file="c.mp4", duration_s=4, emotion="fear"),))
    clip = make_placeholders(manifest, tmp_path)[0].path
    stage.start()
    stage.send(show(Movie(id="film", kind="movie", clip="c"), clip))
    heard: list[FromStage] = []
    seen: list[tuple[NDArray[np.uint8], float]] = []
    waits, deadline = False, time.monotonic() + PATIENCE_S
    while not any(isinstance(message, Done) for message in heard):
        assert time.monotonic() < deadline
        if not waits:
            stage.send(Look())
            waits = True
        stage.socket.poll(20)
        heard += stage.receive()
        if (picture := stage.seen()) is not None:
            seen.append(picture)
            waits = False
    film_times = {row[1]: row[2] for message in heard if isinstance(message, Flips) for row in message.rows}
    told = [(read_frame_number(pixels), round(30 * film_times[when])) for pixels, when in seen if when in film_times]
    assert told, "no picture was taken while the film ran"
    assert [number for number, _ in told] == [due for _, due in told]


@on_linux
def test_a_stage_without_a_mirror_sends_no_pictures() -> None:
    stage = StageProcess(VIRTUAL.model_copy(update={"mirror_hz": 0.0}))
    try:
        hello = stage.start()
        stage.send(Look())
        stage.send(show(FORM))
        listen(stage, is_marker("question_onset/joy"))
        stage.send(Pause())
        listen(stage, is_marker("pause"))
        assert hello.mirror is None
        assert stage.seen() is None
    finally:
        stage.close()


@on_linux
def test_its_pictures_come_among_the_previews_one_at_a_time(stage: StageProcess) -> None:
    hello = stage.start()
    previewer = Previewer([EDA], hello.mirror)
    reader = PreviewReader(previewer.board.layout)
    try:
        mirroring = Mirroring(stage, previewer, 5.0, SessionLog())
        counts: list[int] = []
        times: list[float] = []
        deadline = time.monotonic() + PATIENCE_S
        while len(counts) < 4:
            assert time.monotonic() < deadline
            mirroring.tick(True)
            stage.socket.poll(20)
            stage.receive()
            picture = reader.picture("stage", counts[-1] if counts else 0)
            if picture is not None:
                counts.append(picture.count)
                times.append(picture.time)
        assert counts == [1, 2, 3, 4]
        assert np.diff(times).min() > 0.1  # asked for five times a second, at most
    finally:
        reader.close()
        previewer.close()


@pytest.mark.parametrize("taken", [False, True])
def test_the_board_takes_no_picture_that_it_has_no_place_for(taken: bool) -> None:
    camera = StreamSpec("stage" if taken else "color", "frames", "uint8", (216, 384, 3), "", 30.0)
    board = PreviewBoard([camera], (96, 54))
    reader = PreviewReader(board.layout)
    try:
        board.show_stage(np.full((30, 40, 3), 7, np.uint8), 1.0)
        assert reader.picture("stage") is None
        board.show_stage(np.full((54, 96, 3), 7, np.uint8), 2.0)
        shown = reader.picture("stage")
        if taken:  # a camera has the name
            assert shown is None
        else:
            assert shown is not None
            assert shown.time == 2.0
            assert shown.pixels.shape == (54, 96, 3)
    finally:
        reader.close()
        board.close()
