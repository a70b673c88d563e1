"""``labcapture recover``: shows how far it is, then what was saved and what is lost."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from labcapture.recording.recover import Recovery, recover
from labcapture.recording.recover_trial import TrialOutcome

_STATES = {"kept": "was whole and stays as it is", "rebuilt": "made anew", "lost": "lost"}


def recover_session(path: Path, terminal: Console) -> dict[str, Any]:
    """Recover the session at ``path`` and tell the outcome on ``terminal``.

    Raises
    ------
    RecordingError
        There is no session at ``path``, it is being recorded, or it cannot be recovered.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=terminal, transient=True) as bar:
        task = bar.add_task("recover")
        result = recover(
            path, lambda what, done, total: bar.update(task, description=what, completed=done, total=total)
        )
    _tell(result, terminal)
    return {**asdict(result), "complete": result.is_complete}


def _tell(result: Recovery, terminal: Console) -> None:
    def say(line: str, style: str = "") -> None:
        terminal.print(line, style=style, markup=False, highlight=False, soft_wrap=True)

    if not result.recovered:
        say(
            "nothing to recover: the session was closed in order; 'labcapture verify' tells whether it is whole",
            "green",
        )
        return
    for trial in result.trials:
        say(f"{trial.trial}: {_STATES[trial.state]}{_frames(trial)}")
    for note in result.notes:
        say(note)
    for lost in result.lost:
        say(f"lost: {lost}", "red")
    if result.originals:
        say(f"what the crash left lies unchanged in {Path(result.folder) / result.originals}")
    say("recovered" if result.is_complete else "recovered in part", "green" if result.is_complete else "bold red")


def _frames(trial: TrialOutcome) -> str:
    counts = [f"{count} of {trial.journalled[name]} frames of {name}" for name, count in trial.recovered.items()]
    end = "; the recording broke off in it" if trial.broke_off else ""
    return f", {', '.join(counts)}{end}" if counts else end
