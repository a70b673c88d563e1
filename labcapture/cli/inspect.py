"""What ``labcapture inspect`` tells: the report of a session, its gaps, and what another rule would say of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType

from labcapture import reading
from labcapture.core.config import load_yaml
from labcapture.protocol.rule import QualityRule
from labcapture.reading.gaplist import list_gaps, render_gaps
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
