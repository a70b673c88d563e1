"""What people do while a session runs: controls, questions, values, the list of steps, the head, alarms."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QCoreApplication, QEvent, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from labcapture.console import theme
from labcapture.console.controls import LETTERS
from labcapture.console.dialogs import Question
from labcapture.console.head_panel import bounds, reading
from labcapture.console.pictures import contours
from labcapture.console.prompt import answer_keys
from labcapture.console.window import ConsoleWindow
from labcapture.core.clock import lsl_time
from labcapture.core.errors import BadInput
from labcapture.engine.head_messages import HeadLimit, HeadView
from labcapture.engine.messages import (
    Answer,
    Ask,
    Command,
    Confirm,
    EngineState,
    Enter,
    Jump,
    Mark,
    Prompt,
    Redo,
    Skip,
    Snapshot,
    StepView,
)
from tests.console.console_cases import ALARM, NOW, STEPS, filled_board, snapshot

RUNNING, PAUSED = EngineState.RUNNING, EngineState.PAUSED
Key, Ctrl, Shift = Qt.Key, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier

QUESTION = Prompt(
    step="envelope",
    kind="question",
    text="Was it an envelope?",
    awaits="answer",
    keys=("yes", "no", "other"),
    expected="no",
    group="table",
    item="envelope",
    role="probe",
    number=12,
    total=66,
    isi_s=20.0,
    since_s=5.0,
)
OUTCOME = Prompt(step="outcome", kind="assign", awaits="enter", keys=("taken", "not_taken"), variable="outcome", by="")
CONSENT = Prompt(step="consent", kind="consent", text="Do you agree?", awaits="confirm")
HEAD = HeadView(
    time=NOW,
    seen="face",
    pictures=5,
    face_found=1.0,
    nearest_mm=430.0,
    median_mm=455.0,
    min_z_mm=439.0,
    face_box=(500, 200, 300, 300),
    nearest_px=(640, 360),
    limits=(
        HeadLimit(name="nearest_mm", label="nearest point", units="mm", reading=430, least=450, most=560, ok=False),
        HeadLimit(name="roll_deg", label="tilt", units="°", reading=-3, least=-10, most=10),
    ),
    sentence="Move back 3 cm.",
)


@pytest.fixture
def sent(window: ConsoleWindow) -> list[Command]:
    """Return the list to which the window's commands are added."""
    commands: list[Command] = []
    window.command.connect(commands.append)
    return commands


@pytest.fixture
def remembered(tmp_path: Any) -> Iterator[None]:  # noqa: ANN401 - pytest's path
    """Keep what is remembered out of the user's own settings."""
    before = QSettings().format()
    QSettings.setPath(QSettings.Format.NativeFormat, QSettings.Scope.UserScope, str(tmp_path))
    yield
    QSettings.setDefaultFormat(before)


def press(window: QWidget, key: Qt.Key, qtbot: QtBot, modifier: Qt.KeyboardModifier = NONE) -> None:
    qtbot.waitUntil(window.isActiveWindow, timeout=20_000)
    QTest.keyClick(window, key, modifier)


def asked(window: ConsoleWindow, qtbot: QtBot) -> Question:
    qtbot.waitUntil(lambda: window.question is not None, timeout=20_000)
    question = window.question
    assert question is not None
    qtbot.waitUntil(question.isActiveWindow, timeout=20_000)
    return question


def timeless(commands: list[Command]) -> list[Command]:
    return [command.model_copy(update={"time": None}) for command in commands]


def with_prompt(prompt: Prompt, **changes: object) -> Snapshot:
    step = StepView(id=prompt.step, kind=prompt.kind, title=prompt.step, state="running")
    facts: dict[str, Any] = {"steps": (step, *STEPS[6:]), "step": 0, "trial": None, "prompt": prompt}
    return snapshot(RUNNING, **(facts | changes))


# Controls -------------------------------------------------------------------------------------------------------------


