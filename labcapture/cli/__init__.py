"""The command line: a contract that tests, benchmarks and other tools call (see docs/cli.md).

``--json`` prints one object on stdout and nothing else there. Exit codes: 0 well, 1 the answer is no, 2 wrong use or
bad input, told in one line on stderr.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from labcapture import __version__
from labcapture.cli.common import Json, print_json, terminal
from labcapture.cli.corpus import app as corpus
from labcapture.cli.preparing import protocols, stimuli
from labcapture.core.errors import LabcaptureError
from labcapture.engine.aside import leaving

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    no_args_is_help=False,
    help="Elicit, record and safeguard RGB-D, voice and electrodermal sessions. Without a command: the console.",
)
app.add_typer(corpus, name="corpus")
app.add_typer(stimuli, name="stimuli")
app.add_typer(protocols, name="protocol")

SessionPath = Annotated[Path, typer.Argument(help="Session folder, or its session.h5.")]
_READ = typer.Argument(metavar="SESSION", help="Session folder, its session.h5, or a packed file.")
ReadPath = Annotated[Path, _READ]


class Who(StrEnum):
    """Who enters a value."""

    experimenter = "experimenter"
    assistant = "assistant"


def main() -> None:
    """Run the command line; every error a person can mend is one line on stderr."""
    try:
        code = app(standalone_mode=False)
    except LabcaptureError as error:
        _complain(str(error))
        code = error.exit_code
    except typer.TyperException as error:
        _complain(_usage(error))
        code = 2
    except (typer.Abort, KeyboardInterrupt):
        code = 130
        if left := ", ".join(leaving()):
            terminal.print(f"labcapture: waiting until {left} is closed", style="yellow", markup=False)
    sys.exit(code)


def _complain(line: str) -> None:
    terminal.print(f"labcapture: {line}", style="bold red", markup=False, highlight=False, soft_wrap=True)


def _usage(error: typer.TyperException) -> str:
    words = error.format_message() if hasattr(error, "format_message") else str(error)
    return f"{words} See 'labcapture --help'."


def _show_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback(invoke_without_command=True)
def console(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True)] = False,
    theme: Annotated[str | None, typer.Option(help="dark or light, for this and every later start.")] = None,
) -> None:
    """Open the console: attach to the running engine, or start one."""
    del version
    if context.invoked_subcommand is None:
        from labcapture.console.app import main as window  # Qt only for those who want a window

        raise typer.Exit(window(theme=theme))


@app.command()
def run(
    protocol: Annotated[Path, typer.Argument(help="Protocol file.")],
    rig: Annotated[Path, typer.Option(help="Rig file.")],
    participant: Annotated[str, typer.Option(help="Participant's pseudonym: letters, digits, dashes.")],
    session: Annotated[str, typer.Option(help="Session id: letters, digits, dashes.")],
    out: Annotated[Path, typer.Option(help="Folder that receives the session's folder.")],
    headless: Annotated[bool, typer.Option("--headless", help="No console; progress in the terminal.")] = False,
    autopilot: Annotated[int | None, typer.Option(help="Seed; answers for the participant and starts at once.")] = None,
    stimuli: Annotated[Path | None, typer.Option(help="Folder of the films.")] = None,
    language: Annotated[str, typer.Option(help="Language of the participant's texts.")] = "en",
    seed: Annotated[int | None, typer.Option(help="Of orders and draws; the autopilot's, else 0.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Give a variable its first value.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Session that this one goes on with; what is done stays.")] = None,
    speed: Annotated[float, typer.Option(min=0.01, max=100, help="How much faster the autopilot is.")] = 1.0,
    experimenter: Annotated[str, typer.Option(help="Experimenter's pseudonym.")] = "",
    look_first: Annotated[
        bool, typer.Option("--preflight", help="Look at the whole rig first; no-go: exit 1.")
    ] = False,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--override", metavar="ROW=REASON", help="Why to go on though this row of the preflight fails."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a session."""
    from labcapture.cli.preflight import report_json
    from labcapture.cli.run import NoGo, run_session

    result = run_session(
        protocol=protocol,
        rig=rig,
        participant=participant,
        session=session,
        out=out,
        headless=headless,
        autopilot=autopilot,
        stimuli=stimuli,
        language=language,
        terminal=terminal,
        seed=seed,
        settings=settings or (),
        resume=resume,
        speed=speed,
        experimenter=experimenter,
        look_first=look_first,
        overrides=overrides or (),
    )
    if isinstance(result, NoGo):
        if as_json:
            print_json({**report_json(result.report), "without_reason": result.rows})
        result.tell(terminal)
        raise typer.Exit(1)
    if as_json:
        print_json(result.model_dump(mode="json"))
    raise typer.Exit(0 if result.completed and not result.error else 1)


