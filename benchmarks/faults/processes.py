"""Processes that are killed, and two engines that meet: the session is not theirs to lose."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import psutil

from benchmarks.faults.account import account, expect_logged, expect_whole
from benchmarks.faults.cell import Row
from benchmarks.faults.rig import LABCAPTURE, ROOT, CellFailed, Place, Watcher, child, end, engine, expect, session
from benchmarks.faults.tries import Outcome, repeat
from labcapture.core.clock import lsl_time
from labcapture.core.errors import EngineError, RecordingError
from labcapture.engine import connection as connections
from labcapture.engine.client import Client
from labcapture.engine.messages import Abort, EngineState, Prepare, SessionResult, Start
from labcapture.reading.session import open_session

_ATTACHED = """
import sys, time
from pathlib import Path
from labcapture.engine.client import Client
client = Client.attach(Path(sys.argv[1]))
while True:
    snapshot = client.snapshots(timeout=2.0)
    print(snapshot.state if snapshot else "", flush=True)
"""


def stage_killed(tries: int, seed: int) -> Row:
    """Kill the process of the participant's screen in mid-clip; the clip is shown again in the same session."""

    def attempt(folder: Path, number: int) -> Outcome:
        place = Place(folder, number)
        with session(place) as watcher:
            watcher.clip(after_s=2.0)
            fault = lsl_time()
            child(watcher.client, "labcapture.stage.child").kill()
            back = watcher.until(lambda s: s.trial == "02_a" or s.result is not None, "the clip's second take")
            back_s = lsl_time() - fault
            expect(back.result is None, "the session was ended")
            result = watcher.end()
        _expect_broken_trial(Path(result.folder), fault)
        with open_session(result.folder) as read:
            takes = {trial.id: trial.superseded for trial in read.trials.values()}
        expect(takes == {"01_a": True, "02_a": False, "03_b": False}, f"trials, and whether superseded: {takes}")
        lost = _nothing_lost(place, result)
        note = f"The clip was shown again {back_s:.1f} s after the fault."
        return Outcome(f"{lost}; the first take of the clip", watcher.alarm_after(fault, "stage"), note)

    expected = (
        "alarm; the step is failed, its trial not whole; the screen comes back, the step is redone; verify passes"
    )
    return repeat("stage killed in mid-clip", expected, tries, seed, attempt)


def stage_killed_abort(tries: int, seed: int) -> Row:
    """Kill the process of the participant's screen in mid-clip; the operator aborts while it is opened again."""

    def attempt(folder: Path, number: int) -> Outcome:
        place = Place(folder, number)
        with session(place) as watcher:
            watcher.clip(after_s=2.0)
            fault = lsl_time()
            child(watcher.client, "labcapture.stage.child").kill()
            watcher.until(lambda s: s.state is EngineState.PAUSED or s.result is not None, "the pause")
            watcher.client.command(Abort(reason="the participant leaves"))
            result = watcher.end()
        expect(not result.completed, "the session counts as completed")
        expect(result.error.startswith("stage:"), f"the result does not say so: {result.error!r}")
        assert watcher.last is not None  # noqa: S101 - it has run
        states = {step.id: step.state for step in watcher.last.steps}
        expect(states == {"welcome": "done", "clip_1": "failed", "clip_2": "skipped"}, f"states of the steps: {states}")
        _expect_broken_trial(Path(result.folder), fault)
        expect_whole(Path(result.folder))
        lost = account(Path(result.folder), place.truth())
        expect(lost.by_us == lost.untold == 0, f"pictures: {lost}")
        return Outcome(f"{lost}; the clip, and those after it", watcher.alarm_after(fault, "stage"))

    expected = "alarm; the step is failed, its trial not whole; the session is closed in order; verify passes"
    return repeat("stage killed, operator aborts", expected, tries, seed, attempt)


def _expect_broken_trial(folder: Path, fault: float) -> None:
    """Fail the try unless the first trial is marked, and has its pictures until LSL time ``fault`` (s)."""
    with h5py.File(folder / "trials" / "01_a.h5") as trial:
        expect(not trial.attrs["whole"], "the trial counts as whole")
        expect(float(trial["color/arrival_time"][-1]) > fault - 0.1, "pictures before the fault are missing")
    expect_logged(folder, "stage")


def client_killed(tries: int, seed: int) -> Row:
    """Kill -9 a client that reads snapshots in mid-clip; a new one attaches."""

    def attempt(folder: Path, number: int) -> Outcome:
        place = Place(folder, number)
        with session(place) as watcher:
            path = watcher.client.connection
            program = [sys.executable, "-c", _ATTACHED, str(path)]
            with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
                assert other.stdout is not None  # noqa: S101 - asked for
                try:
                    _read_until(other, EngineState.RUNNING)
                    watcher.clip()
                finally:
                    other.kill()
            attach_s = _attach(path)
            result = watcher.end()
        return Outcome(_nothing_lost(place, result), note=f"A new client was attached after {attach_s:.2f} s.")

    expected = "the session goes on and loses nothing; a new client attaches; verify passes"
    return repeat("client killed", expected, tries, seed, attempt)


