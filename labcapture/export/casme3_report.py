"""What participants reported after each clip, a row per clip and a column per question."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from labcapture.reading.session import Session


def write_self_report(path: Path, session: Session, clips: Mapping[str, str]) -> None:
    """Write the self-report of a session; ``clips`` has the clip of each exported trial, by the trial's id.

    Where a question was answered again, the last answer counts.
    """
    rows = session.self_report
    questions = list(dict.fromkeys(str(row["question"]) for row in rows))
    answers = {(str(row["trial"]), str(row["question"])): str(row["value"]) for row in rows}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("Filename", "shown", *questions))
        for trial, clip in clips.items():
            shown = session.trials[trial].attributes.get("emotion", "")
            writer.writerow((clip, shown, *(answers.get((trial, question), "") for question in questions)))
