"""The watch over the GUI thread can fail: twice beyond the limit, once far beyond it, or by reading a folder."""

from __future__ import annotations

import os
import tempfile
import time

from PySide6.QtCore import QTimer
from pytestqt.qtbot import QtBot

from tests.console.gui_watch import LIMIT_S, ONCE_S, WATCH, Watch


def test_one_first_use_passes_and_a_habit_does_not() -> None:
    watch = Watch()
    watch.saw("key", 1.2 * LIMIT_S)
    watch.saw("mouse", 1.2 * LIMIT_S)
    watch.saw("key", 0.9 * LIMIT_S)
    assert not watch.slow
    watch.begin()
    watch.saw("key", 1.2 * LIMIT_S)
    watch.saw("paint", 1.1 * ONCE_S)
    assert [told.split(":")[0] for told in watch.slow] == ["key", "paint"]


def test_an_event_that_computes_or_reads_is_seen(qtbot: QtBot) -> None:
    def work() -> None:
        os.listdir(tempfile.gettempdir())  # noqa: PTH208 - what the watch is told of
        end = time.thread_time() + 2 * ONCE_S
        while time.thread_time() < end:
            pass

    timer = QTimer(singleShot=True)
    timer.timeout.connect(work)
    timer.start(0)
    qtbot.waitUntil(lambda: bool(WATCH.slow), timeout=10_000)
    assert [wait.split("(")[0] for wait in WATCH.waits] == ["os.listdir"]
    WATCH.begin()  # else this very test would fail by what it did
