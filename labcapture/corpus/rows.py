"""What the table of a corpus says of one session: its folder is read, no picture of it is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from labcapture.core.errors import LabcaptureError, printable
from labcapture.corpus.columns import COLUMNS, STREAMS, WORDS
from labcapture.reading import Session, Trial, open_session
from labcapture.reading.catalogue import row, stamp
from labcapture.reading.report import clock_facts
from labcapture.reading.synctest import sync_facts
from labcapture.recording import schema
from labcapture.recording.encodings import UNSAID
from labcapture.recording.guard import reading

Row = dict[str, Any]
_CHOICE = "emotion"  # question of a form that asks for one word instead of ratings


def read_session(folder: Path, root: Path) -> list[Row]:
    """Return the rows of the session in ``folder``; one that cannot be read is a row with its ``problem``."""
    known: Row = {"folder": folder.relative_to(root).as_posix() or ".", "stamp": stamp(folder)}
    told = asdict(row(folder))
    known |= {name: told[name] for name in _TOLD} | {"bytes": told["nbytes"], "session_length_s": told["length_s"]}
    clips: list[Row] = []
    if told["state"] not in {"damaged", "being recorded"}:
        try:
            with open_session(folder) as session, reading(folder):
                known |= _session(session)
                reports = _self_reports(session)
                clips = [_clip(session, trial, reports.get(trial.id, {})) for trial in session.trials.values()]
                known["problem"] = _missing(folder, session)
        except (LabcaptureError, OSError) as error:
            known["problem"] = printable(str(error)[:300])
            if told["state"] in {"closed", "recovered"}:
                known["state"] = "damaged"
    return [{**_EMPTY, **known, **clip} for clip in clips or [{}]]


_TOLD = (
    *("participant", "session", "protocol", "part", "verdict", "started_utc", "good", "bad", "fingerprint"),
    *("state", "problem"),
)
_EMPTY: Row = {column.name: "" if column.type == "text" else None for column in COLUMNS}


def _missing(folder: Path, session: Session) -> str:
    missing = [name for name in map(schema.trial_path, session.trials) if not (folder / name).is_file()]
    return f"{missing[0]}: the trial's file is missing; run: labcapture verify" if missing else ""


def _session(session: Session) -> Row:
    attributes = session.attributes
    autopilot = attributes.get("autopilot", -1)
    return {
        "paradigm": session.paradigm,
        "simulated": session.simulated,
        "rig": str(attributes["rig"]),
        "part": session.part,
        "verdict": session.verdict,
        "reason": str(attributes["reason"]),
        "autopilot": autopilot >= 0,
        "completed": bool(attributes["completed"]),
        "codec": str(attributes.get("codec", UNSAID)),
        **_sync(session),
    }


def _sync(session: Session) -> Row:
    """Return how well the clocks are known."""
    found: Row = {}
    clocks = {clock["name"]: clock for clock in clock_facts(session)}
    for stream, name in (("color", "camera"), ("voice", "voice")):
        clock = clocks.get(session.streams.get(stream, {}).get("clock", ""), {})
        for figure in ("drift_ppm", "residual_p95_s", "uncertainty_s"):
            found[f"{name}_{figure}"] = clock.get(figure)
    if "eda" in session.samples:
        offsets = session.eda.clock_offsets
        found["eda_offset_uncertainty_s"] = float(np.median(offsets["uncertainty"])) if len(offsets) else None
    tested = sync_facts(session) or {}
    return found | {name: tested.get(name) for name in ("flash_median_s", "tone_median_s")}


def _clip(session: Session, trial: Trial, report: Mapping[str, Any]) -> Row:
    annotatable, reasons = session.verdicts.get(trial.id, (None, []))
    facts = trial.attributes
    found: Row = {
        "trial": trial.id,
        **{name: str(facts.get(name, "")) for name in ("clip", "emotion", "outcome")},
        "take": int(facts["take"]) if "take" in facts else None,
        "superseded": trial.superseded,
        "annotatable": annotatable,
        "reasons": "\n".join(reasons),
        "start": trial.start,
        "length_s": trial.stop - trial.start,
        **{f"felt_{word}": report.get(word) for word in WORDS if isinstance(report.get(word), float)},
        "felt_most": str(report.get(_CHOICE, "")),
        "self_report": json.dumps(report, ensure_ascii=False) if report else "",
    }
    for counts in session.counts:
        if counts["trial"] == trial.id and counts["stream"] in STREAMS:
            stream, rate = counts["stream"], float(counts["mean_rate_hz"])
            names = ("due", "lost_before_us", "lost_by_us", "longest_run")
            found |= {f"{stream}_{name}": int(counts[name]) for name in names}
            found |= {
                f"{stream}_frames": int(counts["recorded"]),
                f"{stream}_rate_hz": rate if math.isfinite(rate) else None,
            }
    return found


def _self_reports(session: Session) -> dict[str, dict[str, Any]]:
    """Return {trial: {question: number, or else text}}; the last answer to a question counts."""
    found: dict[str, dict[str, Any]] = {}
    for answer in session.self_report:
        number = float(answer["number"])
        found.setdefault(answer["trial"], {})[answer["question"]] = (
            number if math.isfinite(number) else str(answer["value"])
        )
    return found


def read_sessions(folders: Sequence[Path], root: Path) -> list[Row]:
    """Return the rows of several sessions: one errand for a worker."""
    return [found for folder in folders for found in read_session(folder, root)]
