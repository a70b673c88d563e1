"""A rehearsal: records the whole rig for some seconds, verifies what was written, and throws it away."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labcapture.core.cancelling import NEVER, Cancellation
from labcapture.core.clock import lsl_time
from labcapture.core.config import read_text
from labcapture.core.errors import LabcaptureError
from labcapture.devices.rig import Rig, load_rig
from labcapture.engine.awake import Awake
from labcapture.engine.check_messages import Rehearse
from labcapture.engine.checking import check_out, software
from labcapture.engine.driving import as_device_error, close_all, open_all, opening_words, wait_delivering
from labcapture.engine.intake import Intake
from labcapture.engine.log import SessionLog
from labcapture.engine.preflight_rows import Row, row
from labcapture.engine.preflight_streams import LEAST_RATE
from labcapture.engine.previewer import Previewer
from labcapture.protocol.rule import QualityRule
from labcapture.recording.recorder import Recorder, SessionHeader, create_folder
from labcapture.recording.verify import verify

GROUP = "rehearsal"
_DELIVER_S = 15.0
_FINISH_S = 30.0
_EDGES_S = 0.5  # of a recording: what falls before its first and after its last picture
_FOLDER = ".labcapture-rehearsal"  # no session browser, and no count of sessions, looks into it

Progress = Callable[[str, float], None]
"""Told what is being done now, and which share of all (0 to 1) is done."""


def rehearse(
    command: Rehearse, progress: Progress = lambda what, share: None, cancelled: Cancellation = NEVER
) -> tuple[Row, ...]:
    """Return a row for every stream, and one for the verification; nothing stays on disk.

    Raises
    ------
    Cancelled
        By ``cancelled``.
    BadInput
        The rig file is wrong, or nothing can be written; all else becomes a row.
    """
    rig = load_rig(Path(command.rig))
    out = Path(command.out)
    check_out(out)
    place, made = out / _FOLDER, not out.exists()
    try:
        facts = _record(rig, command, place, progress, cancelled)

        def verifying(_: str, done: int, of: int) -> None:
            cancelled.check()
            progress("verifying what was written", 0.85 + 0.15 * min(1.0, done / max(of, 1)))

        result = verify(facts["folder"], verifying)
        return (*_judge_streams(facts, command.seconds), _judge(result.problems, result.checked, facts))
    except LabcaptureError as error:
        return (row(GROUP, "recording", False, error.what, "", error.mend or "Run the preflight again."),)
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if made and out.is_dir() and not any(out.iterdir()):
            out.rmdir()


def _record(rig: Rig, command: Rehearse, place: Path, progress: Progress, cancelled: Cancellation) -> dict[str, Any]:
    """Record into a folder below ``place``; return what the recording's summary says, and its folder."""
    log = SessionLog()
    progress(opening_words(*(config.kind for config in rig.devices)), 0.0)
    with ExitStack() as stack:
        stack.enter_context(Awake())
        drivers = open_all(rig.devices, log, cancelled)
        stack.callback(close_all, drivers, log)
        streams = [spec for driver in drivers for spec in driver.streams]
        previewer = Previewer(streams)  # its work is a part of a session's
        stack.callback(previewer.close)
        intake = Intake(streams, previewer)
        for driver in drivers:
            driver.start(intake.emit)
        wait_delivering(drivers, intake.monitors, _DELIVER_S, cancelled)
        simulated = rig.is_simulated or any(spec.simulated for spec in streams)
        header = _header(rig, read_text(Path(command.rig)), simulated)
        folder = create_folder(place, header)
        recorder = Recorder(folder, header, streams)
        stack.callback(recorder.close)  # after a failure; else it is closed by then
        intake.recorder = recorder
        recorder.open_trial("01_a", step="rehearsal", take=1)
        began = time.monotonic()
        while (left := began + command.seconds - time.monotonic()) > 0:
            progress(f"recording, {left:.0f} s left", 0.05 + 0.75 * (1 - left / command.seconds))
            cancelled.sleep(min(left, 0.25))
            for driver in drivers:
                if driver.error is not None:
                    raise as_device_error(driver.error, driver.config)
        recorder.close_trial(lsl_time())
        progress("finishing the files", 0.8)
        recorder.wait_trials(_FINISH_S)
        for driver in drivers:
            driver.stop()
        rates = {spec.name: spec.rate_hz for spec in streams}
        return {**recorder.close(completed=True), "folder": folder, "rates": rates}


def _header(rig: Rig, rig_text: str, simulated: bool) -> SessionHeader:
    return SessionHeader(
        participant="rehearsal",
        session="0",
        protocol="rehearsal",
        paradigm="none",
        protocol_text="",
        rig=rig.name,
        rig_text=rig_text,
        language="en",
        simulated=simulated,
        autopilot=None,
        software=software(),
        rule=QualityRule(),
        started_utc=datetime.now(UTC),
        codec=rig.codec,
    )


def _judge_streams(facts: dict[str, Any], seconds: float) -> Iterator[Row]:
    """Yield what came of each stream."""
    for name, count in facts["recorded"].items():
        before, by = facts["lost_before_us"].get(name, 0), facts["lost_by_us"].get(name, 0)
        least = math.floor(LEAST_RATE * facts["rates"][name] * max(0.0, seconds - _EDGES_S))
        verdict = "fail" if by or count < least else "warn" if before else "ok"
        lost = f"{before} lost before us, {by} lost by us" if before or by else "none lost"
        reading = f"{count} in {seconds:.0f} s, {lost}"
        mend = "Use another cable or port."
        if by:
            mend = "Close other programs; record to a faster disk."
        elif count < least and not before:  # it sends less by itself
            mend = "Give a camera more light; look at the rates in the preflight."
        yield row(GROUP, name, verdict, reading, f"at least {least}, none lost" if least else "none lost", mend)


def _judge(problems: list[str], checked: dict[str, int], facts: dict[str, Any]) -> Row:
    """Return what the verification came to."""
    found = [*problems, *filter(None, [facts.get("error", "")])]
    reading = found[0] if found else f"{checked['frames']} pictures and {checked['rows']} rows read back; thrown away"
    return row(GROUP, "verified", not found, reading, "whole", "Check the disk; record to another one.")
