"""``labcapture run``: starts an engine, drives it through its client, shows how it goes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from labcapture.core.errors import BadInput, EngineError
from labcapture.engine.check_messages import Cancel, CheckView, Preflight
from labcapture.engine.client import Client
from labcapture.engine.messages import Abort, EngineState, Prepare, SessionResult, Shutdown, Snapshot, Start
from labcapture.engine.preflight_rows import Report

_LOOK_S = 5.0  # for which every stream is measured before the session
_PREPARE_S = 120.0
_CLOSE_S = 20.0


@dataclass(frozen=True)
class NoGo:
    """There was no session: rows of the preflight failed, and for some of them no reason was given to go on."""

    report: Report
    rows: tuple[str, ...]
    """Group and name of those."""

    def tell(self, terminal: Console) -> None:
        """Say what could be done."""
        options = " ".join(f'--override "{row}=REASON"' for row in self.rows)
        terminal.print(f"no session. Mend it, or add {options}", style="bold red", markup=False, soft_wrap=True)


def run_session(
    *,
    protocol: Path,
    rig: Path,
    participant: str,
    session: str,
    out: Path,
    headless: bool,
    autopilot: int | None,
    stimuli: Path | None,
    language: str,
    terminal: Console,
    seed: int | None = None,
    settings: Sequence[str] = (),
    resume: Path | None = None,
    speed: float = 1.0,
    experimenter: str = "",
    look_first: bool = False,
    overrides: Sequence[str] = (),
) -> SessionResult | NoGo:
    """Run one session from its files to its verdict, after a preflight if ``look_first``.

    Raises
    ------
    LabcaptureError
        It could not be prepared, or the engine was lost.
    """
    prepare = Prepare(
        protocol=str(protocol.resolve()),
        rig=str(rig.resolve()),
        participant=participant,
        session=session,
        out=str(out.resolve()),
        stimuli=str(stimuli.resolve()) if stimuli else None,
        autopilot=autopilot,
        language=language,
        seed=seed,
        variables=_assignments(settings, "--set NAME=VALUE"),
        resume=str(resume.resolve()) if resume else None,
        speed=speed,
        experimenter=experimenter,
        overrides=_assignments(overrides, "--override ROW=REASON"),
    )
    if overrides and not look_first:
        raise BadInput("is a reason to go on after a preflight", "--override", "Add --preflight.")
    if not headless:
        from labcapture.console.application import check_screen

        check_screen(or_headless=True)
    client = Client.spawn()
    try:
        if look_first and (no_go := _look(client, prepare, terminal)) is not None:
            return no_go
        with terminal.status("opening the rig and the participant's screen"):
            client.command(prepare, timeout=_PREPARE_S)
        if headless or autopilot is not None:
            client.command(Start())
        result = _follow(client, terminal) if headless else _windowed(client)
    finally:
        _end(client)
    _tell(result, terminal)
    return result


def _assignments(options: Sequence[str], form: str) -> dict[str, str]:
    """Return options of the ``form`` --OPTION NAME=VALUE as a mapping.

    Raises
    ------
    BadInput
        There is no name or no ``=`` in one.
    """
    pairs = [text.partition("=") for text in options]
    for name, equals, value in pairs:
        if not name.strip() or not equals:
            raise BadInput("names nothing", f"{form.split(maxsplit=1)[0]} {name}{equals}{value}", f"Write {form}.")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _look(client: Client, prepare: Prepare, terminal: Console) -> NoGo | None:
    """Have the engine look at the rig; return why there can be no session, None if there can be one.

    Raises
    ------
    EngineError
        There could be no look at all.
    """
    from labcapture.cli.preflight import render_report

    asked = prepare.model_dump(include={"rig", "protocol", "out", "stimuli"})
    client.command(Preflight(**asked, seconds=_LOOK_S))
    with terminal.status("preflight") as status:
        while (view := _checked(client)).doing:
            status.update(f"preflight: {view.doing}")
    if view.error:
        raise EngineError(f"no preflight: {view.error}")
    report = Report(rig=view.rig, protocol=prepare.protocol, simulated=view.simulated, seconds=_LOOK_S, rows=view.rows)
    without = tuple(f"{row.group} {row.name}" for row in view.failed if not prepare.reason(row.group, row.name))
    if view.failed:
        terminal.print(render_report(report))
    for row in view.failed:
        if reason := prepare.reason(row.group, row.name):
            terminal.print(f"{row.group} {row.name}: going on, for {reason}", style="yellow", markup=False)
    return NoGo(report, without) if without else None


def _checked(client: Client) -> CheckView:
    """Return the next view of the look."""
    while True:
        snapshot = client.snapshots(timeout=2.0)
        if snapshot is not None and snapshot.check is not None:
            return snapshot.check


def _follow(client: Client, terminal: Console) -> SessionResult:
    """Show how the session goes until it has ended."""
    alarms_told: set[tuple[str, str, float]] = set()
    with Live(console=terminal, refresh_per_second=4, transient=True) as live:
        while True:
            try:
                snapshot = client.snapshots(timeout=2.0)
                if snapshot is None:
                    continue
                if snapshot.result is not None:
                    return snapshot.result
                for alarm in snapshot.alarms:
                    raised = (alarm.source, alarm.kind, alarm.time)
                    if alarm.active and raised not in alarms_told:
                        alarms_told.add(raised)
                        live.console.print(f"ALARM {alarm.cause}. {alarm.remedy}", style="bold red", markup=False)
                live.update(progress(snapshot))
            except KeyboardInterrupt:
                live.console.print("ending the session in order; what is recorded is kept", style="yellow")
                client.command(Abort(reason="Ctrl-C in the terminal"))


def _windowed(client: Client) -> SessionResult:
    from labcapture.console.app import main as window

    window(client.connection)
    result = client.snapshot().result
    if result is None:
        raise EngineError("the window was closed, the session goes on", mend="Attach again with 'labcapture'.")
    return result


def _end(client: Client) -> None:
    """End the engine unless it still has a session, which then goes on without us."""
    with suppress(EngineError):  # it has ended already
        state = client.snapshot().state
        if state is EngineState.PREPARING:
            client.command(Cancel())
            deadline = time.monotonic() + _CLOSE_S
            while (state := client.snapshot().state) is not EngineState.IDLE and time.monotonic() < deadline:
                time.sleep(0.05)
        if state is EngineState.IDLE:
            client.command(Shutdown())
            client.wait_ended(_CLOSE_S)
    client.close()


def progress(snapshot: Snapshot) -> RenderableType:
    """Draw a snapshot for the terminal: step, time left, rate and losses of each stream, disk minutes left."""
    head = Text()
    if snapshot.simulated:
        head.append(" SIMULATED ", style="black on yellow")
        head.append(" ")
    head.append(snapshot.state.upper(), style="bold")
    if snapshot.trial:
        head.append(f"  recording {snapshot.trial}", style="bold red")
    if snapshot.step is not None:
        step = snapshot.steps[snapshot.step]
        head.append(f"  step {snapshot.step + 1} of {len(snapshot.steps)}: {step.title or step.id}")
    left = snapshot.remaining_s
    total = snapshot.elapsed_s + (left or 0.0)
    asked = _asked(snapshot)
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=max(total, 1e-9), completed=snapshot.elapsed_s, width=40),
        f"{snapshot.elapsed_s:.0f} s" + (f", about {left:.0f} s left" if left is not None else ""),
        "" if snapshot.disk_minutes is None else f"disk for {snapshot.disk_minutes:.0f} min",
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("stream", "rate", "nominal", "received", "lost before us", "lost by us"):
        table.add_column(title, justify="left" if title == "stream" else "right")
    for stream in snapshot.streams:
        lost = [Text(str(n), style="bold red" if n else "") for n in (stream.lost_before_us, stream.lost_by_us)]
        nominal = f"{stream.nominal_rate_hz:g}" if stream.nominal_rate_hz else "any"
        table.add_row(stream.name, f"{stream.rate_hz:.1f}", nominal, str(stream.received), *lost)
    return Group(head, *asked, bar, table)


def _asked(snapshot: Snapshot) -> list[Text]:
    """Return what waits for somebody in the room."""
    prompt = snapshot.prompt
    if prompt is None or not prompt.awaits:
        return []
    line = Text("  ")
    ways = {"confirm": "tell confirm", "enter": f"enter {prompt.variable}"}
    line.append(f"labcapture {ways.get(prompt.awaits, 'tell answer')}", style="cyan")
    if prompt.keys:
        line.append(f" ({', '.join(prompt.keys)})", style="cyan")
    if prompt.text:
        line.append(f"  {' '.join(prompt.text.split())[:100]}")
    return [line]


def outcome(result: SessionResult) -> str:
    """Say what the stage counted, what was flagged, and what is left of the ledger; empty if there is nothing."""
    words = []
    if shown := result.stage.get("film_frames_shown", 0):
        dropped, late = result.stage.get("film_frames_dropped", 0), result.stage.get("late_flips", 0)
        words.append(f"film: {shown} frames shown, {dropped} dropped, {late} late flips")
    if result.flags:
        words.append(f"{result.flags} flagged in reviews")
    if result.balance is not None:
        words.append(f"account {result.balance:g} {result.currency}".rstrip())
    return "; ".join(words)


def _tell(result: SessionResult, terminal: Console) -> None:
    from labcapture.reading.synctest import render_sync

    style = "green" if result.verdict == "labelled" else "yellow"
    terminal.print(f"part {result.part} ({result.verdict}): {result.reason}", style=style, markup=False)
    if result.sync_test is not None:
        terminal.print(render_sync(result.sync_test))
    if facts := outcome(result):
        terminal.print(facts, markup=False)
    if result.error:
        terminal.print(f"while it ran: {result.error}", style="bold red", markup=False)
    terminal.print(result.folder, markup=False, soft_wrap=True)
