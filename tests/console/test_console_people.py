"""A mock crime in small, run through the window by keys: consent, outcome, questions, account, redo and skip."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from labcapture.console.app import Console
from labcapture.engine.messages import Prepare, Prompt, Snapshot
from tests.run.sessions import RIG

_LIMIT_MS = 120_000
Key, NONE = Qt.Key, Qt.KeyboardModifier.NoModifier

PROTOCOL = """
name: small_crime
title: A mock crime in small
paradigm: mock_crime
ledger: {variable: pay, start: 20, currency: RMB, mark: expression, change: -5}
steps:
  - {id: consent, kind: consent, text: Do you agree?}
  - {id: outcome, kind: assign, variable: outcome, values: [taken, not_taken], how: entered, by: assistant,
     hidden_until: accuse}
  - id: interview
    kind: block
    record: true
    steps:
      - {id: name, kind: interview, text: What is your name?, writes: text}
      - {id: envelope, kind: question, text: Was it an envelope?, expected: "no", role: probe, group: table}
      - {id: folder, kind: question, text: "Was it a folder? {outcome}", expected: "no", group: table}
  - {id: rest, kind: fixation, seconds: 900}
  - {id: accuse, kind: note, text: "It was {outcome}.", when: outcome == 'taken'}
  - {id: not_accuse, kind: note, text: "It was not.", when: outcome != 'taken'}
"""


class Hands:
    """The experimenter's, on the keyboard."""

    def __init__(self, console: Console, heard: list[Snapshot], qtbot: QtBot) -> None:
        self.console, self.window, self.heard, self._qtbot = console, console.window, heard, qtbot

    def until(self, condition: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(condition, timeout=_LIMIT_MS)

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = NONE) -> None:
        self.until(self.window.isActiveWindow)
        QTest.keyClick(self.window, key, modifier)

    def prompt(self) -> Prompt:
        return self.heard[-1].prompt or Prompt(step="", kind="")

    def wanted(self, step: str) -> None:
        self.until(lambda: self.prompt().step == step)

    def confirm(self, words: str = "") -> None:
        self.until(lambda: self.window.question is not None and self.window.question.isActiveWindow())
        question = self.window.question
        assert question is not None
        if question.line is not None:
            QTest.keyClicks(question.line, words)
        QTest.keyClick(question.line or question, Key.Key_Return)
        self.until(lambda: self.window.question is None)


def _open(hands: Hands, folder: Path) -> None:
    """Bring a session to where it can be started."""
    rig, protocol = folder / "rig.yaml", folder / "protocol.yaml"
    rig.write_text(RIG.format(truth=folder / "truth.jsonl", faults="{}"), encoding="utf-8")
    protocol.write_text(PROTOCOL, encoding="utf-8")
    files = {"protocol": str(protocol), "rig": str(rig), "out": str(folder / "out")}
    hands.until(lambda: hands.window.head.state.text() == "IDLE")
    hands.console.bridge.send(Prepare(participant="p01", session="01", **files))
    hands.until(lambda: hands.window.head.state.text() == "READY")


def _interview(hands: Hands) -> None:
    """Write down a name; ask two questions, mark when, and enter what was answered."""
    window = hands.window
    hands.wanted("name")
    hands.until(lambda: window.pages.currentWidget() is window.interview)
    hands.press(Key.Key_W)
    hands.until(window.prompt.line.hasFocus)
    QTest.keyClicks(window.prompt.line, "P. Muster")
    QTest.keyClick(window.prompt.line, Key.Key_Return)
    for step, answer in (("envelope", Key.Key_N), ("folder", Key.Key_Y)):
        hands.wanted(step)
        hands.press(Key.Key_Space)
        hands.until(lambda: hands.prompt().asked == "start")
        hands.press(Key.Key_Space)
        hands.until(lambda: hands.prompt().asked == "end")
        assert "taken" not in window.prompt.words.text()
        hands.press(answer)


def _rest(hands: Hands) -> None:
    """Mark two expressions, with the step begun anew in between; leave the rest of it out."""
    hands.wanted("rest")
    hands.until(lambda: hands.window.pages.currentWidget() is hands.window.live)
    hands.press(Key.Key_E)
    hands.until(lambda: hands.heard[-1].balance == 15)
    hands.press(Key.Key_R)
    heard = len(hands.heard)
    hands.confirm()
    hands.until(lambda: any(snapshot.prompt is None for snapshot in hands.heard[heard:]) or hands.prompt().since_s < 1)
    hands.wanted("rest")
    hands.press(Key.Key_E)
    hands.until(lambda: hands.heard[-1].balance == 10)
    hands.press(Key.Key_S)
    hands.confirm("calm enough")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the rig's stage needs Xvfb")
def test_a_mock_crime_by_keys(console: tuple[Console, list[Snapshot]], qtbot: QtBot, tmp_path: Path) -> None:
    hands = Hands(*console, qtbot)
    window = hands.window
    _open(hands, tmp_path)
    hands.press(Key.Key_Space)
    hands.wanted("consent")
    hands.press(Key.Key_Return)
    hands.wanted("outcome")
    hands.press(Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    hands.press(Key.Key_T)
    _interview(hands)
    _rest(hands)
    hands.wanted("accuse")
    hands.until(lambda: window.prompt.words.text() == "It was taken.")
    hands.press(Key.Key_Return)
    hands.until(lambda: window.pages.currentWidget() is window.outcome)

    with h5py.File(Path(window.outcome.folder.text()) / "session.h5", "r") as session:
        responses = session["responses"][:]
        assert [(row["step"], row["answer"]) for row in responses] == [(b"envelope", b"no"), (b"folder", b"yes")]
        assert all(row["question_start"] < row["question_end"] < row["answer_time"] for row in responses)
        assert session["ledger"]["balance"].tolist() == [15, 10]
        assert [row["by"] for row in session["assignments"][:]] == [b"experimenter"]
        steps = session["steps"][:]
        assert b"calm enough" in [row["detail"] for row in steps if row["event"] == b"skip"]
        assert [row["detail"] for row in steps if row["event"] == b"redo"][:1] == [b"rest"]
        assert max(row["take"] for row in steps if row["step"] == b"rest") == 2
        assert b"P. Muster" in [row["value"] for row in session["answers"][:]]
