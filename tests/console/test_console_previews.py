"""Pictures and traces, read from real shared memory."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from labcapture.console.pictures import FAR_MM, NEAR_MM, depth_table, distance_share
from labcapture.console.traces import SECONDS, SignalView, VoiceView, columns, level_db, nice_range
from labcapture.console.window import ConsoleWindow
from labcapture.core.chunks import StreamSpec
from labcapture.engine.messages import EngineState, MarkerView
from labcapture.engine.preview import PreviewBoard
from tests.console.console_cases import ALARM, MARKERS, NOW, SPECS, distances, filled_board, picture, snapshot


@pytest.fixture
def board() -> Iterator[PreviewBoard]:
    made = filled_board()
    yield made
    made.close()


def _luminance(colour: NDArray[np.uint32] | int) -> NDArray[np.float64]:
    rgb = np.stack([np.asarray(colour) >> shift & 255 for shift in (16, 8, 0)]).astype(float)
    return np.tensordot([0.2126, 0.7152, 0.0722], rgb, 1)


def _rgb(pixel: NDArray[np.uint8]) -> int:
    red, green, blue = (int(value) for value in pixel)
    return 0xFF000000 | red << 16 | green << 8 | blue


def test_nearer_is_lighter_all_along_the_scale() -> None:
    table = depth_table()
    light = _luminance(table[int(NEAR_MM) : int(FAR_MM) : 20])
    assert np.all(np.diff(light) < 0.5)  # falls, but for rounding to 8 bits
    assert light[0] - light[-1] > 150
    assert np.all(table[1 : int(NEAR_MM)] == table[int(NEAR_MM)])
    assert np.all(table[int(FAR_MM) + 1 :] == table[int(FAR_MM) + 1])


def test_no_data_looks_like_no_distance() -> None:
    table = depth_table()
    assert table[0] not in table[1:]
    red, green, blue = (int(table[0]) >> shift & 255 for shift in (16, 8, 0))
    assert max(red, green, blue) - min(red, green, blue) < 16  # grey


def test_a_face_has_its_share_of_the_scale() -> None:
    assert distance_share(np.array([NEAR_MM, FAR_MM])) == pytest.approx([1, 0])
    assert distance_share(450.0) - distance_share(560.0) > 0.2


def test_depth_counts_of_another_size_keep_their_colours() -> None:
    assert depth_table(0.1)[5000] == depth_table(1.0)[500]


@given(
    st.lists(st.tuples(st.floats(-40, 0), st.floats(-32768, 32767)), max_size=300),
    st.integers(100, 2000),
    st.floats(0, 1e6),
)
def test_no_peak_is_lost_between_columns(points: list[tuple[float, float]], number: int, now: float) -> None:
    ordered = np.array(sorted(points)).reshape(-1, 2)
    times, values = ordered[:, 0] + now, np.repeat(ordered[:, 1:], 2, axis=1)
    x, y = columns(times, values, now, number)
    recent = values[times > now - SECONDS]
    assert len(x) == len(y) <= 2 * (number + 1)
    assert np.all(np.diff(x) >= 0)
    if len(recent):
        assert (y.min(), y.max()) == (recent.min(), recent.max())
        width = SECONDS / number
        assert x[0] >= -SECONDS - width
        assert x[-1] <= width
    else:
        assert len(x) == 0


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.floats(0.1, 100))
@settings(max_examples=200)
def test_a_range_holds_the_signal(low: float, span: float, least: float) -> None:
    bottom, top = nice_range(low, low + span, least)
    slack = 1e-9 * max(1.0, abs(low), span)
    assert bottom <= low + slack
    assert top >= low + span - slack
    assert top - bottom >= least - slack
    assert top - bottom <= 2.1 * max(span, least) + slack


def test_level_in_decibels() -> None:
    assert level_db(32768) == 0
    assert level_db(3276.8) == pytest.approx(-20)
    assert level_db(0) == -np.inf


def test_pictures_show_what_lies_in_memory(window: ConsoleWindow, board: PreviewBoard, qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(EngineState.RUNNING, preview=board.layout))
    color, depth = window.previews.pictures
    qtbot.waitUntil(lambda: bool(color.count and depth.count), timeout=20_000)
    assert color.colour_at(100, 50).rgb() == _rgb(picture()[100, 200])
    table = depth_table()
    assert depth.colour_at(500, 10).rgb() == table[distances()[20, 1000]]
    assert depth.colour_at(20, 10).rgb() == table[0]

    board.show("color", np.full((720, 1280, 3), 9, np.uint8), 2811, NOW)
    qtbot.waitUntil(lambda: color.colour_at(0, 0).rgb() == 0xFF090909, timeout=20_000)
    assert depth.count == 1  # nothing new there, and nothing drawn again


def test_an_infrared_picture_is_grey(window: ConsoleWindow, qtbot: QtBot) -> None:
    board = PreviewBoard([StreamSpec("infrared", "frames", "uint8", (720, 1280), "", 30.0)])
    try:
        board.show("infrared", np.full((720, 1280), 77, np.uint8), 1, NOW)
        window.show_snapshot(snapshot(EngineState.RUNNING, preview=board.layout))
        (view,) = window.previews.pictures
        qtbot.waitUntil(lambda: view.colour_at(3, 3).rgb() == 0xFF4D4D4D, timeout=20_000)
    finally:
        window.previews.close_memory()
        board.close()


def test_an_old_picture_says_that_it_is_old(window: ConsoleWindow, board: PreviewBoard, qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(EngineState.RUNNING, preview=board.layout))
    color = window.previews.pictures[0]
    qtbot.waitUntil(lambda: color.count == 1, timeout=20_000)
    qtbot.waitUntil(lambda: color.is_stale, timeout=20_000)
    board.show("color", picture(), 2811, NOW)
    qtbot.waitUntil(lambda: not color.is_stale, timeout=20_000)


def test_traces_show_voice_eda_and_markers(window: ConsoleWindow, board: PreviewBoard, qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(EngineState.RUNNING, preview=board.layout))
    qtbot.waitUntil(lambda: len(window.previews.traces) == 2, timeout=20_000)
    voice, eda = window.previews.traces
    assert isinstance(voice, VoiceView)
    assert isinstance(eda, SignalView)
    qtbot.waitUntil(lambda: bool(eda.markers.shown), timeout=20_000)
    assert voice.meter.level_db < 0
    assert eda.value.text() == "4.33"
    shown = eda.markers.shown
    assert [label for _, label in shown] == [marker.label for marker in MARKERS][-len(shown) :]
    assert shown[-1][0] <= MARKERS[-1].time - NOW  # seconds before now, and the window's clock goes on
    assert np.diff([x for x, _ in shown]) == pytest.approx(
        np.diff([marker.time for marker in MARKERS])[-len(shown) + 1 :]
    )


def test_labels_give_way_and_lines_do_not(window: ConsoleWindow, board: PreviewBoard, qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(EngineState.RUNNING, preview=board.layout))
    markers = [MarkerView(time=NOW - 10 + 0.001 * i, label=f"at once {i}") for i in range(9)]
    markers.append(MarkerView(time=NOW - 1, label="alone"))
    qtbot.waitUntil(lambda: len(window.previews.traces) == 2, timeout=20_000)
    drawn = window.previews.traces[-1].markers
    drawn.show(markers, NOW, labelled=True)
    assert [label for _, label in drawn.shown][
        -1
    ] == "alone"  # the last ones come first, the others with the next pictures
    for _ in range(2):
        drawn.show(markers, NOW, labelled=True)
    labels = [label for _, label in drawn.shown]
    assert labels == ["at once 0", "at once 1", "at once 2", "at once 3", "", "", "", "", "", "alone"]
    drawn.show(markers[2:], NOW + 5, labelled=True)  # older ones left the plot; no label hops
    assert [label for _, label in drawn.shown] == labels[2:]


def test_a_clipping_voice_is_told(window: ConsoleWindow, board: PreviewBoard, qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(EngineState.RUNNING, preview=board.layout))
    qtbot.waitUntil(lambda: len(window.previews.traces) == 2, timeout=20_000)
    voice = window.previews.traces[0]
    assert isinstance(voice, VoiceView)
    assert not voice.meter.is_clipping
    board.trace("voice", np.array([NOW + 3600.0]), np.array([[-32768, 32767]]))
    qtbot.waitUntil(lambda: voice.meter.is_clipping, timeout=20_000)


def test_another_session_has_other_previews(window: ConsoleWindow, board: PreviewBoard, qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(EngineState.RUNNING, preview=board.layout))
    other = PreviewBoard(SPECS[:1])
    try:
        window.show_snapshot(snapshot(EngineState.RUNNING, preview=other.layout))
        assert [view.stream for view in window.previews.pictures] == ["color"]
        assert window.previews.traces == []
    finally:
        other.close()
    window.show_snapshot(snapshot(EngineState.IDLE))
    assert window.previews.pictures == []


def test_the_pictures_of_two_cameras_stand_in_two_rows(window: ConsoleWindow) -> None:
    side = [dataclasses.replace(spec, name=f"{spec.name}_side") for spec in SPECS[:2]]
    both = PreviewBoard([*SPECS[:2], *side])
    try:
        window.show_snapshot(snapshot(EngineState.RUNNING, preview=both.layout))
        QApplication.processEvents()
        views = window.previews.pictures
        assert [view.stream for view in views] == ["color", "depth", "color_side", "depth_side"]
        tops, lefts = [view.y() for view in views], [view.x() for view in views]
        assert tops[0] == tops[1] < tops[2] == tops[3]
        assert lefts[0] == lefts[2] < lefts[1] == lefts[3]
        assert views[0].geometry().bottom() < tops[2]
    finally:
        window.show_snapshot(snapshot(EngineState.IDLE))
        both.close()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_memory_of_an_ended_session_is_let_go(window: ConsoleWindow, board: PreviewBoard) -> None:
    def held() -> int:
        return Path("/proc/self/maps").read_text(encoding="utf-8").count(board.layout.memory)

    before = held()
    window.show_snapshot(snapshot(EngineState.RUNNING, preview=board.layout))
    window.previews.refresh()
    assert held() == before + 1
    window.show_snapshot(snapshot(EngineState.IDLE))
    assert held() == before


def test_a_memory_that_is_gone_is_not_an_error(window: ConsoleWindow, board: PreviewBoard) -> None:
    gone = board.layout.model_copy(update={"memory": "psm_labcapture_none"})
    window.show_snapshot(snapshot(EngineState.RUNNING, preview=gone))
    assert window.previews.pictures == []
    window.show_snapshot(snapshot(EngineState.RUNNING, preview=board.layout))
    assert len(window.previews.pictures) == 2


def test_what_the_participant_sees_is_shown_until_the_screen_is_gone(window: ConsoleWindow, qtbot: QtBot) -> None:
    board = PreviewBoard(SPECS, (384, 216))
    seen = np.zeros((216, 384, 3), np.uint8)
    seen[:, :192] = (250, 120, 10)
    board.show_stage(seen, NOW)
    try:
        running = snapshot(EngineState.RUNNING, preview=board.layout)
        window.show_snapshot(running)
        screen = window.previews.participant
        mirror = screen.mirror
        assert mirror is not None
        assert [view.stream for view in window.previews.pictures] == ["color", "depth"]  # the screen is no camera
        qtbot.waitUntil(lambda: mirror.count == 1, timeout=20_000)
        assert screen.isVisible()
        assert not window.previews.stage.isVisible()
        assert mirror.colour_at(10, 10).name() == "#fa780a"
        assert mirror.colour_at(300, 10).name() == "#000000"
        assert screen.step.text() == "Clip: storm"
        qtbot.waitUntil(lambda: mirror.is_stale, timeout=20_000)
        lost = ALARM.model_copy(update={"source": "stage", "kind": "lost", "cause": "the participant's screen broke"})
        window.show_snapshot(running.model_copy(update={"alarms": (lost,)}))
        assert mirror.gone == "the participant's screen broke"
        window.show_snapshot(running)
        assert mirror.gone == ""
        window.grab()
    finally:
        window.previews.close_memory()
        board.close()
    assert not screen.isVisible()