def test_an_expression_is_one_key_and_shows_the_account(
    window: ConsoleWindow, sent: list[Command], qtbot: QtBot
) -> None:
    before = lsl_time()
    window.show_snapshot(snapshot(RUNNING, balance=35.0, currency="RMB", ledger_mark="smile"))
    press(window, Key.Key_E, qtbot)
    assert timeless(sent) == [Mark(label="smile")]
    assert isinstance(sent[0], Mark)
    assert sent[0].time is not None
    assert before <= sent[0].time <= lsl_time()
    texts = [button.text() for button in window.controls.buttons.values()]
    assert "Expression  ·  35 RMB" in texts
    window.show_snapshot(snapshot(RUNNING))
    press(window, Key.Key_E, qtbot)
    assert timeless(sent)[1:] == [Mark(label="expression")]


def test_a_step_is_skipped_for_a_reason(window: ConsoleWindow, sent: list[Command], qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(RUNNING))
    press(window, Key.Key_S, qtbot)
    question = asked(window, qtbot)
    assert question.line is not None
    QTest.keyClicks(question.line, "film is broken")
    QTest.keyClick(question.line, Key.Key_Return)
    running = [step.id for step in snapshot(RUNNING).steps if step.state == "running"]
    assert timeless(sent) == [Skip(reason="film is broken", step=running[0])]  # whatever runs by then


def test_a_consent_is_confirmed_and_cannot_be_skipped(window: ConsoleWindow, sent: list[Command], qtbot: QtBot) -> None:
    window.show_snapshot(with_prompt(CONSENT))
    assert "Skip" not in window.controls.enabled()
    press(window, Key.Key_Space, qtbot)  # of whom pressed the key that starts twice
    assert sent == []
    press(window, Key.Key_Return, qtbot)
    assert timeless(sent) == [Confirm()]


def test_nothing_is_confirmed_that_does_not_wait_for_it(
    window: ConsoleWindow, sent: list[Command], qtbot: QtBot
) -> None:
    window.show_snapshot(snapshot(RUNNING, prompt=Prompt(step="storm", kind="movie")))
    press(window, Key.Key_Return, qtbot)
    window.show_snapshot(with_prompt(CONSENT).model_copy(update={"state": PAUSED}))
    press(window, Key.Key_Return, qtbot)
    assert sent == []
    assert not window.prompt.ask.isEnabled()


def test_redo_speaks_of_the_present_step_unless_one_is_picked(
    window: ConsoleWindow, sent: list[Command], qtbot: QtBot
) -> None:
    window.show_snapshot(snapshot(RUNNING))
    press(window, Key.Key_R, qtbot)
    question = asked(window, qtbot)
    assert "Clip: storm" in question.windowTitle()
    question.no.click()
    qtbot.waitUntil(lambda: window.question is None, timeout=20_000)
    assert sent == []

    for _ in range(3):
        press(window, Key.Key_Up, qtbot)
    assert window.steps.selected == STEPS[2]
    press(window, Key.Key_R, qtbot)
    QTest.keyClick(asked(window, qtbot), Key.Key_Return)
    assert timeless(sent) == [Redo(step="calm")]
    qtbot.waitUntil(lambda: window.steps.selected is None, timeout=20_000)


def test_a_jump_asks_and_is_not_made_by_return(window: ConsoleWindow, sent: list[Command], qtbot: QtBot) -> None:
    window.show_snapshot(snapshot(RUNNING))
    assert "Jump" not in window.controls.enabled()  # to where?
    press(window, Key.Key_Down, qtbot)
    press(window, Key.Key_Down, qtbot)
    assert "Redo" not in window.controls.enabled()  # what was not run cannot be run again
    press(window, Key.Key_J, qtbot)
    QTest.keyClick(asked(window, qtbot), Key.Key_Return)
    qtbot.waitUntil(lambda: window.question is None, timeout=20_000)
    assert sent == []
    press(window, Key.Key_J, qtbot)
    asked(window, qtbot).yes.click()
    assert timeless(sent) == [Jump(step="bye")]
    press(window, Key.Key_Down, qtbot)
    press(window, Key.Key_Escape, qtbot)
    assert window.steps.selected is None


