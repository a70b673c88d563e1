"""What a session holds, in figures (`report`) and in tables for people (`render`): ``labcapture inspect``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from labcapture.core.errors import RecordingError, printable
from labcapture.reading import calibrated as heads
from labcapture.reading.conducted import conducted, told
from labcapture.reading.session import Session, Trial
from labcapture.reading.streams import SampleStream, Table, read_attributes
from labcapture.reading.synctest import render_sync, sync_facts
from labcapture.recording.guard import reading
from labcapture.recording.tables import SESSION_TABLES

Facts = dict[str, Any]

_CAUSES = ("dropped", "disconnect", "host_overflow", "recorder_overflow", "slow")


def report(session: Session) -> Facts:
    """Return the facts of a session as numbers, strings, lists and mappings: fit for JSON.

    A figure that is not known is ``None``. Times and durations are seconds, ``start`` and ``stop`` LSL time. What
    cannot be read, a missing trial file for one, stands in ``problems`` and the rest is reported all the same.
    """
    with reading(session.folder):
        return _report(session)


def _report(session: Session) -> Facts:
    problems: list[str] = []
    trials = [_trial(session, trial, problems) for trial in session.trials.values()]
    attributes = session.attributes
    return {
        "folder": str(Path(session.h5.filename if session.is_packed else session.folder).resolve()),
        "participant": session.participant,
        "session": session.session,
        "protocol": attributes["protocol"],
        "paradigm": session.paradigm,
        "rig": attributes["rig"],
        "simulated": session.simulated,
        "autopilot": None if attributes["autopilot"] < 0 else attributes["autopilot"],
        "started_utc": attributes["started_utc"],
        "format_version": attributes["version"],
        "completed": bool(attributes["completed"]),
        "error": attributes["error"],
        "part": session.part,
        "verdict": session.verdict,
        "reason": attributes["reason"],
        "rule": session.rule,
        "streams": [_stream(session, name, trials) for name in session.streams],
        "clocks": clock_facts(session),
        "trials": trials,
        "rows": {
            name.removeprefix("/"): len(session.h5[name])
            for name in SESSION_TABLES
            if name in session.h5 and not name.startswith("/clock")
        },
        "sync_test": sync_facts(session),
        "conducted": conducted(session),
        "calibrations": heads.calibrated(session),
        "problems": problems,
    }


def _stream(session: Session, name: str, trials: list[Facts]) -> Facts:
    facts = session.streams[name]
    gaps = session.gaps(name)
    senders: Facts = {}
    if facts["kind"] == "frames":
        mine = [trial["streams"][name] for trial in trials if name in trial["streams"]]
        recorded = sum(trial["recorded"] for trial in mine)
        uncertainty = _largest(trial["time_uncertainty_s"] for trial in mine)
        seconds = sum(trial["span_s"] for trial in mine)
        rate = sum(max(0, trial["recorded"] - 1) for trial in mine) / seconds if seconds > 0 else None
    else:
        signal = session.audio[name] if facts["kind"] == "audio" else session.samples[name]
        recorded = len(signal)
        if isinstance(signal, SampleStream):
            times, counts, spread = signal.time, np.arange(recorded), signal.time_uncertainty
            senders = _sender(signal)
        else:
            blocks = signal.blocks
            times, counts, spread = blocks["time"], blocks["first_sample"], blocks["time_uncertainty"]
        seconds = float(times[-1] - times[0]) if len(times) > 1 else 0.0
        rate = float(counts[-1] - counts[0]) / seconds if seconds > 0 else None
        uncertainty = _p95(spread)
    return {
        "name": name,
        "kind": facts["kind"],
        "units": facts["units"],
        "simulated": bool(facts["simulated"]),
        "clock": facts["clock"],
        "nominal_rate_hz": facts["rate_hz"] or None,
        "rate_hz": _known(rate),
        "recorded": recorded,
        "time_uncertainty_s": uncertainty,
        "gaps": _by_cause(gaps),
        **senders,
    }


def _sender(signal: SampleStream) -> Facts:
    """Return what is known of the clock of an LSL stream's sender: offsets to ours, newest of them, segments."""
    offsets = signal.clock_offsets
    known = len(offsets) > 0
    return {
        "clock_offsets": len(offsets),
        "clock_offset_s": float(offsets["offset"][-1]) if known else None,
        "clock_offset_uncertainty_s": float(np.median(offsets["uncertainty"])) if known else None,
        "segments": len(np.unique(signal.segment)),
    }


def clock_facts(session: Session) -> list[Facts]:
    """Return how each device clock was fitted to LSL time."""
    return [_clock(name, group) for name, group in session.h5["clock"].items() if name != "wall"]


def _clock(name: str, group: Any) -> Facts:  # noqa: ANN401 - h5py is untyped
    fit = read_attributes(group["fit"]) if "fit" in group else {}
    figures = {key: _known(fit.get(key)) for key in ("drift_ppm", "residual_median", "residual_p95", "residual_max")}
    spread = group["fit/uncertainty"][()] if "fit/uncertainty" in group else [fit.get("uncertainty", math.nan)]
    return {
        "name": name,
        "fitted": bool(fit),
        "epochs": len(group["fit/segment_arrival"]) if "fit/segment_arrival" in group else None,
        "source": fit.get("source"),
        "uncertainty_s": _known(float(np.median(spread))),
        "pairs": fit.get("pairs", 0),
        "drift_ppm": figures["drift_ppm"],
        "residual_median_s": figures["residual_median"],
        "residual_p95_s": figures["residual_p95"],
        "residual_max_s": figures["residual_max"],
    }


