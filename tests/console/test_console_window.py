"""The window in every state: what it says, what can be done, and which commands go out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QCheckBox, QComboBox, QHeaderView, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from labcapture.console import theme
from labcapture.console.controls import CONTROLS
from labcapture.console.dialogs import Question
from labcapture.console.dresser import Dresser
from labcapture.console.window import ConsoleWindow
from labcapture.core.clock import lsl_time
from labcapture.core.errors import BadInput, EngineError
from labcapture.engine.messages import (
    Abort,
    Command,
    EngineState,
    Mark,
    Note,
    Pause,
    Prepare,
    Resume,
    SessionResult,
    Start,
)
from tests.console.console_cases import ALARM, NOW, RESULT, STREAMS, snapshot

IDLE, READY, RUNNING, PAUSED = EngineState.IDLE, EngineState.READY, EngineState.RUNNING, EngineState.PAUSED
Key, CtrlShift = Qt.Key, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def sent(window: ConsoleWindow) -> list[Command]:
    """Return the list to which the window's commands are added."""
    commands: list[Command] = []
    window.command.connect(commands.append)
    return commands


def _press(window: QWidget, key: Qt.Key, qtbot: QtBot, modifier: Qt.KeyboardModifier | None = None) -> None:
    qtbot.waitUntil(window.isActiveWindow, timeout=20_000)
    QTest.keyClick(window, key, modifier or Qt.KeyboardModifier.NoModifier)


def _question(window: ConsoleWindow, qtbot: QtBot) -> Question:
    qtbot.waitUntil(lambda: window.question is not None, timeout=20_000)
    question = window.question
    assert question is not None
    qtbot.waitUntil(question.isActiveWindow, timeout=20_000)
    return question


@pytest.mark.parametrize(
    ("state", "word", "enabled"),
    [
        (EngineState.PREPARING, "PREPARING", {"Cancel"}),
        (READY, "READY", {"Start", "Mark", "Note", "Abort"}),
        (RUNNING, "RECORDING", {"Pause", "Expression", "Mark", "Note", "Abort", "Skip", "Redo"}),
        (PAUSED, "PAUSED", {"Resume", "Expression", "Mark", "Note", "Abort", "Skip", "Redo"}),
        (EngineState.CLOSING, "CLOSING", set()),
    ],
)
def test_each_state_says_itself_and_enables_what_makes_sense(
    window: ConsoleWindow, state: EngineState, word: str, enabled: set[str]
) -> None:
    window.show_snapshot(snapshot(state))
    assert window.head.state.text() == word
    assert window.controls.enabled() == enabled
    assert {b.text() for b in window.controls.buttons.values() if b.isEnabled() and b.isVisible()} == enabled
    assert window.pages.currentWidget() is window.live
    assert window.head.simulated.isVisible()


def test_idle_offers_a_new_session_and_no_controls(window: ConsoleWindow) -> None:
    window.show_snapshot(snapshot(IDLE))
    assert window.head.state.text() == "IDLE"
    assert window.pages.currentWidget() is window.form
    assert not any(button.isVisible() for button in window.controls.buttons.values())
    assert window.controls.enabled() == set()
    assert not window.head.simulated.isVisible()


@pytest.mark.parametrize(
    ("state", "key", "command"),
    [
        (READY, Key.Key_Space, Start()),
        (READY, Key.Key_F5, Start()),
        (RUNNING, Key.Key_P, Pause()),
        (PAUSED, Key.Key_P, Resume()),
        (RUNNING, Key.Key_M, Mark(label="experimenter")),
    ],
)
def test_keys_send_commands(
    window: ConsoleWindow, sent: list[Command], qtbot: QtBot, state: EngineState, key: Qt.Key, command: Command
) -> None:
    window.show_snapshot(snapshot(state))
    _press(window, key, qtbot)
    assert _without_time(sent) == [command]


def _without_time(sent: list[Command]) -> list[Command]:
    return [command.model_copy(update={"time": None}) if hasattr(command, "time") else command for command in sent]


@pytest.mark.parametrize("state", [EngineState.PREPARING, EngineState.CLOSING, RUNNING])
def test_start_does_nothing_where_it_makes_no_sense(
    window: ConsoleWindow, sent: list[Command], qtbot: QtBot, state: EngineState
) -> None:
    window.show_snapshot(snapshot(state))
    _press(window, Key.Key_Space, qtbot)
    _press(window, Key.Key_F5, qtbot)
    assert sent == []


