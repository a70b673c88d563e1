"""The window: follows snapshots, asks for commands, knows nothing of sockets."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QGraphicsOpacityEffect, QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from labcapture.console import dialogs
from labcapture.console.alarm_list import AlarmList
from labcapture.console.alarms import AlarmBanner
from labcapture.console.browser import SessionBrowser
from labcapture.console.controls import Control, ControlBar
from labcapture.console.dresser import Dresser
from labcapture.console.head_page import HeadPage
from labcapture.console.operating import Operating
from labcapture.console.outcome import OutcomeView
from labcapture.console.parts import KeyButton, label, panel
from labcapture.console.preflight import PreflightView
from labcapture.console.previews import Previews
from labcapture.console.prompt import is_spoken
from labcapture.console.prompt_view import PromptView
from labcapture.console.setup import SetupForm
from labcapture.console.status import StatusHead
from labcapture.console.steps import StepsPanel
from labcapture.console.streams import StreamsPanel
from labcapture.console.theme import DARK, Theme, scale_layouts, scale_of
from labcapture.console.vitals import VitalsPanel
from labcapture.core.errors import LabcaptureError
from labcapture.engine.check_messages import Calibrate, Preflight, Rehearse
from labcapture.engine.messages import Command, EngineState, Mark, Note, Prepare, Prompt, Snapshot

_SAID_MS = 8000
_SIDE = 476  # width of the right column at scale 1 (px)


class ConsoleWindow(QMainWindow):
    """Everything that the experimenter sees.

    Parameters
    ----------
    theme
        Its colours.
    values
        What the form of a new session starts with, in the names of `Prepare`.
    """

    command = Signal(object)
    """A `Command` for the engine."""
    engine_wanted = Signal()
    """A new engine is to be started."""

    def __init__(self, theme: Theme = DARK, values: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.setWindowTitle("labcapture")
        self.setMinimumSize(1024, 640)
        self.resize(1280, 800)
        self._theme = theme
        self._dresser = Dresser(theme, scale_of(self.height()), self)
        self._state: EngineState | None = None
        self._snapshot: Snapshot | None = None
        self._keys: list[QAction] = []
        self._was_large = False
        self._large: tuple[bool, bool] | None = None  # what F2 chose, and whether somebody was to speak then
        self._left_result: str | None = None
        self._leaving = False
        self._lost = False
        self._question: dialogs.Question | None = None
        self.browser: SessionBrowser | None = None
        self.head = StatusHead()
        self.banner = AlarmBanner()
        self.form = SetupForm(theme)
        self.preflight = PreflightView(theme)
        self.outcome = OutcomeView(theme)
        self.calibration = HeadPage(theme)
        self.previews = Previews(theme)
        self.steps = StepsPanel(theme)
        self.streams = StreamsPanel(theme)
        self.vitals = VitalsPanel(theme)
        self.controls = ControlBar(theme)
        self.prompt = PromptView(theme)
        self.alarms = AlarmList(self)
        self.restart = KeyButton(theme, "Start a new engine", "")
        self.restart.setProperty("prime", "true")
        self.live = self._live_view()
        self.interview, self._interview_place = panel()
        self.interview.setAccessibleName("Interviewer's view")
        self.pages = QStackedWidget()
        for page in (self.form, self.preflight, self.calibration, self.live, self.interview, self.outcome):
            self.pages.addWidget(page)
        self._operating = Operating(self, self.command.emit, self._ask)
        self._said = QTimer(self, singleShot=True, interval=_SAID_MS)
        self._said.timeout.connect(lambda: self.controls.say(""))
        self._lay_out()
        self._dress()
        if values:
            self.form.fill(values)
        self._join()

    def _lay_out(self) -> None:
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(8)
        column.addWidget(self.head)
        column.addWidget(self.banner)
        column.addWidget(self.pages, 1)
        bottom = QHBoxLayout()
        bottom.addWidget(self.restart)
        bottom.addWidget(self.controls, 1)
        column.addLayout(bottom)
        self._around = (column, bottom, *self.form.framed.layouts)
        self.setCentralWidget(middle)
        self.restart.hide()

    def _dress(self) -> None:
        """Style all parts before the window is seen; what is added later is dressed as it comes."""
        pages = (*self.form.framed.parts, self.preflight, self.calibration, *self._live_parts, self.interview)
        for part in (self.head, self.banner, *pages, *self.outcome.parts(), self.restart, self.controls, self.alarms):
            self._dresser.dress(part)
        self._scale_rest()
        self.outcome.report.added.connect(self._dresser.dress)

    def _join(self) -> None:
        """Join what is pressed to what it does."""
        self.form.wanted.connect(self.command)
        self.form.browse_wanted.connect(self._browse)
        self.form.check_wanted.connect(self._look)
        self.form.head_wanted.connect(self._set_head)
        self.calibration.command.connect(self.command)
        self.calibration.left.connect(self._to_form)
        self.preflight.command.connect(self.command)
        self.preflight.left.connect(self._to_form)
        self.preflight.override_wanted.connect(
            lambda rows: self._ask(dialogs.override(self, rows)).answered.connect(self.preflight.go_on)
        )
        self.outcome.left.connect(self._new_session)
        self.controls.chosen.connect(self._choose)
        self.prompt.command.connect(self.command)
        self.prompt.switch.clicked.connect(self._switch)
        self.steps.picked.connect(self._show_controls)
        for key, act in (
            ("F2", self._switch),
            ("L", self.alarms.toggle),
            ("Up", lambda: self.steps.pick(-1)),
            ("Down", lambda: self.steps.pick(1)),
            ("Esc", self._let_go),
        ):
            action = QAction(key, self.live)  # they mean nothing where letters are written
            action.setShortcut(QKeySequence(key))
            action.triggered.connect(lambda _=False, act=act: act())
            self.controls.addAction(action)
            self._keys.append(action)
        self.restart.clicked.connect(self.engine_wanted)
        reached = [*self.controls.buttons.values(), self.steps, self.streams]  # first what is done, then what is read
        for one, following in pairwise(reached):
            QWidget.setTabOrder(one, following)

    # What the engine says ---------------------------------------------------------------------------------------------

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Follow the engine."""
        if self._lost:
            self._set_lost(False)
        self._state, self._snapshot = snapshot.state, snapshot
        self.head.show_snapshot(snapshot)
        self.setWindowTitle(f"{self.head.state.text()} – labcapture")
        self.banner.show_snapshot(snapshot)
        self.alarms.show_snapshot(snapshot)
        self.previews.show_snapshot(snapshot)
        self.preflight.show_snapshot(snapshot)
        self.calibration.show_snapshot(snapshot)
        if snapshot.state is not EngineState.IDLE:
            self.preflight.close_page()
            self.calibration.close_page()
            self.form.set_busy(False)
            self.steps.show_snapshot(snapshot)
            self.streams.show_snapshot(snapshot)
            self.vitals.show_snapshot(snapshot)
            self._show_prompt(snapshot)
        elif snapshot.result is not None and snapshot.result.folder != self._left_result:
            if self.pages.currentWidget() is not self.outcome:
                self.outcome.show_result(snapshot.result)
            self.pages.setCurrentWidget(self.outcome)
        elif self.calibration.is_open:
            self.pages.setCurrentWidget(self.calibration)
        else:
            self.pages.setCurrentWidget(self.preflight if self.preflight.is_open else self.form)
        self._show_controls()

    def _show_prompt(self, snapshot: Snapshot) -> None:
        """Show what people are to do: in its corner, or, while the interviewer speaks, on the whole page."""
        prompt = snapshot.prompt
        self.prompt.show_prompt(prompt, running=snapshot.state is EngineState.RUNNING)
        wanted, large = not self.prompt.isHidden(), self._is_large(prompt)
        self._card.setVisible(wanted and not large)
        page = self.interview if large else self.live
        if self.pages.currentWidget() is not page:
            self.pages.setCurrentWidget(page)
            self.setFocus()  # on no button: the one that stands out is the one that comes next
        if large != self._was_large:
            self._was_large = large
            self.prompt.set_large(large)
            (self._interview_place if large else self._card_place).addWidget(self.prompt, 1)
            self.prompt.setVisible(wanted)  # Qt hides what gets another parent

    def _is_large(self, prompt: Prompt | None) -> bool:
        spoken = is_spoken(prompt)
        if self._large is not None and self._large[1] != spoken:
            self._large = None  # what was chosen for questions does not hold for what comes after them
        wanted = self._large[0] if self._large is not None else spoken
        return wanted and not self.prompt.isHidden()

    def _show_controls(self) -> None:
        snapshot = self._snapshot if self._state is not None else None
        self.controls.show_snapshot(snapshot, self.steps.selected)
        for action in self._keys:
            action.setEnabled(self._state not in {None, EngineState.IDLE, EngineState.PREPARING})

    def show_lost(self, error: LabcaptureError) -> None:
        """Say that the engine is gone; the last pictures and figures would only deceive."""
        self._state = None
        self._set_lost(True)
        self.head.show_lost(error)
        self.setWindowTitle("NO ENGINE – labcapture")
        self.banner.show_lost(error)
        self.previews.close_memory()
        self.calibration.previews.close_memory()
        self._show_controls()

    def show_done(self, command: Command, result: Mapping[str, Any]) -> None:
        """Confirm what leaves no other trace on the screen."""
        if isinstance(command, Note | Mark):
            self._say(f"Noted: {command.text}" if isinstance(command, Note) else "Marked.")
            self._said.start()

    def show_refused(self, command: Command, error: LabcaptureError) -> None:
        """Say why a command did not work."""
        if isinstance(command, Prepare | Preflight | Rehearse):
            (self.preflight if self.preflight.is_open else self.form).show_refusal(error)
        elif isinstance(command, Calibrate):
            self.calibration.show_refusal(error)
        elif isinstance(command, Note):
            self._say(f"Not written: “{command.text}”. {error}")
        else:
            self._say(str(error))

    def _set_lost(self, lost: bool) -> None:
        self._lost = lost
        self._dim.setEnabled(lost)
        self.form.set_busy(lost)
        self.restart.setVisible(lost)

    def _say(self, words: str) -> None:
        self._said.stop()  # what was refused stays until something else is said
        self.controls.say(words)

    # What the experimenter does ---------------------------------------------------------------------------------------

    def _choose(self, control: Control) -> None:
        if self._snapshot is not None:
            self._operating.choose(control, self._snapshot, self.steps.selected)
            if control.place == "list" and self._question is not None:
                self._question.accepted.connect(self.steps.let_go)

    def _switch(self) -> None:
        """Show the prompt large, or beside the panels."""
        if self._snapshot is not None:
            prompt = self._snapshot.prompt
            self._large = (not self._is_large(prompt), is_spoken(prompt))
            self._show_prompt(self._snapshot)

    def _let_go(self) -> None:
        self.setFocus()
        self.steps.let_go()

    def _ask(self, question: dialogs.Question) -> dialogs.Question:
        if self._question is not None:
            self._question.reject()
        self._question = question
        self._dresser.dress(question)
        question.finished.connect(lambda _: self._asked(question))
        question.finished.connect(lambda _: self.activateWindow())  # where no window manager does
        question.open()
        return question

    def _asked(self, question: dialogs.Question) -> None:
        if self._question is question:
            self._question = None

    def _new_session(self) -> None:
        self._left_result = self.outcome.folder.text()
        self.form.look_again()
        self._to_form()

    def _to_form(self) -> None:
        self.pages.setCurrentWidget(self.form)
        self.form.participant.setFocus()

    def _look(self, prepare: Prepare) -> None:
        self.pages.setCurrentWidget(self.preflight)
        self.preflight.begin(prepare)

    def _set_head(self, rig: str) -> None:
        self.pages.setCurrentWidget(self.calibration)
        self.calibration.begin(rig)

    def _browse(self, folder: str) -> None:
        if self.browser is None:
            self.browser = SessionBrowser(self._theme, Path(folder))
        if not self.browser.isVisible():
            self.browser.look(Path(folder))
        self.browser.show()
        self.browser.raise_()
        self.browser.activateWindow()

    @property
    def question(self) -> dialogs.Question | None:
        """The question that is being asked."""
        return self._question

    def leave(self) -> None:
        """Close without asking; a session goes on."""
        self._leaving = True
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Ask first while a session is open."""
        if not self._leaving and self._state not in {None, EngineState.IDLE}:
            event.ignore()
            self._ask(dialogs.leave(self)).answered.connect(lambda _: self.leave())
            return
        self.previews.close_memory()
        self.calibration.leave()
        self._said.stop()
        self._dresser.stop()
        self.alarms.close()
        self.form.stop()
        self.outcome.stop()
        if self.browser is not None:
            self.browser.close()
            self.browser.deleteLater()
            self.browser = None
        super().closeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Let all sizes grow with the window, so that it is as legible on a large screen from further away."""
        super().resizeEvent(event)
        scale = scale_of(self.height())
        if scale != self._dresser.scale:
            self._dresser.rescale(scale)
            self._scale_rest()

    def _scale_rest(self) -> None:
        """Scale what no style sheet reaches."""
        scale = self._dresser.scale
        scale_layouts(self._around, scale)
        self.previews.set_scale(scale)
        self.calibration.previews.set_scale(scale)
        self._side.setFixedWidth(round(_SIDE * scale))

    def _live_view(self) -> QWidget:
        self._side = QWidget()
        side = QVBoxLayout(self._side)
        side.setContentsMargins(0, 0, 0, 0)
        side.setSpacing(8)
        self._card, self._card_place = panel()
        self._card_place.addWidget(self.prompt)
        self._card.hide()
        side.addWidget(self._card, 2)
        self._live_parts: list[QWidget] = [self.previews, self._card]
        for heading, content, stretch in (
            ("Protocol", self.steps, 3),
            ("Streams", self.streams, 0),
            ("Recorder", self.vitals, 0),
        ):
            frame, column = panel()
            frame.setAccessibleName(heading)
            top = QHBoxLayout()
            top.setSpacing(5)
            top.addWidget(label(heading, "section"))
            if content is self.steps:
                top.addStretch()
                for button in self.controls.of_list():
                    top.addWidget(button)
            elif content is self.vitals:
                top.addSpacing(8)
                top.addWidget(self.vitals.line, 1)
            column.addLayout(top)
            column.addWidget(content)
            side.addWidget(frame, stretch)
            self._live_parts.append(frame)
        self._dim = QGraphicsOpacityEffect(self._side)  # figures of an engine that is gone
        self._dim.setOpacity(0.35)
        self._dim.setEnabled(False)
        self._side.setGraphicsEffect(self._dim)
        view = QWidget()
        row = QHBoxLayout(view)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.previews, 1)
        row.addWidget(self._side)
        return view