@app.command()
def tell(
    what: Annotated[
        str, typer.Argument(help="start, pause, resume, skip, redo, jump, confirm, ask, answer, mark, ...")
    ],
    text: Annotated[list[str] | None, typer.Argument(help="Step, answer, label, note or reason.")] = None,
) -> None:
    """Tell the running session what the console's keys would: pause, skip, redo a step, confirm, answer, ..."""
    from labcapture.cli.tell import tell_engine

    tell_engine(what, " ".join(text or ()))


@app.command()
def enter(
    variable: Annotated[str, typer.Argument(help="Variable that the protocol leaves to a person.")],
    value: Annotated[str, typer.Argument(help="One of its values.")],
    by: Annotated[Who, typer.Option(help="Who enters it.")] = Who.assistant,
) -> None:
    """Enter what a person decides or has seen, such as the outcome of a mock crime. No screen shows it."""
    from labcapture.cli.tell import enter_value

    enter_value(variable, value, by.value)


@app.command()
def inspect(
    path: ReadPath,
    rule: Annotated[Path | None, typer.Option(help="YAML of another quality rule: what would it say?")] = None,
    gaps: Annotated[bool, typer.Option("--gaps", help="List every gap.")] = False,
    html: Annotated[Path | None, typer.Option(help="Verify, and write a report with plots to this new file.")] = None,
    as_json: Json = False,
) -> None:
    """Tell what a session holds: streams, rates, gaps, sync, verdict, part. Nothing is changed."""
    from labcapture.cli.inspect import inspect_session, render_inspection, write_html

    if html is not None:
        if rule is not None or gaps:
            raise typer.BadParameter("--html has every gap, and goes by the rule of the session", param_hint="--html")
        written = write_html(path, html, terminal)
        if as_json:
            print_json(written)
        return
    facts = inspect_session(path, rule, gaps)
    if as_json:
        print_json(facts)
    else:
        Console().print(render_inspection(facts))


@app.command()
def verify(path: ReadPath, as_json: Json = False) -> None:
    """Check that a session is whole; exit 0 only if it is."""
    from labcapture.cli.verify import verify_session

    result = verify_session(path, terminal)
    if as_json:
        print_json(result)
    raise typer.Exit(1 if result["problems"] else 0)


