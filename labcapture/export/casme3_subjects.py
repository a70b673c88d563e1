"""Which number a participant has in a tree: written down once, and the same for every session."""

from __future__ import annotations

import re
from pathlib import Path

from labcapture.core.errors import RecordingError
from labcapture.export.shared import read_rows, shared, write_rows
from labcapture.reading.session import Session

FILE = "subjects.csv"
_COLUMNS = ("number", "participant", "session", "part", "folder", "simulated", "fingerprint")


def folder_of(tree: Path, session: Session, part: str) -> tuple[int, str]:
    """Return the participant's number, and the folder of the session within ``part`` of the tree; write both down.

    The number is that at the end of the pseudonym (P007: 7) where it is free, else one more than the largest. A
    participant's second session in a part has its id behind the number.

    Raises
    ------
    RecordingError
        The list in the tree is no such list, or cannot be written.
    """
    path = tree / FILE
    with shared(tree):
        rows = read_rows(path, _COLUMNS)
        if any(not row["number"].isdecimal() for row in rows):
            raise RecordingError("has a number that is none", str(path), "Put back the file as it was.")
        for row in rows:
            if row["fingerprint"] == session.fingerprint:
                return int(row["number"]), row["folder"]
        taken = {int(row["number"]): row["participant"] for row in rows}
        mine = [number for number, participant in taken.items() if participant == session.participant]
        number = mine[0] if mine else _number(session.participant, taken)
        folder = f"spNO.{number}"
        there = {row["folder"] for row in rows if row["part"] == part}
        if folder in there:
            folder = f"{folder}_{session.session}"
        place = 1
        while folder in there:
            place += 1
            folder = f"spNO.{number}_{session.session}_{place}"
        new = {
            "number": number,
            "participant": session.participant,
            "session": session.session,
            "part": part,
            "folder": folder,
            "simulated": "yes" if session.simulated else "no",
            "fingerprint": session.fingerprint,
        }
        write_rows(path, _COLUMNS, [*rows, new])
    return number, folder


def _number(participant: str, taken: dict[int, str]) -> int:
    end = re.search(r"(\d{1,9})$", participant, re.ASCII)
    wish = int(end[1]) if end else 0
    return wish if wish > 0 and wish not in taken else max(taken, default=0) + 1
