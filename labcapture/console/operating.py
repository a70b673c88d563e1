"""From a control to the command for the engine, with a question first where something would be lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtWidgets import QWidget

from labcapture.console import controls as can
from labcapture.console import dialogs, questions, text
from labcapture.core.clock import lsl_time
from labcapture.engine.check_messages import Cancel
from labcapture.engine.messages import (
    Abort,
    Command,
    Confirm,
    Jump,
    Mark,
    Note,
    Pause,
    Redo,
    Resume,
    Skip,
    Snapshot,
    Start,
    StepView,
)

EXPRESSION = "expression"
"""Label of the mark for a visible expression where the protocol keeps no account under another one."""

_PLAIN: Mapping[can.Control, Callable[[], Command]] = {
    can.START: Start,
    can.PAUSE: Pause,
    can.RESUME: Resume,
    can.CANCEL: Cancel,
}
"""What needs no more words."""


class Operating:
    """Does what the controls say.

    Parameters
    ----------
    window
        Above which questions are asked.
    send
        Takes a command.
    ask
        Shows a question.
    """

    def __init__(
        self,
        window: QWidget,
        send: Callable[[Command], None],
        ask: Callable[[dialogs.Question], dialogs.Question],
    ) -> None:
        self._window, self._send, self._ask = window, send, ask

    def choose(self, control: can.Control, snapshot: Snapshot, selected: StepView | None) -> None:
        """Do ``control``; commands carry the time of this call, however long the question takes."""
        now = lsl_time()
        if control in _PLAIN:
            self._send(_PLAIN[control]())
        elif control is can.MARK:
            self._send(Mark(label="experimenter", time=now))
        elif control is can.EXPRESSION:
            self._send(Mark(label=snapshot.ledger_mark or EXPRESSION, time=now))
        elif control is can.GO_ON:
            self._go_on(snapshot, now)
        elif control is can.NOTE:
            self._ask(dialogs.note(self._window)).answered.connect(
                lambda words: self._send(Note(text=words, time=now)) if words else None
            )
        elif control is can.ABORT:
            self._ask(dialogs.abort(self._window)).answered.connect(lambda words: self._send(Abort(reason=words)))
        elif control is can.SKIP:
            present = text.running_step(snapshot)
            runs = present if present is not None and present.state == "running" else None
            step, title = (None, "the next step") if runs is None else (runs.id, text.title(runs))
            self._ask(questions.skip(self._window, title)).answered.connect(
                lambda words: self._send(Skip(reason=words, step=step, time=now))  # not another one that runs by then
            )
        elif control is can.REDO_CLIP:
            self._redo_clip(snapshot, now)
        elif control is can.REDO:
            self._redo(snapshot, selected or text.running_step(snapshot), now)
        elif control is can.JUMP and selected is not None:
            places = [step.id for step in snapshot.steps]
            back = snapshot.step is not None and places.index(selected.id) < snapshot.step
            self._ask(questions.jump(self._window, text.title(selected), back=back)).answered.connect(
                lambda _: self._send(Jump(step=selected.id, time=now))
            )

    def _go_on(self, snapshot: Snapshot, now: float) -> None:
        """Confirm; a head that is not in its place is passed for a reason only."""
        head = snapshot.head
        if head is None or not text.is_head_wrong(snapshot):
            self._send(Confirm(time=now))
            return
        self._ask(questions.passing(self._window, head.sentence)).answered.connect(
            lambda words: self._send(Confirm(reason=words, time=now))  # the engine refuses an empty one
        )

    def _redo_clip(self, snapshot: Snapshot, now: float) -> None:
        """Take the last clip again: at once, unless that would stop another recording."""
        bad = text.bad_clip(snapshot)
        if bad is None:
            return
        if snapshot.trial is None:
            self._send(Redo(step=bad.id, time=now))
        else:
            self._redo(snapshot, bad, now)

    def _redo(self, snapshot: Snapshot, step: StepView | None, now: float) -> None:
        if step is None:
            return
        running = step == text.running_step(snapshot) and step.state == "running"
        self._ask(questions.redo(self._window, text.title(step), running=running)).answered.connect(
            lambda _: self._send(Redo(step=step.id, time=now))
        )
