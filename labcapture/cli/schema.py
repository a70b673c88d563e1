"""``labcapture schema``: the session format as a table."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from labcapture.recording.schema import REGISTRY, VERSION


def schema_rows() -> list[dict[str, Any]]:
    """Return every path of the format with dtype, shape, unit, version and meaning."""
    return [asdict(entry) for entry in REGISTRY]


def render_schema() -> RenderableType:
    """Draw the format for the terminal."""
    table = Table(title=f"session format, version {VERSION}", box=None, header_style="bold", pad_edge=False)
    for title in ("file", "path", "type", "unit", "since", "meaning"):
        table.add_column(title, overflow="fold")
    for entry in REGISTRY:
        kind = entry.dtype + entry.shape if entry.dtype else entry.kind
        table.add_row(entry.file, entry.path, kind, entry.units, str(entry.since), entry.description)
        for column in entry.columns:
            table.add_row("", f"  .{column.name}", column.dtype, column.units, "", column.description)
    return table
