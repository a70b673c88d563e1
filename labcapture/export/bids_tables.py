"""Events and behaviour as BIDS has them: tab-separated, ``n/a`` where there is nothing."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from labcapture.reading.session import Session

EVENT_COLUMNS: Mapping[str, Any] = {
    "onset": {"Description": "when it happened, since the start of the session", "Units": "s"},
    "duration": {"Description": "how long it took; 0: a moment", "Units": "s"},
    "trial_type": {"Description": "kind of event: trial, marker, step, self_report, answer, response, note, gap, ..."},
    "label": {"Description": "of a trial: its id; of a marker: as sent; of an answer: the question; of a gap: stream"},
    "trial": {"Description": "trial that it speaks of, or in which it happened"},
    "step": {"Description": "step of the protocol"},
    "value": {"Description": "of a trial: emotion of the stimulus; of an answer: the answer; of a gap: how many"},
    "detail": {"Description": "of a trial: clip; of a gap: cause; otherwise by whom, or why"},
}
BEH_COLUMNS: Mapping[str, Any] = {
    "onset": {"Description": "when the answer was given, since the start of the session", "Units": "s"},
    "kind": {
        "Description": "what was answered",
        "Levels": {
            "self_report": "what the participant felt",
            "answer": "another question of a screen",
            "response": "a question of the interviewer; the onset is that of the question",
        },
    },
    "trial": {"Description": "trial that the answer speaks of"},
    "step": {"Description": "step of the protocol"},
    "question": {"Description": "id of the question, or what the interviewer asked about"},
    "value": {"Description": "the answer"},
    "number": {"Description": "the answer as a number"},
    "response_time": {
        "Description": "from the onset of the question; of a response: from its end to the voice",
        "Units": "s",
    },
    "role": {"Description": "of a response: opening, item, probe, target, attention, buffer or free"},
    "expected": {"Description": "of a response: answer that the participant was told to give"},
    "by": {"Description": "who answered"},
}
_NONE = "n/a"


def write_events(path: Path, session: Session, zero: float) -> int:
    """Write all events with onsets since ``zero`` (LSL s); return how many had no time."""
    rows: list[tuple[float, Sequence[Any]]] = []
    for trial in session.trials.values():
        facts = trial.attributes
        line = ("trial", trial.id, trial.id, facts.get("step", ""), facts.get("emotion", ""), facts.get("clip", ""))
        rows.append((trial.start, (trial.stop - trial.start, *line)))
    left_out = 0
    for event in session.events.itertuples():
        if event.kind == "trial":
            continue
        if not math.isfinite(float(event.time)):  # type: ignore[arg-type]  # a column of floats
            left_out += 1
            continue
        line = (0, event.kind, event.label, event.trial, event.step, event.value, event.detail)  # type: ignore[assignment]
        rows.append((float(event.time), line))  # type: ignore[arg-type]
    rows.sort(key=lambda row: row[0])
    _write(path, EVENT_COLUMNS, ((time - zero, *line) for time, line in rows))
    return left_out


def write_behaviour(path: Path, session: Session, zero: float) -> None:
    """Write a row per answer with onsets since ``zero`` (LSL s), in order of time."""
    rows: list[tuple[Any, ...]] = []
    for kind, table in (("self_report", session.self_report), ("answer", session.answers)):
        for r in table:
            line = (r["trial"], r["step"], r["question"], r["value"], r["number"], r["reaction_time"], "", "", r["by"])
            rows.append((r["time"] - zero, kind, *line))
    for r in session.responses:
        line = ("", r["step"], r["item"], r["answer"], math.nan, r["latency_s"], r["role"], r["expected"], "")
        rows.append((r["question_start"] - zero, "response", *line))
    rows.sort(key=lambda row: (math.isnan(row[0]), row[0]))
    _write(path, BEH_COLUMNS, rows)


def _write(path: Path, columns: Mapping[str, Any], rows: Iterator[tuple[Any, ...]] | list[tuple[Any, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: Any) -> str:  # noqa: ANN401 - number or text
    """Return a value as BIDS writes it: no tabs, no line ends, no empty cells."""
    if isinstance(value, float):  # numpy's are floats, too
        return f"{value:.6f}" if math.isfinite(value) else _NONE
    return " ".join(str(value).split()) or _NONE
