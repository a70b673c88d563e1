"""A session's stretches and moments as lanes of the time line. No Qt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labcapture.view.events import Event
from labcapture.view.film import Film, gap_rows
from labcapture.view.tracks import Lane, Span

_LOSSES = {"dropped", "disconnect", "host_overflow", "recorder_overflow"}


def lanes_of(film: Film, events: Sequence[Event]) -> list[Lane]:
    """Return clips, markers, answers, what was flagged, and what is missing of each stream that lacks something."""
    session = film.session
    clips = []
    for trial in film.trials:
        words = [trial.id, *(str(trial.attributes.get(name, "")) for name in ("clip", "emotion"))]
        good = trial.annotatable and not trial.superseded
        label = "  ".join(dict.fromkeys(word for word in words if word))
        label += "  (taken again)" if trial.superseded else "" if good else "  (not annotatable)"
        clips.append(Span(*film.span(trial), label, "accent" if good else "muted"))
    flags = [
        Span(float(row["first_time"]), float(row["last_time"]), "flag", "warning")
        for row in session.review_flags
        if np.isfinite(row["first_time"]) and np.isfinite(row["last_time"])
    ]
    lanes = [Lane("clips", clips, 1.15), Lane("markers", _moments(events, "marker", "ledger", "note"))]
    answers = _moments(events, "self_report", "answer", "response")
    lanes += [Lane(name, spans) for name, spans in (("answers", answers), ("review flags", flags)) if spans]
    rows = gap_rows(film)
    for name in session.streams:
        missing = [
            Span(start, stop if np.isfinite(stop) else film.stop, "", "alarm" if row["cause"] in _LOSSES else "warning")
            for stream, start, stop, row in rows
            if stream == name and np.isfinite(start)
        ]
        if missing:
            lanes.append(Lane(f"{name} gaps", missing, 0.8))
    return lanes


def _moments(events: Sequence[Event], *kinds: str) -> list[Span]:
    found = []
    for event in events:
        if event.kind in kinds:
            words = event.label if event.kind in {"marker", "ledger"} else f"{event.label} {event.text}".strip()
            found.append(Span(event.time, event.time, words[:40], "muted" if event.kind == "marker" else "accent"))
    return found
