"""Preflight: opens the whole rig as a session would, looks at it for some seconds, and says go or no-go.

Nothing is recorded. Measuring (`preflight_measure`) and judging (`preflight_streams`, `preflight_rig`) are apart: what
a check makes of a reading can be tested without an instrument.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from labcapture.core.cancelling import NEVER, Cancellation
from labcapture.core.errors import LabcaptureError
from labcapture.devices.lsl import StreamInfo, unrecorded
from labcapture.devices.rig import StageSettings, load_rig
from labcapture.engine.aside import Aside
from labcapture.engine.awake import Awake
from labcapture.engine.driving import Driver, as_device_error, close_all, opening_words, try_open
from labcapture.engine.log import SessionLog
from labcapture.engine.preflight_films import Shown, look_at_protocol
from labcapture.engine.preflight_measure import Ear, MachineMeasure, MachineMeter, encoding
from labcapture.engine.preflight_rig import (
    StageFacts,
    judge_device,
    judge_films,
    judge_machine,
    judge_network,
    judge_sleep,
    judge_stage,
)
from labcapture.engine.preflight_rows import Report, Row
from labcapture.engine.preflight_streams import judge_stream
from labcapture.stage.messages import Done, Failed, Heartbeat, Show
from labcapture.stage.process import StageProcess

Progress = Callable[[str], None]
"""Told what is being done now."""

_FLOW_S = 15.0  # for every stream to deliver
_SETTLE_S = 0.5  # and then for the first moments to pass
_TRIAL_S = 3.0
_TRIAL_ENDS_S = 20.0


@dataclass(frozen=True)
class Wanted:
    """What is to be checked.

    Parameters
    ----------
    rig, protocol
        Files; without a protocol no films are looked for.
    out
        Where sessions would be written.
    stimuli
        Folder of the films; beside the manifest unless given.
    seconds
        For how long every stream is measured.
    stage
        Whether the participant's screen is tried, too.
    groups
        Only these groups of rows are looked at; all if empty.
    """

    rig: Path
    protocol: Path | None = None
    out: Path = Path()
    stimuli: Path | None = None
    seconds: float = 5.0
    stage: bool = True
    groups: tuple[str, ...] = ()

    def looks_at(self, *groups: str) -> bool:
        """Return whether any of ``groups`` is to be looked at."""
        return not self.groups or any(group in self.groups for group in groups)


def preflight(wanted: Wanted, progress: Progress = lambda what: None, cancelled: Cancellation = NEVER) -> Report:
    """Check everything that a session needs.

    Raises
    ------
    Cancelled
        By ``cancelled``.
    BadInput
        The rig file or the protocol is wrong; all else becomes a row.
    """
    rig = load_rig(wanted.rig)
    shown = Shown()
    if wanted.protocol is not None and wanted.looks_at("films", "disk"):
        shown = look_at_protocol(wanted.protocol, wanted.stimuli, rig.is_simulated, progress, cancelled)
    whole = wanted.looks_at("disk", "machine")  # what they need follows from all streams
    configs = [config for config in rig.devices if whole or wanted.looks_at(config.name)]
    rows: list[Row] = []
    progress(opening_words("stage", *(config.kind for config in configs)))
    devices = [Driver(config) for config in configs]
    screen: Aside[StageFacts] | None = None
    with ExitStack() as stack:
        awake = stack.enter_context(Awake())
        if wanted.stage and wanted.looks_at("stage"):
            screen = Aside("stage", "stage", partial(_try_stage, rig.stage), _nothing)
            stack.callback(screen.close)
        others: Aside[list[StreamInfo]] | None = None
        if wanted.looks_at("network"):
            others = Aside("network", "network", lambda _: unrecorded(rig.devices), _nothing)
            stack.callback(others.close)
        stack.callback(close_all, devices, SessionLog())  # also if it is interrupted while they open
        opened = list(zip(devices, try_open(devices, cancelled), strict=True))
        drivers = [driver for driver, error in opened if error is None]
        ear = Ear((spec, driver.config.name) for driver in drivers for spec in driver.streams)
        if screen is not None:
            progress("trying the participant's screen")
        facts = screen.result(cancelled) if screen else None  # its start would disturb what is measured
        unknown = None if others is None else [str(stream) for stream in others.result(cancelled)]
        machine = _measure(drivers, ear, wanted, progress, cancelled) if drivers or whole else None
        is_awake = whole and (awake.holds or sleep_inhibited())
    progress("judging")
    simulated = rig.is_simulated or any(stream.spec.simulated for stream in ear.streams.values())
    for driver, error in opened:
        failure = error or (as_device_error(driver.error, driver.config) if driver.error else None)
        rows += judge_device(driver.config, driver.streams, failure)
        for spec in driver.streams if failure is None else ():
            rows += judge_stream(ear.streams[spec.name])
    if unknown is not None:
        rows.append(judge_network(unknown))
    if facts is not None:
        rows += judge_stage(facts)
    rows += judge_films(shown.films)
    if machine is not None and whole:
        rows += judge_machine(machine, encoding(list(ear.streams.values()), rig.codec), shown.needed_s)
        rows.append(judge_sleep(is_awake))
    kept = tuple(row for row in rows if wanted.looks_at(row.group))
    return Report(rig=rig.name, protocol=shown.protocol, simulated=simulated, seconds=wanted.seconds, rows=kept)


def _measure(
    drivers: list[Driver], ear: Ear, wanted: Wanted, progress: Progress, cancelled: Cancellation
) -> MachineMeasure:
    """Let all streams flow, and measure them for a while."""
    meter = MachineMeter(wanted.out)
    for driver in drivers:
        driver.start(ear.emit)
    progress("waiting for every stream")
    deadline = time.monotonic() + _FLOW_S
    while ear.silent() and time.monotonic() < deadline and not any(driver.error for driver in drivers):
        cancelled.sleep(0.05)
    cancelled.sleep(_SETTLE_S)
    ear.begin()
    meter.begin()
    began = time.monotonic()
    while (left := began + wanted.seconds - time.monotonic()) > 0:
        progress(f"measuring every stream, {left:.0f} s left")
        cancelled.sleep(min(left, 0.25))
    ear.end()
    return meter.end(cancelled)


# The participant's screen ---------------------------------------------------------------------------------------------


def _nothing() -> None:
    """Undo what closes all by itself."""


def _try_stage(settings: StageSettings, cancelled: Cancellation) -> StageFacts:
    """Open the participant's screen, show a cross for some seconds, count the late flips."""
    stage = StageProcess(settings)
    try:
        hello = stage.start(cancelled=cancelled)
        late: list[int] = []
        step = {"kind": "fixation", "id": "preflight", "title": "", "seconds": _TRIAL_S}
        stage.send(Show(step=step))
        deadline = time.monotonic() + _TRIAL_ENDS_S
        over = False
        while not over and time.monotonic() < deadline:
            cancelled.check()
            stage.socket.poll(100)
            for message in stage.receive():
                if isinstance(message, Heartbeat):
                    late.append(message.late_flips)
                elif isinstance(message, Failed):
                    return StageFacts(error=message.message)
                over = over or isinstance(message, Done)
    except LabcaptureError as error:
        return StageFacts(error=error.what, mend=error.mend)
    finally:
        stage.close()
    if not over:
        return StageFacts(error=f"did not end a step of {_TRIAL_S:g} s")
    return StageFacts(
        display=hello.display,
        size=hello.size,
        rate_hz=hello.rate_hz,
        wanted_hz=settings.rate_hz,
        paced=hello.paced,
        seconds=_TRIAL_S,
        late_flips=late[-1] - late[0] if late else 0,
    )


# The machine ----------------------------------------------------------------------------------------------------------


def sleep_inhibited() -> bool | None:
    """Return whether something keeps this machine awake; None where that cannot be told."""
    asked = {
        "linux": (["systemd-inhibit", "--list", "--no-legend"], "sleep"),
        "darwin": (["pmset", "-g", "assertions"], "PreventUserIdleSystemSleep    1"),
    }.get(sys.platform)
    if asked is None or shutil.which(asked[0][0]) is None:
        return None
    try:
        done = subprocess.run(asked[0], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.splitlines()
    if done.returncode != 0:
        return None
    return any(asked[1] in line and "delay" not in line for line in lines)
