"""``labcapture stimuli``: the films of the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from labcapture.protocol.manifest import Clip, load_manifest
from labcapture.protocol.model import load_protocol
from labcapture.protocol.placeholders import make_placeholders


def make_films(
    manifest: Path, folder: Path, protocol: Path | None, clips: list[str] | None, terminal: Console
) -> dict[str, Any]:
    """Make the placeholder films that are missing in ``folder``; tell which were made and which were there.

    Raises
    ------
    BadInput
        The manifest, the protocol or the folder is not fit.
    """
    wanted = list(clips or []) + list(load_protocol(protocol).clips if protocol else ())
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal, transient=True) as bar:
        task = bar.add_task("films", total=None)

        def tell(clip: Clip, frame: int, frames: int) -> None:
            bar.update(task, description=clip.id, completed=frame, total=frames)

        films = make_placeholders(load_manifest(manifest), folder, wanted or None, tell)
    made = sum(film.made for film in films)
    terminal.print(f"{made} films made, {len(films) - made} were there: {folder}", markup=False, soft_wrap=True)
    return {
        "films": [
            {"clip": film.clip, "file": str(film.path), "frames": film.frames, "made": film.made} for film in films
        ]
    }