def test_space_presses_the_button_that_has_the_focus(window: ConsoleWindow, sent: list[Command], qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(READY))
    mark = next(button for control, button in window.controls.buttons.items() if control.name == "Mark")
    qtbot.waitUntil(window.isActiveWindow, timeout=20_000)
    mark.setFocus()
    QTest.keyClick(mark, Key.Key_Space)
    assert _without_time(sent) == [Mark(label="experimenter")]


def test_a_note_is_one_line_and_a_key(window: ConsoleWindow, sent: list[Command], qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(RUNNING))
    before = lsl_time()
    _press(window, Key.Key_N, qtbot, Qt.KeyboardModifier.ControlModifier)
    pressed = lsl_time()
    question = _question(window, qtbot)
    assert question.line is not None
    QTest.keyClicks(question.line, "sneezed; mask slipped")
    window.show_snapshot(snapshot(RUNNING, time=NOW + 1))  # the window follows on while the note is written
    QTest.keyClick(question.line, Key.Key_Return)
    assert _without_time(sent) == [Note(text="sneezed; mask slipped")]
    (note,) = sent
    assert isinstance(note, Note)
    assert note.time is not None
    assert before <= note.time <= pressed  # of the key, however long the writing took
    qtbot.waitUntil(lambda: window.question is None, timeout=20_000)


def test_an_empty_note_is_none(window: ConsoleWindow, sent: list[Command], qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(RUNNING))
    _press(window, Key.Key_N, qtbot, Qt.KeyboardModifier.ControlModifier)
    _question(window, qtbot).accept()
    assert sent == []


def test_a_note_that_came_too_late_is_not_lost(window: ConsoleWindow, sent: list[Command], qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(RUNNING))
    _press(window, Key.Key_N, qtbot, Qt.KeyboardModifier.ControlModifier)
    question = _question(window, qtbot)
    assert question.line is not None
    QTest.keyClicks(question.line, "mask slipped")
    window.show_snapshot(snapshot(IDLE, result=RESULT))  # the session ends meanwhile
    QTest.keyClick(question.line, Key.Key_Return)
    window.show_refused(sent[0], EngineError("'note' is refused while the engine is idle"))
    assert window.controls.message.isVisible()
    assert "mask slipped" in window.controls.message.text()


def test_a_new_question_takes_the_place_of_the_old(window: ConsoleWindow, sent: list[Command], qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(RUNNING))
    _press(window, Key.Key_N, qtbot, Qt.KeyboardModifier.ControlModifier)
    first = _question(window, qtbot)
    window.close()
    second = _question(window, qtbot)
    assert second is not first
    assert second.isVisible()
    second.no.click()
    assert window.question is None
    assert sent == []


def test_abort_asks_first_and_return_goes_on(window: ConsoleWindow, sent: list[Command], qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(RUNNING))
    _press(window, Key.Key_A, qtbot, CtrlShift)
    question = _question(window, qtbot)
    assert question.line is not None
    QTest.keyClick(question.line, Key.Key_Return)
    qtbot.waitUntil(lambda: window.question is None, timeout=20_000)
    assert sent == []

    _press(window, Key.Key_A, qtbot, CtrlShift)
    question = _question(window, qtbot)
    assert question.line is not None
    QTest.keyClicks(question.line, "participant is unwell")
    question.yes.click()
    assert sent == [Abort(reason="participant is unwell")]


def test_closing_a_running_session_asks_and_leaves_it_running(
    window: ConsoleWindow, sent: list[Command], qtbot: QtBot
) -> None:
    window.show_snapshot(snapshot(RUNNING))
    window.close()
    question = _question(window, qtbot)
    assert window.isVisible()
    question.no.click()
    qtbot.waitUntil(lambda: window.question is None, timeout=20_000)
    assert window.isVisible()

    window.close()
    question = _question(window, qtbot)
    QTest.keyClick(question, Key.Key_Return)
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20_000)
    assert sent == []  # above all no abort


