"""Previews across process borders: whole pictures, traces in order, and a reader that cannot harm the engine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from labcapture.core.chunks import AudioBlock, Frame, Samples, StreamSpec
from labcapture.engine.preview import VOICE_BUCKET, PreviewBoard, PreviewReader
from labcapture.engine.previewer import Previewer

STREAMS = [
    StreamSpec("color", "frames", "uint8", (9, 12, 3), "", 30.0),
    StreamSpec("voice", "audio", "int16", (2,), "", 48_000.0),
    StreamSpec("eda", "samples", "float64", (1,), "uS", 10.0, ("EDA",)),
]


@pytest.fixture
def board() -> Iterator[PreviewBoard]:
    board = PreviewBoard(STREAMS)
    yield board
    board.close()


def test_a_picture_is_every_second_pixel_of_the_newest_frame(board: PreviewBoard) -> None:
    reader = PreviewReader(board.layout)
    assert reader.picture("color") is None
    picture = np.arange(9 * 12 * 3, dtype=np.uint8).reshape(9, 12, 3)
    board.show("color", picture[::-1], 6, 1.0)
    board.show("color", picture, 7, 1.5)
    seen = reader.picture("color")
    assert seen is not None
    assert (seen.frame_number, seen.time, seen.count) == (7, 1.5, 2)
    np.testing.assert_array_equal(seen.pixels, picture[::2, ::2])
    assert reader.picture("color", newer_than=seen.count) is None
    reader.close()


def test_a_trace_keeps_the_newest_values_in_order(board: PreviewBoard) -> None:
    reader = PreviewReader(board.layout)
    slot = next(slot for slot in board.layout.traces if slot.name == "eda")
    total = slot.capacity * 2 + 7
    for start in range(0, total, 11):
        times = np.arange(start, min(start + 11, total), dtype=float)
        board.trace("eda", times, times[:, None] * 2)
    times, values = reader.trace("eda")
    np.testing.assert_array_equal(times, np.arange(total - slot.capacity, total))
    np.testing.assert_array_equal(values[:, 0], times * 2)
    reader.close()


def test_the_memory_outlives_a_reader_in_another_process(board: PreviewBoard) -> None:
    code = (
        "import sys; from labcapture.engine.messages import PreviewLayout; "
        "from labcapture.engine.preview import PreviewReader; "
        "r = PreviewReader(PreviewLayout.model_validate_json(sys.argv[1])); print(r.picture('color').frame_number)"
    )
    board.show("color", np.zeros((9, 12, 3), np.uint8), 42, 1.0)
    run = [sys.executable, "-c", code, board.layout.model_dump_json()]
    for _ in range(2):  # the first reader's end must not take the memory away from the second
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        assert (done.stdout.strip(), done.stderr) == ("42", "")


def test_the_previewer_shows_the_newest_and_counts_what_it_skipped() -> None:
    previewer = Previewer(STREAMS)
    reader = PreviewReader(previewer.board.layout)
    try:
        for number in range(200):
            previewer.offer(Frame("color", np.full((9, 12, 3), number, np.uint8), number, 0.0, float(number)), 0.0)
        sound = np.zeros((VOICE_BUCKET * 2, 2), np.int16)
        sound[VOICE_BUCKET, 1] = 900
        sound[3, 0] = -500
        previewer.offer(AudioBlock("voice", sound, 0, 5.0, 5.02), 0.0)
        previewer.offer(Samples("eda", np.array([[2.5]]), np.array([100.0]), 7.0), -93.0)
    finally:
        previewer.close()  # what was offered before is shown first
    shown = reader.picture("color")
    assert shown is not None
    assert (shown.frame_number, previewer.skipped["color"] + shown.count) == (199, 200)
    times, extremes = reader.trace("voice")
    np.testing.assert_array_equal(extremes, [[-500, 0], [0, 900]])
    np.testing.assert_allclose(times, [5.0, 5.01])
    times, values = reader.trace("eda")
    assert (times[0], values[0, 0]) == (7.0, 2.5)
    reader.close()