def test_a_clip_that_cannot_be_annotated_says_why_and_is_redone_at_once(
    window: ConsoleWindow, sent: list[Command], qtbot: QtBot
) -> None:
    bad = {"verdict": "not annotatable", "reason": "depth lost 41 of 2520 frames", "state": "done"}
    steps = (*STEPS[:5], STEPS[5].model_copy(update=bad), STEPS[6].model_copy(update={"state": "running"}), STEPS[7])
    window.show_snapshot(snapshot(RUNNING))
    assert "Redo clip" not in window.controls.enabled()
    window.show_snapshot(snapshot(RUNNING, steps=steps, step=6, trial=None))
    model = window.steps.steps
    assert "depth lost 41" in model.data(model.index(5), Qt.ItemDataRole.AccessibleTextRole)
    heights = [window.steps.visualRect(model.index(row)).height() for row in (4, 5)]
    assert heights[0] < heights[1]
    press(window, Key.Key_R, qtbot, Shift)
    assert timeless(sent) == [Redo(step="storm")]

    other = (*steps[:6], steps[6], steps[7].model_copy(update={"state": "running", "trial": "03_c"}))
    window.show_snapshot(snapshot(RUNNING, steps=other, step=7, trial="03_c"))
    press(window, Key.Key_R, qtbot, Shift)  # would stop a recording: asks
    asked(window, qtbot).no.click()
    qtbot.waitUntil(lambda: window.question is None, timeout=20_000)
    assert len(sent) == 1


# What the interviewer sees --------------------------------------------------------------------------------------------


def test_a_question_is_asked_and_answered_by_keys(window: ConsoleWindow, sent: list[Command], qtbot: QtBot) -> None:
    window.show_snapshot(with_prompt(QUESTION))
    assert window.pages.currentWidget() is window.interview
    press(window, Key.Key_Space, qtbot)
    window.show_snapshot(with_prompt(QUESTION.model_copy(update={"asked": "start"})))
    press(window, Key.Key_Space, qtbot)
    window.show_snapshot(with_prompt(QUESTION.model_copy(update={"asked": "end"})))
    press(window, Key.Key_Space, qtbot)  # all is said
    for key in (Key.Key_Y, Key.Key_N, Key.Key_O):
        press(window, key, qtbot)
    answers = [Answer(value=value) for value in ("yes", "no", "other")]
    assert timeless(sent) == [Ask(edge="start"), Ask(edge="end"), *answers]
    assert all(getattr(command, "time", None) is not None for command in sent)
    assert window.prompt.pace.share == 0.25


def _words(window: QWidget) -> str:
    """Return all that is shown below ``window``, or told to those who hear the screen."""
    parts = [window.accessibleName(), window.accessibleDescription(), window.toolTip()]
    for widget in window.findChildren(QWidget):
        if widget.isVisible():
            parts += [widget.accessibleName(), widget.accessibleDescription(), widget.toolTip()]
            parts.append(widget.text() if isinstance(widget, QLabel) else "")
    return " ".join(parts)


def test_the_interviewer_sees_what_to_ask_and_not_why(window: ConsoleWindow) -> None:
    window.show_snapshot(with_prompt(QUESTION))
    shown = _words(window)
    for part in ("Was it an envelope?", "expected: no", "12 of 66", "table"):
        assert part in shown
    assert "probe" not in shown
    assert not window.steps.isVisible()


def test_the_large_view_comes_by_itself_and_by_a_key(window: ConsoleWindow, qtbot: QtBot) -> None:
    window.show_snapshot(with_prompt(CONSENT))
    assert window.pages.currentWidget() is window.live
    small = window.prompt.words.pixels()
    press(window, Key.Key_F2, qtbot)
    assert window.pages.currentWidget() is window.interview
    qtbot.waitUntil(lambda: window.prompt.words.pixels() > 2 * small, timeout=20_000)
    window.show_snapshot(with_prompt(QUESTION))
    press(window, Key.Key_F2, qtbot)
    assert window.pages.currentWidget() is window.live
    window.show_snapshot(with_prompt(QUESTION.model_copy(update={"step": "folder"})))
    assert window.pages.currentWidget() is window.live  # as long as questions follow each other
    assert window.prompt.isVisible()
    window.show_snapshot(snapshot(RUNNING))
    assert not window.prompt.isVisible()
    window.show_snapshot(with_prompt(QUESTION))
    assert window.pages.currentWidget() is window.interview


