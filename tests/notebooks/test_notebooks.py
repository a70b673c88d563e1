"""The notebooks run from their first cell to their last, and what they find is what was there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.notebooks.interview_world import MOVED_S, NEAR_MM, QUESTIONS_S, REST_MM, Interview

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"


def _read(text: str) -> Any:  # noqa: ANN401 - nbformat has no types
    return nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]  # the same


def _run(name: str, session: Path, ask: str = "None", **settings: str) -> Any:  # noqa: ANN401 - any JSON
    """Run a notebook on ``session``; return what the expression ``ask`` is before its last cell, as JSON."""
    notebook = _read((FOLDER / f"{name}.ipynb").read_text("utf-8"))
    cells = notebook.cells
    code = f"import json\nprint(json.dumps({ask}))"
    cells.insert(len(cells) - 1, nbformat.v4.new_code_cell(code))  # type: ignore[no-untyped-call]  # it has no types
    environment = {**os.environ, "LABCAPTURE_SESSION": str(session), **settings}
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute(env=environment)
    return json.loads(cells[-2].outputs[0].text)


def test_a_first_look(interview: Interview) -> None:
    events, lost = _run("1_first_look", interview.folder, "[len(events), len(gaps)]")
    assert events == 2 + 2 * len(QUESTIONS_S) + 1  # the trial, its questions with their markers, and the movement
    assert lost == 0


def test_responses_are_found_where_the_skin_responded(interview: Interview) -> None:
    ask = "[scores.drop(columns='corrected').to_dict('list'), scores['corrected'].max()]"
    scores, largest = _run("2_skin_conductance", interview.folder, ask)
    assert scores["left_out"] == [""] * len(QUESTIONS_S)
    truth = zip(interview.responses, QUESTIONS_S, scores["latency_s"], scores["height"], strict=True)
    for (onset, height), asked, latency_s, found in truth:
        assert latency_s == pytest.approx(onset - asked, abs=0.25)
        assert found == pytest.approx(height, rel=0.15)
    assert largest == 1


def test_a_movement_of_the_head_is_measured(interview: Interview) -> None:
    ask = "[list(moved), after, noise, when]"
    frames, after, noise, when = _run("3_depth_contour", interview.folder, ask, LABCAPTURE_EVENT="moved")
    assert when == pytest.approx(interview.begin + MOVED_S)
    assert len(frames) == 12
    assert after == pytest.approx(NEAR_MM - REST_MM, abs=1.0)
    assert noise < 1.0


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_small_and_tells_nothing_of_the_machine_it_ran_on(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text) < 250_000
    assert str(Path.home()) + "/" not in text
    assert "/tmp/" not in text  # noqa: S108 - no file is made there
    notebook = _read(text)
    nbformat.validate(notebook)
    assert not any("execution" in cell.metadata for cell in notebook.cells)
