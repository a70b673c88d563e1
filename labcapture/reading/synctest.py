"""What a sync_test came to, for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rich.table import Table as Grid
from rich.text import Text

from labcapture.reading.session import Session
from labcapture.reading.streams import read_attributes
from labcapture.recording.tables import SYNC_FIGURES

Facts = Mapping[str, Any]


def sync_facts(session: Session) -> dict[str, Any] | None:
    """Return the attributes of ``/sync_test``, None where nothing was tested; what is not known is None."""
    if "sync_test" not in session.h5 or not len(session.h5["sync_test"]):
        return None
    told = read_attributes(session.h5["sync_test"])
    return {name: _known(told.get(name)) for name, *_ in SYNC_FIGURES}


def _known(value: Any) -> Any:  # noqa: ANN401 - any attribute
    return None if isinstance(value, float) and not math.isfinite(value) else value


def render_sync(facts: Facts) -> Grid:
    """Draw what `sync_facts`, or the summary of a session, has."""
    grid = Grid(
        title="\nFlashes and tones: offset from their markers, ms",
        title_justify="left",
        title_style="bold",
        box=None,
        header_style="dim",
        padding=(0, 1),
    )
    limit = _ms(facts["flash_limit_s"])
    columns = ("", "found", "median", "±", "5 %", "95 %", "largest", f"≤ {limit}")
    for number, name in enumerate(columns):
        grid.add_column(name, justify="right" if number else "left", no_wrap=True)
    for what, place in (("flash", "picture_stream"), ("tone", "sound_stream")):
        due, found = facts[f"{what}_due"], facts[f"{what}_found"]
        whole = due and due == found
        keys = ("median_s", "uncertainty_s", "p5_s", "p95_s", "max_abs_s")
        offsets = [_ms(facts[f"{what}_{key}"], signed=key in {"median_s", "p5_s", "p95_s"}) for key in keys]
        within = str(facts["flash_within_limit"]) if what == "flash" else ""
        count = Text(f"{found} of {due}", style="green" if whole else "yellow")
        grid.add_row(f"{what} in {facts[place] or 'nothing'}", count, *offsets, within)
    return grid


def _ms(seconds: float | None, *, signed: bool = False) -> str:
    if seconds is None or not math.isfinite(seconds):
        return "?"
    return f"{seconds * 1e3:{'+' if signed else ''}.1f}"
