"""The watch over the GUI thread can fail: by an event that takes too long, that reads a folder, that sleeps."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QProcess, QTimer
from PySide6.QtWidgets import QComboBox, QWidget
from pytestqt.qtbot import QtBot

from tests.console.gui_watch import LIMIT_S, PAINT_S, STILL_S, WATCH, Watch


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the watch take the code of these tests for the console's."""
    monkeypatch.setattr(WATCH, "ours", str(Path(__file__).parent))


def during_an_event(act: Callable[[], object], seen: list[str], qtbot: QtBot) -> list[str]:
    """Return what the watch has in ``seen`` after an event that acts."""
    timer = QTimer(singleShot=True)
    timer.setObjectName("act")
    timer.timeout.connect(act)
    timer.start(0)
    qtbot.waitUntil(lambda: bool(seen), timeout=20_000)
    told = list(seen)
    WATCH.begin()  # else this very test would fail by what it did
    return told


def test_no_kind_of_event_may_be_slow_even_once() -> None:
    watch = Watch()
    watch.saw("key", 0.9 * LIMIT_S)
    watch.saw("a new size", 0.9 * PAINT_S, paints_anew=True)
    assert not watch.slow
    watch.saw("mouse", 1.1 * LIMIT_S)
    watch.saw("another size", 1.1 * PAINT_S, paints_anew=True)
    assert [told.split(":")[0] for told in watch.slow] == ["mouse", "another size"]


def test_only_the_first_paint_of_a_window_at_a_size_is_one(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    watch = Watch()
    found = []
    for height in (100, 100, 200, 200):
        window.resize(300, height)
        watch.paints_anew = False
        watch.painted(window)
        found.append(watch.paints_anew)
    assert found == [True, False, True, False]


def test_an_event_that_computes_or_reads_is_seen(qtbot: QtBot) -> None:
    def work() -> None:
        os.listdir(tempfile.gettempdir())  # noqa: PTH208 - what the watch is told of
        end = time.thread_time() + 3 * LIMIT_S
        while time.thread_time() < end:
            pass

    waits = WATCH.waits
    slow = during_an_event(work, WATCH.slow, qtbot)
    assert [told.split(":")[0] for told in slow] == ["act QTimer Timer"]
    assert [wait.split("(")[0] for wait in waits] == ["os.listdir"]


@pytest.mark.parametrize("works", [False, True])
def test_what_the_watch_itself_takes_is_not_the_windows(qtbot: QtBot, works: bool) -> None:
    form = QWidget()
    qtbot.addWidget(form)
    for _ in range(40):
        QComboBox(form, editable=True)
    ended: list[str] = []

    def act() -> None:
        began = time.thread_time()
        while time.thread_time() < began + 1.6 * LIMIT_S:  # a twentieth of it is Qt's
            form.setEnabled(not form.isEnabled())
        while works and time.thread_time() < began + 3.6 * LIMIT_S:
            pass
        ended.append("act")

    timer = QTimer(singleShot=True)
    timer.timeout.connect(act)
    timer.start(0)
    qtbot.waitUntil(lambda: bool(ended), timeout=20_000)
    qtbot.wait(0)
    slow = list(WATCH.slow)
    WATCH.begin()
    assert bool(slow) is works


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="no system that tells how long a thread slept")
@pytest.mark.parametrize("wait", ["sleep", "lock", "thread", "Qt"])
def test_an_event_that_sleeps_is_seen(qtbot: QtBot, mine: None, wait: str) -> None:
    def stand() -> None:
        still_ms = round(5 * STILL_S * 1000)
        if wait == "sleep":
            time.sleep(still_ms / 1000)
        elif wait == "lock":
            threading.Event().wait(still_ms / 1000)
        elif wait == "thread":
            sleeper = threading.Thread(target=time.sleep, args=(still_ms / 1000,))
            sleeper.start()
            sleeper.join()
        else:
            process = QProcess()  # one that was never started would not be waited for
            process.start("sleep", [str(still_ms / 1000)])
            process.waitForFinished(20_000)

    told = during_an_event(stand, WATCH.waits, qtbot)
    assert any("act QTimer Timer stood still at" in words and __file__ in words for words in told)


def test_the_sleep_of_the_event_loop_does_not_count(qtbot: QtBot, mine: None) -> None:
    timer = QTimer(singleShot=True)
    timer.timeout.connect(lambda: None)
    timer.start(0)
    qtbot.wait(round(2 * STILL_S * 1000))  # the event loop sleeps
    assert not WATCH.waits
