"""``labcapture corpus ROOT ...``: tables over many sessions, and the same work on each of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from labcapture.cli.common import Json, print_json, terminal

if TYPE_CHECKING:
    from labcapture.corpus import Corpus, Outcome, Team
    from labcapture.corpus.campaign import Tell

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
IndexFile = Annotated[Path | None, typer.Option("--index", help="File of the index; in ROOT if absent.")]
Scheduler = Annotated[str, typer.Option(help="Address of a cluster's scheduler; else processes of this machine.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes of this machine; one per processor if absent.")]
Tries = Annotated[int, typer.Option(min=1, max=10, help="How often a session is tried if a failure may pass.")]
Target = Annotated[Path, typer.Argument(metavar="DIR", help="Folder outside of ROOT that receives the results.")]

_MANY = 64  # sessions from which on other processes are worth their start


@app.callback()
def corpus(
    context: typer.Context, root: Annotated[Path, typer.Argument(help="Folder with sessions, in it or below.")]
) -> None:
    """Tables over all sessions below ROOT, and the same work on each of them."""
    context.obj = root


@app.command()
def table(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help="Parquet, CSV or JSON file that receives the table.")] = None,
    index: IndexFile = None,
    anew: Annotated[bool, typer.Option("--anew", help="Read all sessions, whatever the index says.")] = False,
    scheduler: Scheduler = "",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """One row per session and clip: part, verdict, frames, losses, rates, lengths, self-report, sync figures."""
    from labcapture.cli.corpus_tables import render_table, write_table

    opened = _fresh(context.obj, index, scheduler, workers, anew)
    frame = opened.table(refresh=False)
    if out is not None:
        write_table(frame, out)
        terminal.print(f"{len(frame)} rows in {out}", markup=False, highlight=False, soft_wrap=True)
    if as_json:
        print_json({"root": str(opened.root), "rows": json.loads(frame.to_json(orient="records"))})
    elif out is None:
        Console().print(render_table(frame))


@app.command()
def summary(
    context: typer.Context,
    index: IndexFile = None,
    report_rule: Annotated[
        str, typer.Option(help="A self-report counts for the highest emotion and its equals, a single one, or all.")
    ] = "highest",
    least: Annotated[float, typer.Option(help="Least rating that counts; 1 means that nothing was felt.")] = 2.0,
    scheduler: Scheduler = "",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Print the papers' tables for this corpus: subjects, videos and lengths per part, stimuli and self-reports."""
    from labcapture.cli.corpus_tables import render_summary
    from labcapture.corpus.counting import ReportRule

    rule = ReportRule(report_rule, least)  # type: ignore[arg-type] # it checks the word
    facts = _fresh(context.obj, index, scheduler, workers, anew=False).summary(rule, refresh=False)
    if as_json:
        print_json(facts)
    else:
        Console().print(render_summary(facts))


