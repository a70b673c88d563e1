"""``labcapture stimuli``: the films of the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from labcapture.protocol.films import Checked, check_films
from labcapture.protocol.hashing import Hashed, hash_films
from labcapture.protocol.manifest import Clip, Manifest, load_manifest
from labcapture.protocol.model import Protocol, load_protocol
from labcapture.protocol.placeholders import make_placeholders
from labcapture.protocol.selection import Judged, Rule, select

_STATES = {
    "filled": ("written into the manifest", "green"),
    "same": ("the manifest said so already", ""),
    "missing": ("missing", "yellow"),
    "placeholder": ("a placeholder: left out", "yellow"),
    "differs": ("another file than the manifest's; --replace takes it", "red"),
    "damaged": ("damaged", "red"),
}


def make_films(
    manifest: Path,
    folder: Path,
    protocol: Path | None,
    clips: list[str] | None,
    seconds: float | None,
    terminal: Console,
) -> dict[str, Any]:
    """Make the placeholder films that are missing in ``folder``; tell which were made and which were there.

    Raises
    ------
    BadInput
        The manifest, the protocol or the folder is not fit.
    """
    with _bar(terminal) as tell:
        films = make_placeholders(
            load_manifest(manifest),
            folder,
            _wanted(protocol, clips),
            lambda clip, frame, frames: tell(clip, frame / frames),
            seconds,
        )
    made = sum(film.made for film in films)
    terminal.print(f"{made} films made, {len(films) - made} were there: {folder}", markup=False, soft_wrap=True)
    return {
        "films": [
            {"clip": film.clip, "file": str(film.path), "frames": film.frames, "made": film.made} for film in films
        ]
    }


def check(
    manifest: Path, folder: Path, protocol: Path | None, clips: list[str] | None, rehearsal: bool, terminal: Console
) -> dict[str, Any]:
    """Hold the films of ``folder`` against the manifest and show what was found.

    Raises
    ------
    BadInput
        The manifest or the protocol is wrong.
    """
    with _bar(terminal) as tell:
        found = check_films(load_manifest(manifest), folder, _wanted(protocol, clips), rehearsal, tell)
    terminal.print(_check_table(found))
    bad = sum(not film.is_well for film in found)
    line = f"{bad} of {len(found)} not well" if bad else f"all {len(found)} well"
    terminal.print(f"{line}: {folder}", style="bold red" if bad else "green", markup=False, soft_wrap=True)
    return {"well": not bad, "clips": [{**asdict(film), "well": film.is_well} for film in found]}


def choose(manifest: Path, protocol: Path | None, clips: list[str] | None, rule: Rule) -> tuple[dict[str, Any], Table]:
    """Hold the clips' ratings against ``rule``; return the answer as data and as a table.

    Clips without ratings are left out, unless they were asked for.

    Raises
    ------
    BadInput
        The manifest or the protocol is wrong.
    """
    listing = load_manifest(manifest)
    wanted = _wanted(protocol, clips)
    candidates = _films(listing, wanted)
    if wanted is None:
        series = {_series(clip) for clip in candidates if clip.ratings}
        candidates = [clip for clip in candidates if _series(clip) in series]
    judged = select(candidates, rule)
    chosen = [clip for clip in judged if clip.selected]
    per_emotion = Counter(clip.emotion for clip in chosen)
    emotions = dict.fromkeys(clip.emotion for clip in judged if clip.emotion != "none")
    without = [emotion for emotion in emotions if not per_emotion[emotion]]
    answer = {
        "rule": asdict(rule),
        "selected": [clip.clip for clip in chosen],
        "per_emotion": dict(per_emotion),
        "emotions_without_a_clip": without,
        "clips": [asdict(clip) for clip in judged],
    }
    return answer, _choice_table(judged, per_emotion, without)


def write_hashes(
    manifest: Path, folder: Path, protocol: Path | None, clips: list[str] | None, replace: bool, terminal: Console
) -> dict[str, Any]:
    """Write SHA-256 and length of the films into the manifest, and show what became of each.

    Raises
    ------
    BadInput
        The manifest or the protocol is wrong, or the manifest cannot be written.
    """
    with _bar(terminal) as tell:
        hashed = hash_films(manifest, folder, _wanted(protocol, clips), replace, tell)
    for film in hashed:
        words, style = _STATES[film.state]
        detail = f" ({film.detail})" if film.detail else ""
        terminal.print(f"{film.clip}: {words}{detail}", style=style, markup=False, highlight=False, soft_wrap=True)
    return {"well": _all_known(hashed), "clips": [asdict(film) for film in hashed]}


def _all_known(hashed: Sequence[Hashed]) -> bool:
    return all(film.state in {"filled", "same"} for film in hashed)


def _wanted(protocol: Path | None, clips: list[str] | None) -> list[str] | None:
    """Return the clips asked for, each once; None for all."""
    shown = () if protocol is None else _shown(load_protocol(protocol))
    return list(dict.fromkeys([*(clips or ()), *shown])) or None


def _shown(protocol: Protocol) -> tuple[str, ...]:
    """Return all that a protocol takes from the manifest."""
    return (*protocol.clips, *protocol.images)


def _films(manifest: Manifest, wanted: list[str] | None) -> list[Clip]:
    clips = manifest.clips if wanted is None else [manifest.clip(clip_id) for clip_id in wanted]
    return [clip for clip in clips if clip.kind == "movie"]


def _series(clip: Clip) -> str:
    """Return what the ids of a set of clips begin with: casme of casme_01."""
    return clip.id.rpartition("_")[0]


@contextmanager
def _bar(terminal: Console) -> Iterator[Callable[[Clip, float], None]]:
    """Show which clip is worked on, and how much of it is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal, transient=True) as bar:
        task = bar.add_task("films", total=1)
        yield lambda clip, share: bar.update(task, description=clip.id, completed=share)


def _check_table(found: Sequence[Checked]) -> Table:
    table = Table("clip", "length", "pictures", "loudness", "")
    for film in found:
        facts = film.facts
        length = "" if facts is None or facts.duration_s is None else f"{facts.duration_s:.2f} s"
        rate = "" if facts is None else f"{facts.size[0]} x {facts.size[1]}"
        rate += "" if facts is None or facts.rate_hz is None else f" at {facts.rate_hz:.4g}/s"
        loud = "" if facts is None or facts.loudness_lufs is None else f"{facts.loudness_lufs:.1f} LUFS"
        words = Text("; ".join(film.problems), style="red")
        words.append(("; " if film.problems and film.notes else "") + "; ".join(film.notes), style="yellow")
        table.add_row(film.clip, length, rate, loud, words if words.plain else Text("well", style="green"))
    return table


def _choice_table(judged: Sequence[Judged], per_emotion: Counter[str], without: Sequence[str]) -> Table:
    table = Table("clip", "emotion", "in", "why")
    for clip in judged:
        mark = Text("in", style="green") if clip.selected else Text("out", style="red")
        table.add_row(clip.clip, clip.emotion, mark, "; ".join(clip.reasons))
    counts = ", ".join(f"{emotion} {count}" for emotion, count in per_emotion.items()) or "none"
    table.caption = f"{per_emotion.total()} of {len(judged)} clips: {counts}"
    if without:
        table.caption += f"; no clip left for {', '.join(without)}"
    return table
