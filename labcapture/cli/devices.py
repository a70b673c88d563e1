"""``labcapture devices``: what is plugged in and what it says of itself."""

from __future__ import annotations

import importlib
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from labcapture.core.errors import LabcaptureError
from labcapture.devices.rig import kinds

_SHOWN = 6  # of a camera's many profiles; --json has them all


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
        for device in found if isinstance(found, list) else ():
            name, *rest = device.values()
            facts_of_it = (f"{key} {_cell(value)}" for key, value in zip(list(device)[1:], rest, strict=True))
            parts.append(Padding(Text.assemble((str(name), "bold cyan"), "  ", "  ·  ".join(facts_of_it)), (0, 2)))
    return Group(*parts)


def _cell(value: Any) -> str:  # noqa: ANN401 - any JSON
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value[:_SHOWN])) + (f", ... {len(value)} in all" if len(value) > _SHOWN else "")
    return f"{value:g}" if isinstance(value, float) else str(value)
