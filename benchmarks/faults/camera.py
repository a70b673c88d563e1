"""Faults of the camera: unplugged, stalled, mute from the start."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.faults.account import account, expect_logged, expect_whole
from benchmarks.faults.cell import Row
from benchmarks.faults.processes import run_command
from benchmarks.faults.rig import LATENCY_S, ROOT, CellFailed, Place, engine, expect, session
from benchmarks.faults.tries import Outcome, repeat
from labcapture.core.clock import lsl_time
from labcapture.core.errors import DeviceError
from labcapture.devices.simulated.faults import Loss
from labcapture.devices.simulated.truth import Truth

_RED_ALARM = "\x1b[1;31mALARM"
_AT_S, _AWAY_S = 3.5, 2.0  # after the camera's start; the first clip runs from about 2 to 7 s


def unplugged(tries: int, seed: int) -> Row:
    """Pull the camera's cable in mid-clip and put it back two seconds later."""

    def attempt(folder: Path, number: int) -> Outcome:
        place = Place(folder, number, {"disconnects": [{"at_s": _AT_S, "seconds": _AWAY_S}]})
        return _interrupted(place, "disconnect")

    expected = "alarm; the camera is used again; all that it delivered is kept; its absence is a gap; verify passes"
    return repeat("camera unplugged for 2 s", expected, tries, seed, attempt)


def stalled(tries: int, seed: int) -> Row:
    """Let the camera deliver nothing for two seconds, though it is there."""

    def attempt(folder: Path, number: int) -> Outcome:
        place = Place(folder, number, {"stalls": [{"at_s": _AT_S, "seconds": _AWAY_S}]})
        return _interrupted(place, "stall")

    expected = "alarm; all that was delivered is kept; the frames that never came are a gap; verify passes"
    return repeat("camera stalls for 2 s", expected, tries, seed, attempt)


def mute(tries: int, seed: int) -> Row:
    """Let the camera deliver nothing from the start."""

    def attempt(folder: Path, number: int) -> Outcome:
        place = Place(folder, number, {"stalls": [{"at_s": 0, "seconds": 3600}]})
        with engine() as client:
            try:
                client.command(place.prepare(), timeout=120)
            except DeviceError as error:
                words = str(error)
            else:
                raise CellFailed("the session was prepared")
        expect("color, depth" in words, f"the refusal does not name the streams: {words}")
        expect(not list(place.sessions.glob("*")), "something was left in the folder of sessions")
        return Outcome("nothing was begun", note=f'Refused with: "{words}"')

    expected = "the session is refused in one line that names the streams; nothing is left on disk"
    return repeat("camera delivers nothing", expected, tries, seed, attempt)


def red_line(tries: int, seed: int) -> Row:
    """Pull the camera's cable in a session of ``labcapture run``, and read its terminal."""

    def attempt(folder: Path, number: int) -> Outcome:
        place = Place(folder, number, {"disconnects": [{"at_s": _AT_S, "seconds": _AWAY_S}]})
        environment = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "120"}
        red: list[tuple[float, str]] = []
        with subprocess.Popen(
            run_command(place.prepare()),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        ) as running:
            assert running.stderr is not None  # noqa: S101 - asked for
            red += [(lsl_time(), line) for line in running.stderr if _RED_ALARM in line]
        expect(bool(red), "no red line")
        alarm_s = red[0][0] - _begins(place.truth(), "disconnect")
        expect(alarm_s > 0, f"a red line before the fault: {red[0][1]!r}")
        expect_whole(next(place.sessions.iterdir()))
        return Outcome("as above", alarm_s)

    expected = "a red line in the terminal of labcapture run; verify passes"
    return repeat("camera unplugged, told in the terminal", expected, tries, seed, attempt)


def _interrupted(place: Place, loss: Loss) -> Outcome:
    """Run a session whose camera is away for a while."""
    with session(place) as watcher:
        result = watcher.end()
    truth = place.truth()
    folder = Path(result.folder)
    expect(result.completed, f"the session was not completed: {result.reason} {result.error}")
    expect_whole(folder)
    expect_logged(folder, "color")
    alarm_s = watcher.alarm_after(_begins(truth, loss), "color", "depth", "camera")
    lost = account(folder, truth)
    expect(lost.by_us == 0, f"{lost.by_us} delivered frames are not in the files")
    expect(lost.untold == 0, f"{lost.untold} missing frames are in no gap table")
    expect(lost.before_us > 0, "the fault did not fall into a clip")
    expect(result.part == "B", f"the session was routed to {result.part}")
    return Outcome(str(lost), alarm_s)


def _begins(truth: Sequence[Truth], loss: Loss) -> float:
    """Return when the first frame was due that never came (LSL s)."""
    return min(row.captured for row in truth if row.lost == loss) + LATENCY_S
