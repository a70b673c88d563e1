"""The reduced fault matrix: whole sessions in which something goes wrong. ``make faults`` runs all of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.faults import camera, damage, processes
from benchmarks.faults.cell import Row
from benchmarks.faults.rig import expect
from benchmarks.faults.table import Measured, markdown, merge, put
from benchmarks.faults.tries import Outcome, repeat

ALARM_S = 10.0  # a loaded machine; how long it takes on a quiet one stands in docs/reliability.md


def test_a_camera_that_is_unplugged_comes_back_and_its_absence_is_told() -> None:
    row = camera.unplugged(1, 1)
    assert row.ok, row.note
    assert row.alarm_s is not None
    assert 0 < row.alarm_s < ALARM_S


def test_a_killed_stage_fails_its_step_and_comes_back_to_show_it_again() -> None:
    row = processes.stage_killed(1, 1)
    assert row.ok, row.note
    assert row.alarm_s is not None
    assert 0 < row.alarm_s < ALARM_S


def test_flipped_bytes_are_found_and_the_frame_is_named() -> None:
    pictures, anywhere = damage.flipped(4, 1)
    assert pictures.ok, pictures.note
    assert anywhere.ok, anywhere.note
    assert pictures.tries == anywhere.tries == 4


def test_a_try_in_which_something_does_not_hold_fails_its_cell(tmp_path: Path) -> None:
    def attempt(folder: Path, seed: int) -> Outcome:
        assert folder.is_dir()
        expect(seed != 8, "eight does not hold")
        return Outcome(f"{seed} frames", alarm_s=seed / 10)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path))
        row = repeat("counting", "no eight", 3, 7, attempt)
    assert (row.tries, row.passed, row.ok) == (3, 2, False)
    assert (row.lost, row.alarm_s) == ("7 frames; 9 frames", 0.9)
    assert "try 2: eight does not hold" in row.note
    assert len(list(tmp_path.iterdir())) == 1  # what failed is left to be looked at


def test_rows_that_are_made_anew_replace_the_old_ones_in_table_and_file(tmp_path: Path) -> None:
    def measured(key: str, row: Row) -> Measured:
        return Measured(key, row, 1.0, "2026-01-02", "python -m benchmarks.faults", "2 cores")

    file, document = tmp_path / "faults.json", tmp_path / "reliability.md"
    document.write_text(
        "head\n<!-- matrix: written by python -m benchmarks.faults -->\nold\n<!-- end of matrix -->\ntail"
    )
    merge(file, [measured("b", Row("bee", 3, 2, "all", "one")), measured("a", Row("ay", 1, 1, "all", "none"))])
    table = markdown(merge(file, [measured("b", Row("bee", 4, 4, "all", "none", alarm_s=0.5))]), ["a", "b"])
    put(document, table)
    lines = document.read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and "fault" not in line and "---" not in line]
    assert rows == ["| ay | 1 | 1 | all | none |  |  |", "| bee | 4 | 4 | all | none | 0.50 s |  |"]
    assert "old" not in lines
    assert (lines[0], lines[-1]) == ("head", "tail")
    assert len(json.loads(file.read_text())) == 2
