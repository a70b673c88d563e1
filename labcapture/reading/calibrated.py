"""Where the participant's head was before the clips: the calibrations of a session, with their small pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.reading.session import Session
from labcapture.reading.streams import Table, read_table
from labcapture.recording.guard import reading

_GROUP = "calibration"


@dataclass(frozen=True)
class Calibration:
    """How one calibration ended.

    Parameters
    ----------
    step, take
        Of the protocol; which showing of the step.
    skipped, reason
        Whether it was ended before the head was in its place, and why.
    values
        The measures, as the columns of ``/calibration/results``.
    locked
        Camera options that were then held.
    limits
        Rows of ``/calibration/limits``: name, reading, least, most, ok.
    color, depth_mm
        Small pictures (h, w, 3) uint8 and (h, w) in mm, 0 where nothing was measured; None where there is none.
    """

    step: str
    take: int
    skipped: bool
    reason: str
    values: Mapping[str, Any]
    locked: Mapping[str, float]
    limits: Table
    color: NDArray[np.uint8] | None
    depth_mm: NDArray[np.float32] | None


def calibrations(session: Session) -> list[Calibration]:
    """Return every calibration of the head in ``session``, in order of time.

    Raises
    ------
    RecordingError
        They are damaged.
    """
    with reading(session.folder):
        return _calibrations(session) if f"{_GROUP}/results" in session.h5 else []


def _calibrations(session: Session) -> list[Calibration]:
    group = session.h5[_GROUP]
    limits = read_table(group["limits"])
    units = (facts["depth_units"] for facts in session.streams.values() if "depth_units" in facts)
    step_mm = np.float32(1000 * float(next(units, 0.001)))
    kept = min(len(group[name]) if name in group else 0 for name in ("color", "depth"))
    found = []
    for row in read_table(group["results"]):
        picture = int(row["picture"])
        is_there = 0 <= picture < kept
        mine = (limits["step"] == row["step"]) & (limits["take"] == row["take"])
        found.append(
            Calibration(
                step=str(row["step"]),
                take=int(row["take"]),
                skipped=bool(row["skipped"]),
                reason=str(row["reason"]),
                values={name: row[name] for name in row.dtype.names},
                locked=json.loads(row["locked"]),
                limits=limits[mine],
                color=group["color"][picture] if is_there else None,
                depth_mm=group["depth"][picture] * step_mm if is_there else None,
            )
        )
    return found


def calibrated(session: Session) -> list[dict[str, Any]]:
    """Return the calibrations as facts fit for JSON: what is not known is None."""
    return [
        {
            "step": it.step,
            "take": it.take,
            "skipped": it.skipped,
            "reason": it.reason,
            "nearest_mm": _known(it.values["nearest_mm"]),
            "min_z_mm": _known(it.values["min_z_mm"]),
            "fill_rate": _known(it.values["fill_rate"]),
            "missed": [str(limit["what"]) for limit in it.limits if not limit["ok"]],
        }
        for it in calibrations(session)
    ]


def told(facts: list[dict[str, Any]]) -> str:
    """Say in a line what `calibrated` returned; empty if there is nothing to say."""
    words = []
    for it in facts:
        name = it["step"] if it["take"] == 1 else f"{it['step']} (take {it['take']})"
        where = "not measured" if it["nearest_mm"] is None else f"nearest point {it['nearest_mm']:.0f} mm"
        words.append(f"{name} {where}, {'skipped: ' + it['reason'] if it['skipped'] else 'in place'}")
    return "Head: " + "; ".join(words) if words else ""


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
