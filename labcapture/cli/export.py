"""``labcapture export``: shows how far it is, then where the result lies and what it has no place for."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from labcapture.core.errors import BadInput
from labcapture.export import formats
from labcapture.reading import open_session


def parse_settings(settings: Sequence[str]) -> dict[str, str]:
    """Return the options in ``settings``, each NAME=VALUE.

    Raises
    ------
    BadInput
        One has no ``=`` or no name, or a name comes twice.
    """
    options: dict[str, str] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        name = name.strip()
        if not equals or not name:
            raise BadInput("is not NAME=VALUE", f"--set {setting}", "See: labcapture export --formats")
        if name in options:
            raise BadInput("is given twice", f"--set {name}", "Give it once.")
        options[name] = value.strip()
    return options


def export_session(path: Path, format: str, out: Path, options: Mapping[str, str], terminal: Console) -> dict[str, Any]:
    """Export the session at ``path`` into the folder ``out``, and tell the outcome on ``terminal``.

    Raises
    ------
    LabcaptureError
        There is no such session, format or option, or the result cannot be made.
    """
    export = formats.exporter(format)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    begin = time.monotonic()
    with open_session(path) as session, Progress(*columns, console=terminal, transient=True) as bar:
        task = bar.add_task("export")
        done = export(
            session, out, options, lambda what, n, total: bar.update(task, description=what, completed=n, total=total)
        )
    took = time.monotonic() - begin
    said = f"{done.format}: {done.files} file{'' if done.files == 1 else 's'}, {done.bytes / 1e6:.1f} MB, {took:.1f} s"
    terminal.print(said, style="green", highlight=False)
    for note in done.notes:
        terminal.print(f"note: {note}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    terminal.print(done.path, markup=False, highlight=False, soft_wrap=True)
    return {**asdict(done), "seconds": round(took, 3)}


def list_formats() -> dict[str, dict[str, Any]]:
    """Return of each format what it is, its options (name -> help), and what it lacks here (empty: nothing)."""
    facts: dict[str, dict[str, Any]] = {}
    for name in formats.MODULES:
        try:
            facts[name] = {"summary": formats.summary(name), "options": dict(formats.options(name)), "lacks": ""}
        except BadInput as error:
            facts[name] = {"summary": "", "options": {}, "lacks": f"{error.what}. {error.mend}"}
    return facts


def render_formats(facts: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return the formats and their options as a table."""
    table = Table("format", "--set", "what it is", box=None, pad_edge=False)
    for name, fact in facts.items():
        table.add_row(name, "", fact["lacks"] or fact["summary"])
        for option, help in fact["options"].items():
            table.add_row("", option, help)
    return table
