"""``labcapture tell`` and ``labcapture enter``: what the console can do, from any terminal of the same user."""

from __future__ import annotations

from contextlib import closing
from typing import Literal

from labcapture.core.clock import lsl_time
from labcapture.core.errors import BadInput
from labcapture.engine.client import Client
from labcapture.engine.messages import (
    Abort,
    Answer,
    Ask,
    Command,
    Confirm,
    Enter,
    Jump,
    Mark,
    Note,
    Pause,
    Redo,
    Resume,
    Skip,
    Start,
)

WORDS = "start, pause, resume, skip, redo, jump, confirm, ask, answer, mark, note or abort"
_WITH_TEXT = {"jump": "STEP", "ask": "start or end", "answer": "ANSWER", "mark": "LABEL", "note": "TEXT"}
_BARE = {"start", "pause", "resume"}


def tell_engine(what: str, text: str) -> None:
    """Send one command to the engine that was started last; its time is that of this call.

    Raises
    ------
    LabcaptureError
        There is no engine, no such command, or it means nothing now.
    """
    _send(_command(what, text, lsl_time()))


def enter_value(variable: str, value: str, by: Literal["experimenter", "assistant"]) -> None:
    """Enter the value of a variable that the protocol leaves to a person.

    Raises
    ------
    LabcaptureError
        There is no engine, or the protocol has no such variable or value.
    """
    _send(Enter(variable=variable, value=value, by=by, time=lsl_time()))


def _send(command: Command) -> None:
    with closing(Client.attach()) as client:
        client.command(command)


def _command(what: str, text: str, now: float) -> Command:  # noqa: PLR0911, PLR0912 - one for each word
    where = f"labcapture tell {what}"
    if what in _WITH_TEXT and not text:
        raise BadInput("says too little", where, f"Write: {where} {_WITH_TEXT[what]}.")
    if what in _BARE and text:
        raise BadInput(f"'{text}' means nothing here", where, f"Write: {where}.")
    match what:
        case "start":
            return Start()
        case "pause":
            return Pause()
        case "resume":
            return Resume()
        case "skip":
            return Skip(reason=text, time=now)
        case "redo":
            return Redo(step=text or None, time=now)
        case "jump":
            return Jump(step=text, time=now)
        case "confirm":
            return Confirm(reason=text, time=now)
        case "ask" if text in {"start", "end"}:
            return Ask(edge="start" if text == "start" else "end", time=now)
        case "answer":
            return Answer(value=text, time=now)
        case "mark":
            return Mark(label=text, time=now)
        case "note":
            return Note(text=text, time=now)
        case "abort":
            return Abort(reason=text)
    raise BadInput(f"'{f'{what} {text}'.strip()}' is no command", "labcapture tell", f"Write {WORDS}.")