def test_what_is_written_is_no_command(window: ConsoleWindow, sent: list[Command], qtbot: QtBot) -> None:
    spoken = Prompt(step="tell", kind="interview", text="Tell us.", awaits="text")
    window.show_snapshot(with_prompt(spoken))
    press(window, Key.Key_W, qtbot)
    qtbot.waitUntil(window.prompt.line.hasFocus, timeout=20_000)
    QTest.keyClicks(window.prompt.line, "we met people")
    window.show_snapshot(with_prompt(spoken.model_copy(update={"since_s": 3.0})))
    assert window.prompt.line.text() == "we met people"
    QTest.keyClick(window.prompt.line, Key.Key_Return)
    assert timeless(sent) == [Answer(value="we met people")]
    window.show_snapshot(with_prompt(spoken.model_copy(update={"step": "more"})))
    assert window.prompt.line.text() == ""


def test_values_are_entered_by_the_experimenter_or_awaited_from_the_assistant(
    window: ConsoleWindow, sent: list[Command], qtbot: QtBot
) -> None:
    window.show_snapshot(with_prompt(OUTCOME.model_copy(update={"by": "assistant"})))
    assert window.prompt.answers == []
    press(window, Key.Key_1, qtbot)
    assert sent == []
    press(window, Key.Key_E, qtbot, Ctrl)
    assert [button.text() for button in window.prompt.answers] == ["taken", "not taken"]
    window.show_snapshot(with_prompt(OUTCOME.model_copy(update={"step": "other"})))
    press(window, Key.Key_N, qtbot)
    assert timeless(sent) == [Enter(variable="outcome", value="not_taken")]


words = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=18, unique=True)


@given(words)
def test_every_answer_has_a_key_of_its_own(answers: list[str]) -> None:
    keys = answer_keys(answers, LETTERS)
    assert len(keys) == len(answers) == len(set(keys))
    assert not set(keys) & LETTERS


# What the participant sees, and the head ------------------------------------------------------------------------------


def test_the_participants_screen_is_told(window: ConsoleWindow) -> None:
    steps = (*STEPS[:5], STEPS[5].model_copy(update={"expected_s": 44.8}), *STEPS[6:])
    window.show_snapshot(snapshot(RUNNING, steps=steps))
    assert window.previews.stage.text() == "screen  Clip: storm  film  0:22 of 0:45"
    window.show_snapshot(snapshot(PAUSED, steps=steps))
    assert "held" in window.previews.stage.text()
    window.show_snapshot(snapshot(EngineState.READY))
    assert "grey" in window.previews.stage.text()


def test_the_head_is_set_beside_its_picture(window: ConsoleWindow, sent: list[Command], qtbot: QtBot) -> None:
    board = filled_board()
    prompt = Prompt(step="head", kind="calibrate", awaits="confirm")
    window.show_snapshot(with_prompt(prompt, preview=board.layout, head=HEAD))
    panel = window.previews.head
    assert panel.isVisible()
    assert panel.sentence.text() == "Move back 3 cm."
    assert panel.limits.accessibleDescription() == "nearest point 430 mm"
    assert panel.gauge.accessibleDescription() == "nearest point at 430 mm"
    qtbot.waitUntil(lambda: all(view.count for view in window.previews.pictures), timeout=20_000)
    window.grab()  # draws box, lines and gauge
    press(window, Key.Key_Return, qtbot)
    question = asked(window, qtbot)
    assert question.line is not None
    QTest.keyClicks(question.line, "wears a brace")
    QTest.keyClick(question.line, Key.Key_Return)
    good = HEAD.model_copy(update={"green": True, "limits": ()})
    window.show_snapshot(with_prompt(prompt, preview=board.layout, head=good))
    press(window, Key.Key_Return, qtbot)
    assert timeless(sent) == [Confirm(reason="wears a brace"), Confirm()]
    window.show_snapshot(snapshot(RUNNING, preview=board.layout, head=HEAD))
    assert not panel.isVisible()
    assert window.previews.traces[0].isVisible()
    window.previews.close_memory()
    board.close()