@pytest.mark.parametrize("known", [True, False])
def test_closing_asks_nothing_without_a_session(window: ConsoleWindow, known: bool) -> None:
    if known:
        window.show_snapshot(snapshot(IDLE))
    window.close()
    assert not window.isVisible()
    assert window.question is None


def test_an_alarm_stands_with_cause_and_remedy_until_it_is_over(window: ConsoleWindow) -> None:
    window.show_snapshot(snapshot(RUNNING, alarms=(ALARM,)))
    assert window.head.state.text() == "ALARM"
    assert window.head.detail.text() == "RECORDING clip 2 of 2"
    (words,) = window.banner.texts()
    for part in (ALARM.source, ALARM.cause, ALARM.remedy, "for 0:12"):
        assert part in words
    assert "Pause" in window.controls.enabled()  # an alarm blocks nothing

    window.show_snapshot(snapshot(RUNNING, alarms=(ALARM.model_copy(update={"active": False}),)))
    assert not window.banner.isVisible()
    assert window.head.state.text() == "RECORDING"
    assert ALARM.cause in window.vitals.line.text()


def test_many_alarms_are_counted(window: ConsoleWindow) -> None:
    alarms = tuple(ALARM.model_copy(update={"source": f"s{i}", "time": NOW - i}) for i in range(5))
    window.show_snapshot(snapshot(RUNNING, alarms=alarms))
    texts = window.banner.texts()
    assert len(texts) == 2
    assert texts[0].startswith("s0")  # the newest first
    assert texts[1].endswith("+3 more")


def test_streams_are_told_in_figures(window: ConsoleWindow) -> None:
    bad = STREAMS[1].model_copy(update={"rate_hz": 21.3, "lost_by_us": 4, "age_s": 12.2})
    window.show_snapshot(snapshot(RUNNING, streams=(STREAMS[0], bad)))
    model = window.streams.streams
    rows = [[model.data(model.index(row, column)) for column in range(6)] for row in range(2)]
    assert rows[0] == ["color", "30.0 / 30", "0", "0", "0.02", "+0.00 ± 0.40"]
    assert rows[1][:5] == ["depth", "21.3 / 30", "3", "4", "12"]
    role = Qt.ItemDataRole.ForegroundRole
    colours = [model.data(model.index(1, column), role).name() for column in range(1, 5)]
    assert colours == [theme.DARK.warning, theme.DARK.warning, theme.DARK.alarm, theme.DARK.warning]
    assert theme.DARK.alarm not in [model.data(model.index(0, column), role).name() for column in range(6)]


def test_steps_tell_state_and_verdict(window: ConsoleWindow) -> None:
    window.show_snapshot(snapshot(RUNNING))
    model = window.steps.steps
    spoken = Qt.ItemDataRole.AccessibleTextRole
    assert model.rowCount() == 8
    assert model.data(model.index(2), spoken) == "Clip: calm waves, movie, done, annotatable"
    assert model.data(model.index(5), spoken) == "Clip: storm, movie, running"


def test_a_disk_too_small_for_the_rest_of_the_protocol_is_loud(window: ConsoleWindow) -> None:
    def is_loud(minutes: float, remaining_s: float) -> bool:
        window.show_snapshot(snapshot(RUNNING, disk_minutes=minutes, remaining_s=remaining_s))
        assert window.vitals.disk.text() == f"{minutes:.0f} min"
        return window.vitals.disk.is_loud

    assert not is_loud(40, 1200)
    assert is_loud(25, 1200)
    assert is_loud(9, 60)


def test_a_long_protocol_scrolls_along(window: ConsoleWindow, qtbot: QtBot) -> None:
    step = snapshot(RUNNING).steps[0]
    many = tuple(step.model_copy(update={"id": f"s{i}", "state": "pending"}) for i in range(60))
    window.show_snapshot(snapshot(RUNNING, steps=many, step=0, trial=None))
    window.show_snapshot(snapshot(RUNNING, steps=many, step=45, trial=None))
    view = window.steps
    where = view.visualRect(view.steps.index(45))
    qtbot.waitUntil(lambda: view.viewport().rect().contains(view.visualRect(view.steps.index(45))), timeout=20_000)
    assert where.isValid()


