"""The rig on which faults are made: the simulated one, small pictures, two clips of five seconds; and its engine."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from labcapture.core.clock import lsl_time
from labcapture.core.errors import EngineError, LabcaptureError
from labcapture.core.runtime import runtime_folder
from labcapture.devices.simulated.truth import Truth
from labcapture.engine.client import Client
from labcapture.engine.messages import Abort, Alarm, EngineState, Prepare, SessionResult, Shutdown, Snapshot, Start

ROOT = Path(__file__).parents[2]
LABCAPTURE = (sys.executable, "-m", "labcapture.cli")
LATENCY_S = 0.022
"""From an exposure of the simulated camera to its delivery, at least."""

_PATIENCE_S = 120.0

# A small picture keeps the two cores of a modest machine free for what is tried; format and path are those of 720p.
_RIG = """
name: fault rig
devices:
  - kind: realsense
    name: camera
    source: simulated
    color: {{width_px: 424, height_px: 240}}
    depth: {{width_px: 424, height_px: 240}}
    simulated: {{pictures: 3, seed: {seed}, truth_path: '{truth}', faults: {camera}}}
  - kind: microphone
    name: voice
    source: simulated
    channels: 2
  - kind: lsl
    name: eda
    preset: eda
    simulated: {{seed: {seed}, faults: {eda}}}
stage:
  display: virtual
  size: [640, 360]
"""

_PROTOCOL = """
name: faults
title: Two clips
paradigm: neutralization
steps:
  - {id: welcome, kind: instruction, text: Welcome, seconds: 0.5}
  - {id: clip_1, kind: movie, clip: rehearsal_neutral}
  - {id: clip_2, kind: movie, clip: rehearsal_happiness}
