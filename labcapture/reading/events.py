"""Everything that happened in a session as one table in order of time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from labcapture.reading.session import Session

COLUMNS = ("time", "kind", "label", "trial", "step", "value", "detail")
KINDS = {
    "trial": "label: start or stop; value: emotion of the stimulus; detail: clip",
    "marker": "label: as sent; detail: by whom",
    "step": "label: what moved the protocol; value: state of the step after it; detail: reason or target",
    "self_report": "label: question; value: answer; detail: by whom",
    "answer": "label: question; value: answer; detail: by whom",
    "response": "label: item that the interviewer asked about; value: answer; detail: role of the item",
    "note": "value: what the experimenter wrote",
    "review_flag": "label: flag; value: first to last flagged picture; detail: by whom",
    "ledger": "label: mark; value: change; detail: balance after it",
    "calibration": "label: in place or skipped; value: nearest point in mm; detail: why it was skipped",
    "assignment": "label: variable; value: its value; detail: how it got it",
    "gap": "label: stream; value: how many are missing; detail: cause. Time: arrival of the last one before it",
}
"""What the columns hold for each kind of event."""

Row = tuple[float, str, str, str, str, str, str]


def events(session: Session) -> pd.DataFrame:
    """Return a row per event: time (LSL s), kind, label, trial, step, value and detail, all but the time as text.

    ``trial`` is the one that the event speaks of, else the one that was being recorded; empty if none. `KINDS` says
    what the other columns hold.
    """
    import pandas as pd  # noqa: PLC0415 - late: it takes long to load

    table = pd.DataFrame(list(_rows(session)), columns=list(COLUMNS))
    table["time"] = table["time"].astype(float)
    for name in COLUMNS[1:]:
        table[name] = table[name].astype(object)
    spans = [(trial.start, trial.stop, trial.id) for trial in session.trials.values()]
    table["trial"] = [name or _trial(time, spans) for time, name in zip(table["time"], table["trial"], strict=True)]
    return table.sort_values("time", kind="stable", na_position="last").reset_index(drop=True)


def _trial(time: float, spans: list[tuple[float, float, str]]) -> str:
    return next((name for start, stop, name in spans if start <= time < stop), "")


def _number(value: Any) -> str:  # noqa: ANN401 - any number of numpy
    return f"{float(value):g}" if math.isfinite(value) else ""


def _rows(session: Session) -> Iterator[Row]:
    yield from _shown(session)
    yield from _said(session)
    for it in session.ledger:
        change, balance = _number(it["change"]), _number(it["balance"])
        yield (it["time"], "ledger", it["mark"], it["trial"], it["step"], change, balance)
    for it in session.calibrations if "calibration/results" in session.h5 else ():
        label = "skipped" if it["skipped"] else "in place"
        yield (it["time"], "calibration", label, "", it["step"], _number(it["nearest_mm"]), it["reason"])
    for it in session.assignments:
        yield (it["time"], "assignment", it["variable"], "", "", it["value"], it["how"])
    for name in session.streams:
        for it in session.gaps(name):
            yield (it["start"], "gap", name, "", "", str(int(it["count"])), it["cause"])


def _shown(session: Session) -> Iterator[Row]:
    for trial in session.trials.values():
        what = (trial.id, str(trial.attributes.get("step", "")), str(trial.attributes.get("emotion", "")))
        clip = str(trial.attributes.get("clip", ""))
        yield (trial.start, "trial", "start", *what, clip)
        yield (trial.stop, "trial", "stop", *what, clip)
    for it in session.markers:
        yield (it["time"], "marker", it["label"], "", it["step"], "", it["source"])
    for it in session.steps:
        yield (it["time"], "step", it["event"], it["trial"], it["step"], it["state"], it["detail"])


def _said(session: Session) -> Iterator[Row]:
    for kind, table in (("self_report", session.self_report), ("answer", session.answers)):
        for it in table:
            yield (it["time"], kind, it["question"], it["trial"], it["step"], it["value"], it["by"])
    for it in session.responses:
        yield (it["question_start"], "response", it["item"], "", it["step"], it["answer"], it["role"])
    for it in session.notes:
        yield (it["time"], "note", "", "", "", it["text"], "")
    for it in session.review_flags:
        frames = f"{it['first_frame']}-{it['last_frame']}"
        when = it["first_time"] if np.isfinite(it["first_time"]) else it["start"]
        yield (when, "review_flag", "flag", it["trial"], it["step"], frames, it["by"])
