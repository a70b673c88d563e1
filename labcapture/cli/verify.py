"""``labcapture verify``: shows how far it is, then each problem on a line."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from labcapture.recording.verify import verify


def verify_session(path: Path, terminal: Console) -> dict[str, Any]:
    """Check the session at ``path`` and tell the outcome on ``terminal``.

    Raises
    ------
    RecordingError
        There is no session at ``path``.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=terminal, transient=True) as bar:
        task = bar.add_task("verify")
        result = verify(path, lambda what, done, total: bar.update(task, description=what, completed=done, total=total))
    for problem in result.problems:
        terminal.print(problem, style="red", markup=False, soft_wrap=True)
    counted = ", ".join(f"{count} {what}" for what, count in result.checked.items())
    if result.whole:
        terminal.print(f"whole: {counted}", style="green")
    else:
        terminal.print(f"not whole: {len(result.problems)} problems in {counted}", style="bold red")
    return asdict(result)
