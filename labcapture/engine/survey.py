"""What is on disk already for a session that is about to be prepared, and what its protocol leaves to choose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labcapture.core.errors import LabcaptureError
from labcapture.devices.rig import load_rig
from labcapture.engine.checking import check_out
from labcapture.engine.history import is_rehearsal, read_summaries
from labcapture.protocol.model import Protocol, load_protocol
from labcapture.protocol.steps import Assign


@dataclass(frozen=True, slots=True)
class Condition:
    """A variable that the protocol gives a value, and how many sessions on disk have each of its ``values``."""

    variable: str
    values: tuple[str, ...]
    how: str
    """``balanced`` or ``random``."""
    hidden: bool
    """No screen may show its value in the session: nobody is to choose it here."""
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Earlier:
    """A session of the participant that is on disk."""

    folder: Path
    session: str
    protocol: str
    completed: bool
    closed: bool
    """False: it broke off and was not recovered, or it is being recorded."""


@dataclass(frozen=True, slots=True)
class Survey:
    """All of it; ``problems`` has a sentence for each file or folder that will not do: protocol, rig or out."""

    title: str = ""
    languages: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    """Other variables of the protocol, with their first values."""
    conditions: tuple[Condition, ...] = ()
    sessions: int = 0
    """Of this protocol; rehearsals and real ones are never counted together."""
    rehearsal: bool = False
    earlier: tuple[Earlier, ...] = ()
    unfinished: tuple[Earlier, ...] = ()
    """With which this session can go on, newest first."""
    problems: Mapping[str, str] = field(default_factory=dict)

    def same(self, session: str) -> tuple[Earlier, ...]:
        """Return the participant's sessions that have the id ``session`` already."""
        return tuple(it for it in self.earlier if it.session == session)


def survey(protocol: str, rig: str, out: str, participant: str, *, autopilot: bool = False) -> Survey:
    """Look at the files and at the sessions below ``out``; what is wrong with them becomes a problem."""
    problems: dict[str, str] = {}
    plan, simulated = None, False
    try:
        plan = load_protocol(Path(protocol))
    except LabcaptureError as error:
        problems["protocol"] = str(error)
    try:
        simulated = load_rig(Path(rig)).is_simulated
    except LabcaptureError as error:
        problems["rig"] = str(error)
    try:
        check_out(Path(out))
    except (LabcaptureError, OSError) as error:
        problems["out"] = str(error)
    summaries = read_summaries(Path(out))
    rehearsal = simulated or autopilot
    mine = {
        name: facts
        for name, facts in summaries.items()
        if plan is not None and facts.get("protocol") == plan.name and is_rehearsal(facts) == rehearsal
    }
    counted = [facts for facts in mine.values() if not facts.get("resumed_from")]
    earlier = tuple(_earlier(Path(out), summaries, participant)) if participant else ()
    gone_on = {str(facts.get("resumed_from", "")) for facts in mine.values()}
    unfinished = [
        it
        for it in earlier
        if it.closed and not it.completed and it.folder.name in mine and it.folder.name not in gone_on
    ]
    return Survey(
        title=plan.title if plan else "",
        languages=plan.languages if plan else (),
        settings=_settings(plan) if plan else {},
        conditions=tuple(_conditions(plan, counted)) if plan else (),
        sessions=len(counted),
        rehearsal=rehearsal,
        earlier=earlier,
        unfinished=tuple(reversed(unfinished)),
        problems=problems,
    )


def _settings(plan: Protocol) -> dict[str, str]:
    assigned = {i.step.variable for i in plan.instances if isinstance(i.step, Assign)}
    return {name: str(value) for name, value in plan.variables.items() if name not in assigned}


def _conditions(plan: Protocol, sessions: Sequence[Mapping[str, Any]]) -> list[Condition]:
    """Return the variables that are drawn; one that a person enters in the session is no choice of the form."""
    steps: dict[str, list[Assign]] = {}
    for instance in plan.instances:
        if isinstance(instance.step, Assign):
            steps.setdefault(instance.step.variable, []).append(instance.step)
    found = []
    for variable, those in steps.items():
        drawn = [step for step in those if step.how != "entered"]
        if not drawn:
            continue
        told = (facts.get("assigned") for facts in sessions)
        counts = Counter(str(given[variable]) for given in told if isinstance(given, dict) and variable in given)
        values = drawn[0].values
        hidden = any(step.hidden_until is not None for step in those)
        found.append(Condition(variable, values, drawn[0].how, hidden, {value: counts[value] for value in values}))
    return found


def _earlier(out: Path, summaries: Mapping[str, Mapping[str, Any]], participant: str) -> list[Earlier]:
    """Return the sessions of ``participant``, oldest first; the folder's name tells whose it is."""
    try:
        folders = [path for path in out.iterdir() if path.name.startswith(f"{participant}_") and path.is_dir()]
    except OSError:
        return []
    found = []
    for folder in folders:
        parts = folder.name.split("_")
        facts = summaries.get(folder.name, {})
        if len(parts) != 3:
            continue
        name, completed = str(facts.get("protocol", "")), bool(facts.get("completed", False))
        found.append(Earlier(folder, parts[1], name, completed, bool(facts)))
    return sorted(found, key=lambda it: it.folder.name.rpartition("_")[2])
