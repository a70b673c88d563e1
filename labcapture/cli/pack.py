"""``labcapture pack``: shows how far it is, then where the file lies."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from labcapture.recording.pack import pack


def pack_session(path: Path, file: Path, terminal: Console) -> dict[str, Any]:
    """Write the session at ``path`` into one ``file``, and tell the outcome on ``terminal``.

    Raises
    ------
    LabcaptureError
        There is no such session, or the file cannot be made.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    begin = time.monotonic()
    with Progress(*columns, console=terminal, transient=True) as bar:
        task = bar.add_task("pack")
        done = pack(path, file, lambda what, n, total: bar.update(task, description=what, completed=n, total=total))
    took = time.monotonic() - begin
    said = f"{done.pictures} pictures, each compared with the session's: {done.bytes / 1e6:.1f} MB, {took:.1f} s"
    terminal.print(said, style="green", highlight=False)
    terminal.print(done.path, markup=False, highlight=False, soft_wrap=True)
    return {**asdict(done), "seconds": round(took, 3)}
