"""A whole session, prepared, run and read through the window, with real previews and a real stage."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from labcapture.console.app import Console
from labcapture.console.controls import CANCEL
from labcapture.console.window import ConsoleWindow
from labcapture.engine.messages import EngineState, Snapshot
from tests.run.sessions import RIG

_LIMIT_MS = 120_000

PROTOCOL = """
name: no_clips
title: A cross to look at
paradigm: none
steps:
  - {id: welcome, kind: instruction, title: Welcome, text: Welcome, seconds: 1}
  - {id: cross, kind: fixation, title: The cross, seconds: 6}
"""


def _fill(window: ConsoleWindow, folder: Path) -> None:
    rig, protocol = folder / "rig.yaml", folder / "protocol.yaml"
    rig.write_text(RIG.format(truth=folder / "truth.jsonl", faults="{}"), encoding="utf-8")
    protocol.write_text(PROTOCOL, encoding="utf-8")
    window.form.fill({"session": "01", "protocol": protocol, "rig": rig, "out": folder / "out", "autopilot": 4})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the rig's stage needs Xvfb")
def test_a_session_from_form_to_result(console: tuple[Console, list[Snapshot]], qtbot: QtBot, tmp_path: Path) -> None:
    window, heard = console[0].window, console[1]

    def shows(word: str) -> None:
        qtbot.waitUntil(lambda: window.head.state.text() == word, timeout=_LIMIT_MS)

    def press(key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        qtbot.waitUntil(window.isActiveWindow, timeout=_LIMIT_MS)
        QTest.keyClick(window, key, modifier)

    shows("IDLE")
    _fill(window, tmp_path)
    QTest.keyClicks(window.form.participant, "p01")
    QTest.keyClick(window.form.participant, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    shows("PREPARING")
    shows("READY")
    color, depth = window.previews.pictures
    qtbot.waitUntil(lambda: min(color.count, depth.count) > 5, timeout=_LIMIT_MS)
    assert window.head.simulated.isVisible()
    assert window.streams.streams.rowCount() == 4

    press(Qt.Key.Key_Space)
    shows("RUNNING")
    qtbot.waitUntil(lambda: window.head.detail.text() == "step 2 of 2", timeout=_LIMIT_MS)
    press(Qt.Key.Key_P)
    shows("PAUSED")
    press(Qt.Key.Key_M)
    press(Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.question is not None, timeout=_LIMIT_MS)
    question = window.question
    assert question is not None
    assert question.line is not None
    QTest.keyClicks(question.line, "looked away")
    QTest.keyClick(question.line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.controls.message.text() == "Noted: looked away", timeout=_LIMIT_MS)
    press(Qt.Key.Key_P)
    shows("RUNNING")
    qtbot.waitUntil(lambda: window.pages.currentWidget() is window.outcome, timeout=_LIMIT_MS)

    qtbot.waitUntil(lambda: heard[-1].state is EngineState.IDLE, timeout=_LIMIT_MS)
    assert window.outcome.heading.text() == "unlabelled"
    assert window.outcome.error.text() == ""
    assert window.previews.pictures == []
    with h5py.File(Path(window.outcome.folder.text()) / "session.h5", "r") as session:
        assert [row["text"].decode() for row in session["notes"][:]] == ["looked away"]
        labels = [row["label"].decode() for row in session["markers"][:]]
        order = [labels.index(label) for label in ("pause", "experimenter", "resume")]
        assert order == sorted(order)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the rig's stage needs Xvfb")
def test_what_is_being_prepared_is_cancelled_by_one_key(
    console: tuple[Console, list[Snapshot]], qtbot: QtBot, tmp_path: Path
) -> None:
    window, heard = console[0].window, console[1]
    qtbot.waitUntil(lambda: window.head.state.text() == "IDLE", timeout=_LIMIT_MS)
    _fill(window, tmp_path)
    nobody = "{kind: lsl, name: skin, stream_name: nobody-sends-this, timeout_s: 110}"
    (tmp_path / "rig.yaml").write_text(
        f"name: waits\ndevices: [{nobody}]\nstage: {{display: virtual, size: [640, 360]}}\n", encoding="utf-8"
    )
    QTest.keyClicks(window.form.participant, "p01")
    QTest.keyClick(window.form.participant, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.controls.enabled() == {"Cancel"}, timeout=_LIMIT_MS)
    assert window.controls.buttons[CANCEL].isVisible()
    qtbot.waitUntil(window.isActiveWindow, timeout=_LIMIT_MS)
    QTest.keyClick(window, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: window.pages.currentWidget() is window.form, timeout=_LIMIT_MS)
    qtbot.waitUntil(lambda: "cancelled" in window.form.message.text(), timeout=_LIMIT_MS)
    assert heard[-1].state is EngineState.IDLE
    assert not (tmp_path / "out").exists()
