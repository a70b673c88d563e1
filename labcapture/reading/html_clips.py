"""The clips of the report: verdict, pictures, what is missing, what the participant felt."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from labcapture.reading import html_plots
from labcapture.reading.html_parts import Markup, clock, el, milliseconds, number, table
from labcapture.reading.overview import Clip, Overview
from labcapture.reading.thumbnails import Thumbnail

Facts = Mapping[str, Any]


def section(seen: Overview) -> Markup | None:
    """Return a card for each clip, None if there are none."""
    trials = seen.facts["trials"]
    if not trials:
        return None
    legend = html_plots.key({"gap": "missing", "slow": "slow step, nothing is missing", "film": "the film ran"})
    cards = (_card(seen, trial, seen.clips[trial["id"]]) for trial in trials)
    return el("section", el("h2", "Clip by clip"), *cards, legend)


def _card(seen: Overview, trial: Facts, clip: Clip) -> Markup:
    said = trial["attributes"]
    about = [said.get("clip"), said.get("emotion"), f"take {said['take']}" if "take" in said else None]
    words = "  ·  ".join([*(str(word) for word in about if word not in {None, ""}), clock(trial["duration_s"])])
    rows: list[list[object]] = [
        [
            name,
            number(counts["recorded"]),
            number(counts["due"]),
            number(counts["lost_before_us"]),
            number(counts["lost_by_us"]),
            number(counts["longest_run"]),
            number(counts["mean_rate_hz"], "Hz"),
            milliseconds(counts["time_uncertainty_s"]),
        ]
        for name, counts in trial["streams"].items()
    ]
    headings = ("stream", "recorded", "due", "lost before us", "lost by us", "in a row", "rate", "time known to ±")
    return el(
        "article",
        el("h3", trial["id"], el("span", words, class_="quiet"), el("span", verdict(trial))),
        el("ul", *(el("li", reason) for reason in trial["reasons"])) if trial["reasons"] else None,
        _pictures(clip.thumbnails),
        html_plots.time_line(clip, trial["duration_s"], list(trial["streams"])) if trial["streams"] else None,
        table(headings, rows, set(range(1, 8))) if rows else None,
        _film_line(said),
        _felt(seen, trial["id"]),
        id_=f"trial-{trial['id']}",
    )


def _pictures(thumbnails: Mapping[str, Thumbnail]) -> Markup | None:
    figures = [
        el(
            "figure",
            el(
                "img",
                src=f"data:image/jpeg;base64,{base64.b64encode(small.jpeg).decode('ascii')}",
                alt=f"{name}, frame {small.frame}",
                width=small.width,
                height=small.height,
            ),
            el("figcaption", f"{name}, frame {small.frame}", f" ({small.legend})" if small.legend else ""),
        )
        for name, small in thumbnails.items()
    ]
    return el("div", *figures, class_="pictures") if figures else None


def _film_line(said: Facts) -> Markup | None:
    if not _counted(said):
        return None
    late = f", {said['late_flips']} of {said.get('flips', '?')} flips late" if "late_flips" in said else ""
    sound = f", sound: {said['sound']}" if said.get("sound") else ""
    return el("p", f"Film: {film(said)}{late}{sound}", class_="quiet")


def _felt(seen: Overview, trial: str) -> Markup | None:
    rows = seen.self_report[seen.self_report["trial"] == trial]
    if not len(rows):
        return None
    answers = [str(row["value"]) or number(float(row["number"])) for row in rows]
    times = [number(float(row["reaction_time"]), "s") for row in rows]
    by = ", ".join(dict.fromkeys(str(row["by"]) for row in rows))
    headings = ("", *(str(row["question"]) for row in rows))
    lines: list[list[object]] = [["answer", *answers], ["after", *times]]
    return el("div", el("h4", f"Self-report, by {by}"), table(headings, lines))


def _counted(said: Facts) -> bool:
    return isinstance(said.get("film_frames"), int) and isinstance(said.get("frames_dropped"), int)


def film(said: Facts) -> str:
    """Return how many frames of the film were not shown."""
    if not _counted(said):
        return "–"
    return f"{said['frames_dropped']} of {said['film_frames']} frames dropped"


def lost(counts: Facts | None) -> Markup | str:
    """Return lost frames of those that were due."""
    if counts is None or counts["due"] is None:
        return "–"
    count = counts["lost_before_us"] + counts["lost_by_us"]
    words = f"{number(count)} of {number(counts['due'])}"
    return el("span", words, class_="bad") if count else words


def verdict(trial: Facts) -> Markup:
    """Return whether the clip can be annotated."""
    if trial["annotatable"] is None:
        return el("span", "no verdict", class_="bad")
    kind = "good" if trial["annotatable"] else "bad"
    return el("strong", "annotatable" if trial["annotatable"] else "not annotatable", class_=kind)


def causes(gaps: Mapping[str, Mapping[str, int]]) -> Markup | str:
    """Return how much is missing by cause."""
    if not gaps:
        return "none"
    words = [
        f"{found['gaps']} slow steps" if cause == "slow" else f"{found['count']} {cause.replace('_', ' ')}"
        for cause, found in gaps.items()
    ]
    return el("span", ", ".join(words), class_="bad" if any(found["count"] for found in gaps.values()) else None)