@app.command()
def transcode(
    path: SessionPath,
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that receives the copy, under the same name.")],
    codec: Annotated[
        str,
        typer.Option(
            help="magicyuv (small and fast), jxl (an ISO standard), blosc2 (fastest) or gzip (read by everything)."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Copy a session with its pictures in another lossless encoding, each compared with the original."""
    from labcapture.cli.transcode import transcode_session

    result = transcode_session(path, codec, out, terminal)
    if as_json:
        print_json(result)


@app.command()
def export(
    path: Annotated[Path | None, _READ] = None,
    out: Annotated[Path | None, typer.Argument(metavar="DIR", help="Folder that receives the result.")] = None,
    to: Annotated[str, typer.Option(metavar="FORMAT", help="casme3, bids, ...; see --formats.")] = "",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="An option of the format; see --formats.")
    ] = None,
    formats: Annotated[bool, typer.Option("--formats", help="List the formats with their options.")] = False,
    as_json: Json = False,
) -> None:
    """Export a session to a format of others. Resumes what was cut off; never overwrites."""
    from labcapture.cli.export import export_session, list_formats, parse_settings, render_formats

    if formats:
        facts = list_formats()
        if as_json:
            print_json(facts)
        else:
            Console().print(render_formats(facts))
        return
    if path is None or out is None or not to:
        raise typer.BadParameter("labcapture export SESSION --to FORMAT DIR", param_hint="SESSION, --to and DIR")
    result = export_session(path, to, out, parse_settings(settings or ()), terminal)
    if as_json:
        print_json(result)


@app.command()
def pack(
    path: SessionPath,
    file: Annotated[Path, typer.Argument(metavar="FILE.h5", help="New file that receives the whole session.")],
    as_json: Json = False,
) -> None:
    """Write a session into one self-contained file, nothing encoded anew; labcapture opens it, too."""
    from labcapture.cli.pack import pack_session

    result = pack_session(path, file, terminal)
    if as_json:
        print_json(result)


@app.command()
def recover(path: SessionPath, as_json: Json = False) -> None:
    """Make a session whole again after a crash; exit 1 if something that was written down could not be saved."""
    from labcapture.cli.recover import recover_session

    result = recover_session(path, terminal)
    if as_json:
        print_json(result)
    raise typer.Exit(0 if result["complete"] else 1)


@app.command()
def calibrate(
    rig: Annotated[Path, typer.Option(help="Rig file.")],
    seconds: Annotated[float, typer.Option(min=0.5, help="Give up after so long.")] = 60.0,
    as_json: Json = False,
) -> None:
    """Bring the participant's head to its place; exit 0 once all limits have held, 1 if they did not in time."""
    from labcapture.cli.calibrate import calibrate_head, tell

    result = calibrate_head(rig, seconds, terminal)
    if as_json:
        print_json(result)
    else:
        tell(result, Console())
    raise typer.Exit(0 if result["green"] else 1)


@app.command()
def browse(folder: Annotated[Path, typer.Argument(help="Folder with sessions.")] = Path("sessions")) -> None:
    """Show the sessions in a folder in a window: filter, verify, recover, open their reports."""
    from labcapture.console.app import browse as window

    raise typer.Exit(window(folder))


@app.command()
def view(
    path: ReadPath,
    theme: Annotated[str | None, typer.Option(help="dark or light, for this and every later start.")] = None,
) -> None:
    """Look at a session in a window: pictures, sound and signals on one time line; measure, copy times."""
    from labcapture.cli.view import view_session

    raise typer.Exit(view_session(path, theme))


@app.command()
def preflight(
    rig: Annotated[Path, typer.Option(help="Rig file.")],
    protocol: Annotated[
        Path | None, typer.Option(help="Protocol file: are its films there, and is there room?")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder that sessions will be written to.")] = Path(),
    stimuli: Annotated[Path | None, typer.Option(help="Folder of the films.")] = None,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="How long every stream is measured.")] = 5.0,
    stage: Annotated[bool, typer.Option(help="Try the participant's screen, too.")] = True,
    as_json: Json = False,
) -> None:
    """Go or no-go: instruments, screen, films, disk and machine; exit 0 go, 1 no-go."""
    from labcapture.cli.preflight import Wanted, check_rig, render_report, report_json

    report = check_rig(Wanted(rig, protocol, out, stimuli, seconds, stage), terminal)
    if as_json:
        print_json(report_json(report))
    else:
        Console().print(render_report(report))
    raise typer.Exit(0 if report.go else 1)


@app.command()
def rehearse(
    rig: Annotated[Path, typer.Option(help="Rig file.")],
    protocol: Annotated[Path | None, typer.Option(help="Protocol file, for the record only.")] = None,
    out: Annotated[Path, typer.Option(help="Folder that sessions will be written to.")] = Path(),
    seconds: Annotated[float, typer.Option(min=1, max=600, help="How long to record.")] = 30.0,
    as_json: Json = False,
) -> None:
    """Record for a while, verify the recording, throw it away; exit 0 if nothing was lost and all is whole."""
    from labcapture.cli.preflight import render_report, report_json
    from labcapture.cli.rehearse import rehearse_rig

    report = rehearse_rig(rig, protocol, out, seconds, terminal)
    if as_json:
        print_json(report_json(report))
    else:
        Console().print(render_report(report))
    raise typer.Exit(0 if report.go else 1)


@app.command()
def devices(as_json: Json = False) -> None:
    """Tell what is plugged in and what it says of itself."""
    from labcapture.cli.devices import list_devices, render_devices

    facts = list_devices()
    if as_json:
        print_json(facts)
    else:
        Console().print(render_devices(facts))


@app.command()
def schema(as_json: Json = False) -> None:
    """Print every path, dtype, unit and version of the session format."""
    from labcapture.cli.schema import render_schema, schema_rows

    if as_json:
        print_json({"paths": schema_rows()})
    else:
        Console().print(render_schema())
