"""How a session was conducted: what the stage showed, what was flagged, what is left of the participant's account."""

from __future__ import annotations

from typing import Any

from labcapture.reading.session import Session

_COUNTS = ("frames_shown", "frames_dropped", "flips_repeated", "late_flips")


def conducted(session: Session) -> dict[str, Any]:
    """Return the sums over all recorded films, the number of flagged stretches, and the balance of the ledger.

    ``balance`` is None where nothing was booked.
    """
    counts = {name: sum(_count(trial.attributes.get(name)) for trial in session.trials.values()) for name in _COUNTS}
    balance = float(session.ledger["balance"][-1]) if len(session.ledger) else None
    again = sum(trial.superseded for trial in session.trials.values())
    return {**counts, "flags": len(session.review_flags), "balance": balance, "again": again}


def told(facts: dict[str, Any]) -> str:
    """Say in a line what `conducted` returned; empty if there is nothing to say."""
    words = []
    if facts["frames_shown"]:
        shown, dropped, late = (facts[name] for name in ("frames_shown", "frames_dropped", "late_flips"))
        words.append(f"films {shown} frames shown, {dropped} dropped, {late} late flips")
    if facts["again"]:
        words.append(f"{facts['again']} trials taken again")
    if facts["flags"]:
        words.append(f"flagged in reviews: {facts['flags']}")
    if facts["balance"] is not None:
        words.append(f"account {facts['balance']:g}")
    return "Conduct: " + "; ".join(words) if words else ""


def _count(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
