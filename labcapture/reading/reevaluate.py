"""A recorded session held against another rule: ``labcapture inspect SESSION --rule FILE``. Nothing is written."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import ValidationError
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from labcapture.core.chunks import Cause, Gap
from labcapture.core.errors import RecordingError
from labcapture.protocol.rule import QualityRule
from labcapture.reading.session import Session, Trial
from labcapture.reading.streams import AudioStream, SampleStream, Table
from labcapture.recording.assess import Account, Pictures, Signal, assess, onset_of
from labcapture.recording.counting import StreamCounts
from labcapture.recording.quality import TrialVerdict, measures, route

Facts = dict[str, Any]


def reevaluate(session: Session, rule: QualityRule) -> Facts:
    """Return what ``rule`` says of a session, beside what its own rule said: fit for JSON.

    A trial whose file cannot be read is not annotatable by any rule, and its reason says so.
    """
    trials: list[Facts] = []
    verdicts: list[TrialVerdict] = []
    for name in dict.fromkeys([*session.trials, *session.verdicts]):  # a trial may have a verdict and no file
        was, why = session.verdicts.get(name, (None, []))
        counts, verdict = _again(session, name, rule, why)
        if not (name in session.trials and session.trials[name].superseded):
            verdicts.append(verdict)
        trials.append(
            {
                "id": name,
                "was_annotatable": was,
                "had_reasons": why,
                "annotatable": verdict.annotatable,
                "reasons": list(verdict.reasons),
                "counts": [_finite(dataclasses.asdict(count)) for count in counts],
                "measures": [
                    {
                        "stream": count.stream,
                        "window": count.window,
                        "limit": m.limit,
                        "value": m.value,
                        "bound": m.bound,
                    }
                    for count in counts
                    if count.stream in rule.critical
                    for m in measures(rule, count)
                ],
            }
        )
    routing = route(session.paradigm, verdicts, bool(session.attributes["completed"]))
    return {
        "rule": rule.model_dump(mode="json"),
        "had_rule": session.rule,
        "part": routing.part,
        "verdict": routing.verdict,
        "reason": routing.reason,
        "had_part": session.part,
        "had_verdict": session.verdict,
        "had_reason": session.attributes["reason"],
        "trials": trials,
    }


def _again(
    session: Session, name: str, rule: QualityRule, why: Sequence[str]
) -> tuple[list[StreamCounts], TrialVerdict]:
    """Judge a trial by ``rule``; what had been said ``why`` for other reasons than a rule's limits holds for any."""
    trial = session.trials.get(name)
    if trial is None:
        return [], TrialVerdict(False, tuple(why) or ("has no file",))
    try:
        account = account_of(session, trial)
    except (RecordingError, OSError) as error:
        return [], TrialVerdict(False, (f"cannot be read: {error}",))
    counts, verdict = assess(rule, account)
    own = own_rule(session)
    by_rule = set(why) if own is None else set(assess(own, account)[1].reasons)
    beyond = tuple(reason for reason in why if reason not in by_rule)
    return counts, TrialVerdict(verdict.annotatable and not beyond, (*beyond, *verdict.reasons))


def own_rule(session: Session) -> QualityRule | None:
    """Return the rule that the session was judged by; None if it is of a newer version than this program."""
    try:
        return QualityRule.model_validate(session.rule)
    except ValidationError:
        return None


def account_of(session: Session, trial: Trial) -> Account:
    """Return what is known of a trial, from its files.

    Raises
    ------
    RecordingError
        Its file is missing or unreadable.
    """
    pictures = {}
    for name in trial:
        stream = trial[name]
        pictures[name] = Pictures(stream.rate_hz, stream.time, stream.arrival_time, gaps_of(name, stream.gaps))
    signals: dict[str, AudioStream | SampleStream] = {**session.audio, **session.samples}
    return Account(
        start=trial.start,
        stop=trial.stop,
        onset=onset(session, trial),
        clip=str(trial.attributes.get("clip", "")),
        pictures=pictures,
        signals={
            name: Signal(stream.rate_hz, gaps_of(name, stream.gaps), _heard(stream)) for name, stream in signals.items()
        },
    )


def onset(session: Session, trial: Trial) -> float:
    """Return when the film of a trial began (LSL s); NaN if it did not."""
    markers = ((float(row["time"]), str(row["label"]), str(row["step"])) for row in session.markers)
    return onset_of(markers, str(trial.attributes.get("step", "")), trial.start, trial.stop)


def gaps_of(stream: str, table: Table) -> list[Gap]:
    """Return the rows of a gap table as records; a cause of a newer version counts as `Cause.DROPPED`."""
    known = {cause.value for cause in Cause}
    numbers = ((int(r["first"]), int(r["last"]), int(r["count"]), float(r["start"]), float(r["stop"])) for r in table)
    causes = (Cause(row["cause"]) if row["cause"] in known else Cause.DROPPED for row in table)
    return [
        Gap(stream, cause, *values, str(row["note"])) for row, cause, values in zip(table, causes, numbers, strict=True)
    ]


def _heard(stream: AudioStream | SampleStream) -> float:
    arrivals = stream.blocks["arrival_time"] if isinstance(stream, AudioStream) else stream.arrival_time
    return float(np.max(arrivals, initial=-math.inf))


def _finite(values: Mapping[str, Any]) -> Facts:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}


# For people -----------------------------------------------------------------------------------------------------------


def render_reevaluation(facts: Mapping[str, Any]) -> RenderableType:
    """Draw what `reevaluate` returned: both rules and both verdicts, side by side."""
    head = Text("\nHeld against another rule; the session is unchanged\n", style="bold")
    head.append(f"was Part {facts['had_part']}, {facts['had_verdict']}: {facts['had_reason']}\n", style="dim")
    good = facts["verdict"] == "labelled"
    head.append(f"would be Part {facts['part']}, {facts['verdict']}: ", style="bold green" if good else "bold yellow")
    head.append(facts["reason"])
    rules = _grid("limit", "its own rule", "the other rule")
    had, now = facts["had_rule"], facts["rule"]
    for key in now:
        if key in had or now[key] not in (None, [], ""):
            changed = had.get(key) != now[key]
            rules.add_row(key, _limit(had.get(key)), Text(_limit(now[key]), style="bold" if changed else ""))
    trials = _grid("trial", "was", "would be", "because")
    for trial in facts["trials"]:
        changed = trial["was_annotatable"] != trial["annotatable"]
        reasons = trial["reasons"] or trial["had_reasons"]
        trials.add_row(
            trial["id"],
            _word(trial["was_annotatable"]),
            Text(_word(trial["annotatable"]), style="bold" if changed else ""),
            "\n".join(reasons if trial["reasons"] or not reasons else [f"was: {reason}" for reason in reasons]),
        )
    return Group(Padding(head, (0, 1)), rules, Text(), trials)


def _grid(*columns: str) -> Grid:
    grid = Grid(box=None, header_style="dim", padding=(0, 2, 0, 1))
    for name in columns:
        grid.add_column(name, overflow="fold")
    return grid


def _limit(value: Any) -> str:  # noqa: ANN401 - any JSON
    if value is None:
        return "-"
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return "\n".join(", ".join(f"{k} {v}" for k, v in window.items() if v not in (None, "")) for window in value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _word(annotatable: bool | None) -> str:
    return "no verdict" if annotatable is None else "annotatable" if annotatable else "not annotatable"