def _trial(session: Session, trial: Trial, problems: list[str]) -> Facts:
    annotatable, reasons = session.verdicts.get(trial.id, (None, []))
    counts = {row["stream"]: row for row in session.counts if row["trial"] == trial.id}
    streams: Facts = {}
    for name in trial:
        try:
            stream = trial[name]
        except RecordingError as error:
            problems.append(str(error))
            break
        times = stream.time
        row = counts.get(name)
        streams[name] = {
            "recorded": len(stream),
            "due": None if row is None else int(row["due"]),
            "lost_before_us": None if row is None else int(row["lost_before_us"]),
            "lost_by_us": None if row is None else int(row["lost_by_us"]),
            "longest_run": None if row is None else int(row["longest_run"]),
            "slow_steps": None if row is None else int(row["slow_steps"]),
            "mean_rate_hz": None if row is None else _known(float(row["mean_rate_hz"])),
            "span_s": float(times[-1] - times[0]) if len(times) > 1 else 0.0,
            "time_uncertainty_s": _p95(stream.time_uncertainty),
            "gaps": _by_cause(stream.gaps),
        }
    more = {key: value for key, value in trial.attributes.items() if key not in {"start", "stop"}}
    return {
        "id": trial.id,
        "start": trial.start,
        "stop": trial.stop,
        "duration_s": trial.stop - trial.start,
        "attributes": {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in more.items()},
        "annotatable": annotatable,
        "reasons": reasons,
        "streams": streams,
    }


def _by_cause(gaps: Table) -> Facts:
    """Return {cause: {"gaps": rows, "count": missing}} of the causes that there are."""
    found: Facts = {}
    for row in gaps:
        cause = found.setdefault(row["cause"], {"gaps": 0, "count": 0})
        cause["gaps"] += 1
        cause["count"] += int(row["count"])
    return found


def _p95(uncertainty: NDArray[np.float64]) -> float | None:
    return _known(float(np.quantile(uncertainty, 0.95, method="higher"))) if len(uncertainty) else None


def _largest(values: Any) -> float | None:  # noqa: ANN401 - any iterable of float or None
    known = list(values)
    return None if not known or None in known else float(max(known))


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


# For people -----------------------------------------------------------------------------------------------------------


def render(facts: Mapping[str, Any]) -> RenderableType:
    """Draw what `report` returned for a terminal of 80 columns or more."""
    with reading(Path(facts["folder"])):  # a figure may be a text
        return _render(_printable(facts))


def _render(facts: Mapping[str, Any]) -> RenderableType:
    parts: list[RenderableType] = [_head(facts), _streams(facts), _clocks(facts)]
    parts += [_trials(facts)] if facts["trials"] else [Padding(Text("No trial was recorded.", style="yellow"), (0, 1))]
    parts += [render_sync(facts["sync_test"])] if facts["sync_test"] else []
    rows = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in facts["rows"].items())
    lines = told(facts["conducted"]), heads.told(facts["calibrations"])
    parts += [Padding(Text(line), (0, 1)) for line in lines if line]
    parts.append(Padding(Text(f"Rows: {rows}", style="dim"), (0, 1)))
    parts += [Padding(Text(f"Problem: {problem}", style="bold red"), (0, 1)) for problem in facts["problems"]]
    return Group(*parts)


