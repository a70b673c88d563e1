"""Makes one fault happen several times and sums up what came of it."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults.cell import Row
from benchmarks.faults.rig import CellFailed
from labcapture.core.errors import LabcaptureError


@dataclass(frozen=True)
class Outcome:
    """What one try lost, in words, and how long the alarm took (s); None where none is due."""

    lost: str
    alarm_s: float | None = None
    note: str = ""


def repeat(cell: str, expected: str, tries: int, seed: int, attempt: Callable[[Path, int], Outcome]) -> Row:
    """Run ``attempt(folder, seed)`` ``tries`` times, each in a folder of its own, which is removed if it passed."""
    outcomes: list[Outcome] = []
    failures: list[str] = []
    for number in range(tries):
        folder = Path(tempfile.mkdtemp(prefix="labcapture-fault-"))
        try:
            outcomes.append(attempt(folder, seed + number))
        except (CellFailed, LabcaptureError) as error:
            failures.append(f"try {number + 1}: {error}")
            sys.stderr.write(f"{cell}, try {number + 1}: {error}; left in {folder}\n")  # not for a table that is kept
        else:
            shutil.rmtree(folder, ignore_errors=True)
    alarms = [outcome.alarm_s for outcome in outcomes if outcome.alarm_s is not None]
    lost = "; ".join(dict.fromkeys(outcome.lost for outcome in outcomes))
    notes = dict.fromkeys(outcome.note for outcome in outcomes if outcome.note)
    return Row(
        cell=cell,
        tries=tries,
        passed=len(outcomes),
        expected=expected,
        lost=lost,
        note=" ".join([*notes, *failures]),
        alarm_s=max(alarms, default=None),
    )


def left_out(cell: str, expected: str, why: str) -> Row:
    """Return the row of a cell that cannot run here."""
    return Row(cell, 0, 0, expected, "", f"left out: {why}", left_out=True)