def test_the_form_makes_a_session_and_shows_why_not(
    window: ConsoleWindow, sent: list[Command], qtbot: QtBot, tmp_path: Path
) -> None:
    window.show_snapshot(snapshot(IDLE))
    form = window.form
    form.out.setText(str(tmp_path))
    form.protocol.setEditText("")
    form.rig.setEditText("rigs/simulated.yaml")
    assert not form.prepare.isEnabled()
    form.protocol.setEditText("protocols/rehearsal.yaml")
    form.autopilot.setChecked(True)
    form.seed.setText("7")
    QTest.keyClicks(form.participant, "p01")
    assert form.prepare.isEnabled()
    QTest.keyClick(form.participant, Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    wanted = Prepare(
        protocol=str(Path("protocols/rehearsal.yaml").absolute()),  # the engine may live in another folder
        rig=str(Path("rigs/simulated.yaml").absolute()),
        participant="p01",
        session="1",
        out=str(tmp_path),
        autopilot=7,
    )
    assert sent == [wanted]
    assert not form.prepare.isEnabled()  # until the engine has answered

    window.show_refused(wanted, BadInput("no such file", "rigs/simulated.yaml", "Check the path."))
    assert form.message.text() == "rigs/simulated.yaml: no such file. Check the path."
    assert form.prepare.isEnabled()
    assert form.participant.text() == "p01"


def test_letters_in_the_form_are_letters(window: ConsoleWindow, sent: list[Command], qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(IDLE))
    qtbot.waitUntil(window.isActiveWindow, timeout=20_000)
    window.form.participant.setFocus()
    QTest.keyClicks(window.form.participant, "pmn pilot")
    assert window.form.participant.text() == "pmn pilot"
    assert sent == []


def test_a_refusal_while_running_is_one_line(window: ConsoleWindow) -> None:
    window.show_snapshot(snapshot(RUNNING))
    window.show_refused(Pause(), EngineError("'pause' is refused while the engine is paused"))
    assert window.controls.message.text() == "'pause' is refused while the engine is paused"


def test_the_result_stays_until_it_is_read(window: ConsoleWindow) -> None:
    window.show_snapshot(snapshot(EngineState.CLOSING))
    window.show_snapshot(snapshot(IDLE, result=RESULT))
    view = window.outcome
    assert window.pages.currentWidget() is view
    assert view.heading.text() == "not labelled  ·  Part B"
    assert view.reason.text() == RESULT.reason
    assert view.folder.text() == RESULT.folder
    words = view.words()
    for word in ("01_calm", "annotatable", "02_storm", "not annotatable", "depth", "3\u2009559", "41"):
        assert word in words
    view.left.emit()
    window.show_snapshot(snapshot(IDLE, result=RESULT))
    assert window.pages.currentWidget() is window.form

    window.show_snapshot(snapshot(EngineState.CLOSING))
    cut = SessionResult(
        folder="/data/p02", part="A", verdict="", reason="", completed=False, error="closing failed: disk full"
    )
    window.show_snapshot(snapshot(IDLE, result=cut))
    assert window.pages.currentWidget() is view
    assert "ended before the protocol did" in view.heading.text()
    assert view.error.text() == "closing failed: disk full"
    assert "01_calm" not in view.words()


def _is_dimmed(widget: QWidget) -> bool:
    effects = []
    above: QWidget | None = widget
    while above is not None:
        effects.append(above.graphicsEffect())
        above = above.parentWidget()
    return any(effect.isEnabled() for effect in effects if effect)  # None where there is none


def test_a_lost_engine_is_told_and_comes_back(window: ConsoleWindow, qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(RUNNING))
    window.show_lost(EngineError("the engine has ended", "engine.json", "Start a new one."))
    assert window.head.state.text() == "NO ENGINE"
    assert window.head.detail.text() == "the engine has ended"
    assert "Start a new one." in window.banner.texts()[0]
    assert window.controls.enabled() == set()
    assert window.restart.isVisible()
    assert _is_dimmed(window.streams)
    with qtbot.waitSignal(window.engine_wanted):
        window.restart.click()
    window.show_snapshot(snapshot(RUNNING))
    assert window.head.state.text() == "RECORDING"
    assert not window.restart.isVisible()
    assert not window.banner.isVisible()
    assert not _is_dimmed(window.streams)


def test_a_lost_engine_takes_no_session(window: ConsoleWindow) -> None:
    window.form.fill({"participant": "p01", "protocol": "p.yaml", "rig": "r.yaml"})
    window.show_snapshot(snapshot(IDLE))
    assert window.form.prepare.isEnabled()
    window.show_lost(EngineError("the engine has ended"))
    assert not window.form.prepare.isEnabled()
    window.show_snapshot(snapshot(IDLE))
    assert window.form.prepare.isEnabled()


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
@pytest.mark.parametrize(
    "show",
    [
        lambda w: w.show_snapshot(snapshot(RUNNING, alarms=(ALARM, ALARM))),
        lambda w: w.show_snapshot(snapshot(IDLE)),
        lambda w: w.show_snapshot(snapshot(IDLE, result=RESULT)),
    ],
)
def test_everything_fits(
    window: ConsoleWindow, size: tuple[int, int], show: Callable[[ConsoleWindow], None], qtbot: QtBot
) -> None:
    window.resize(*size)
    show(window)
    qtbot.waitUntil(lambda: (window.width(), window.height()) == size, timeout=20_000)
    page = window.pages.currentWidget()
    assert page is not None
    shown = [window.head, *page.findChildren(QWidget), *window.controls.buttons.values()]

    def squeezed() -> list[QWidget]:
        return [
            widget
            for widget in shown
            if widget.isVisible()
            and not isinstance(widget, QHeaderView)  # this, and the line of a box, ask for more than words need
            and not isinstance(widget.parentWidget(), QComboBox)
            and widget.minimumSizeHint().expandedTo(widget.size()) != widget.size()
        ]

    qtbot.waitUntil(lambda: not squeezed(), timeout=20_000)


def test_enlarging_dresses_one_part_in_a_turn_and_ends_with_all(window: ConsoleWindow, qtbot: QtBot) -> None:
    turns: list[int] = []
    dresser = window.findChild(Dresser)
    assert dresser is not None
    timer = dresser.findChild(QTimer, "restyle")
    assert timer is not None
    timer.timeout.connect(lambda: turns.append(1))
    window.resize(1920, 1070)
    qtbot.waitUntil(lambda: dresser.scale > 1.25 and not dresser.busy, timeout=20_000)
    assert len(turns) > 8
    pixels = round(14 * dresser.scale)
    before, after = (window.form.message, window.preflight.rows), (window.outcome.folder, window.alarms)
    parts = (*before, window.previews, window.prompt, *after)
    assert {part.font().pixelSize() for part in parts} == {pixels}


def test_what_comes_after_a_session_is_in_sight_however_many_clips_there_were(
    window: ConsoleWindow, qtbot: QtBot
) -> None:
    window.resize(1280, 720)
    trials = tuple({"trial": f"{i:02}", "clip": "calm", "annotatable": True, "reasons": []} for i in range(30))
    window.show_snapshot(snapshot(IDLE, result=RESULT.model_copy(update={"trials": trials})))
    names = {"Report", "HTML file", "Open folder", "New session"}
    buttons = [it for it in window.outcome.findChildren(QAbstractButton) if it.text() in names and it.isVisible()]
    qtbot.waitUntil(lambda: all(not it.visibleRegion().isEmpty() for it in buttons), timeout=20_000)
    assert {it.text() for it in buttons} == names


def test_sizes_grow_with_the_window() -> None:
    assert theme.scale_of(720) == 1.0
    assert theme.scale_of(1080) > 1.25
    assert theme.scale_of(2160) > 2.5


def test_every_control_has_a_name_for_those_who_hear_the_screen(window: ConsoleWindow) -> None:
    kinds = (QAbstractButton, QLineEdit, QComboBox, QCheckBox, QAbstractItemView)
    controls = [
        widget
        for kind in kinds
        for widget in window.findChildren(kind)
        if widget.focusPolicy() is not Qt.FocusPolicy.NoFocus and not isinstance(widget.parentWidget(), QComboBox)
    ]
    assert len(controls) > 20
    nameless = [it for it in controls if not (it.accessibleName() or (isinstance(it, QAbstractButton) and it.text()))]
    assert not [it for it in nameless if it.window() is window]  # pop-ups of boxes are Qt's own


def test_each_state_has_at_most_one_use_of_a_key() -> None:
    for state in EngineState:
        keys = [key for control in CONTROLS if state in control.states for key in control.keys]
        assert len(keys) == len(set(keys))
