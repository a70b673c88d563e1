"""Every gap of a session, one row each: who lost what, when, for how long, in which clip and critical window."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from labcapture.core.chunks import Cause, Gap
from labcapture.core.errors import RecordingError
from labcapture.protocol.rule import QualityRule, Window
from labcapture.reading.reevaluate import gaps_of, onset, own_rule
from labcapture.reading.session import Session
from labcapture.recording.counting import LOST_BY_US

Facts = dict[str, Any]


def list_gaps(session: Session, rule: QualityRule | None = None) -> list[Facts]:
    """Return the gaps of every trial, then those of the signals, in order of time: fit for JSON.

    Frames missing between two trials are left out; `Session.gaps` has them. Times are LSL seconds.

    Parameters
    ----------
    rule
        Whose critical windows are named; the session's own unless given.
    """
    rule = rule or own_rule(session) or QualityRule()
    rows: list[Facts] = []
    spans: list[tuple[str, str, float, float, float]] = []
    for trial in session.trials.values():
        begun, clip = onset(session, trial), str(trial.attributes.get("clip", ""))
        spans.append((trial.id, clip, trial.start, trial.stop, begun))
        try:
            found = [gap for name in trial for gap in gaps_of(name, trial[name].gaps)]
        except RecordingError:
            continue  # told among the problems of the report
        rows += [_row(gap, trial.id, trial.stop, begun, _windows(rule, clip, begun, gap)) for gap in found]
    for name, stream in {**session.audio, **session.samples}.items():
        for gap in gaps_of(name, stream.gaps):
            where = next((s for s in spans if gap.start < s[3] and not gap.stop < s[2]), None)
            if where is None:
                rows.append(_row(gap, "", math.nan, math.nan, []))
            else:
                trial_id, clip, _, stop, begun = where
                rows.append(_row(gap, trial_id, stop, begun, _windows(rule, clip, begun, gap)))
    return sorted(rows, key=lambda row: row["start"])


def _windows(rule: QualityRule, clip: str, begun: float, gap: Gap) -> list[str]:
    def touches(window: Window) -> bool:
        fits = window.clip in {"", clip} and not math.isnan(begun)
        return fits and gap.start < begun + window.to_s and not gap.stop < begun + window.from_s

    return [window.label for window in rule.windows if touches(window)]


def _row(gap: Gap, trial: str, trial_stop: float, begun: float, windows: Sequence[str]) -> Facts:
    stop = trial_stop if math.isnan(gap.stop) else gap.stop
    numbered = gap.first >= 0
    return {
        "trial": trial,
        "stream": gap.stream,
        "cause": gap.cause.value,
        "lost_by": "nobody" if gap.cause is Cause.SLOW else "us" if gap.cause in LOST_BY_US else "the device",
        "first": gap.first if numbered and gap.count else None,
        "last": gap.last if numbered and gap.count else None,
        "count": gap.count,
        "start": gap.start,
        "stop": None if math.isnan(gap.stop) else gap.stop,
        "from_onset_s": None if math.isnan(begun) else gap.start - begun,
        "duration_s": None if math.isnan(stop) else stop - gap.start,
        "windows": list(windows),
        "note": gap.note,
    }


def render_gaps(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Draw what `list_gaps` returned."""
    if not rows:
        return Padding(Text("No gap in any trial, and none in any signal.", style="green"), (0, 1))
    grid = Grid(title="\nGaps", title_justify="left", title_style="bold", box=None, header_style="dim", padding=(0, 1))
    for name in ("trial", "stream", "cause", "lost", "numbers", "after onset", "lasts", "window"):
        grid.add_column(name, justify="right" if name in {"lost", "after onset", "lasts"} else "left", overflow="fold")
    for row in rows:
        begun, lasts = row["from_onset_s"], row["duration_s"]
        grid.add_row(
            row["trial"] or "-",
            row["stream"],
            row["cause"],
            f"{row['count']:,}",
            "-" if row["first"] is None else f"{row['first']}-{row['last']}",
            "-" if begun is None else f"{begun:.3f} s",
            "?" if lasts is None else f"{lasts:.3f} s",
            ", ".join(row["windows"]),
        )
    return grid
