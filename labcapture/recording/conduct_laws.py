"""Whether what a session tells of its course agrees with itself: trials, account, flags, questions, calibrations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from labcapture.recording.consistency import few

_MONEY = 1e-6  # sums of decimal fractions are not exact
_SECONDS = 1e-6
_TABLES = ("steps", "self_report", "answers", "ledger", "review_flags")


def conduct_contradictions(session: h5py.File, name: str) -> Iterator[str]:
    """Yield a sentence for everything in the tables of session.h5 that contradicts itself; ``name`` is the file's."""
    trials = set(session["trials"]) | {_text(row["trial"]) for row in session["quality/verdicts"][()]}
    for table in _TABLES:
        yield from few(f"{name}: /{table}", _unknown_trials(session[table][()], trials))
    yield from few(f"{name}: /review_flags", _flags(session))
    yield from few(f"{name}: /responses", _latencies(session["responses"][()]))
    if session.attrs.get("recovered", False):  # a damaged line of the journal may have cost a row, or pictures
        return
    yield from few(f"{name}: /ledger", _account(session["ledger"][()]))
    if "calibration/results" in session:
        yield from few(f"{name}: /calibration/results", _pictures(session["calibration"]))


def _unknown_trials(rows: NDArray[Any], trials: set[str]) -> Iterator[str]:
    for i, trial in enumerate(rows["trial"]):
        if _text(trial) and _text(trial) not in trials:
            yield f"speaks of trial {_text(trial)!r} in row {i}, which is not there"


def _account(rows: NDArray[Any]) -> Iterator[str]:
    wrong = ~(np.abs(np.diff(rows["balance"]) - rows["change"][1:]) < _MONEY)
    for i in np.flatnonzero(wrong):
        before, after, change = rows["balance"][i], rows["balance"][i + 1], rows["change"][i + 1]
        yield f"goes from {before:g} by {change:g} to {after:g} in row {i + 1}"


def _flags(session: h5py.File) -> Iterator[str]:
    for i, row in enumerate(session["review_flags"][()]):
        first, last, trial = int(row["first_frame"]), int(row["last_frame"]), _text(row["trial"])
        if not 0 <= first <= last:
            yield f"flags pictures {first} to {last} in row {i}"
        elif trial in session["trials"] and not _stands(session["trials"][trial], row):
            yield f"flags pictures {first} to {last} in row {i}, whose times trial {trial} does not have there"


def _stands(trial: h5py.Group, row: np.void) -> bool:
    """Return whether one of the trial's streams has the flagged pictures, taken when the row says; True if unknown."""
    first, last = int(row["first_frame"]), int(row["last_frame"])
    if np.isnan(row["first_time"]) or np.isnan(row["last_time"]):
        return True
    for stream in trial:
        try:
            times = trial[stream]["time"]
        except KeyError:
            return True  # its file is missing, which is told elsewhere
        if last < len(times) and times[first] == row["first_time"] and times[last] == row["last_time"]:
            return True
    return False


def _latencies(rows: NDArray[Any]) -> Iterator[str]:
    expected = rows["voice_onset"] - rows["question_end"]
    same = np.abs(expected - rows["latency_s"]) < _SECONDS
    for i in np.flatnonzero(~(same | (np.isnan(expected) & np.isnan(rows["latency_s"])))):
        yield f"has a latency of {rows['latency_s'][i]:g} s in row {i}; its times say {expected[i]:g} s"


def _pictures(calibration: h5py.Group) -> Iterator[str]:
    there = min(len(calibration[name]) if name in calibration else 0 for name in ("color", "depth"))
    for i, picture in enumerate(calibration["results"]["picture"]):
        if not -1 <= picture < there:
            yield f"names picture {picture} in row {i}; there are {there}"


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
