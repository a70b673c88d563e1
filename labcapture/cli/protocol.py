"""``labcapture protocol``: what a protocol file says, before anybody sits down in front of the camera."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from labcapture.core.config import line_of, parse_yaml, read_text
from labcapture.core.errors import BadInput
from labcapture.protocol.manifest import Manifest, find_manifest, load_manifest
from labcapture.protocol.model import Protocol
from labcapture.protocol.plan import Plan, Planned, expected_lengths, make_plan
from labcapture.protocol.steps import Form, Image, Interview, Movie, Question
from labcapture.protocol.texts import FALLBACK, in_language

PAIR_BYTES = 1.40e6  # of a pair of 720p pictures as stored; see docs/benchmarks.md
PAIRS_HZ = 30
VOICE_BYTES_PER_S = 48_000 * 2 * 2
_MANY = 20_000  # steps; enough of them were tried then
_OTHER_SESSIONS = 24  # participants whose orders are tried, too: an order may fail for some


_A = {"movie": "a movie", "image": "an image"}


@dataclass(frozen=True)
class Wish:
    """Whose session is previewed, and where its films are looked for."""

    participant: str = "P001"
    seed: int = 0
    place: int = 0
    stimuli: Path | None = None
    manifest: Path | None = None


def check_protocol(path: Path, wish: Wish) -> dict[str, Any]:
    """Check a protocol and preview one session of it.

    Raises
    ------
    BadInput
        The file, or the manifest, is wrong.
    """
    text = read_text(path)
    protocol = parse_yaml(text, Protocol, str(path))
    problems: list[str] = []
    manifest = _manifest(protocol, wish, problems)
    problems += _unknown_stimuli(protocol, manifest, wish.stimuli, path, text)
    clips = {clip.id: clip for clip in manifest.clips} if manifest else {}
    emotions = {name: clip.emotion for name, clip in clips.items()}
    plan = _plan(protocol, wish, emotions, path, problems)
    lengths = expected_lengths(plan, {name: clip.duration_s for name, clip in clips.items()})
    whole = sum(lengths)
    recorded = sum(length for length, planned in zip(lengths, plan.steps, strict=True) if planned.recording)
    return {
        "file": str(path),
        "name": protocol.name,
        "title": protocol.title,
        "languages": list(protocol.languages),
        "participant": wish.participant,
        "seed": wish.seed,
        "place": wish.place,
        "problems": problems,
        "duration_s": round(whole, 1),
        "conditional_s": round(sum(n for n, p in zip(lengths, plan.steps, strict=True) if p.when), 1),
        "recorded_s": round(recorded, 1),
        "trials": len({planned.recording for planned in plan.steps} - {None}),
        "disk_bytes": round(recorded * PAIR_BYTES * PAIRS_HZ + whole * VOICE_BYTES_PER_S),
        "steps": [_row(planned, length) for planned, length in zip(plan.steps, lengths, strict=True)],
    }


def _manifest(protocol: Protocol, wish: Wish, problems: list[str]) -> Manifest | None:
    if wish.manifest is not None:
        return load_manifest(wish.manifest)
    if not protocol.clips and not protocol.images:
        return None
    try:
        listing = find_manifest(wish.stimuli)
    except BadInput as error:
        problems.append(f"{error.what}: its clips are not checked. Name one with --manifest.")
        return None
    return load_manifest(listing)


def _unknown_stimuli(
    protocol: Protocol, manifest: Manifest | None, folder: Path | None, path: Path, text: str
) -> list[str]:
    """Tell of each clip and picture that is not in the manifest, or is no file of ``folder``."""
    if manifest is None:
        return []
    entries = {clip.id: clip for clip in manifest.clips}
    told: dict[str, str] = {}
    for instance in protocol.instances:
        step = instance.step
        if isinstance(step, Movie):
            name, key, kind = step.clip, "clip", "movie"
        elif isinstance(step, Image | Question | Interview) and step.image:
            name, key, kind = step.image, "image", "image"
        else:
            continue
        if name in told:
            continue
        said = ""
        if name not in entries:
            try:
                manifest.clip(name)
            except BadInput as error:
                said = f"{error.what}. {error.mend}"
        elif entries[name].kind != kind:
            said = (
                f"the manifest has '{name}' as {_A[entries[name].kind]}, the step wants {_A[kind]}. Name another one."
            )
        elif folder is not None and not (folder / entries[name].file).is_file():
            said = f"no file {entries[name].file} in {folder}. Put it there, or run `labcapture stimuli placeholders`."
        told[name] = f"{path}:{line_of(text, (*instance.loc, key))}: {said}" if said else ""
    return [line for line in told.values() if line]


def _plan(protocol: Protocol, wish: Wish, emotions: Mapping[str, str], path: Path, problems: list[str]) -> Plan:
    """Return the order of the session asked for; other participants' orders are tried, too.

    Raises
    ------
    BadInput
        There is no such order.
    """
    try:
        plan = make_plan(protocol, participant=wish.participant, seed=wish.seed, place=wish.place, emotions=emotions)
        for other in range(1, min(_OTHER_SESSIONS, _MANY // len(plan.steps)) + 1):
            make_plan(
                protocol,
                participant=f"{wish.participant}-{other}",
                seed=wish.seed,
                place=wish.place + other,
                emotions=emotions,
            )
    except BadInput as error:
        if not problems:  # else a missing clip is the likely cause, and is told with its line
            raise BadInput(error.what, str(path), error.mend) from None
        raise BadInput(error.what, str(path), problems[0]) from None
    return plan


def _row(planned: Planned, length_s: float) -> dict[str, Any]:
    step = planned.step
    return {
        "id": step.id,
        "kind": step.kind,
        "title": step.title,
        "shows": _shown(planned),
        "trial": planned.label if planned.recording else None,
        "recording": planned.recording,
        "when": " and ".join(f"({c.text})" if len(planned.when) > 1 else c.text for c in planned.when),
        "expected_s": round(length_s, 1),
    }


def _shown(planned: Planned) -> str:
    step = planned.step
    if isinstance(step, Movie):
        return step.clip
    if isinstance(step, Form):
        return f"{len(step.questions)} questions" + (f" about {step.about}" if step.about else "")
    text = getattr(step, "text", None)
    words = " ".join(in_language(text, FALLBACK).split()) if text else ""
    image = step.image if isinstance(step, Image | Question | Interview) else None
    return " ".join(filter(None, [f"[{image}]" if image else "", words]))


def render_check(facts: Mapping[str, Any]) -> RenderableType:
    """Draw what was found out, and the order of the steps."""
    head = Text()
    head.append(f"{facts['title']}", style="bold")
    head.append(f" ({facts['name']})  {', '.join(facts['languages'])}\n")
    maybe = f", {_time(facts['conditional_s'])} of it under conditions" if facts["conditional_s"] else ""
    head.append(f"{len(facts['steps'])} steps, about {_time(facts['duration_s'])}{maybe}\n")
    plural = "" if facts["trials"] == 1 else "s"
    head.append(f"{facts['trials']} recorded trial{plural}, {_time(facts['recorded_s'])}: ")
    head.append(f"about {facts['disk_bytes'] / 1e9:.1f} GB with 720p pictures in colour and depth\n")
    head.append(f"order for participant {facts['participant']}, seed {facts['seed']}, place {facts['place']}:")
    said = [Text(problem, style="bold red") for problem in facts["problems"]]
    return Group(head, _order(facts["steps"]), *said, *([] if said else [Text("well", style="green")]))


def _order(rows: Sequence[Mapping[str, Any]]) -> Table:
    columns: dict[str, list[str]] = {
        "": [str(number) for number in range(1, len(rows) + 1)],
        "step": [row["id"] for row in rows],
        "kind": [row["kind"] for row in rows],
        "trial": [row["trial"] or "" for row in rows],
        "s": [f"{row['expected_s']:.0f}" for row in rows],
        "when": [row["when"] for row in rows],
    }
    table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    shown = [title for title, cells in columns.items() if any(cells)]
    for title in shown:
        width = max(map(len, [title, *columns[title]]))
        justify: Literal["left", "right"] = "right" if title in {"", "s"} else "left"
        table.add_column(title, justify=justify, width=min(width, 24), overflow="fold")
    table.add_column("shows or says", ratio=1, no_wrap=True, overflow="ellipsis")
    for number, row in enumerate(rows):
        table.add_row(*(Text(columns[title][number]) for title in shown), Text(row["shows"]))
    return table


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def protocol_schema() -> str:
    """Return the JSON schema of a protocol file, for editors that check and complete while one writes."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Protocol.model_json_schema()
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
