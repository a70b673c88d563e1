"""The viewer tells the truth: the picture is the frame of that index, a gap is a gap, and what it measures is so."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from shiboken6 import Shiboken

import labcapture.reading
from labcapture.console import theme
from labcapture.core.errors import RecordingError
from labcapture.view.cache import Key, PictureCache
from labcapture.view.keys import GROUPS
from labcapture.view.picture import PictureView
from labcapture.view.window import ViewerWindow
from tests.reading import recorded_world as world

PATIENCE_MS = 20_000


def settled(qtbot: QtBot, window: ViewerWindow) -> None:
    """Wait until every pane shows what belongs to the moment."""
    qtbot.waitUntil(lambda: not window.projector.waiting, timeout=PATIENCE_MS)


def pixels(pane: PictureView, layer: int = 0) -> NDArray[np.uint8]:
    """Return (h, w, 3) of a layer of what a pane shows."""
    image = pane.layers()[layer].image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def frame_time(window: ViewerWindow, trial: str, index: int, stream: str = "color") -> float:
    """Return when a frame was taken (LSL s)."""
    return float(window.film.session.trials[trial][stream].time[index])


def test_the_picture_is_the_frame_of_that_index(qtbot: QtBot, window: ViewerWindow) -> None:
    for trial, first, index in (("01_a", 0, 0), ("01_a", 0, 57), ("03_e", world.FRAMES + 2, 12), ("01_a", 0, 3)):
        window.steering.seek(frame_time(window, trial, index))
        settled(qtbot, window)
        np.testing.assert_array_equal(pixels(window.color_pane), world.picture(world.COLOR, first + index))
        assert window.transport.frame.text() == str(index)
        assert f"frame {index} of 90" in window.color_pane.accessibleDescription()


def test_who_scrubs_faster_than_pictures_are_decoded_sees_some_of_them(qtbot: QtBot, window: ViewerWindow) -> None:
    settled(qtbot, window)
    window.projector.cache.forget()
    seen: list[str] = []
    window.projector.changed.connect(lambda: seen.append(window.color_pane.accessibleDescription()))
    for index in (20, 30, 40):
        window.steering.seek(frame_time(window, "01_a", index))
    assert window.transport.clock.text() == window.film.clock(frame_time(window, "01_a", 40))
    settled(qtbot, window)
    told = [words.split()[2] for words in dict.fromkeys(seen)]
    assert "20" in told  # what was begun
    assert told[-1] == "40"  # where the hand came to rest
    np.testing.assert_array_equal(pixels(window.color_pane), world.picture(world.COLOR, 40))


def test_a_slow_machine_plays_fewer_pictures_in_time(qtbot: QtBot, window: ViewerWindow) -> None:
    settled(qtbot, window)
    cache, read = window.projector.cache, window.projector._read

    def slowly(key: Key, threads: int) -> NDArray[np.uint8]:
        time.sleep(0.15)  # two streams in two threads: at most 7 of 30 pairs a second
        return read(key, threads)

    cache._read = slowly
    cache.forget()
    seen: set[str] = set()
    window.projector.changed.connect(lambda: seen.add(window.color_pane.accessibleDescription()))
    QTest.keyClick(window.tracks, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: len(seen) > 4 or not window.steering.player.playing, timeout=PATIENCE_MS)
    assert len(seen) > 4
    QTest.keyClick(window.tracks, Qt.Key.Key_Space)
    settled(qtbot, window)
    index = window.film.reel(window.film.trials[0], "color").nearest(window.steering.time)
    assert f"frame {index} of 90" in window.color_pane.accessibleDescription()  # where it was paused, in time or not


def test_one_picture_that_is_waited_for_is_decoded_by_all_threads() -> None:
    by: dict[int, int] = {}
    arrived = threading.Event()

    def read(key: Key, threads: int) -> NDArray[np.uint8]:
        by[key.frame] = threads
        return np.zeros((2, 2), np.uint8)

    cache = PictureCache(read, lambda _: arrived.set() if len(by) == 4 else None)
    try:
        keys = [Key("01_a", "color", frame) for frame in range(4)]
        cache.want(keys[:1], keys[1:])
        assert arrived.wait(PATIENCE_MS / 1000)
    finally:
        cache.close()
    assert by == {0: 2, 1: 1, 2: 1, 3: 1}
    assert all(cache.begun(key) for key in keys)


def test_stepping_by_keys_and_to_an_index(qtbot: QtBot, window: ViewerWindow) -> None:
    for _ in range(3):
        QTest.keyClick(window.tracks, Qt.Key.Key_Right)
    QTest.keyClick(window.tracks, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(window.tracks, Qt.Key.Key_Left)
    settled(qtbot, window)
    np.testing.assert_array_equal(pixels(window.color_pane), world.picture(world.COLOR, 12))
    window.transport.frame.setFocus()
    window.transport.frame.setText("70")
    QTest.keyClick(window.transport.frame, Qt.Key.Key_Return)
    settled(qtbot, window)
    np.testing.assert_array_equal(pixels(window.color_pane), world.picture(world.COLOR, 70))
    QTest.keyClick(window.tracks, Qt.Key.Key_PageDown)
    settled(qtbot, window)
    np.testing.assert_array_equal(pixels(window.color_pane), world.picture(world.COLOR, world.FRAMES + 2))


def test_a_gap_shows_no_picture(qtbot: QtBot, window: ViewerWindow) -> None:
    window.steering.seek(frame_time(window, "03_e", 39))
    settled(qtbot, window)
    assert window.depth_pane.layers()
    for lost in (40, 41, 42):
        window.steering.step(1)
        settled(qtbot, window)
        assert window.transport.frame.text() == str(lost)
        assert window.depth_pane.missing == "NO FRAME"
        assert "dropped, 3 frames missing" in window.depth_pane.accessibleDescription()
        assert not window.depth_pane.layers()
        np.testing.assert_array_equal(pixels(window.color_pane), world.picture(world.COLOR, world.FRAMES + 2 + lost))
    window.steering.step(1)
    settled(qtbot, window)
    assert "frame 40 of 87" in window.depth_pane.accessibleDescription()
    assert [lane.name for lane in window.tracks.lanes if "gaps" in lane.name] == ["depth gaps"]


def test_stepping_goes_through_lost_frames_of_the_leading_stream(window: ViewerWindow) -> None:
    reel = window.film.reel(window.film.session.trials["03_e"], "depth")
    time, seen = float(reel.time[38]), []
    for _ in range(6):
        time = reel.step(time, 1)
        seen.append(reel.at(time).index)
    assert seen == [39, None, None, None, 40, 41]
    back = [reel.at(time := reel.step(time, -1)).index for _ in range(6)]
    assert back == [40, None, None, None, 39, 38]


def test_between_trials_there_is_no_picture(qtbot: QtBot, window: ViewerWindow) -> None:
    first, second = (window.film.span(trial) for trial in window.film.trials)
    window.steering.seek(second[1] + 0.5 if second[0] - first[1] < 0.5 else (first[1] + second[0]) / 2)
    settled(qtbot, window)
    assert window.color_pane.missing == window.depth_pane.missing == "NO FRAME"
    assert window.transport.frame.text() == "–"


def test_marks_measure_time_frames_and_eda(qtbot: QtBot, window: ViewerWindow) -> None:
    window.steering.seek(frame_time(window, "01_a", 10))
    QTest.keyClick(window.tracks, Qt.Key.Key_A)
    window.steering.seek(frame_time(window, "01_a", 40))
    QTest.keyClick(window.tracks, Qt.Key.Key_B)
    seconds = frame_time(window, "01_a", 40) - frame_time(window, "01_a", 10)
    assert window.measures.words("time_d") == f"{seconds:+.3f} s"
    assert (window.measures.words("frame_a"), window.measures.words("frame_b")) == ("10", "40")
    assert window.measures.words("frame_d") == "+30"
    # The world's EDA is its sender's clock: it grows by a second each second.
    assert float(window.measures.words("eda_d")) == pytest.approx(seconds, abs=0.011)
    QTest.keyClick(window.tracks, Qt.Key.Key_Escape)
    assert window.measures.words("time_d") == "–"


def test_the_distance_at_the_mouse(qtbot: QtBot, window: ViewerWindow) -> None:
    window.steering.seek(frame_time(window, "01_a", 5, "depth"))
    settled(qtbot, window)
    truth = world.picture(world.DEPTH, 5)
    assert window.projector.distance_mm("depth", (30, 20)) == pytest.approx(float(truth[20, 30]))
    assert window.projector.distance_mm("depth", (64, 20)) is None
    assert window.projector.distance_mm("color", (30, 20)) is None  # not aligned: it would be another point


def test_contours_run_where_the_distance_crosses_a_multiple(qtbot: QtBot, window: ViewerWindow) -> None:
    window.options.every.setValue(10)
    QTest.keyClick(window.tracks, Qt.Key.Key_C)
    settled(qtbot, window)
    counts = world.picture(world.DEPTH, 0).astype(int)
    band = counts // 10
    truth = np.zeros(counts.shape, bool)
    for row in range(counts.shape[0]):
        for column in range(counts.shape[1]):
            for other in ((row, column + 1), (row + 1, column)):
                if other[0] < counts.shape[0] and other[1] < counts.shape[1] and counts[row, column] and counts[other]:
                    truth[row, column] |= band[row, column] != band[other]
    np.testing.assert_array_equal(pixels(window.depth_pane, 1).any(axis=2), truth)
    assert truth.any()
    assert not truth.all()


def test_motion_is_the_difference_to_the_reference(qtbot: QtBot, window: ViewerWindow) -> None:
    window.steering.seek(frame_time(window, "01_a", 8))
    QTest.keyClick(window.tracks, Qt.Key.Key_R)
    QTest.keyClick(window.tracks, Qt.Key.Key_D)
    settled(qtbot, window)
    assert (pixels(window.color_pane) == 128).all()
    window.steering.seek(frame_time(window, "01_a", 20))
    settled(qtbot, window)
    change = world.picture(world.COLOR, 20).astype(int) - world.picture(world.COLOR, 8)
    np.testing.assert_array_equal(pixels(window.color_pane), np.clip(128 + 4 * change, 0, 255))


def test_a_blend_without_lenses_says_why(qtbot: QtBot, window: ViewerWindow) -> None:
    QTest.keyClick(window.tracks, Qt.Key.Key_V)
    settled(qtbot, window)
    assert window.color_pane.missing == "CANNOT BE SHOWN"
    assert "intrinsics" in window.color_pane.accessibleDescription() or "extrinsics" in (
        window.color_pane.accessibleDescription()
    )
    QTest.keyClick(window.tracks, Qt.Key.Key_V)
    settled(qtbot, window)
    assert not window.color_pane.missing


def test_events_are_filtered_and_jumped_to(qtbot: QtBot, window: ViewerWindow) -> None:
    everything = window.events.times()
    assert everything == sorted(everything)
    window.events.words.setText("sneezed")
    (note,) = window.events.times()
    assert note == float(window.film.session.notes["time"][0])
    QTest.keyClick(window.events.words, Qt.Key.Key_Return)
    assert window.steering.time == note
    window.events.words.clear()
    window.events.kinds.setCurrentIndex(window.events.kinds.findData("gap"))
    assert len(window.events.times()) == len(window.film.session.gaps("depth"))


def test_copying_tells_frame_and_time(qtbot: QtBot, window: ViewerWindow) -> None:
    window.steering.seek(frame_time(window, "03_e", 60))
    settled(qtbot, window)
    QTest.keyClick(window.tracks, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    folder, *parts = QGuiApplication.clipboard().text().split("\t")
    facts = dict(part.split("=", 1) for part in parts)
    assert folder == window.film.session.folder.name
    assert (facts["trial"], facts["color"], facts["depth"]) == ("03_e", "60", "57")
    assert float(facts["lsl_time"]) == pytest.approx(frame_time(window, "03_e", 60), abs=1e-6)


def test_playing_goes_on_in_time_and_stops_at_the_end(qtbot: QtBot, window: ViewerWindow) -> None:
    start = window.steering.time
    window.steering.set_speed(4)
    QTest.keyClick(window.tracks, Qt.Key.Key_Space)
    assert window.steering.player.playing
    qtbot.waitUntil(lambda: window.steering.time > start + 1, timeout=PATIENCE_MS)
    window.steering.seek(window.film.stop - 0.2)
    qtbot.waitUntil(lambda: not window.steering.player.playing, timeout=PATIENCE_MS)
    assert window.steering.time == window.film.stop


def test_every_key_has_its_method(window: ViewerWindow) -> None:
    keys = [key for group in GROUPS.values() for binding in group for key in binding.keys]
    assert len(keys) == len(set(keys))
    for group in GROUPS.values():
        for binding in group:
            owners = (window.steering, window.measuring, window)
            assert sum(binding.action in type(owner).__dict__ for owner in owners) == 1, binding.action


def test_the_voice_is_drawn_as_extremes_where_it_was_heard(qtbot: QtBot, window: ViewerWindow) -> None:
    voice = window.film.session.voice
    (trace,) = [it for it in window.tracks.traces if it.name == "voice"]
    qtbot.waitUntil(lambda: trace.wave is not None, timeout=PATIENCE_MS)
    assert trace.wave is not None
    np.testing.assert_allclose(trace.wave.time, voice.time_of(np.arange(0, len(voice), 480)))
    np.testing.assert_allclose(trace.wave.high * 32767, np.arange(len(voice) // 480), atol=0.01)


def test_closing_ends_every_thread(qtbot: QtBot, watched: Path, qapp: object) -> None:
    del qapp
    before = set(threading.enumerate())
    with labcapture.reading.open(watched) as session:
        window = ViewerWindow(theme.LIGHT, session)
        window.show()
        window.steering.toggle_play()
        assert any(thread.name.startswith("decode") for thread in threading.enumerate())
        window.close()
        Shiboken.delete(window)
    assert not [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]


def test_a_trial_file_that_is_missing_is_named_before_a_window_opens(copied: Path) -> None:
    (copied / "trials" / "03_e.h5").unlink()
    with (
        labcapture.reading.open(copied) as session,
        pytest.raises(RecordingError, match="file is missing"),
    ):
        ViewerWindow(theme.DARK, session)
