"""What earlier sessions of a protocol were given, so that groups and orders stay balanced over the lab's sessions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labcapture.recording.schema import SUMMARY_FILE

_MOST_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class History:
    """``place``: how many sessions there were; ``assigned``: the values that each gave to its variables."""

    place: int = 0
    assigned: tuple[Mapping[str, str], ...] = ()


def read_history(out: Path, protocol: str, *, rehearsal: bool) -> History:
    """Read the summaries of the sessions of ``protocol`` below ``out``.

    A session that goes on with another one is not counted again. Rehearsals (simulated instruments, or an autopilot)
    and real sessions are never mixed. What cannot be read is left out.
    """
    mine = [
        facts
        for facts in read_summaries(out).values()
        if facts.get("protocol") == protocol and is_rehearsal(facts) == rehearsal and not facts.get("resumed_from")
    ]
    assigned = tuple(
        {str(name): str(value) for name, value in facts["assigned"].items()}
        for facts in mine
        if isinstance(facts.get("assigned"), dict)
    )
    return History(len(mine), assigned)


def read_summaries(out: Path) -> dict[str, dict[str, Any]]:
    """Return what the summaries below ``out`` say, by the name of the session's folder, in that order."""
    paths = sorted(out.glob(f"*/{SUMMARY_FILE}"))
    return {path.parent.name: facts for path in paths if (facts := _facts(path))}


def is_rehearsal(facts: Mapping[str, Any]) -> bool:
    """Return whether a session had simulated instruments or an autopilot."""
    autopilot = facts.get("autopilot", -1)
    return bool(facts.get("simulated")) or (isinstance(autopilot, int) and autopilot >= 0)


def _facts(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            facts = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}
