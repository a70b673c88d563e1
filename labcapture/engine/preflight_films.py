"""Looks at what a protocol shows, film by film and picture by picture, and tells how long it records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from labcapture.core.cancelling import Cancellation
from labcapture.core.errors import BadInput
from labcapture.engine.preflight_rig import DEFAULT_MINUTES, FilmFacts
from labcapture.protocol.films import file_sha256, film_seconds, is_placeholder
from labcapture.protocol.manifest import Clip, Manifest, find_manifest, load_manifest
from labcapture.protocol.model import Protocol, load_protocol
from labcapture.protocol.plan import expected_lengths, make_plan


@dataclass(frozen=True)
class Shown:
    """What a protocol needs."""

    protocol: str = ""
    films: tuple[FilmFacts, ...] = ()
    needed_s: float = DEFAULT_MINUTES * 60
    """For how long pictures are recorded."""


def look_at_protocol(
    path: Path, stimuli: Path | None, rehearsal: bool, progress: Callable[[str], None], cancelled: Cancellation
) -> Shown:
    """Read a protocol and all that it shows; in a ``rehearsal`` placeholders will do.

    Raises
    ------
    BadInput
        The protocol or the manifest is wrong; a film that is wrong is told among the others.
    Cancelled
        By ``cancelled``.
    """
    protocol = load_protocol(path)
    shown = (*protocol.clips, *protocol.images)
    if not shown:
        return Shown(protocol.name, (), _recorded_s(protocol, {}, {}))
    listing = find_manifest(stimuli)
    manifest, folder = load_manifest(listing), stimuli or listing.parent / "stimuli"
    films = tuple(_look_at_all(manifest, folder, shown, rehearsal, progress, cancelled))
    known = {clip.id: clip for clip in manifest.clips}
    lengths = {clip: _seconds(known.get(clip), folder) for clip in protocol.clips}
    return Shown(protocol.name, films, _recorded_s(protocol, lengths, known))


def _recorded_s(protocol: Protocol, lengths: dict[str, float], known: dict[str, Clip]) -> float:
    """Return how long is recorded in a session: of steps that exclude each other, all."""
    emotions = {name: clip.emotion for name, clip in known.items()}
    try:
        plan = make_plan(protocol, participant="preflight", seed=0, emotions=emotions)
    except BadInput:  # an order that cannot be had without the clips that the manifest lacks, which is told
        return sum(lengths.values())
    each = expected_lengths(plan, lengths)
    return sum(seconds for step, seconds in zip(plan.steps, each, strict=True) if step.recording is not None)


def _seconds(clip: Clip | None, folder: Path) -> float:
    """Return how long a film is: its file's own length, the manifest's where there is no such film."""
    if clip is None:
        return 0.0
    try:
        return film_seconds(folder / clip.file)
    except BadInput:  # told as a row of its own
        return clip.duration_s


def _look_at_all(
    manifest: Manifest,
    folder: Path,
    names: tuple[str, ...],
    rehearsal: bool,
    progress: Callable[[str], None],
    cancelled: Cancellation,
) -> Iterator[FilmFacts]:
    for name in names:
        progress(f"looking at film {name}")
        try:
            clip = manifest.clip(name)
            yield _look(clip, folder / clip.file, rehearsal, cancelled)
        except BadInput as error:
            yield FilmFacts(name, error.what)
        except OSError as error:
            yield FilmFacts(name, f"{folder / clip.file}: {(error.strerror or 'cannot be read').lower()}")


def _look(clip: Clip, path: Path, rehearsal: bool, cancelled: Cancellation) -> FilmFacts:
    found = file_sha256(path, cancelled.check)
    if clip.kind == "movie":
        film_seconds(path)  # raises for what the stage could not show
    if is_placeholder(clip, path):
        own = rehearsal or clip.source == "placeholder"
        return FilmFacts(clip.id, "" if own else f"{clip.file} is a placeholder, not the film", placeholder=True)
    differs = clip.sha256 is not None and found != clip.sha256
    problem = f"{clip.file} is another file than the manifest's" if differs else ""
    return FilmFacts(clip.id, problem, hashed=clip.sha256 is not None)
