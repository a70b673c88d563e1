"""The prompt of the present step: what to say or do, legible from afar, with a key for every answer."""

from __future__ import annotations

from functools import partial
from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from labcapture.console import prompt as words
from labcapture.console.controls import LETTERS
from labcapture.console.parts import Elided, FittedText, KeyButton, label
from labcapture.console.theme import Theme, mark
from labcapture.core.clock import lsl_time
from labcapture.engine.messages import Answer, Ask, Enter, Prompt

_WRITE = "W"
_HERE = "Ctrl+E"
_TAKEN = LETTERS | {_WRITE}


class PromptView(QWidget):
    """Small beside the list of steps, or as large as the window: the interviewer's view.

    It shows neither the role of a question nor anything that the engine hides.
    """

    command = Signal(object)
    """An `Ask`, `Answer` or `Enter`, with the time of its key."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Prompt")
        self._theme = theme
        self._prompt: Prompt | None = None
        self._offered: tuple[tuple[str, ...], str] = ((), "")
        self._here = False
        self.answers: list[KeyButton] = []
        self._answer_actions: list[QAction] = []
        self.heading = Elided("section")
        self.switch = KeyButton(theme, "Large", "F2", small=True)
        self.words = FittedText("What to say or to do")
        self.expected = label("", "expected")
        self.awaited = Elided("strong")
        self.pace = Pace(theme)
        self.line = QLineEdit()
        self.line.setAccessibleName("What was said")
        self.line.setMaxLength(4000)
        self.line.returnPressed.connect(self._store)
        self.ask = self._button("Ask", "Space", self._ask)
        self.write = self._button("Write", _WRITE, self.line.setFocus)
        self.here = self._button("Enter it here", _HERE, self._enter_here)
        self._lay_out()
        self.set_large(False)
        self.hide()

    def _button(self, name: str, key: str, act: object) -> KeyButton:
        button = KeyButton(self._theme, name, key)
        action = QAction(name, self)
        action.setShortcut(QKeySequence(key))
        action.triggered.connect(lambda _=False: act())  # type: ignore[operator]  # a callable without arguments
        button.clicked.connect(action.trigger)
        self.addAction(action)
        button.shortcut_action = action
        return button

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.addWidget(self.heading, 1)
        top.addWidget(self.switch)
        told = QHBoxLayout()
        told.setSpacing(18)
        told.addWidget(self.expected)
        told.addWidget(self.awaited, 1)
        self._keys = QHBoxLayout()
        self._keys.setSpacing(8)
        for widget in (self.ask, self.write, self.here):
            self._keys.addWidget(widget)
        self._keys.addWidget(self.line, 1)
        self._keys.addStretch()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)
        self._column.addLayout(top)
        self._column.addWidget(self.words, 1)
        self._column.addLayout(told)
        self._column.addWidget(self.pace)
        self._column.addLayout(self._keys)

    # Following --------------------------------------------------------------------------------------------------------

    def show_prompt(self, prompt: Prompt | None, *, running: bool) -> None:
        """Show what is wanted now; ``running``: whether anything can be answered."""
        if prompt is None or not words.wants_people(prompt):
            self._prompt = None
            self._enable(running=False)
            self.hide()
            return
        if self._prompt is None or self._prompt.step != prompt.step:
            self._here = False
            self.line.clear()
        self._prompt = prompt
        self.heading.say(words.heading(prompt))
        self.words.say(words.explanation(prompt))
        self.expected.setText(f"expected: {prompt.expected}   ·" if prompt.expected else "")
        self.expected.setVisible(bool(prompt.expected))
        self.awaited.say(words.awaited(prompt))
        self.pace.show_pace(prompt.since_s, prompt.isi_s)
        self.setAccessibleDescription(f"{self.heading.text()}. {self.words.text()}. {self.awaited.text()}")
        self._offer(prompt)
        for button, word in zip(self.answers, prompt.keys, strict=False):
            mark(button, prime="true" if word == prompt.answer else "false")
        self._enable(running=running)
        self.show()

    def set_large(self, large: bool) -> None:
        """Fill a whole window, or a corner of it."""
        self.words.set_largest(84 if large else 19)
        self.switch.setText("Panels" if large else "Large")
        size: Literal["huge", "small"] = "huge" if large else "small"
        self._size = size
        for button in (self.ask, self.write, self.here, *self.answers):
            mark(button, bulk=size)
        for widget in (self.expected, self.awaited, self.line):
            mark(widget, bulk=size)
        mark(self.heading, role="lead" if large else "section")
        margin = 24 if large else 0
        self._column.setContentsMargins(margin, margin // 2, margin, margin // 2)
        self._column.setSpacing(16 if large else 6)
        self.pace.set_large(large)

    def _offer(self, prompt: Prompt) -> None:
        """Make a button for each answer, or each value, that can be chosen."""
        choose = prompt.awaits == "answer" or (prompt.awaits == "enter" and (prompt.by != "assistant" or self._here))
        offered = (prompt.keys if choose else (), prompt.awaits)
        if offered == self._offered:
            return
        self._offered = offered
        for action in self._answer_actions:
            self.removeAction(action)
            action.deleteLater()
        for button in self.answers:
            button.hide()
            self._keys.removeWidget(button)
            button.deleteLater()
        self.answers, self._answer_actions = [], []
        place = self._keys.indexOf(self.line)
        for i, (word, key) in enumerate(zip(offered[0], words.answer_keys(offered[0], _TAKEN), strict=True)):
            button = KeyButton(self._theme, word.replace("_", " "), key)
            mark(button, bulk=self._size)
            action = QAction(word, self)
            action.setShortcut(QKeySequence(key))
            action.triggered.connect(partial(self._choose, word))
            button.clicked.connect(action.trigger)
            self.addAction(action)
            self._keys.insertWidget(place + i, button)
            self.answers.append(button)
            self._answer_actions.append(action)

    def _enable(self, *, running: bool) -> None:
        prompt = self._prompt
        edge = words.next_edge(prompt) if prompt is not None else ""
        writes = prompt is not None and prompt.awaits in {"text", "number"}
        waits_here = prompt is not None and prompt.awaits == "enter" and prompt.by == "assistant" and not self._here
        self.ask.setText("Asked" if edge == "end" else "Begin")
        mark(self.ask, prime="true" if edge else "false")
        is_question = prompt is not None and prompt.kind == "question"
        for button, shown, usable in (
            (self.ask, is_question, bool(edge)),
            (self.write, writes, writes),
            (self.here, waits_here, waits_here),
        ):
            button.setVisible(shown)
            button.setEnabled(usable and running)
            if button.shortcut_action is not None:
                button.shortcut_action.setEnabled(usable and running)
        self.line.setVisible(writes)
        self.line.setEnabled(running)
        self.line.setPlaceholderText(f"in {prompt.unit}" if prompt is not None and prompt.unit else "")
        for button, action in zip(self.answers, self._answer_actions, strict=True):
            button.setEnabled(running)
            action.setEnabled(running)

    # Doing ------------------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        edge = words.next_edge(self._prompt) if self._prompt is not None else ""
        if edge:
            self.command.emit(Ask(edge=edge, time=lsl_time()))

    def _choose(self, word: str) -> None:
        now = lsl_time()
        if self._prompt is None:
            return
        if self._prompt.awaits == "enter":
            self.command.emit(Enter(variable=self._prompt.variable, value=word, time=now))
        else:
            self.command.emit(Answer(value=word, time=now))

    def _store(self) -> None:
        written = self.line.text().strip()
        if self._prompt is not None and written:
            self.command.emit(Answer(value=written, time=lsl_time()))
            self.line.clearFocus()

    def _enter_here(self) -> None:
        self._here = True
        if self._prompt is not None:
            self.show_prompt(self._prompt, running=True)


class Pace(QWidget):
    """How much of the time between two questions has gone by; says nothing where there is no pace."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._since, self._isi = 0.0, 0.0
        self._large = False
        self.setAccessibleName("Pace")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.hide()

    @property
    def share(self) -> float:
        """How much has gone by, 0 to 1."""
        return min(1.0, self._since / self._isi) if self._isi else 0.0

    def show_pace(self, since_s: float, isi_s: float | None) -> None:
        """Show ``since_s`` of ``isi_s``."""
        self._since, self._isi = since_s, isi_s or 0.0
        self.setVisible(bool(isi_s))
        self.setAccessibleDescription(f"{since_s:.0f} of {isi_s:.0f} s" if isi_s else "")
        self.update()

    def set_large(self, large: bool) -> None:
        """Be seen from afar."""
        self._large = large
        self.updateGeometry()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """One line."""
        return QSize(100, round(self.fontMetrics().height() * (1.5 if self._large else 1.1)))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw a bar, and the seconds that are left at its right."""
        painter = QPainter(self)
        left = f"{max(0.0, self._isi - self._since):.0f} s"
        room = self.fontMetrics().horizontalAdvance("000 s") * 1.2
        bar = QRectF(0, self.height() * 0.3, self.width() - room, self.height() * 0.4)
        painter.fillRect(bar, QColor(self._theme.line))
        painter.fillRect(
            QRectF(bar.left(), bar.top(), bar.width() * self.share, bar.height()), QColor(self._theme.accent)
        )
        painter.setPen(QColor(self._theme.text))
        painter.drawText(
            QRectF(self.width() - room, 0, room, self.height()),
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
            left,
        )
