"""What the experimenter can do, with a key for each; only what the session allows now is enabled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from labcapture.console import text
from labcapture.console.parts import Elided, KeyButton
from labcapture.console.theme import Theme, mark
from labcapture.engine.messages import EngineState, Snapshot, StepView

_RUN = frozenset({EngineState.RUNNING, EngineState.PAUSED})
_OPEN = _RUN | {EngineState.READY}


@dataclass(frozen=True, slots=True)
class Control:
    """One thing to do: its name, its keys (the first is shown), the states in which it makes sense, where it stands."""

    name: str
    keys: tuple[str, ...]
    states: frozenset[EngineState]
    place: Literal["bar", "list"] = "bar"


START = Control("Start", ("Space", "F5"), frozenset({EngineState.READY}))
GO_ON = Control("Go on", ("Return", "Enter"), frozenset({EngineState.RUNNING}))
PAUSE = Control("Pause", ("P",), frozenset({EngineState.RUNNING}))
RESUME = Control("Resume", ("P",), frozenset({EngineState.PAUSED}))
EXPRESSION = Control("Expression", ("E",), _RUN)
MARK = Control("Mark", ("M",), _OPEN)
NOTE = Control("Note", ("Ctrl+N",), _OPEN)  # not N: that is an answer
ABORT = Control("Abort", ("Ctrl+Shift+A",), _OPEN)
CANCEL = Control("Cancel", ("Esc",), frozenset({EngineState.PREPARING}))
SKIP = Control("Skip", ("S",), _RUN, "list")
REDO = Control("Redo", ("R",), _RUN, "list")
JUMP = Control("Jump", ("J",), _RUN, "list")
REDO_CLIP = Control("Redo clip", ("Shift+R",), _RUN, "list")
CONTROLS = (START, GO_ON, PAUSE, RESUME, EXPRESSION, MARK, NOTE, ABORT, CANCEL, SKIP, REDO, JUMP, REDO_CLIP)
LETTERS = frozenset(key for control in CONTROLS for key in control.keys if len(key) == 1) | {"L"}
"""Single letters that mean something else than an answer."""


def allowed(snapshot: Snapshot, selected: StepView | None = None) -> frozenset[Control]:
    """Return what makes sense now; ``selected`` is the step that is picked in the list, if one is."""
    return frozenset(
        control for control in CONTROLS if snapshot.state in control.states and _fits(control, snapshot, selected)
    )


def _fits(control: Control, snapshot: Snapshot, selected: StepView | None) -> bool:
    """Return whether the present step, or the selected one, allows a control that its state allows."""
    present = text.running_step(snapshot)
    running = present is not None and present.state == "running"
    if control is GO_ON:
        return snapshot.prompt is not None and snapshot.prompt.awaits == "confirm"
    if control is SKIP:
        return not (running and present is not None and present.kind == "consent")
    if control is REDO:
        return present is not None if selected is None else text.was_run(selected)
    if control is JUMP:
        return selected is not None and selected != present
    if control is REDO_CLIP:
        return text.bad_clip(snapshot) is not None
    return True


class ControlBar(QWidget):
    """A button for each control; the one that comes next stands out. Those of the list stand with the list."""

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
            button = KeyButton(theme, control.name, control.keys[0], small=control.place == "list")
            button.clicked.connect(action.trigger)
            self.addAction(action)  # here even if the button is not: the bar is always on the screen
            self.buttons[control], self._actions[control] = button, action
            if control.place == "bar":
                if control is ABORT:
                    row.addWidget(self.message, 1)
                row.addWidget(button)
        for control in (START, GO_ON, RESUME):
            mark(self.buttons[control], prime="true")
        self.buttons[EXPRESSION].setSizePolicy(QSizePolicy.Policy.MinimumExpanding, QSizePolicy.Policy.Fixed)
        mark(self.buttons[EXPRESSION], bulk="large")
        self.show_snapshot(None)

    def of_list(self) -> Iterator[KeyButton]:
        """Yield the buttons that belong to the list of steps."""
        return (button for control, button in self.buttons.items() if control.place == "list")

    def show_snapshot(self, snapshot: Snapshot | None, selected: StepView | None = None) -> None:
        """Enable what makes sense; None where no engine is heard. Without a session there are no buttons."""
        can = allowed(snapshot, selected) if snapshot is not None else frozenset()
        state = snapshot.state if snapshot is not None else None
        hidden = self._hidden(state)
        for control, action in self._actions.items():
            action.setEnabled(control in can)
            self.buttons[control].setEnabled(control in can)
            self.buttons[control].setVisible(state is not EngineState.IDLE and control not in hidden)
        self.buttons[REDO_CLIP].setVisible(REDO_CLIP in can)
        passes = snapshot is not None and text.is_head_wrong(snapshot)  # possible, but not what comes next
        mark(self.buttons[GO_ON], prime="false" if passes else "true")
        if snapshot is not None:
            self.buttons[EXPRESSION].setText(_expression(snapshot))

    def _hidden(self, state: EngineState | None) -> set[Control]:
        """Return what gives its place to another control of the same moment."""
        if state is EngineState.PREPARING:
            return set(CONTROLS) - {CANCEL}
        hidden = {CANCEL} | {PAUSE if state is EngineState.PAUSED else RESUME}  # they share their place and their key
        return hidden | ({START} if state in _RUN else {GO_ON, EXPRESSION, *(c for c in CONTROLS if c.place == "list")})

    def enabled(self) -> set[str]:
        """Return the names of the controls that can be used now."""
        return {control.name for control, action in self._actions.items() if action.isEnabled()}

    def say(self, words: str) -> None:
        """Tell in one line what the engine refused, or what was done."""
        self.message.say(words)


def _expression(snapshot: Snapshot) -> str:
    """Return the name of the key for a visible expression, with the account that it is booked on."""
    if snapshot.balance is None:
        return EXPRESSION.name
    return f"{EXPRESSION.name}  ·  {text.amount(snapshot.balance, snapshot.currency)}"
