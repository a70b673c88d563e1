"""What the report page shows of a session, as plain words and figures that fit into JSON. No Qt here."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.reading.html_parts import clock, milliseconds, number
from labcapture.reading.overview import Clip, ClockTrace, Overview, Trace

Facts = dict[str, Any]
_DIGITS = 5  # of a drawn value; a page has no more pixels
_MOST = 300  # rows of a table on the page; all are in the HTML file, and in the session


def report_facts(seen: Overview) -> Facts:
    """Return the page of ``seen``. Times are seconds after the session's start."""
    facts = seen.facts
    start = seen.start
    return {
        "heading": _heading(facts),
        "good": facts["verdict"] == "labelled",
        "reason": facts["reason"],
        "badges": _badges(seen),
        "about": _about(seen),
        "problems": [*facts["problems"], *([f"Failed: {facts['error']}"] if facts["error"] else [])],
        "length_s": seen.stop - start,
        "spans": [[trial["id"], trial["start"] - start, trial["stop"] - start] for trial in facts["trials"]],
        "markers": [[float(row["time"]) - start, str(row["label"])] for row in seen.markers],
        "clips": [_clip(seen, trial, seen.clips[trial["id"]]) for trial in facts["trials"]],
        "traces": [_trace(seen, trace) for trace in seen.traces],
        "clocks": [_clock(trace, start) for trace in seen.clocks if len(trace.time)],
        "streams": [_stream(stream) for stream in facts["streams"]],
        "fits": [_fit(fit) for fit in facts["clocks"]],
        "notes": [[clock(float(row["time"]) - start), str(row["text"])] for row in seen.notes[:_MOST]],
        "alarms": [[clock(one.start - start), one.source, one.cause, one.remedy] for one in seen.alarms[:_MOST]],
    }


def _heading(facts: Mapping[str, Any]) -> str:
    part = f"Part {facts['part']}" if facts["part"] not in {"", "none"} else ""
    ended = "" if facts["completed"] else "ended before the protocol did"
    return "  ·  ".join(filter(None, (facts["verdict"] or "no verdict", part, ended)))


def _badges(seen: Overview) -> list[str]:
    found = ["SIMULATED"] if seen.facts["simulated"] else []
    if seen.facts["autopilot"] is not None:
        found.append(f"autopilot {seen.facts['autopilot']}")
    if seen.attributes.get("recovered"):
        found.append("recovered")
    return found


def _about(seen: Overview) -> list[list[str]]:
    facts = seen.facts
    good = sum(trial["annotatable"] is True for trial in facts["trials"])
    return [
        ["participant", f"{facts['participant']}, session {facts['session']}"],
        ["started", f"{facts['started_utc'][:10]} {facts['started_utc'][11:19]} UTC"],
        ["length", clock(seen.stop - seen.start)],
        ["protocol", str(facts["protocol"])],
        ["clips", f"{good} of {len(facts['trials'])} annotatable" if facts["trials"] else "none recorded"],
    ]


def _clip(seen: Overview, trial: Mapping[str, Any], clip: Clip) -> Facts:
    said = trial["attributes"]
    about = [said.get("clip"), said.get("emotion"), f"take {said['take']}" if said.get("take", 1) != 1 else None]
    verdict = {True: "annotatable", False: "not annotatable", None: "no verdict"}[trial["annotatable"]]
    rows = seen.self_report[seen.self_report["trial"] == trial["id"]]
    return {
        "trial": trial["id"],
        "about": "  ·  ".join([*(str(word) for word in about if word), clock(trial["duration_s"])]),
        "verdict": verdict,
        "good": trial["annotatable"] is True,
        "reasons": list(trial["reasons"]),
        "length_s": trial["duration_s"],
        "streams": [[name, _counted(counts)] for name, counts in trial["streams"].items()],
        "gaps": {
            name: [[mark.cause, mark.count, mark.start, mark.stop] for mark in marks]
            for name, marks in clip.gaps.items()
        },
        "film": list(clip.film) if clip.film is not None else None,
        "pictures": [
            {"name": name, "jpeg": base64.b64encode(small.jpeg).decode("ascii"), "size": [small.width, small.height]}
            for name, small in clip.thumbnails.items()
        ],
        "felt": [[str(row["question"]), str(row["value"]) or number(float(row["number"]))] for row in rows],
    }


def _counted(counts: Mapping[str, Any]) -> str:
    """Return rate and loss of a stream in a clip."""
    words = [number(counts["mean_rate_hz"], "Hz")]
    for key, name in (("lost_before_us", "lost before us"), ("lost_by_us", "lost by us")):
        if counts[key]:
            words.append(f"{number(counts[key])} {name}")
    if not (counts["lost_before_us"] or counts["lost_by_us"]):
        words.append("none lost")
    return ", ".join(words)


def _stream(stream: Mapping[str, Any]) -> list[str]:
    missing = sum(found["count"] for found in stream["gaps"].values())
    return [
        stream["name"],
        number(stream["recorded"]),
        number(stream["nominal_rate_hz"], "Hz") if stream["nominal_rate_hz"] else "irregular",
        number(stream["rate_hz"], "Hz"),
        milliseconds(stream["time_uncertainty_s"]),
        number(missing) if missing else "none",
    ]


def _fit(fit: Mapping[str, Any]) -> list[str]:
    residuals = [milliseconds(fit[f"residual_{which}_s"]) for which in ("median", "p95", "max")]
    return [fit["name"], number(fit["drift_ppm"], "ppm", 1), milliseconds(fit["uncertainty_s"]), *residuals]


def _trace(seen: Overview, trace: Trace) -> Facts:
    kinds = {stream["name"]: stream["kind"] for stream in seen.facts["streams"]}
    sound = kinds.get(trace.stream) == "audio"
    return {
        "name": f"{trace.stream}: {trace.channel}",
        "unit": "of full scale" if sound else trace.units,
        "sound": sound,
        "low": _plain(trace.low),
        "high": _plain(trace.high),
    }


def _clock(trace: ClockTrace, start: float) -> Facts:
    low, high = trace.low, trace.high
    if trace.of == "offset":
        low, high = trace.middle - trace.uncertainty, trace.middle + trace.uncertainty
    return {
        "name": trace.name,
        "of": "arrival after the fitted time" if trace.of == "arrival" else "measured offset less its straight line",
        "time": _plain(trace.time - start, 9),
        "low": _plain(1000 * low),
        "middle": _plain(1000 * trace.middle),
        "high": _plain(1000 * high),
        "known_ms": _known(1000 * trace.uncertainty),
    }


def _known(values: NDArray[np.float64]) -> float | None:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else None


def _plain(values: Sequence[float] | NDArray[np.float64], digits: int = _DIGITS) -> list[float | None]:
    """Return ``values`` (n,) with few digits; None where there is none, for JSON has no NaN."""
    return [float(f"{value:.{digits}g}") if math.isfinite(value) else None for value in values]
