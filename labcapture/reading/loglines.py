"""What went wrong while a session ran, from its log.jsonl."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labcapture.recording.guard import check_inside, reading
from labcapture.recording.schema import LOG_FILE

_MOST_BYTES = 64_000_000  # a long session's log has some hundred kilobytes
_MOST = 1000


@dataclass(frozen=True)
class Alarm:
    """An alarm, or an error that was logged. ``start`` and ``stop`` are LSL seconds, NaN where that is not known."""

    source: str
    cause: str
    remedy: str
    start: float
    stop: float = math.nan


def alarms(folder: Path) -> list[Alarm]:
    """Return the alarms and errors of the session in ``folder``, oldest first; lines that are no JSON are passed over.

    Raises
    ------
    RecordingError
        The log is a link that leads out of the folder, or cannot be read.
    """
    path = folder / LOG_FILE
    if not path.is_file():
        return []
    check_inside(folder, path)
    with reading(path), path.open("rb") as file:
        lines = file.read(_MOST_BYTES).splitlines()
    found: list[Alarm] = []
    standing: dict[tuple[str, str], int] = {}
    for line in lines:
        entry = _entry(line)
        key = (_word(entry, "source"), _word(entry, "kind"))
        if entry.get("event") == "alarm cleared" and key in standing:
            at = standing.pop(key)
            found[at] = replace(found[at], stop=_time(entry))
        elif (entry.get("event") == "alarm" or entry.get("level") == "error") and len(found) < _MOST:
            if entry.get("event") == "alarm":
                standing[key] = len(found)
            cause = _word(entry, "cause") or ": ".join(filter(None, (_word(entry, "event"), _word(entry, "message"))))
            found.append(Alarm(key[0], cause, _word(entry, "remedy"), _time(entry)))
    return found


def _entry(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _word(entry: dict[str, Any], key: str) -> str:
    value = entry.get(key, "")
    return value if isinstance(value, str) else str(value)[:200]


def _time(entry: dict[str, Any]) -> float:
    value = entry.get("lsl_time")
    return float(value) if isinstance(value, int | float) and abs(value) < 1e12 else math.nan
