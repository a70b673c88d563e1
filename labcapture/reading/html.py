"""The session report as one HTML file: no script, no network, no other file; the words of a session are only words."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labcapture import __version__
from labcapture.reading import html_clips, html_plots
from labcapture.reading.html_parts import Markup, clock, el, join, milliseconds, number, size, table
from labcapture.reading.html_style import STYLE
from labcapture.reading.overview import Overview
from labcapture.reading.streams import Table

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_FEW = 10  # problems that are read at once
_MOST_ROWS = 1000  # of a table on the page; all are in the session


@dataclass(frozen=True)
class Verification:
    """What verification said, and when (ISO 8601, UTC)."""

    utc: str
    problems: list[str] = field(default_factory=list)
    checked: Mapping[str, int] = field(default_factory=dict)


def page(seen: Overview, verification: Verification | None, written_utc: str) -> str:
    """Return the report.

    Parameters
    ----------
    seen
        The session.
    verification
        Its verification; None if it was not verified.
    written_utc
        When the report is written, ISO 8601.
    """
    facts = seen.facts
    title = f"{facts['participant']}, session {facts['session']}"
    body = el(
        "main",
        _head(seen, written_utc),
        _verification(verification),
        _problems(facts["problems"]),
        _summary(seen),
        html_clips.section(seen),
        _signals(seen),
        _streams(seen),
        _clocks(seen),
        _words(seen),
        _settings(seen),
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", f"{title} - labcapture"),
        el("style", Markup(STYLE)),
    )
    return f"<!DOCTYPE html>\n{el('html', head, el('body', body), lang='en')}\n"


def _head(seen: Overview, written_utc: str) -> Markup:
    facts, attributes = seen.facts, seen.attributes
    badges = [el("span", words, class_="badge") for words in _badges(facts, attributes)]
    part = f"Part {facts['part']}, " if facts["part"] not in {"", "none"} else ""
    good = facts["verdict"] == "labelled"
    rows = {
        "Started": _when(facts["started_utc"]),
        "Length": clock(seen.stop - seen.start),
        "Protocol": f"{facts['protocol']} ({str(facts['paradigm']).replace('_', ' ')})",
        "Rig": facts["rig"],
        "Language": attributes.get("language", "–"),
        "Clips": _clip_count(facts),
        "Report written": f"{_when(written_utc)}, labcapture {__version__}",
        "Folder": seen.facts["folder"],
    }
    return el(
        "header",
        el("h1", f"Participant {facts['participant']}, session {facts['session']}"),
        el("p", *badges) if badges else None,
        el("p", f"{part}{facts['verdict'] or 'no verdict'}", class_=f"verdict {'good' if good else 'bad'}"),
        el("p", facts["reason"], class_="lead"),
        None if facts["completed"] else el("p", "The protocol was not run to its end.", class_="bad"),
        el("p", f"Failed: {facts['error']}", class_="alarm") if facts["error"] else None,
        el("dl", *(el("div", el("dt", name), el("dd", value)) for name, value in rows.items())),
        class_="card",
    )


def _badges(facts: Mapping[str, Any], attributes: Mapping[str, Any]) -> list[str]:
    found = ["SIMULATED: not a measurement of anyone"] if facts["simulated"] else []
    if facts["autopilot"] is not None:
        found.append(f"answered by the autopilot, seed {facts['autopilot']}")
    if attributes.get("recovered"):
        found.append("recovered after the recording broke off")
    if "transcoded_from" in attributes:
        found.append(f"copy, pictures transcoded to {attributes['codec']}")
    return found


def _clip_count(facts: Mapping[str, Any]) -> str:
    good = sum(trial["annotatable"] is True for trial in facts["trials"])
    return f"{good} of {len(facts['trials'])} annotatable" if facts["trials"] else "none recorded"


def _verification(verification: Verification | None) -> Markup:
    if verification is None:
        return el("section", el("h2", "Verification"), el("p", "Not verified for this report.", class_="bad"))
    when, checked = _when(verification.utc), verification.checked
    counted = ", ".join(
        size(count) if what == "bytes" else f"{number(int(count))} {what}" for what, count in checked.items()
    )
    if not verification.problems:
        words = el("p", f"Whole: {counted} read back and compared.", class_="good lead")
        return el("section", el("h2", "Verification"), words, el("p", f"Verified {when}.", class_="quiet"))
    count = len(verification.problems)
    shown, more = verification.problems[:_FEW], verification.problems[_FEW:_MOST_ROWS]
    return el(
        "section",
        el("h2", "Verification"),
        el("p", f"Not whole: {count} {'problem' if count == 1 else 'problems'} in {counted}.", class_="alarm lead"),
        _list(shown),
        el("details", el("summary", f"{count - _FEW} more"), _list(more)) if more else None,
        el("p", f"Verified {when}.", class_="quiet"),
    )


def _problems(problems: list[str]) -> Markup | None:
    if not problems:
        return None
    return el("section", el("h2", "What could not be read"), _list(problems[:_MOST_ROWS]))


def _list(sentences: list[str]) -> Markup:
    return el("ul", *(el("li", sentence) for sentence in sentences))


def _summary(seen: Overview) -> Markup:
    trials = seen.facts["trials"]
    if not trials:
        return el("section", el("h2", "Clips"), el("p", "No clip was recorded.", class_="quiet"))
    streams = list(dict.fromkeys(name for trial in trials for name in trial["streams"]))
    headings = ["trial", "clip", "emotion", "length", *(f"{name}, lost of due" for name in streams), "film", "verdict"]
    rows: list[list[object]] = []
    for trial in trials:
        said = trial["attributes"]
        losses = [html_clips.lost(trial["streams"].get(name)) for name in streams]
        film = html_clips.film(said)
        row = [el("a", trial["id"], href=f"#trial-{trial['id']}"), said.get("clip", "–"), said.get("emotion", "–")]
        rows.append([*row, clock(trial["duration_s"]), *losses, film, html_clips.verdict(trial)])
    numbers = {3, *range(4, 4 + len(streams))}
    return el("section", el("h2", "Clips"), table(headings, rows, numbers))


def _signals(seen: Overview) -> Markup | None:
    if not seen.traces:
        return None
    clips = [(trial["id"], trial["start"], trial["stop"]) for trial in seen.facts["trials"]]
    marks = [(float(row["time"]), str(row["label"])) for row in seen.markers]
    kinds = {stream["name"]: stream["kind"] for stream in seen.facts["streams"]}
    content: list[Markup] = []
    for trace in seen.traces:
        sound = kinds[trace.stream] == "audio"
        unit = "share of full scale" if sound else trace.units
        content.append(el("h4", f"{trace.stream}: {trace.channel}, {unit}"))
        content.append(html_plots.signal(trace, clips, marks, full_scale=sound))
    legend = html_plots.key({"clip": "clip", "mark": "marker", "point": "lowest to highest value"})
    heading = el("h2", "Signals and markers over the session")
    return el("section", heading, *content, legend, _marker_list(seen))


def _marker_list(seen: Overview) -> Markup | None:
    if not len(seen.markers):
        return None
    shown = seen.markers[:_MOST_ROWS]
    rows = [[clock(float(row["time"]) - seen.start), row["label"], row["source"], row["step"]] for row in shown]
    summary = el("summary", f"{len(seen.markers)} markers")
    return el("details", summary, table(("time", "label", "source", "step"), rows, {0}), _cut(len(seen.markers)))


def _cut(count: int) -> Markup | None:
    return el("p", f"The first {_MOST_ROWS} of {count}.", class_="quiet") if count > _MOST_ROWS else None


def _streams(seen: Overview) -> Markup:
    rows = [
        [
            stream["name"],
            number(stream["recorded"], "frames" if stream["kind"] == "frames" else "samples"),
            number(stream["nominal_rate_hz"], "Hz") if stream["nominal_rate_hz"] else "irregular",
            number(stream["rate_hz"], "Hz"),
            milliseconds(stream["time_uncertainty_s"]),
            html_clips.causes(stream["gaps"]),
        ]
        for stream in seen.facts["streams"]
    ]
    headings = ("stream", "recorded", "nominal rate", "measured rate", "time known to ±", "gaps, all of the session")
    return el("section", el("h2", "Streams"), table(headings, rows, {1, 2, 3, 4}))


def _clocks(seen: Overview) -> Markup:
    fits = [
        [
            one["name"],
            number(one["pairs"]),
            number(one["drift_ppm"], "ppm", 1),
            milliseconds(one["uncertainty_s"]),
            *(milliseconds(one[f"residual_{which}_s"]) for which in ("median", "p95", "max")),
        ]
        for one in seen.facts["clocks"]
    ]
    senders = [
        [
            one["name"],
            number(one["clock_offsets"]),
            number(one["clock_offset_s"], "s", 6),
            milliseconds(one["clock_offset_uncertainty_s"]),
            number(one["segments"]),
        ]
        for one in seen.facts["streams"]
        if "segments" in one
    ]
    columns = ("clock", "pairs", "drift", "known to ±", "off by: median", "95 %", "most")
    content: list[Markup | None] = [table(columns, fits, set(range(1, 7)))]
    if senders:
        senders_columns = ("sender of", "clock measured", "offset to ours", "known to ±", "segments")
        content += [el("h4", "Senders of LSL streams"), table(senders_columns, senders, {1, 2, 3, 4})]
    drawn = [trace for trace in seen.clocks if len(trace.time)]
    for trace in drawn:
        said = "arrival after the fitted time" if trace.of == "arrival" else "measured offset less its straight line"
        content += [el("h4", f"{trace.name}: {said}"), html_plots.clock_plot(trace, seen.start, seen.stop)]
    if drawn:
        meanings = {"point": "median", "spread": "least to most, or ±", "known": "uncertainty of the fit"}
        content.append(html_plots.key(meanings))
    return el("section", el("h2", "Clocks against LSL time"), *content)


def _words(seen: Overview) -> Markup:
    notes = [[clock(float(row["time"]) - seen.start), row["text"]] for row in seen.notes[:_MOST_ROWS]]
    alarms = [
        [
            clock(alarm.start - seen.start),
            number(alarm.stop - alarm.start, "s", 1) if math.isfinite(alarm.stop) else "–",
            alarm.source,
            alarm.cause,
            alarm.remedy,
        ]
        for alarm in seen.alarms
    ]
    answers = [
        [clock(float(row["time"]) - seen.start), *(row[name] for name in ("step", "trial", "question", "value", "by"))]
        for row in seen.answers[:_MOST_ROWS]
    ]
    nothing = el("p", "None.", class_="quiet")
    return el(
        "section",
        el("h2", "Notes"),
        join(table(("time", "note"), notes, {0}), _cut(len(seen.notes))) if notes else nothing,
        el("h2", "Alarms and errors while it ran"),
        table(("time", "for", "source", "cause", "remedy"), alarms, {0, 1}) if alarms else nothing,
        el("h2", "Answers") if answers else None,
        table(("time", "step", "trial", "question", "answer", "by"), answers, {0}) if answers else None,
        _cut(len(seen.answers)),
        *(_further(name, rows, seen.start) for name, rows in seen.further.items()),
    )


def _further(name: str, rows: Table, start: float) -> Markup:
    """Return a table of the session as it stands there, times after the session's start."""
    columns = list(rows.dtype.names or ())
    cells = [
        [clock(float(row[name]) - start) if name == "time" else _cell(row[name]) for name in columns]
        for row in rows[:_MOST_ROWS]
    ]
    title = f"{name.replace('_', ' ')}: {len(rows)} {'row' if len(rows) == 1 else 'rows'}"
    return el("details", el("summary", title), table([c.replace("_", " ") for c in columns], cells), _cut(len(rows)))


def _cell(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _settings(seen: Overview) -> Markup:
    try:
        software = json.loads(seen.attributes.get("software", "{}"))
    except ValueError:
        software = {}
    rows = [[name, version] for name, version in software.items()] if isinstance(software, dict) else []
    rule = json.dumps(seen.facts["rule"], indent=1, ensure_ascii=False)
    return el(
        "section",
        el("h2", "Software and rule"),
        table(("software", "version"), [["session format", seen.facts["format_version"]], *rows]),
        el("details", el("summary", "the quality rule as applied"), el("pre", rule)),
    )


def _when(utc: str) -> str:
    return f"{utc[:10]} {utc[11:19]} UTC"
