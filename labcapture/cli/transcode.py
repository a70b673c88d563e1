"""``labcapture transcode``: shows how far it is, then where the copy lies and how large it became."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from labcapture.recording.transcode import transcode


def transcode_session(path: Path, codec: str, out: Path, terminal: Console) -> dict[str, Any]:
    """Write a copy of the session at ``path`` below ``out``, and tell the outcome on ``terminal``.

    Raises
    ------
    LabcaptureError
        There is no such session or codec, or the copy cannot be made.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    begin = time.monotonic()
    with Progress(*columns, console=terminal, transient=True) as bar:
        task = bar.add_task("transcode")
        done = transcode(
            path, codec, out, lambda what, n, total: bar.update(task, description=what, completed=n, total=total)
        )
    took = time.monotonic() - begin
    sizes = f"{done.bytes_before / 1e6:.1f} MB -> {done.bytes_after / 1e6:.1f} MB"
    terminal.print(
        f"{done.pictures} pictures as {codec}, each compared with the original: {sizes}, {took:.1f} s", style="green"
    )
    terminal.print(done.folder, markup=False, highlight=False, soft_wrap=True)
    return {**asdict(done), "seconds": round(took, 3)}
