"""What ``labcapture corpus`` shows: tables, summaries, how far the work is and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table as Grid
from rich.text import Text

from labcapture.core.errors import BadInput, printable
from labcapture.corpus.columns import EMOTIONS, STREAMS, WORDS

if TYPE_CHECKING:
    from labcapture.corpus.campaign import Tell
    from labcapture.corpus.jobs import Outcome

_MOST_ROWS = 400  # more are for a file
_HEADS = ("clip", "emotion", "length", "colour", "lost", "depth", "lost", "rate", "felt")
_NAMES, _NUMBERS = (0, 1, 8), range(2, 8)  # columns of texts, which may fold, and of numbers, which may not
_INDENT = "  "
_LEAST = 4  # characters; a column of names is not made narrower
_LETTERS = dict(zip(EMOTIONS, ("H", "D", "F", "A", "Sa", "Su", "C"), strict=True))


def write_table(frame: pd.DataFrame, out: Path) -> None:
    """Write the table to a new file, as its name's ending says.

    Raises
    ------
    BadInput
        The file exists, cannot be written, or its ending is not known.
    """
    if out.exists():
        raise BadInput("exists already; nothing was changed", str(out), "Name another file, or remove it.")
    write = {
        ".parquet": lambda: frame.to_parquet(out, index=False),
        ".csv": lambda: frame.to_csv(out, index=False),
        ".json": lambda: frame.to_json(out, orient="records", force_ascii=False),
    }.get(out.suffix.lower())
    if write is None:
        raise BadInput("is no kind of table", str(out), "Let its name end in .parquet, .csv or .json.")
    try:
        write()
    except OSError as error:
        raise BadInput(f"cannot be written ({error.strerror})", str(out), "Name another file.") from error


def _grid(title: str, *columns: tuple[str, bool]) -> Grid:
    """Return an empty table with columns (name, whether of numbers); those of texts give way where it is narrow."""
    grid = Grid(
        title=title, title_justify="left", title_style="bold", box=None, header_style="dim", padding=(0, 2, 0, 0)
    )
    for name, number in columns:
        width = len(name) if number else None
        grid.add_column(name, justify="right" if number else "left", no_wrap=number, min_width=width, overflow="fold")
    return grid


def render_table(frame: pd.DataFrame) -> RenderableType:
    """Draw the columns that fit a terminal of 80; a file has all of them."""
    clips = [
        {str(name): value for name, value in clip.items() if not pd.isna(value)}
        for clip in frame.head(_MOST_ROWS).to_dict("records")
    ]
    parts: list[RenderableType] = [_Clips(clips)]
    if len(frame) > _MOST_ROWS:
        parts.append(Text(f"and {len(frame) - _MOST_ROWS} more rows; --out FILE.parquet writes all", style="yellow"))
    each = frame.drop_duplicates("folder")
    simulated = int(each["simulated"].fillna(value=False).sum())
    said = f"\n{len(each)} session{'' if len(each) == 1 else 's'}, {simulated} of them simulated"
    parts.append(Text(said, style="bold"))
    if any(f"felt_{word}" in clip for clip in clips for word in _LETTERS):
        parts.append(Text("felt: " + ", ".join(f"{letter} {word}" for word, letter in _LETTERS.items()), style="dim"))
    return Group(*parts)


class _Clips:
    """A table below each session's name, all with columns of the same widths: names fold where the terminal is narrow.

    Parameters
    ----------
    clips
        What is known of each.
    """

    def __init__(self, clips: Sequence[Mapping[str, Any]]) -> None:
        self._clips = clips
        self._rows = [_words(clip) if clip["trial"] else None for clip in clips]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = [_HEADS, *(row for row in self._rows if row)]
        widths = [max(cell_len(line[column]) for line in lines) for column in range(len(_HEADS))]
        room = options.max_width - len(_INDENT) - sum(widths[place] for place in _NUMBERS) - len(_HEADS) + 1
        while sum(widths[place] for place in _NAMES) > room and max(widths[place] for place in _NAMES) > _LEAST:
            widths[max(_NAMES, key=lambda place: widths[place])] -= 1
        yield self._table(widths, [(_HEADS, "dim")])
        for _, those in groupby(zip(self._clips, self._rows, strict=True), lambda pair: pair[0]["folder"]):
            pairs = list(those)
            first = pairs[0][0]
            yield _head(first)
            if first["problem"]:  # in full: it ends with what to do
                yield Padding(Text(printable(str(first["problem"])), style="yellow"), (0, 0, 0, len(_INDENT)))
            if rows := [(row, _style(clip)) for clip, row in pairs if row]:
                yield self._table(widths, rows)

    @staticmethod
    def _table(widths: Sequence[int], rows: Sequence[tuple[Sequence[str], str]]) -> RenderableType:
        table = Grid(box=None, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)
        for place, width in enumerate(widths):
            table.add_column(width=width, justify="right" if place in _NUMBERS else "left", overflow="fold")
        for row, style in rows:
            table.add_row(*(Text(word) for word in row), style=style)
        return Padding(table, (0, 0, 0, len(_INDENT)))


def _head(clip: Mapping[str, Any]) -> Text:
    line = Text(printable(str(clip["folder"])), style="bold", no_wrap=True, overflow="ellipsis")
    if clip.get("simulated"):
        line.append("  simulated", style="dark_orange3")
    if clip["problem"] or clip["state"] not in {"closed", "recovered"}:
        return line.append(f"  {clip['state']}", style="yellow")
    part = f"Part {clip['part']}, " if clip["part"] != "none" else ""
    style = "green" if clip["verdict"] == "labelled" else "yellow"
    return line.append(f"  {part}{clip['verdict']}", style=style)


def _words(clip: Mapping[str, Any]) -> list[str]:
    """Return what stands in each column of a clip."""
    felt = {word: clip[f"felt_{word}"] for word in WORDS if f"felt_{word}" in clip}
    told = " ".join(f"{_LETTERS.get(word, word)}{rating:g}" for word, rating in felt.items()) or clip["felt_most"]
    counts: list[str] = []
    for stream in STREAMS:
        frames = clip.get(f"{stream}_frames")
        lost = clip.get(f"{stream}_lost_before_us", 0) + clip.get(f"{stream}_lost_by_us", 0)
        counts += ["", ""] if frames is None else [f"{frames:,}", f"{lost:,}" if lost else ""]
    return [
        *(printable(str(clip["clip"] or clip["trial"])), printable(str(clip["emotion"])), f"{clip['length_s']:.1f} s"),
        *counts,
        *(f"{clip['color_rate_hz']:.2f} Hz" if "color_rate_hz" in clip else "", printable(str(told))),
    ]


def _style(clip: Mapping[str, Any]) -> str:
    return "dim" if clip.get("superseded") else "" if clip.get("annotatable") else "yellow"


def render_summary(facts: Mapping[str, Any]) -> RenderableType:
    """Draw both tables, of recorded and of simulated sessions."""
    parts: list[RenderableType] = []
    counts = {kind: facts[kind]["sessions"] for kind in ("recorded", "simulated")}
    parts.append(Text(f"{counts['recorded']} recorded and {counts['simulated']} simulated sessions", style="bold"))
    unreadable = facts["unreadable"]
    if unreadable["sessions"]:
        states = ", ".join(f"{count} {state}" for state, count in unreadable["states"].items())
        parts.append(Text(f"and {unreadable['sessions']} that cannot be read: {states}", style="yellow"))
    for kind in counts:
        mine = facts[kind]
        if not mine["sessions"]:
            continue
        states = ", ".join(f"{count} {state}" for state, count in mine["states"].items())
        head = f"\n{kind.capitalize()}: {states}"
        parts.append(Text(head, style="dark_orange3" if kind == "simulated" else "green"))
        parts.append(_table_2(mine["table_2"]))
        parts.extend(_table_3(mine["table_3"]))
    parts.append(Text(f"\nTable 3: {facts['report_rule']}.", style="dim"))
    return Group(*parts)


def _table_2(rows: Sequence[Mapping[str, Any]]) -> Grid:
    grid = _grid(
        "Table 2: videos, and videos and length per subject",
        ("part", False),
        ("paradigm", False),
        ("subjects", True),
        ("videos", True),
        ("each", True),
        ("length each", True),
        ("in all", True),
    )
    for row in rows:
        least, most = row["videos_per_subject_least"], row["videos_per_subject_most"]
        grid.add_row(
            row["part"],
            printable(row["paradigm"]),
            f"{row['subjects']:,}",
            f"{row['videos']:,}",
            str(least) if least == most else f"{least} to {most}",
            f"{row['minutes_per_subject']:.2f} min",
            f"{row['hours']:.1f} h",
            style="bold" if row["part"] == "Total" else "",
        )
    return grid


def _table_3(rows: Sequence[Mapping[str, Any]]) -> Iterator[Grid]:
    for part in dict.fromkeys(row["part"] for row in rows):
        mine = [row for row in rows if row["part"] == part]
        name = f"part {part}" if part != "none" else "no part"
        grid = _grid(f"\nTable 3: emotions in {name}", ("", False), *((row["emotion"], True) for row in mine))
        for key, told in (("stimuli", "#stimuli"), ("self_reports", "#self")):
            grid.add_row(told, *(f"{row[key]:,}" if row[key] else "-" for row in mine))
        yield grid


def bar(terminal: Console) -> Progress:
    """Return a progress bar that leaves nothing behind."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=terminal, transient=True)