def _printable(facts: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return ``facts`` with texts that a terminal only prints: a file's words must not move its cursor."""
    if isinstance(facts, str):
        return printable(facts)
    if isinstance(facts, Mapping):
        return {_printable(key): _printable(value) for key, value in facts.items()}
    return [_printable(value) for value in facts] if isinstance(facts, list) else facts


def _head(facts: Mapping[str, Any]) -> RenderableType:
    good = facts["verdict"] == "labelled"
    text = Text()
    if facts["simulated"]:
        text.append("SIMULATED", style="bold white on dark_orange3")
        text.append("  not a measurement of anyone\n")
    text.append(f"Part {facts['part']}", style="bold green" if good else "bold yellow")
    text.append(f", {facts['verdict']}: {facts['reason']}\n")
    text.append(f"{facts['protocol']} ({facts['paradigm']}), started {_when(facts['started_utc'])}, on {facts['rig']}")
    if facts["autopilot"] is not None:
        text.append(f"\nAnswered by the autopilot, seed {facts['autopilot']}", style="dark_orange3")
    if not facts["completed"]:
        text.append("\nThe protocol was not run to its end", style="yellow")
    if facts["error"]:
        text.append(f"\nFailed: {facts['error']}", style="bold red")
    title = f"participant {facts['participant']}, session {facts['session']}"
    return Panel(text, title=Text(title), title_align="left", border_style="green" if good else "yellow")


def _grid(title: str, *columns: tuple[str, bool]) -> Grid:
    grid = Grid(
        title=title, title_justify="left", title_style="bold", box=None, header_style="dim", padding=(0, 2, 0, 1)
    )
    for name, number in columns:
        grid.add_column(name, justify="right" if number else "left", no_wrap=number)
    return grid


def _streams(facts: Mapping[str, Any]) -> RenderableType:
    grid = _grid(
        "Streams",
        ("stream", False),
        ("recorded", True),
        ("nominal", True),
        ("rate", True),
        ("time ±", True),
        ("gaps, all of the session", False),
    )
    for stream in facts["streams"]:
        name = Text(stream["name"])
        if stream["simulated"]:
            name.append(" sim", style="dark_orange3")
        unit = "frames" if stream["kind"] == "frames" else "samples"
        grid.add_row(
            name,
            f"{stream['recorded']:,} {unit}",
            _rate(stream["nominal_rate_hz"], "irregular"),
            _rate(stream["rate_hz"]),
            _ms(stream["time_uncertainty_s"]),
            _causes(stream["gaps"]),
        )
    return grid


def _clocks(facts: Mapping[str, Any]) -> RenderableType:
    grid = _grid(
        "\nClocks, fitted to LSL time",
        ("clock", False),
        ("pairs", True),
        ("drift", True),
        ("±", True),
        ("off by: median", True),
        ("95 %", True),
        ("max", True),
    )
    for clock in facts["clocks"]:
        drift = "unknown" if clock["drift_ppm"] is None else f"{round(clock['drift_ppm'], 1) + 0.0:+} ppm"
        delays = (_ms(clock[f"residual_{key}_s"]) for key in ("median", "p95", "max"))
        grid.add_row(clock["name"], f"{clock['pairs']:,}", drift, _ms(clock["uncertainty_s"]), *delays)
    senders = _grid(
        "\nSenders of LSL streams",
        ("stream", False),
        ("clock measured", True),
        ("offset to ours", True),
        ("±", True),
        ("segments", True),
    )
    for stream in facts["streams"]:
        if "segments" in stream:
            senders.add_row(
                stream["name"],
                f"{stream['clock_offsets']} times",
                _offset(stream["clock_offset_s"]),
                _ms(stream["clock_offset_uncertainty_s"]),
                str(stream["segments"]),
            )
    return Group(grid, senders) if senders.row_count else grid


def _trials(facts: Mapping[str, Any]) -> RenderableType:
    grid = _grid(
        "\nTrials",
        ("trial", False),
        ("length", True),
        ("stream", False),
        ("recorded", True),
        ("lost", True),
        ("in a row", True),
        ("rate", True),
        ("verdict", False),
    )
    for trial in facts["trials"]:
        verdict = _verdict(trial)
        first = True
        for name, counts in trial["streams"].items():
            lost = None if counts["due"] is None else counts["lost_before_us"] + counts["lost_by_us"]
            grid.add_row(
                trial["id"] if first else "",
                f"{trial['duration_s']:.1f} s" if first else "",
                name,
                f"{counts['recorded']:,}",
                Text("?" if lost is None else f"{lost:,}", style="yellow" if lost else ""),
                "?" if lost is None else str(counts["longest_run"]),
                _rate(counts["mean_rate_hz"]),
                verdict if first else "",
            )
            first = False
        if first:
            grid.add_row(trial["id"], f"{trial['duration_s']:.1f} s", "", "", "", "", "", verdict)
    reasons = [
        Padding(Text(f"{trial['id']}: {reason}", style="yellow"), (0, 1))
        for trial in facts["trials"]
        for reason in trial["reasons"]
    ]
    return Padding(Group(grid, *reasons), (0, 0, 1, 0))


def _verdict(trial: Mapping[str, Any]) -> Text:
    if trial["annotatable"] is None:
        return Text("none", style="yellow")
    return Text("annotatable", style="green") if trial["annotatable"] else Text("not annotatable", style="bold yellow")


def _causes(gaps: Mapping[str, Mapping[str, int]]) -> Text:
    if not gaps:
        return Text("none", style="green")
    known = sorted(gaps, key=lambda cause: _CAUSES.index(cause) if cause in _CAUSES else len(_CAUSES))
    words = [
        f"{gaps[cause]['gaps']} slow steps" if cause == "slow" else f"{gaps[cause]['count']} {cause.replace('_', ' ')}"
        for cause in known
    ]
    return Text(", ".join(words), style="yellow")


def _when(utc: str) -> str:
    """Return an ISO time to the second."""
    return f"{utc[:10]} {utc[11:19]} UTC"


def _rate(rate_hz: float | None, unknown: str = "?") -> str:
    return unknown if rate_hz is None else f"{rate_hz:,.2f} Hz" if rate_hz % 1 else f"{rate_hz:,.0f} Hz"


def _offset(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    return f"{1000 * seconds + 0.0:+.2f} ms" if abs(seconds) < 1 else f"{seconds:+,.3f} s"


def _ms(seconds: float | None) -> str:
    return "unknown" if seconds is None else f"{1000 * seconds:.2f} ms"
