"""The report in the window: read by a process of its own, told in words, drawn section by section."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from labcapture import reading
from labcapture.console.report_facts import report_facts
from labcapture.console.report_plots import ClipLine, ClockPlot, SignalPlot, Thumbnails
from labcapture.console.window import ConsoleWindow
from labcapture.engine.messages import EngineState
from labcapture.reading.overview import overview
from tests.console.console_cases import RESULT, snapshot
from tests.console.desktop import Opened

_LIMIT_MS = 120_000


def test_the_report_is_read_and_drawn_in_the_window(
    window: ConsoleWindow, recorded_session: Path, opened: Opened, qtbot: QtBot
) -> None:
    result = RESULT.model_copy(update={"folder": str(recorded_session)})
    window.show_snapshot(snapshot(EngineState.IDLE, result=result))
    page = window.outcome.report
    qtbot.waitUntil(window.isActiveWindow, timeout=_LIMIT_MS)
    QTest.keyClick(window, Qt.Key.Key_R)
    qtbot.waitUntil(page.isVisible, timeout=_LIMIT_MS)
    qtbot.waitUntil(lambda: bool(page.heading.text()) and not page.busy, timeout=_LIMIT_MS)
    with reading.open(recorded_session) as session:
        seen = overview(session)
    words = page.words()
    assert seen.facts["reason"] in words
    for trial in seen.facts["trials"]:
        assert trial["id"] in words
    for stream in seen.facts["streams"]:
        assert stream["name"] in words
    assert {str(row["text"]) for row in seen.notes} <= set(words)
    assert len(page.findChildren(ClipLine)) == len(page.findChildren(Thumbnails)) == len(seen.clips)
    assert len(page.findChildren(SignalPlot)) == len(seen.traces)
    assert len(page.findChildren(ClockPlot)) == len([trace for trace in seen.clocks if len(trace.time)])
    window.grab()  # draws all that is seen

    QTest.keyClick(window, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not page.isVisible(), timeout=_LIMIT_MS)
    QTest.keyClick(window, Qt.Key.Key_R)
    qtbot.waitUntil(page.isVisible, timeout=_LIMIT_MS)
    assert not page.busy  # it was read already
    QTest.keyClick(window, Qt.Key.Key_H)
    qtbot.waitUntil(lambda: bool(opened.urls), timeout=_LIMIT_MS)
    assert Path(opened.urls[0]).suffix == ".html"


def test_a_session_elsewhere_has_no_report_here(window: ConsoleWindow, qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(EngineState.IDLE, result=RESULT))
    qtbot.waitUntil(window.isActiveWindow, timeout=_LIMIT_MS)
    QTest.keyClick(window, Qt.Key.Key_R)
    page = window.outcome.report
    qtbot.waitUntil(page.isVisible, timeout=_LIMIT_MS)
    assert "cannot be seen from here" in page.message.text()
    assert not page.busy


def test_the_facts_are_plain_and_true(recorded_session: Path) -> None:
    with reading.open(recorded_session) as session:
        seen = overview(session)
    facts = json.loads(json.dumps(report_facts(seen), allow_nan=False))
    assert [clip["trial"] for clip in facts["clips"]] == list(seen.clips)
    for clip, trial in zip(facts["clips"], seen.facts["trials"], strict=True):
        assert clip["good"] is (trial["annotatable"] is True)
        shown = sum(count for marks in clip["gaps"].values() for _, count, _, _ in marks)
        assert shown == sum(gap.count for marks in seen.clips[trial["id"]].gaps.values() for gap in marks)
    for drawn, trace in zip(facts["traces"], seen.traces, strict=True):
        known = [value for value in drawn["high"] if value is not None]
        assert max(known) == pytest.approx(float(trace.high[trace.high == trace.high].max()), rel=1e-4)
