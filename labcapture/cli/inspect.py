"""What ``labcapture inspect`` tells: the report of a session, its gaps, and what another rule would say of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from labcapture import reading
from labcapture.core.config import load_yaml
from labcapture.protocol.rule import QualityRule
from labcapture.reading.gaplist import list_gaps, render_gaps
from labcapture.reading.html_file import check_target, verified, write_report
from labcapture.reading.reevaluate import reevaluate, render_reevaluation
from labcapture.reading.report import render, report


def inspect_session(path: Path, rule_file: Path | None, gaps: bool) -> dict[str, Any]:
    """Return the facts of a session, fit for JSON.

    Parameters
    ----------
    path
        The session.
    rule_file
        YAML of a `QualityRule` that it is to be held against; its answer is ``reevaluation``.
    gaps
        Whether to list every gap as ``gap_rows``.

    Raises
    ------
    BadInput
        The rule is wrong.
    RecordingError
        The session cannot be read.
    """
    rule = None if rule_file is None else load_yaml(rule_file, QualityRule)
    with reading.open(path) as session:
        facts = report(session)
        if gaps:
            facts["gap_rows"] = list_gaps(session, rule)
        if rule is not None:
            facts["reevaluation"] = reevaluate(session, rule)
    return facts


def render_inspection(facts: Mapping[str, Any]) -> RenderableType:
    """Draw what `inspect_session` returned."""
    parts = [render(facts)]
    parts += [render_gaps(facts["gap_rows"])] if "gap_rows" in facts else []
    parts += [render_reevaluation(facts["reevaluation"])] if "reevaluation" in facts else []
    return Group(*parts)


def write_html(path: Path, file: Path, terminal: Console) -> dict[str, Any]:
    """Verify the session and write its report to ``file``, which must not exist; return what was done.

    Raises
    ------
    BadInput
        The report cannot stand at ``file``.
    RecordingError
        The session cannot be read.
    """
    check_target(path, file)
    with reading.open(path):
        pass  # what cannot be opened is told at once, not after it was verified
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=terminal, transient=True) as bar:
        task = bar.add_task("verify")
        verification = verified(
            path, lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
        )
    write_report(path, file, verification)
    whole = "whole" if not verification.problems else f"not whole: {len(verification.problems)} problems, see there"
    terminal.print(f"report in {file}; the session is {whole}", markup=False, highlight=False, soft_wrap=True)
    return {"html": str(file.resolve()), "verified_utc": verification.utc, "problems": verification.problems}