def cli_killed(tries: int, seed: int) -> Row:
    """Kill -9 the ``labcapture run`` that started the session; its engine goes on, and a new client attaches."""

    def attempt(folder: Path, number: int) -> Outcome:
        place = Place(folder, number)
        command = run_command(place.prepare())
        known = set(connections.find())
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT) as running:
            try:
                _wait(lambda: bool(list(place.sessions.glob("*/trials/01_a.h5"))), running, "the first trial")
                time.sleep(1.0)
            finally:
                running.kill()
        begin = time.monotonic()
        found = [path for path in connections.find() if path not in known]
        expect(len(found) == 1, f"{len(found)} engines are running")
        client = Client.attach(found[0])
        attach_s = time.monotonic() - begin
        try:
            result = Watcher(client).end()
        finally:
            end(client)
            _reap(client.details.pid)
        return Outcome(_nothing_lost(place, result), note=f"A new client was attached after {attach_s:.2f} s.")

    expected = "the engine goes on and ends the session; a new client attaches; nothing is lost; verify passes"
    return repeat("labcapture run killed", expected, tries, seed, attempt)


def two_engines(tries: int, seed: int) -> Row:
    """Begin two sessions at once on two engines and one output folder, every other time of the same participant."""

    def attempt(folder: Path, number: int) -> Outcome:
        names = ("P001", "P001" if number % 2 else "P002")
        places = [Place(folder / str(i), number, out=folder / "out", participant=names[i]) for i in range(2)]
        for place in places:
            place.folder.mkdir()
        with engine() as first, engine() as second, ThreadPoolExecutor(2) as both:
            clients = (first, second)
            done = list(both.map(_begin, clients, [place.prepare() for place in places]))
            results = [Watcher(client).end() if ok else None for client, ok in zip(clients, done, strict=True)]
        closed = [(place, result) for place, result in zip(places, results, strict=True) if result is not None]
        expect(bool(closed), "neither session was begun")
        folders = {result.folder for _, result in closed}
        expect(len(folders) == len(closed) == len(list((folder / "out").iterdir())), f"folders: {sorted(folders)}")
        lost = {_nothing_lost(place, result) for place, result in closed}
        expect(len(closed) == 2 or names[0] == names[1], "a session of another participant was refused")
        refused = "" if len(closed) == 2 else "Of one participant in the same second: one was refused."
        return Outcome("; ".join(sorted(lost)), note=refused)

    expected = "each session is whole in a folder of its own, or refused if that exists; verify passes"
    return repeat("two engines, one output folder", expected, tries, seed, attempt)


def _begin(client: Client, prepare: Prepare) -> bool:
    """Prepare and start a session; False where it was refused because its folder exists."""
    try:
        client.command(prepare, timeout=120)
    except RecordingError as error:
        expect("exists already" in error.what, str(error))
        return False
    client.command(Start())
    return True


def _nothing_lost(place: Place, result: SessionResult) -> str:
    """Fail the try unless a session was completed and lost nothing; say so."""
    expect(result.completed and not result.error, f"the session was not completed: {result.error}")
    expect(not any(result.lost_by_us.values()), f"lost by us: {json.dumps(result.lost_by_us)}")
    expect_whole(Path(result.folder))
    lost = account(Path(result.folder), place.truth())
    expect(lost.by_us == lost.before_us == lost.untold == 0, f"pictures: {lost}")
    return str(lost)


def run_command(prepare: Prepare) -> list[str]:
    """Return the command line that runs a session without a window."""
    options = {
        "--rig": prepare.rig,
        "--participant": prepare.participant,
        "--session": prepare.session,
        "--out": prepare.out,
        "--stimuli": prepare.stimuli or "",
        "--autopilot": str(prepare.autopilot),
    }
    flat = [word for option in options.items() for word in option]
    return [*LABCAPTURE, "run", prepare.protocol, *flat, "--headless"]


def _attach(path: Path) -> float:
    """Attach one more client and see that it is told the state; return how long that took (s)."""
    begin = time.monotonic()
    client = Client.attach(path)
    try:
        snapshot = client.snapshots(timeout=5)
        expect(snapshot is not None and snapshot.state is EngineState.RUNNING, "the new client hears nothing")
        return time.monotonic() - begin
    finally:
        client.close()


def _read_until(program: subprocess.Popen[str], word: str) -> None:
    assert program.stdout is not None  # noqa: S101 - asked for
    for line in program.stdout:
        if line.strip() == word:
            return
    raise CellFailed("the other client ended by itself")


def _wait(condition: Callable[[], bool], program: subprocess.Popen[bytes], what: str) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        if program.poll() is not None or time.monotonic() > deadline:
            raise CellFailed(f"{what} did not come")
        time.sleep(0.05)


def _reap(pid: int) -> None:
    """Wait until an engine that is no child of ours has ended; kill it if it does not."""
    try:
        process = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    try:
        process.wait(30)
    except psutil.TimeoutExpired:
        process.kill()
        raise EngineError(f"engine {pid} did not end") from None