@app.command()
def index(
    context: typer.Context,
    file: IndexFile = None,
    anew: Annotated[bool, typer.Option("--anew", help="Read all sessions, whatever the index says.")] = False,
    scheduler: Scheduler = "",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Bring the index up to date, so that tables and the session browser have it at once."""
    opened = _fresh(context.obj, file, scheduler, workers, anew)
    done = opened.refreshed
    if as_json and done is not None:
        facts = {name: getattr(done, name) for name in ("sessions", "read", "gone", "not_kept")}
        print_json({"index": str(opened.index.file), **facts})
    elif done is not None:
        said = f"{done.sessions} sessions, {done.read} read, {done.gone} gone: {opened.index.file}"
        terminal.print(said, markup=False, highlight=False, soft_wrap=True)


@app.command()
def verify(
    context: typer.Context,
    again: Annotated[bool, typer.Option("--again", help="Read also what was whole and has not changed since.")] = False,
    index: IndexFile = None,
    scheduler: Scheduler = "",
    workers: Workers = None,
    tries: Tries = 3,
    as_json: Json = False,
) -> None:
    """Verify all sessions; exit 0 only if all are whole."""
    opened = _open(context.obj, index)
    _work(
        "verify", opened, scheduler, workers, as_json, lambda team, tell: opened.verify(team, tell, tries, again=again)
    )


@app.command()
def recover(
    context: typer.Context,
    scheduler: Scheduler = "",
    workers: Workers = None,
    tries: Tries = 3,
    as_json: Json = False,
) -> None:
    """Recover all sessions that were not closed in order."""
    opened = _open(context.obj)
    _work("recover", opened, scheduler, workers, as_json, lambda team, tell: opened.recover(team, tell, tries))


@app.command()
def transcode(
    context: typer.Context,
    out: Target,
    codec: Annotated[str, typer.Option(help="magicyuv, jxl, blosc2 or gzip.")],
    scheduler: Scheduler = "",
    workers: Workers = None,
    tries: Tries = 3,
    as_json: Json = False,
) -> None:
    """Write a copy of all sessions whose pictures have another encoding; copies that are there stay."""
    opened = _open(context.obj)
    opened.check_target(out)
    _work(
        "transcode",
        opened,
        scheduler,
        workers,
        as_json,
        lambda team, tell: opened.transcode(codec, out, team, tell, tries),
        out,
    )


@app.command()
def export(
    context: typer.Context,
    out: Target,
    to: Annotated[str, typer.Option(metavar="FORMAT", help="See: labcapture export --formats.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="An option of the format.")
    ] = None,
    scheduler: Scheduler = "",
    workers: Workers = None,
    tries: Tries = 3,
    as_json: Json = False,
) -> None:
    """Export all sessions to a format of others; what is there stays."""
    from labcapture.cli.export import parse_settings

    options = parse_settings(settings or ())
    opened = _open(context.obj)
    opened.check_target(out)
    _work(
        "export",
        opened,
        scheduler,
        workers,
        as_json,
        lambda team, tell: opened.export(to, out, team, options, tell, tries),
        out,
    )


@app.command()
def reroute(
    context: typer.Context,
    rule: Annotated[Path, typer.Option(help="YAML file with another quality rule.")],
    out: Annotated[Path | None, typer.Option(help="CSV that receives the routing; in ROOT if absent.")] = None,
    links: Annotated[Path | None, typer.Option(help="Folder that receives links to the sessions, by part.")] = None,
    scheduler: Scheduler = "",
    workers: Workers = None,
    tries: Tries = 3,
    as_json: Json = False,
) -> None:
    """Tell which part each session would belong to by another rule; no session is touched."""
    from labcapture.core.config import load_yaml
    from labcapture.protocol.rule import QualityRule

    asked = load_yaml(rule, QualityRule)
    opened = _open(context.obj)
    file = out or opened.root / f"routing-{rule.stem}.csv"
    _work(
        "reroute",
        opened,
        scheduler,
        workers,
        as_json,
        lambda team, tell: opened.reroute(asked, file, team, links, tell, tries),
    )


def _open(root: Path, index: Path | None = None) -> Corpus:
    from labcapture.core.errors import BadInput

    try:
        import labcapture.corpus as corpora
    except ModuleNotFoundError as error:
        mend = "Run: pip install 'labcapture[analysis]'"
        raise BadInput(f"needs {error.name}, which is not installed", "labcapture corpus", mend) from error
    return corpora.open(root, index)


def _fresh(root: Path, index: Path | None, scheduler: str, workers: int | None, anew: bool) -> Corpus:
    """Return the corpus with its index up to date, and say if that could not be kept."""
    from labcapture.cli.corpus_tables import bar
    from labcapture.corpus.team import Team
    from labcapture.reading.catalogue import folders

    opened = _open(root, index)
    many = bool(scheduler) or ((opened.index.table.num_rows == 0 or anew) and _more_than(folders(opened.root), _MANY))
    with Team(scheduler, workers, [opened.root]) if many else nullcontext() as team, bar(terminal) as progress:
        task = progress.add_task("read", total=None)
        done = opened.refresh(team, lambda n, total: progress.update(task, completed=n, total=total), anew=anew)
    if done.not_kept:
        terminal.print(done.not_kept, style="yellow", markup=False, highlight=False, soft_wrap=True)
    return opened


def _more_than(found: Any, many: int) -> bool:  # noqa: ANN401 - any iterator
    return any(number >= many for number, _ in enumerate(found))


def _work(
    what: str,
    opened: Corpus,
    scheduler: str,
    workers: int | None,
    as_json: bool,
    carry_out: Callable[[Team, Tell], list[Outcome]],
    out: Path | None = None,
) -> None:
    """Have the work done, tell how it goes and what became of it, and end with the exit code."""
    from labcapture.cli.corpus_tables import outcome_facts, tell_outcomes, work_bar
    from labcapture.corpus.team import Team

    sees = [opened.root]
    if out is not None and scheduler:
        out.mkdir(parents=True, exist_ok=True)
        sees.append(out.resolve())
    with Team(scheduler, workers, sees) as team, work_bar(terminal, what) as tell:
        outcomes = carry_out(team, tell)
    tell_outcomes(what, outcomes, terminal)
    if as_json:
        print_json({"work": what, "root": str(opened.root), **outcome_facts(outcomes)})
    raise typer.Exit(1 if any(outcome.state == "failed" for outcome in outcomes) else 0)