@contextmanager
def work_bar(terminal: Console, what: str) -> Iterator[Tell]:
    """Show how far the work is; failures are told as they are known for good."""
    with bar(terminal) as progress:
        task = progress.add_task(what, total=None)

        def tell(outcome: Outcome, settled: int, total: int) -> None:
            progress.update(task, completed=settled, total=total)
            if outcome.state == "failed":
                said = f"{outcome.name}: failed"
                progress.console.print(said, style="yellow", markup=False, highlight=False, soft_wrap=True)

        yield tell


def outcome_facts(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return what became of all sessions, fit for JSON."""
    states = Counter(outcome.state for outcome in outcomes)
    return {
        **{state: states[state] for state in ("done", "skipped", "failed")},
        "sessions": [asdict(outcome) for outcome in outcomes],
    }


def tell_outcomes(what: str, outcomes: Sequence[Outcome], terminal: Console) -> None:
    """Tell how many sessions were done, skipped and failed, and name those that failed."""
    facts = outcome_facts(outcomes)
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    for outcome in failed:
        tries = f" (tried {outcome.tries} times)" if outcome.tries > 1 else ""
        said = f"{outcome.name}: {outcome.what}{tries}"
        terminal.print(said, style="red", markup=False, highlight=False, soft_wrap=True)
    said = f"{what}: {facts['done']} done, {facts['skipped']} skipped (nothing to do), {facts['failed']} failed"
    if not outcomes:
        said = f"{what}: no session lies here"
    terminal.print(said, style="bold red" if failed else "green", highlight=False)
