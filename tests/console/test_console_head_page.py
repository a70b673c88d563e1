"""The head without a session, and a look that is cancelled: by keys, with a real engine and a simulated camera."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from labcapture.console.app import Console
from labcapture.engine.messages import EngineState, Snapshot

_LIMIT_MS = 120_000
RIG = """
name: test rig
devices:
  - {kind: realsense, name: camera, source: simulated, simulated: {pictures: 2},
     color: {width_px: 424, height_px: 240}, depth: {width_px: 424, height_px: 240}}
stage: {display: virtual, size: [640, 360]}
"""
PROTOCOL = "{name: none, title: A cross, paradigm: none, steps: [{id: cross, kind: fixation, seconds: 2}]}"


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    rig, protocol = tmp_path / "rig.yaml", tmp_path / "protocol.yaml"
    rig.write_text(RIG, encoding="utf-8")
    protocol.write_text(PROTOCOL, encoding="utf-8")
    return {"rig": str(rig), "protocol": str(protocol), "out": str(tmp_path / "out")}


def test_a_head_is_shown_without_a_session(
    console: tuple[Console, list[Snapshot]], qtbot: QtBot, files: dict[str, str]
) -> None:
    window, heard = console[0].window, console[1]
    qtbot.waitUntil(lambda: window.head.state.text() == "IDLE", timeout=_LIMIT_MS)
    window.form.fill({"participant": "p01", "session": "01", **files})
    qtbot.waitUntil(window.isActiveWindow, timeout=_LIMIT_MS)
    QTest.keyClick(window, Qt.Key.Key_F4)
    page = window.calibration
    qtbot.waitUntil(lambda: page.isVisible() and page.previews.head.isVisible(), timeout=_LIMIT_MS)
    qtbot.waitUntil(lambda: all(view.count > 2 for view in page.previews.pictures), timeout=_LIMIT_MS)
    assert len(page.previews.pictures) == 2
    sentence = page.previews.head.sentence
    qtbot.waitUntil(lambda: sentence.text() != "", timeout=_LIMIT_MS)
    window.resize(1280, 720)
    below = [view.mapTo(page, view.rect().bottomLeft()).y() for view in page.previews.pictures]
    qtbot.waitUntil(lambda: sentence.height() >= sentence.minimumSizeHint().height(), timeout=_LIMIT_MS)
    assert max(below) < sentence.mapTo(page, sentence.rect().topLeft()).y()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: window.pages.currentWidget() is window.form, timeout=_LIMIT_MS)
    assert page.previews.pictures == []

    def is_free() -> bool:
        view = heard[-1].calibration
        return view is not None and not view.doing

    qtbot.waitUntil(is_free, timeout=_LIMIT_MS)
    assert heard[-1].state is EngineState.IDLE

    QTest.keyClick(window.form.participant, Qt.Key.Key_Return)  # the camera is free for a look at the rig
    checked = window.preflight
    qtbot.waitUntil(lambda: "measuring" in checked.words.text(), timeout=_LIMIT_MS)
    assert checked.back.text() == "Cancel"
    QTest.keyClick(window, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: "cancelled" in checked.words.text(), timeout=_LIMIT_MS)
    assert checked.is_open
    assert checked.all.isEnabled()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: window.pages.currentWidget() is window.form, timeout=_LIMIT_MS)
