"""What a session tells of its course must agree with itself, or it is not whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labcapture.recording.recorder import Recorder
from labcapture.recording.verify import verify
from tests.recording.recording_world import make, record_trial, two_cameras

Tell = Callable[[Recorder], None]


def _calibration(recorder: Recorder, picture: bool) -> None:
    names = "nearest_mm median_mm min_z_mm max_z_mm fill_rate face_share roll_deg yaw_deg pitch_deg brightness clipped"
    measures: dict[str, Any] = dict.fromkeys([*names.split(), "face_found", "held_s"], 1.0)
    told = {"time": 1.0, "step": "s", "take": 1, "skipped": False, "reason": "", "seen": "face", "pictures": 9}
    color, depth = np.full((9, 16, 3), 7, np.uint8), np.full((9, 16), 500, np.uint16)
    recorder.calibration({**measures, **told, "locked": "{}"}, [], color if picture else None, depth)


def _well(recorder: Recorder) -> None:
    recorder.booking(1.0, "expression", "a", "01_a", -5, 15)
    recorder.booking(2.0, "expression", "a", "", -0.1, 14.9)
    recorder.response("a", question_end=3.0, voice_onset=3.5, latency_s=0.5)
    recorder.response("a", question_end=3.0)
    recorder.flag("r", "01_a", "color", 2, 5, 4.0, 5.0, "participant")
    recorder.step(1.0, "show", "a", 1, "01_a", "running", "")
    _calibration(recorder, picture=True)
    _calibration(recorder, picture=False)
    recorder.assignment(1.0, "group", "paid", "balanced", "engine")


WRONG: dict[str, tuple[Tell, str]] = {
    "account": (lambda r: r.booking(9.0, "expression", "a", "", -5, 3), "/ledger goes from 14.9 by -5 to 3 in row 2"),
    "trial": (lambda r: r.step(9.0, "show", "a", 2, "09_z", "running", ""), "/steps speaks of trial '09_z' in row 1"),
    "latency": (
        lambda r: r.response("a", question_end=3.0, voice_onset=3.5, latency_s=0.7),
        "/responses has a latency of 0.7 s in row 2; its times say 0.5 s",
    ),
    "no latency": (
        lambda r: r.response("a", question_end=3.0, voice_onset=3.5, latency_s=math.nan),
        "/responses has a latency of nan s in row 2",
    ),
    "flag": (
        lambda r: r.flag("r", "01_a", "color", 5, 2, 4.0, 5.0, "participant"),
        "/review_flags flags pictures 5 to 2 in row 1",
    ),
    "flagged times": (
        lambda r: r._rows("/review_flags", [("r", "01_a", 1, 2, 1.0, 2.0, 4.0, 5.0, "x")]),
        "whose times trial 01_a does not have there",
    ),
}


def _record(out: Path, *tell: Tell) -> Path:
    recorder = make(out)
    record_trial(recorder, two_cameras(recorder), 10, 20)
    for each in tell:
        each(recorder)
    summary = recorder.close(completed=True)
    assert summary["error"] == ""
    assert summary["assigned"] == {"group": "paid"}
    return recorder.folder


def test_a_course_that_agrees_with_itself_is_whole(tmp_path: Path) -> None:
    assert verify(_record(tmp_path, _well)).problems == []


@pytest.mark.parametrize("law", WRONG)
def test_what_contradicts_itself_is_told(tmp_path: Path, law: str) -> None:
    tell, words = WRONG[law]
    (problem,) = verify(_record(tmp_path, _well, tell)).problems
    assert words in problem
