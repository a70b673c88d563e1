"""What summary.json says of a session: enough for a table of sessions without opening one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from labcapture.recording.folder import SessionHeader
from labcapture.recording.journal import jsonable
from labcapture.recording.ledger import Ledger


def summary(
    header: SessionHeader,
    ledger: Ledger,
    trials: Sequence[Mapping[str, Any]],
    outcome: Mapping[str, Any],
    *,
    completed: bool,
    error: str,
    raw_frames: int,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the summary of a session, fit for JSON.

    Parameters
    ----------
    header, ledger
        Of the session.
    trials
        Of each trial in order: id, attributes, verdict, and ``streams`` with the counts of each camera stream.
    outcome
        Part, verdict and reason; empty if session.h5 could not be finished.
    completed, error, raw_frames
        Whether every step was run; what failed; pictures stored raw because encoding fell behind.
    more
        Further facts.
    """
    lost_before: dict[str, int] = {}
    lost_by: dict[str, int] = {}
    for name, stream in ledger.streams.items():
        if stream.spec.kind == "frames":
            counts = [trial["streams"][name] for trial in trials if name in trial["streams"]]
            lost_before[name] = sum(count["lost_before_us"] for count in counts)
            lost_by[name] = sum(count["lost_by_us"] for count in counts)
        else:
            lost_before[name], lost_by[name] = ledger.lost_signal(name)
    whole = {
        **{key: value for key, value in header.identity().items() if key != "NX_class"},
        "ended_utc": datetime.now(UTC).isoformat(),
        **(outcome or {"part": "", "verdict": "", "reason": "session.h5 could not be finished"}),
        "completed": completed,
        "error": error,
        "recorded": ledger.recorded(),
        "lost_before_us": lost_before,
        "lost_by_us": lost_by,
        "raw_frames": raw_frames,
        "trials": list(trials),
        **(more or {}),
    }
    return cast("dict[str, Any]", jsonable(whole))
