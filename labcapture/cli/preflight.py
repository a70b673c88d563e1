"""``labcapture preflight``: go or no-go, with a row for every question."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from labcapture.engine.preflight import Wanted, preflight
from labcapture.engine.preflight_rows import Report

__all__ = ["Wanted", "check_rig", "render_report", "report_json"]

_MARKS = {"ok": ("●", "green"), "warn": ("▲", "yellow"), "fail": ("✖", "bold red")}


def check_rig(wanted: Wanted, terminal: Console) -> Report:
    """Run the preflight, telling on ``terminal`` what is being done.

    Raises
    ------
    BadInput
        The rig file or the protocol is wrong.
    """
    with terminal.status("preflight") as status:
        return preflight(wanted, status.update)


def report_json(report: Report) -> dict[str, Any]:
    """Return the report as one object."""
    return {"go": report.go, **report.model_dump(mode="json")}


def render_report(report: Report) -> RenderableType:
    """Draw the rows, and the verdict below them."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(5):
        table.add_column(overflow="fold")
    for group, rows in groupby(report.rows, key=lambda row: row.group):
        for i, row in enumerate(rows):
            mark, style = _MARKS[row.verdict]
            reading = Text(row.reading, style="" if row.verdict == "ok" else style)
            limit = Text(row.mend or row.limit, style="" if row.mend else "dim")
            table.add_row(
                Text(group if i == 0 else "", style="bold"), Text(mark, style=style), row.name, reading, limit
            )
    failed = len(report.failed)
    verdict = Text("GO", style="bold green")
    if failed:
        verdict = Text(f"NO-GO: {failed} {'rows' if failed > 1 else 'row'} must be mended", style="bold red")
    table.add_row()
    table.add_row("", "", verdict)
    return table
