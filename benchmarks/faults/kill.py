"""The engine is killed (SIGKILL) while it records: `recover` must bring back every frame that the journal tells of."""

from __future__ import annotations

import random
from pathlib import Path

import psutil

from benchmarks.faults import victim
from benchmarks.faults.account import expect_whole
from benchmarks.faults.cell import Row
from benchmarks.faults.rig import Place, expect, session
from benchmarks.faults.tries import Outcome, repeat
from labcapture.recording.recover import recover

EXPECTED = (
    "every frame whose journal line was written is recovered, its index proven from its pixels; verify passes; "
    "what the crash left is unchanged; recovering again changes nothing"
)


def run(tries: int, seed: int) -> list[Row]:
    """Kill a recorder at random times, in the middle of trials, between them and while it closes its session."""
    return [repeat("recorder killed (SIGKILL)", EXPECTED, tries, seed, _recorder)]


def run_engine(tries: int, seed: int) -> list[Row]:
    """Kill a whole engine in the middle of a clip; slower, so tried less often."""
    return [repeat("engine killed (SIGKILL)", EXPECTED, tries, seed, _engine)]


def _recorder(folder: Path, seed: int) -> Outcome:
    session_folder = victim.crash(folder, random.Random(seed).uniform(0.0, victim.SECONDS + 0.5))  # noqa: S311
    return check(session_folder)


def check(folder: Path) -> Outcome:
    """Recover a crashed session of the victim and prove it."""
    before, promised = victim.fingerprints(folder), victim.journalled(folder)
    result = recover(folder)
    expect(result.is_complete, f"recover lost: {'; '.join(result.lost[:3])}")
    victim.prove(folder, promised, before, result)
    after = victim.fingerprints(folder)
    expect(not recover(folder).recovered, "a recovered session was recovered again")
    expect(victim.fingerprints(folder) == after, "recovering again changed something")
    return Outcome("0 frames of those journalled")


def _engine(folder: Path, seed: int) -> Outcome:
    place = Place(folder, seed)
    after_s = random.Random(seed).uniform(0.3, 4.0)  # noqa: S311 - not a secret
    with session(place) as watcher:
        watcher.clip(after_s=after_s)
        process = psutil.Process(watcher.client.details.pid)
        process.kill()
        process.wait(30)
    (crashed,) = place.sessions.iterdir()
    before, promised = victim.fingerprints(crashed), victim.journalled(crashed)
    result = recover(crashed)
    expect(result.is_complete, f"recover lost: {'; '.join(result.lost[:3])}")
    expect_whole(crashed)
    victim.prove(crashed, promised, before, result)
    return Outcome("0 frames of those journalled")
