"""What a session that broke off had reached, so that another one can go on with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labcapture.core.errors import BadInput
from labcapture.protocol.fill import Value
from labcapture.protocol.model import Protocol
from labcapture.reading.session import Session, open_session


@dataclass(frozen=True, slots=True)
class Resumed:
    """Seed, place and variables of the earlier session; ``done``: the steps that need not be run again."""

    folder: str
    seed: int
    place: int
    variables: Mapping[str, Value]
    assigned: Mapping[str, str]
    done: tuple[str, ...]


def read_resumed(folder: Path, protocol: Protocol, text: str, participant: str) -> Resumed:
    """Read the session in ``folder``.

    Raises
    ------
    BadInput
        It is of another participant or protocol, or was completed.
    RecordingError
        It is no session, or was not closed and must be recovered first.
    """
    with open_session(folder) as session:
        where = f"--resume {folder}"
        if session.participant != participant:
            raise BadInput(f"is a session of {session.participant}", where, "Name a session of the same participant.")
        if bool(session.attributes["completed"]):
            raise BadInput("was completed", where, "Begin a new session.")
        if session.h5["protocol/text"].asstr()[()] != text:
            raise BadInput("was run with another text of the protocol", where, "Use the protocol file of that time.")
        variables: dict[str, Value] = dict(json.loads(session.attributes.get("variables") or "{}"))
        assigned = {str(row["variable"]): str(row["value"]) for row in session.assignments}
        variables |= assigned
        variables |= _answers(session)
        if protocol.ledger is not None and len(session.ledger):
            variables[protocol.ledger.variable] = float(session.ledger["balance"][-1])
        return Resumed(
            session.folder.resolve().name,
            int(session.attributes["seed"]),
            int(session.attributes["place"]),
            variables,
            assigned,
            _done(session),
        )


def _done(session: Session) -> tuple[str, ...]:
    """Return the steps whose last state was done, in this session or in one that it went on with."""
    states: dict[str, str] = {}
    for row in session.steps:
        if row["state"] and row["event"] != "finish":
            states[str(row["step"])] = str(row["state"])
    return tuple(step for step, state in states.items() if state == "done")


def _answers(session: Session) -> dict[str, Value]:
    """Return the answers by the names under which texts and conditions know them."""
    values: dict[str, Value] = {}
    for table in (session.self_report, session.answers):
        for row in table:
            step, question = str(row["step"]), str(row["question"])
            name = step if step == question else f"{step}_{question}"
            values[name] = float(row["number"]) if row["number"] == row["number"] else str(row["value"])
    return values
