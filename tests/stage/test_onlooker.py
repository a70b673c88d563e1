"""The participant's screen seen from outside: true, there when the stage has no time, and gone with the display."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import mss
import numpy as np
import psutil
import pytest
from mss.exception import ScreenShotError

from labcapture.core.chunks import StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.engine.log import SessionLog
from labcapture.engine.mirroring import Mirroring
from labcapture.engine.onlooker import Onlooker, Sight
from labcapture.engine.preview import PreviewReader
from labcapture.engine.previewer import Previewer
from labcapture.protocol.manifest import Clip, Manifest
from labcapture.protocol.placeholders import make_placeholders, read_frame_number
from labcapture.protocol.steps import Form, Movie, Rating
from labcapture.stage.messages import Done, Flips, FromStage
from labcapture.stage.process import StageProcess
from tests.stage.stage_hands import PATIENCE_S, SMALL, VIRTUAL, gone, is_marker, listen, on_display, show, wait_until

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a virtual display"),
]

FORM = Form(id="report", kind="form", questions=(Rating(id="joy", text="Joy?"),))
EDA = StreamSpec("eda", "samples", "float32", (1,), "uS", 32.0)


@pytest.fixture
def stage() -> Iterator[StageProcess]:
    stage = StageProcess(VIRTUAL)
    try:
        yield stage
    finally:
        stage.close()


def onlooker_of(stage: StageProcess) -> Onlooker:
    hello = stage.start()
    assert hello.place is not None
    assert hello.place[2:] == VIRTUAL.size
    return Onlooker(hello.display, hello.place, SMALL)


def frames_seen(stage: StageProcess, onlooker: Onlooker, clip: Path) -> set[int]:
    """Show a film, look at it from outside, and return the numbers of the frames that were seen, each a true one."""
    stage.send(show(Movie(id="film", kind="movie", clip="c"), clip))
    heard: list[FromStage] = []
    sights: list[Sight] = []
    deadline = time.monotonic() + PATIENCE_S
    while not any(isinstance(message, Done) for message in heard):
        assert time.monotonic() < deadline
        onlooker.look()
        stage.socket.poll(20)
        heard += stage.receive()
        if (sight := onlooker.seen()) is not None:
            sights.append(sight)
    times, films = np.array([row[1:3] for message in heard if isinstance(message, Flips) for row in message.rows]).T
    seen = set()
    for sight in sights:
        if times[0] + 0.4 < sight.time < times[-1] - 0.4:
            number = read_frame_number(sight.pixels)
            before, after = films[times <= sight.time - 0.3][-1], films[times >= sight.time + 0.3][0]
            assert round(before * 30) <= number <= round(after * 30)  # a busy machine shows what it flips later
            seen.add(number)
    return seen


def test_a_film_is_seen_run(stage: StageProcess, tmp_path: Path) -> None:
    manifest = Manifest(clips=(Clip(id="c", file="c.mp4", duration_s=4, emotion="fear"),))
    clip = make_placeholders(manifest, tmp_path)[0].path
    onlooker = onlooker_of(stage)
    seen: set[int] = set()
    deadline = time.monotonic() + PATIENCE_S
    while len(seen) <= 3:  # looks are seldom on a machine where each takes long
        assert time.monotonic() < deadline, "the picture stood still"
        seen |= frames_seen(stage, onlooker, clip)
    onlooker.close()
    assert onlooker.trouble == ""


def test_a_stage_that_has_no_time_is_looked_at_instead(stage: StageProcess) -> None:
    hello = stage.start()
    previewer = Previewer([EDA], hello.mirror)
    reader = PreviewReader(previewer.board.layout)
    mirroring = Mirroring(stage, previewer, 5.0, SessionLog())

    def newest(after: float) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], float]:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            mirroring.tick(True)
            stage.socket.poll(20)
            stage.receive()
            picture = reader.picture("stage")
            if picture is not None and picture.time > after:
                return picture.pixels, picture.time
        pytest.fail("no picture")

    assert stage.pid is not None
    process = psutil.Process(stage.pid)
    (server,) = process.children()
    try:
        stage.send(show(FORM))
        listen(stage, is_marker("question_onset/joy"))
        newest(0.0)
        process.send_signal(signal.SIGSTOP)
        pixels, _ = newest(lsl_time() + 0.5)
        assert np.abs(pixels - on_display(hello.display)).mean() < 2
        process.send_signal(signal.SIGCONT)
        newest(lsl_time() + 0.1)
        mirroring.tick(False)  # lets go of the display, which then ends with its stage
        stage.close()
        wait_until(lambda: gone(server.pid))
    finally:
        reader.close()
        previewer.close()
        mirroring.close()


def server_of(number: int) -> subprocess.Popen[bytes]:
    """Start a display of a number that no other program is given, and return when it can be looked at."""
    server = subprocess.Popen(["Xvfb", f":{number}", "-screen", "0", "640x480x24", "-nolisten", "tcp"])
    wait_until(lambda: is_there(number) or server.poll() is not None)
    return server


def is_there(number: int) -> bool:
    try:
        mss.MSS(display=f":{number}").close()
    except ScreenShotError:
        return False
    return True


def looked(onlooker: Onlooker) -> Sight | None:
    """Look until there is a picture, or word of why there is none."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        assert time.monotonic() < deadline
        onlooker.look()
        if (sight := onlooker.seen()) is not None or onlooker.trouble:
            return sight
        time.sleep(0.02)


def test_a_display_that_is_gone_is_told_of() -> None:
    number = 1000 + os.getpid() % 50000  # servers that choose for themselves take the lowest free one
    place = (0, 0, 640, 480)
    looking, late = (Onlooker(f":{number}", place, (64, 48)) for _ in range(2))
    server = server_of(number)
    try:
        assert looked(looking) is not None
    finally:
        server.terminate()
        server.wait(PATIENCE_S)
    for onlooker in (looking, late):  # one that was connected, one that comes too late
        assert looked(onlooker) is None
        assert onlooker.trouble
        onlooker.close()
