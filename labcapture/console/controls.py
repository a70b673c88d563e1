"""What the experimenter can do, with a key for each; only what the engine's state allows is enabled."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QWidget

from labcapture.console.parts import Elided, KeyButton
from labcapture.console.theme import Theme, mark
from labcapture.engine.messages import EngineState

_OPEN = frozenset({EngineState.READY, EngineState.RUNNING, EngineState.PAUSED})


@dataclass(frozen=True, slots=True)
class Control:
    """One thing to do: its name, its keys (the first is shown) and the states in which it makes sense."""

    name: str
    keys: tuple[str, ...]
    states: frozenset[EngineState]


START = Control("Start", ("Space", "F5"), frozenset({EngineState.READY}))
PAUSE = Control("Pause", ("P",), frozenset({EngineState.RUNNING}))
RESUME = Control("Resume", ("P",), frozenset({EngineState.PAUSED}))
MARK = Control("Mark", ("M",), _OPEN)
NOTE = Control("Note", ("N",), _OPEN)
ABORT = Control("Abort", ("Ctrl+Shift+A",), _OPEN)
CONTROLS = (START, PAUSE, RESUME, MARK, NOTE, ABORT)


class ControlBar(QWidget):
    """A button for each control; the one that comes next stands out."""

    chosen = Signal(object)
    """The `Control` that was pressed."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Controls")
        self.buttons: dict[Control, KeyButton] = {}
        self._actions: dict[Control, QAction] = {}
        self.message = Elided("caption")
        self.message.setObjectName("refusal")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for control in CONTROLS:
            action = QAction(control.name, self)
            action.setShortcuts([QKeySequence(key) for key in control.keys])
            action.triggered.connect(lambda _=False, control=control: self.chosen.emit(control))
            button = KeyButton(theme, control.name, control.keys[0])
            button.clicked.connect(action.trigger)
            self.addAction(action)
            self.buttons[control], self._actions[control] = button, action
            if control is ABORT:
                row.addWidget(self.message, 1)
            row.addWidget(button)
        mark(self.buttons[START], prime="true")
        mark(self.buttons[RESUME], prime="true")
        self.show_state(None)

    def show_state(self, state: EngineState | None) -> None:
        """Enable what ``state`` allows; None where no engine is heard. Without a session there are no buttons."""
        for control, action in self._actions.items():
            action.setEnabled(state in control.states)
            self.buttons[control].setEnabled(state in control.states)
            other = PAUSE if state is EngineState.PAUSED else RESUME  # they share their place and their key
            self.buttons[control].setVisible(state is not EngineState.IDLE and control is not other)

    def enabled(self) -> set[str]:
        """Return the names of the controls that can be used now."""
        return {control.name for control, action in self._actions.items() if action.isEnabled()}

    def say(self, words: str) -> None:
        """Tell in one line what the engine refused, or what was done."""
        self.message.say(words)