def test_lines_of_equal_distance_stand_where_a_band_ends() -> None:
    ramp = np.broadcast_to(np.arange(500, 560, dtype=np.uint16), (4, 60)).copy()
    ramp[:, 0] = 0
    lines = contours(ramp, 1.0, 512.0)
    assert (np.flatnonzero(lines[0]) + 501).tolist() == [510, 515, 520, 525, 530, 535, 540, 545]
    assert not lines[:, 0].any()


def test_readings_say_when_they_are_only_just_wrong() -> None:
    limit = HeadLimit(name="off_centre", label="off the middle", reading=0.122, most=0.12, ok=False)
    assert (reading(limit), bounds(limit)) == ("12.2%", "at most 12%")
    tilt = HEAD.limits[1]
    assert (reading(tilt), bounds(tilt)) == ("−3°", "± 10")
    assert (reading(HEAD.limits[0]), bounds(HEAD.limits[0])) == ("430 mm", "450 to 560")


# Alarms, themes, time -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("remembered")
def test_alarms_are_listed_with_time_cause_and_remedy(window: ConsoleWindow, qtbot: QtBot) -> None:
    over = ALARM.model_copy(update={"active": False, "cause": "The head is too close", "time": NOW - 60})
    window.show_snapshot(snapshot(RUNNING, alarms=(ALARM, over)))
    press(window, Key.Key_L, qtbot)
    qtbot.waitUntil(window.alarms.isVisible, timeout=20_000)
    window.alarms.sound.setChecked(True)
    window.show_snapshot(snapshot(RUNNING, alarms=(ALARM, over)))
    rows = window.alarms.texts()
    assert [row[1] for row in rows] == ["for 0:12", "over"]
    assert ALARM.remedy in rows[0]
    assert window.alarms.beeps == 0  # it stood before
    again = ALARM.model_copy(update={"kind": "other", "source": "color"})
    for _ in range(3):
        window.show_snapshot(snapshot(RUNNING, alarms=(again, ALARM, over)))
    assert window.alarms.beeps == 1
    press(window.alarms, Key.Key_L, qtbot)
    assert not window.alarms.isVisible()


@pytest.mark.usefixtures("remembered", "qapp")
def test_the_theme_is_remembered() -> None:
    assert theme.choose("light") is theme.LIGHT
    assert theme.choose() is theme.LIGHT
    with pytest.raises(BadInput, match="no theme 'pink'"):
        theme.choose("pink")
    assert theme.choose("dark") is theme.DARK
    assert theme.choose() is theme.DARK


def test_no_handler_keeps_the_window_waiting(window: ConsoleWindow, qtbot: QtBot) -> None:
    """Each handler takes less than 50 ms of this thread's processor time; other programs do not count."""
    board = filled_board()
    prompt = Prompt(step="head", kind="calibrate", awaits="confirm")
    long = tuple(STEPS[i % 8].model_copy(update={"id": f"s{i}"}) for i in range(200))
    cases = [
        snapshot(RUNNING, preview=board.layout, steps=long),
        with_prompt(QUESTION, preview=board.layout),
        with_prompt(prompt, preview=board.layout, head=HEAD),
    ]
    for case in cases:
        spent = []
        for i in range(12):
            board.show("depth", np.full((720, 1280), 500 + i, np.uint16), i, NOW)
            before = time.thread_time()
            window.show_snapshot(case.model_copy(update={"time": NOW + i / 10}))
            window.previews.refresh()
            spent.append(time.thread_time() - before)
            before = time.thread_time()
            QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
            window.repaint()
            spent.append(time.thread_time() - before)
        assert statistics.median(spent[2:]) < 0.05, case.prompt
    window.previews.close_memory()
    board.close()
    qtbot.wait(1)
