"""The window: follows snapshots, asks for commands, knows nothing of sockets."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QCloseEvent, QResizeEvent
from PySide6.QtWidgets import QGraphicsOpacityEffect, QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from labcapture.console import dialogs
from labcapture.console.alarms import AlarmBanner
from labcapture.console.browser import SessionBrowser
from labcapture.console.controls import ABORT, MARK, NOTE, PAUSE, RESUME, START, Control, ControlBar
from labcapture.console.outcome import OutcomeView
from labcapture.console.parts import KeyButton, panel
from labcapture.console.previews import Previews
from labcapture.console.setup import SetupForm
from labcapture.console.status import StatusHead
from labcapture.console.steps import StepsPanel
from labcapture.console.streams import StreamsPanel
from labcapture.console.theme import DARK, Theme, scale_of, style_sheet
from labcapture.console.vitals import VitalsPanel
from labcapture.core.clock import lsl_time
from labcapture.core.errors import LabcaptureError
from labcapture.engine.messages import Abort, Command, EngineState, Mark, Note, Pause, Prepare, Resume, Snapshot, Start

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
        self._scale = 0.0
        self._state: EngineState | None = None
        self._left_result: str | None = None
        self._leaving = False
        self._lost = False
        self._question: dialogs.Question | None = None
        self.browser: SessionBrowser | None = None
        self.head = StatusHead()
        self.banner = AlarmBanner()
        self.form = SetupForm(theme)
        self.outcome = OutcomeView(theme)
        self.previews = Previews(theme)
        self.steps = StepsPanel(theme)
        self.streams = StreamsPanel(theme)
        self.vitals = VitalsPanel(theme)
        self.controls = ControlBar(theme)
        self.restart = KeyButton(theme, "Start a new engine", "")
        self.restart.setProperty("prime", "true")
        self.live = self._live_view()
        self.pages = QStackedWidget()
        for page in (self.form, self.live, self.outcome):
            self.pages.addWidget(page)
        self._said = QTimer(self, singleShot=True, interval=_SAID_MS)
        self._said.timeout.connect(lambda: self.controls.say(""))

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
        self.setCentralWidget(middle)
        self.restart.hide()
        if values:
            self.form.fill(values)
        self.form.wanted.connect(self.command)
        self.form.browse_wanted.connect(self._browse)
        self.outcome.left.connect(self._new_session)
        self.controls.chosen.connect(self._choose)
        self.restart.clicked.connect(self.engine_wanted)
        reached = [*self.controls.buttons.values(), self.steps, self.streams]  # first what is done, then what is read
        for one, following in pairwise(reached):
            QWidget.setTabOrder(one, following)

    # What the engine says ---------------------------------------------------------------------------------------------

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Follow the engine."""
        if self._lost:
            self._set_lost(False)
        self._state = snapshot.state
        self.head.show_snapshot(snapshot)
        self.setWindowTitle(f"{self.head.state.text()} – labcapture")
        self.banner.show_snapshot(snapshot)
        self.controls.show_state(snapshot.state)
        self.previews.show_snapshot(snapshot)
        if snapshot.state is not EngineState.IDLE:
            self.form.set_busy(False)
            self.steps.show_snapshot(snapshot)
            self.streams.show_snapshot(snapshot)
            self.vitals.show_snapshot(snapshot)
            self.pages.setCurrentWidget(self.live)
        elif snapshot.result is not None and snapshot.result.folder != self._left_result:
            if self.pages.currentWidget() is not self.outcome:
                self.outcome.show_result(snapshot.result)
            self.pages.setCurrentWidget(self.outcome)
        else:
            self.pages.setCurrentWidget(self.form)

    def show_lost(self, error: LabcaptureError) -> None:
        """Say that the engine is gone; the last pictures and figures would only deceive."""
        self._state = None
        self._set_lost(True)
        self.head.show_lost(error)
        self.setWindowTitle("NO ENGINE – labcapture")
        self.banner.show_lost(error)
        self.previews.close_memory()
        self.controls.show_state(None)

    def show_done(self, command: Command, result: Mapping[str, Any]) -> None:
        """Confirm what leaves no other trace on the screen."""
        if isinstance(command, Note | Mark):
            self._say(f"Noted: {command.text}" if isinstance(command, Note) else "Marked.")
            self._said.start()

    def show_refused(self, command: Command, error: LabcaptureError) -> None:
        """Say why a command did not work."""
        if isinstance(command, Prepare):
            self.form.show_refusal(error)
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
        now = lsl_time()  # what the key speaks of, however long the rest takes
        simple = {START: Start(), PAUSE: Pause(), RESUME: Resume(), MARK: Mark(label="experimenter", time=now)}
        if control in simple:
            self.command.emit(simple[control])
        elif control is NOTE:
            self._ask(dialogs.note(self)).answered.connect(
                lambda words: self.command.emit(Note(text=words, time=now)) if words else None
            )
        elif control is ABORT:
            self._ask(dialogs.abort(self)).answered.connect(lambda words: self.command.emit(Abort(reason=words)))

    def _ask(self, question: dialogs.Question) -> dialogs.Question:
        if self._question is not None:
            self._question.reject()
        self._question = question
        question.finished.connect(lambda _: self._asked(question))
        question.finished.connect(lambda _: self.activateWindow())  # where no window manager does
        question.open()
        return question

    def _asked(self, question: dialogs.Question) -> None:
        if self._question is question:
            self._question = None

    def _new_session(self) -> None:
        self._left_result = self.outcome.folder.text()
        self.pages.setCurrentWidget(self.form)
        self.form.participant.setFocus()

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

    # Qt ---------------------------------------------------------------------------------------------------------------

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
        self._said.stop()
        self.outcome.check.stop()
        if self.browser is not None:
            self.browser.close()
        super().closeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Let all sizes grow with the window, so that it is as legible on a large screen from further away."""
        super().resizeEvent(event)
        scale = scale_of(self.height())
        if scale != self._scale:
            self._scale = scale
            self.setStyleSheet(style_sheet(self._theme, scale))
            self.previews.set_scale(scale)
            self._side.setFixedWidth(round(_SIDE * scale))

    def _live_view(self) -> QWidget:
        self._side = QWidget()
        side = QVBoxLayout(self._side)
        side.setContentsMargins(0, 0, 0, 0)
        side.setSpacing(8)
        for heading, content, stretch in (
            ("Protocol", self.steps, 1),
            ("Streams", self.streams, 0),
            ("Recorder", self.vitals, 0),
        ):
            frame, column = panel(heading)
            column.addWidget(content)
            side.addWidget(frame, stretch)
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
