"""``labcapture devices``: what is plugged in and what it says of itself."""

from __future__ import annotations

import importlib
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from labcapture.core.errors import LabcaptureError
from labcapture.devices.rig import kinds


def list_devices() -> dict[str, Any]:
    """Return, for each kind of device, what ``plugged_in()`` of its module finds, or why that could not be asked."""
    found: dict[str, Any] = {}
    for kind in kinds():
        module = importlib.import_module(f"labcapture.devices.{kind}")
        try:
            found[kind] = module.plugged_in()
        except LabcaptureError as error:
            found[kind] = {"error": str(error)}
    return found


def render_devices(facts: dict[str, Any]) -> RenderableType:
    """Draw the list for the terminal."""
    parts: list[RenderableType] = []
    for kind, found in facts.items():
        parts.append(Text(kind, style="bold"))
        if isinstance(found, dict):
            parts.append(Text(f"  {found['error']}", style="red"))
        elif not found:
            parts.append(Text("  none", style="dim"))
        else:
            table = Table(box=None, padding=(0, 2), header_style="dim")
            for key in found[0]:
                table.add_column(key, overflow="fold")
            for row in found:
                table.add_row(*(_cell(value) for value in row.values()))
            parts.append(table)
    return Group(*parts)


def _cell(value: Any) -> str:  # noqa: ANN401 - any JSON
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