"""

_MANIFEST = "stimuli_manifest.yaml"


class CellFailed(Exception):  # noqa: N818 - an outcome of a try, not an error of the program
    """Something that was expected of a try did not hold."""


def expect(holds: bool, otherwise: str) -> None:
    """Fail the try unless something holds."""
    if not holds:
        raise CellFailed(otherwise)


def films() -> Path:
    """Return a folder with the two films of the protocol; they are made at the first call, in a run-time folder."""
    folder = runtime_folder() / "films"
    if not folder.exists():
        clips = ("--clip", "rehearsal_neutral", "--clip", "rehearsal_happiness")
        subprocess.run(
            [*LABCAPTURE, "stimuli", "placeholders", "--out", folder, *clips], check=True, cwd=ROOT, capture_output=True
        )
    return folder


@dataclass(frozen=True)
class Place:
    """Where one try happens: its rig, protocol and sessions.

    Parameters
    ----------
    folder
        Where the files of the try go.
    seed
        Of everything simulated.
    camera, eda
        Faults of the simulated camera and of the simulated EDA, as in a rig file.
    out
        Folder of the sessions; in ``folder`` unless given.
    participant
        Pseudonym.
    """

    folder: Path
    seed: int = 0
    camera: Mapping[str, Any] = field(default_factory=dict)
    eda: tuple[Mapping[str, Any], ...] = ()
    out: Path | None = None
    participant: str = "P001"

    @property
    def sessions(self) -> Path:
        """Folder of the sessions."""
        return self.out or self.folder / "out"

    def prepare(self) -> Prepare:
        """Write the files; return the command that opens a session with them."""
        rig, protocol = self.folder / "rig.yaml", self.folder / "protocol.yaml"
        rig.write_text(
            _RIG.format(truth=self._truth, seed=self.seed, camera=json.dumps(self.camera), eda=json.dumps(self.eda)),
            encoding="utf-8",
        )
        protocol.write_text(_PROTOCOL, encoding="utf-8")
        (films().parent / _MANIFEST).write_bytes((ROOT / _MANIFEST).read_bytes())
        return Prepare(
            protocol=str(protocol),
            rig=str(rig),
            participant=self.participant,
            session="01",
            out=str(self.sessions),
            stimuli=str(films()),
            autopilot=self.seed,
        )

    def truth(self) -> list[Truth]:
        """Return what the simulated camera did, in order of delivery."""
        lines = self._truth.read_text(encoding="utf-8").splitlines()
        return [Truth(**json.loads(line)) for line in lines]

    @property
    def _truth(self) -> Path:
        return self.folder / "truth.jsonl"


class Watcher:
    """An operator's eyes on an engine: when each alarm was first read, and how long nothing was heard."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.told: list[tuple[float, Alarm]] = []
        """(LSL time at which the snapshot was read, alarm), each alarm once."""
        self.longest_silence_s = 0.0
        """Longest time between two snapshots."""
        self.last: Snapshot | None = None
        """Newest snapshot that had a session in it."""
        self._known: set[tuple[str, float]] = set()
        self._heard: float | None = None

    def until(self, condition: Callable[[Snapshot], bool], what: str) -> Snapshot:
        """Read snapshots until ``condition``; ``what`` is waited for, in words."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            snapshot = self.client.snapshots(timeout=2.0)
            if snapshot is None:
                continue
            now = lsl_time()
            if self._heard is not None:
                self.longest_silence_s = max(self.longest_silence_s, now - self._heard)
            self._heard = now
            for alarm in snapshot.alarms:
                if alarm.active and (alarm.source, alarm.time) not in self._known:
                    self._known.add((alarm.source, alarm.time))
                    self.told.append((now, alarm))
            if snapshot.steps:
                self.last = snapshot
            if condition(snapshot):
                return snapshot
        raise CellFailed(f"{what} did not come within {_PATIENCE_S:.0f} s")

    def clip(self, trial: str = "01_a", after_s: float = 1.0) -> Snapshot:
        """Wait until a clip has run for some time."""
        return self.until(
            lambda s: s.result is not None or (s.trial == trial and s.step_elapsed_s > after_s), f"trial {trial}"
        )

    def seconds(self, count: float) -> None:
        """Read snapshots for some time."""
        over = time.monotonic() + count
        self.until(lambda _: time.monotonic() > over, f"{count:g} s of snapshots")

    def end(self) -> SessionResult:
        """Wait until the session is closed."""
        result = self.until(lambda s: s.state is EngineState.IDLE and s.result is not None, "the session's end").result
        assert result is not None  # noqa: S101 - waited for
        return result

    def alarm_after(self, fault: float, *sources: str) -> float:
        """Return how long after LSL time ``fault`` the first alarm of ``sources`` was read (s)."""
        delays = [read - fault for read, alarm in self.told if alarm.source in sources and read > fault]
        told = ", ".join(f"{alarm.source}: {alarm.cause}" for _, alarm in self.told) or "none"
        expect(bool(delays), f"no alarm of {' or '.join(sources)} (told: {told})")
        return min(delays)


@contextlib.contextmanager
def engine(environment: Mapping[str, str] | None = None) -> Iterator[Client]:
    """Run an engine of our own, with more in its environment; it is ended whatever happens."""
    before = dict(os.environ)
    os.environ.update(environment or {})
    try:
        client = Client.spawn(timeout=60)
    finally:
        os.environ.clear()
        os.environ.update(before)
    try:
        yield client
    finally:
        end(client)


def end(client: Client) -> None:
    """End an engine, its session first."""
    with contextlib.suppress(LabcaptureError):
        if client.snapshot().state is not EngineState.IDLE:
            with contextlib.suppress(EngineError):  # it closes already
                client.command(Abort(reason="the try is over"))
            Watcher(client).end()
        client.command(Shutdown())
    if not client.wait_ended(30):
        psutil.Process(client.details.pid).kill()
        client.wait_ended(10)
    client.close()


@contextlib.contextmanager
def session(place: Place, environment: Mapping[str, str] | None = None) -> Iterator[Watcher]:
    """Start a session on an engine of its own; whoever watches it brings it to its end."""
    with engine(environment) as client:
        client.command(place.prepare(), timeout=_PATIENCE_S)
        client.command(Start())
        yield Watcher(client)


def child(client: Client, *words: str) -> psutil.Process:
    """Return the process below the engine whose command line has all ``words``, the deepest where several have."""
    below = psutil.Process(client.details.pid).children(recursive=True)
    for process in reversed(below):
        with contextlib.suppress(psutil.NoSuchProcess):
            line = process.cmdline()
            if all(any(word in part for part in line) for word in words):
                return process
    raise CellFailed(f"the engine has no process {' '.join(words)}")
