"""From the form of a new session over go or no-go to a session that runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import psutil
import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from labcapture.console.app import Console
from labcapture.console.recent import Recent
from labcapture.console.window import ConsoleWindow
from labcapture.core.errors import EngineError
from labcapture.engine.check_messages import CheckView, Preflight, Rehearse
from labcapture.engine.client import Client
from labcapture.engine.messages import Command, EngineState, Prepare
from labcapture.engine.preflight_rows import row
from tests.console.console_cases import snapshot

_LIMIT_MS = 120_000
Key = Qt.Key
IDLE = EngineState.IDLE
SMALL = "{width_px: 424, height_px: 240}"
RIG = f"""
name: test rig
devices:
  - {{kind: realsense, name: camera, source: simulated, color: {SMALL}, depth: {SMALL}, simulated: {{pictures: 2}}}}
  - kind: lsl
    name: eda
    preset: eda
    simulated: {{faults: [{{kind: flat, at_s: 0, seconds: 600}}]}}
stage: {{display: virtual, size: [640, 360]}}
"""
PROTOCOL = """
name: groups
title: Two groups
paradigm: none
languages: [en, zh]
steps:
  - {id: group, kind: assign, variable: group, values: [a, b]}
  - {id: cross, kind: fixation, seconds: 1}
"""
GOOD = (row("camera", "present", True, "D415"), row("eda", "flat", True, "it moves"))
BAD = (
    *GOOD[:1],
    row("eda", "sender's clock", "warn", "± 20 ms"),
    row("eda", "flat", False, "constant", "moving", "Mend"),
)


@pytest.fixture
def sent(window: ConsoleWindow) -> list[Command]:
    """Return the list to which the window's commands are added."""
    commands: list[Command] = []
    window.command.connect(commands.append)
    return commands


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Return the fields of a session whose files exist."""
    (tmp_path / "rig.yaml").write_text(RIG, encoding="utf-8")
    (tmp_path / "protocol.yaml").write_text(PROTOCOL, encoding="utf-8")
    paths = {"rig": tmp_path / "rig.yaml", "protocol": tmp_path / "protocol.yaml", "out": tmp_path / "out"}
    return {name: str(path) for name, path in paths.items()}


def _session(out: str, name: str, **facts: object) -> None:
    folder = Path(out) / name
    folder.mkdir(parents=True)
    told = {"protocol": "groups", "simulated": True, "completed": True} | facts
    (folder / "summary.json").write_text(json.dumps(told), encoding="utf-8")


def _press(window: ConsoleWindow, key: Qt.Key, qtbot: QtBot) -> None:
    qtbot.waitUntil(window.isActiveWindow, timeout=_LIMIT_MS)
    QTest.keyClick(window.focusWidget() or window, key)


def _look(window: ConsoleWindow, files: dict[str, str], qtbot: QtBot, check: CheckView | None = None) -> None:
    """Fill the form and press Return."""
    window.show_snapshot(snapshot(IDLE, check=check))
    window.form.fill({"participant": "p01", "session": "01", **files})
    window.form.participant.setFocus()
    _press(window, Key.Key_Return, qtbot)


def _cell(window: ConsoleWindow, line: int, column: int) -> str:
    item = window.preflight.rows.item(line, column)
    assert item is not None
    return item.text()


def _checked(files: dict[str, str], number: int, **facts: object) -> CheckView:
    return CheckView.model_validate({"rig": files["rig"], "protocol": files["protocol"], "number": number, **facts})


def test_three_keys_lead_from_the_form_to_a_running_session(
    window: ConsoleWindow, sent: list[Command], qtbot: QtBot, files: dict[str, str]
) -> None:
    _look(window, files, qtbot)
    assert window.pages.currentWidget() is window.preflight
    assert [command.command for command in sent] == ["preflight"]
    window.show_snapshot(snapshot(IDLE, check=_checked(files, 1, doing="measuring", done_share=0.5)))
    assert window.preflight.words.text() == "measuring"
    _press(window, Key.Key_Return, qtbot)  # too early: nothing happens
    window.show_snapshot(snapshot(IDLE, check=_checked(files, 1, rows=GOOD)))
    assert window.preflight.verdict.text() == "GO"
    _press(window, Key.Key_Return, qtbot)
    window.show_snapshot(snapshot(EngineState.READY))
    _press(window, Key.Key_Space, qtbot)
    assert [command.command for command in sent] == ["preflight", "prepare", "start"]
    prepare = sent[1]
    assert isinstance(prepare, Prepare)
    assert prepare.override == ""
    assert prepare.participant == "p01"


def test_an_old_look_counts_for_nothing(
    window: ConsoleWindow, sent: list[Command], qtbot: QtBot, files: dict[str, str]
) -> None:
    old = _checked(files, 4, rows=GOOD)
    _look(window, files, qtbot, check=old)
    window.show_snapshot(snapshot(IDLE, check=old))
    assert window.preflight.verdict.text() == "LOOKING"
    assert not window.preflight.prepare.isEnabled()


def test_another_engine_looks_anew(
    window: ConsoleWindow, sent: list[Command], qtbot: QtBot, files: dict[str, str]
) -> None:
    _look(window, files, qtbot)
    window.show_snapshot(snapshot(IDLE, check=_checked(files, 7, rows=GOOD)))
    window.show_lost(EngineError("the engine has ended"))
    window.show_snapshot(snapshot(IDLE))
    assert [command.command for command in sent] == ["preflight", "preflight"]
    window.show_snapshot(snapshot(IDLE, check=_checked(files, 1, rows=BAD)))
    assert window.preflight.verdict.text() == "NO-GO"


def test_failing_rows_stand_on_top_and_a_reason_is_needed(
    window: ConsoleWindow, sent: list[Command], qtbot: QtBot, files: dict[str, str]
) -> None:
    _look(window, files, qtbot)
    window.show_snapshot(snapshot(IDLE, check=_checked(files, 1, rows=BAD)))
    page = window.preflight
    assert page.verdict.text() == "NO-GO"
    shown = [[_cell(window, line, column) for column in range(6)] for line in range(3)]
    assert [cells[2] for cells in shown] == ["flat", "sender's clock", "present"]
    assert shown[0][3:] == ["constant", "moving", "Mend"]
    _press(window, Key.Key_Return, qtbot)
    qtbot.waitUntil(lambda: window.question is not None, timeout=_LIMIT_MS)
    question = window.question
    assert question is not None
    assert question.line is not None
    assert not question.yes.isEnabled()
    QTest.keyClick(question.line, Key.Key_Return)
    assert question.isVisible()
    QTest.keyClicks(question.line, "dry skin")
    QTest.keyClick(question.line, Key.Key_Return)
    prepare = sent[-1]
    assert isinstance(prepare, Prepare)
    assert prepare.override == "dry skin"
    window.show_refused(prepare, EngineError("the disk is full"))
    assert page.message.text() == "the disk is full"
    assert page.prepare.isEnabled()


def test_all_or_one_group_is_looked_at_again(
    window: ConsoleWindow, sent: list[Command], qtbot: QtBot, files: dict[str, str]
) -> None:
    _look(window, files, qtbot)
    window.show_snapshot(snapshot(IDLE, check=_checked(files, 1, rows=BAD)))
    _press(window, Key.Key_F6, qtbot)
    window.show_snapshot(snapshot(IDLE, check=_checked(files, 2, rows=GOOD)))
    _press(window, Key.Key_F5, qtbot)
    window.show_snapshot(snapshot(IDLE, check=_checked(files, 3, rows=GOOD)))
    _press(window, Key.Key_F8, qtbot)
    asked = [it.groups if isinstance(it, Preflight) else it.command for it in sent if not isinstance(it, Prepare)]
    assert asked == [(), ("eda",), (), "rehearse"]
    assert isinstance(sent[-1], Rehearse)
    assert sent[-1].seconds == 30
    window.show_snapshot(snapshot(IDLE, check=_checked(files, 4, rows=GOOD)))
    _press(window, Key.Key_Escape, qtbot)
    window.show_snapshot(snapshot(IDLE, check=_checked(files, 4, rows=GOOD)))
    assert window.pages.currentWidget() is window.form


def test_identifiers_are_judged_while_they_are_written(window: ConsoleWindow, files: dict[str, str]) -> None:
    window.show_snapshot(snapshot(IDLE))
    form = window.form
    form.fill(files)
    QTest.keyClicks(form.participant, "Jane")
    assert form.check.isEnabled()
    QTest.keyClicks(form.participant, " Doe")
    assert not form.check.isEnabled()
    assert not form.prepare.isEnabled()
    assert form.participant.property("wrong") == "true"
    form.participant.setText("P007")
    assert form.check.isEnabled()
    form.experimenter.setText("no/slash")
    assert not form.check.isEnabled()


def test_the_form_tells_what_is_on_disk_and_offers_to_go_on(
    window: ConsoleWindow, sent: list[Command], qtbot: QtBot, files: dict[str, str]
) -> None:
    out = files["out"]
    _session(out, "p01_01_20260101T100000Z", assigned={"group": "a"}, completed=False)
    _session(out, "p02_01_20260101T110000Z", assigned={"group": "a"})
    window.show_snapshot(snapshot(IDLE))
    form = window.form
    form.fill({"participant": "p01", "session": "01", **files})
    qtbot.waitUntil(lambda: "group" in form.conditions and form.resume.count() == 2, timeout=_LIMIT_MS)
    assert form.resume.isVisible()
    group = form.conditions["group"]
    assert "a 2" in group.itemText(0)
    assert "b 0" in group.itemText(0)
    assert [form.language.itemText(i) for i in range(form.language.count())] == ["en", "zh"]
    assert "2 rehearsals" in form.found.text()
    form.language.setFocus()
    QTest.keyClick(form.language, Qt.Key.Key_Tab)  # it stands below the language, so it comes after it
    assert group.hasFocus()
    group.choose("b")
    form.resume.setCurrentIndex(1)
    form.check.click()
    window.show_snapshot(snapshot(IDLE, check=_checked(files, 1, rows=GOOD)))
    window.preflight.prepare.click()
    prepare = sent[-1]
    assert isinstance(prepare, Prepare)
    assert prepare.variables == {"group": "b"}
    assert prepare.resume == str(Path(out) / "p01_01_20260101T100000Z")


def test_what_was_used_is_offered_again(window: ConsoleWindow, files: dict[str, str], tmp_path: Path) -> None:
    kept = tmp_path / "settings.ini"
    form = window.form
    form.remember(Recent(QSettings(str(kept), QSettings.Format.IniFormat)))
    form.fill({"participant": "p01", **files})
    form.experimenter.setText("EX1")
    form.check.click()
    again = Recent(QSettings(str(kept), QSettings.Format.IniFormat))
    assert again.values("experimenter") == ["EX1"]
    assert again.values("out") == [files["out"]]
    again.add("experimenter", "EX2")
    again.add("experimenter", "EX1")
    assert again.values("experimenter") == ["EX1", "EX2"]


@pytest.fixture
def console(qapp: object) -> Iterator[Console]:
    """Return a console with an engine of its own."""
    client = Client.spawn()
    made = Console(client.connection)
    made.open()
    yield made
    made.close()
    psutil.Process(client.details.pid).terminate()
    assert client.wait_ended(60)
    client.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the rig's stage needs Xvfb")
def test_a_session_begins_over_a_failing_row_with_a_reason(
    console: Console, qtbot: QtBot, files: dict[str, str]
) -> None:
    window = console.window
    page = window.preflight

    def shows(word: str) -> None:
        qtbot.waitUntil(lambda: window.head.state.text() == word, timeout=_LIMIT_MS)

    shows("IDLE")
    window.form.fill({"participant": "p01", "session": "01", "autopilot": 1, **files})
    window.form.notes.setText("first of the day")
    window.form.participant.setFocus()
    _press(window, Key.Key_Return, qtbot)
    qtbot.waitUntil(lambda: page.verdict.text() == "NO-GO", timeout=_LIMIT_MS)
    assert "flat" in [_cell(window, line, 2) for line in range(6)]
    _press(window, Key.Key_Return, qtbot)
    qtbot.waitUntil(lambda: window.question is not None, timeout=_LIMIT_MS)
    question = window.question
    assert question is not None
    assert question.line is not None
    QTest.keyClicks(question.line, "electrodes come later")
    QTest.keyClick(question.line, Key.Key_Return)
    shows("READY")
    _press(window, Key.Key_Space, qtbot)
    qtbot.waitUntil(lambda: window.pages.currentWidget() is window.outcome, timeout=_LIMIT_MS)
    with h5py.File(Path(window.outcome.folder.text()) / "session.h5", "r") as session:
        rows = session["preflight"][:]
        assert [text["text"].decode() for text in session["notes"][:]] == ["first of the day"]
    reasons = {row["what"].decode(): row["override"].decode() for row in rows}
    assert reasons["flat"] == "electrodes come later"
    assert reasons["present"] == ""
