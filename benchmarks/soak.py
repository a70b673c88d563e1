"""A long session at full rate, measured from outside: losses, cores, memory, and how late a marker is on disk.

A simulated D415 (1280 x 720 colour and depth at 30 fps), voice 48 kHz x 2, three LSL streams, and the stage that plays
720p films all along: everything that a session needs, on this machine alone. ::

    python benchmarks/soak.py --minutes 10 --json soak.json
    python benchmarks/soak.py --minutes 1 --hogs 6          # while six programs do nothing but compute
    python benchmarks/soak.py --minutes 1 --console         # with the window, drawn off screen

A marker is on disk when the first fsync that began after it was written into the journal has ended. The order of
markers and fsyncs is that of the journal; when an fsync ended is told by the engine's snapshots.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from labcapture.core.clock import lsl_time
from labcapture.engine.client import Client
from labcapture.engine.messages import EngineState, Mark, Prepare, Shutdown, Snapshot, Start
from labcapture.protocol.manifest import load_manifest
from labcapture.protocol.placeholders import make_placeholders
from labcapture.recording import schema
from labcapture.recording.journal import JournalReader

RIG = """
name: soak
devices:
  - {kind: realsense, name: camera, source: simulated}
  - {kind: microphone, name: voice, source: simulated, channels: 2}
  - {kind: lsl, name: eda, preset: eda, simulated: {rate_hz: 200}}
  - {kind: lsl, name: ppg, preset: eda, simulated: {rate_hz: 200, seed: 2}}
  - {kind: lsl, name: respiration, preset: eda, simulated: {rate_hz: 200, seed: 3}}
stage: {display: virtual, size: [1280, 720]}
"""
FILM_S = 60.0
MARK_PERIOD_S = 0.2
RECORDER = "recorder-"
_SETTLED_S = 150.0  # then every ring of recent values is full: what grows after it, grows for ever
SOURCES = ("simulated-d415", "generated voice")


@dataclass
class Seen:
    """What was seen from outside while the session ran."""

    synced: list[float] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    threads: dict[str, float] = field(default_factory=dict)
    programs: dict[str, float] = field(default_factory=dict)
    alarms: set[str] = field(default_factory=set)
    streams: dict[str, dict[str, float]] = field(default_factory=dict)
    most_waiting_bytes: int = 0
    raw_frames: int = 0
    seconds: float = 0.0


def inputs(folder: Path, minutes: float) -> tuple[Path, Path]:
    """Write rig, protocol, manifest and film; return the first two."""
    length = min(FILM_S, minutes * 60)
    clip = {"id": "soak", "file": "soak.mp4", "duration_s": length, "emotion": "neutral", "title": "Soak"}
    manifest, rig, protocol = folder / "stimuli_manifest.yaml", folder / "rig.yaml", folder / "protocol.yaml"
    manifest.write_text(json.dumps({"clips": [clip | {"source": "placeholder", "licence": "CC0-1.0"}]}))
    make_placeholders(load_manifest(manifest), folder / "stimuli")
    rig.write_text(RIG)
    steps = [{"id": f"film_{i}", "kind": "movie", "clip": "soak"} for i in range(max(1, round(minutes * 60 / length)))]
    protocol.write_text(json.dumps({"name": "soak", "title": "Soak", "paradigm": "none", "steps": steps}))
    return rig, protocol


@contextlib.contextmanager
def hogs(count: int) -> Iterator[None]:
    """Have ``count`` programs compute for nothing, each in a session of its own: Linux shares out cores by session."""
    command = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(command, start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for program in busy:
            program.kill()
            program.wait()


@contextlib.contextmanager
def window(wanted: bool) -> Iterator[psutil.Process | None]:
    """Have a console attached to the engine, if ``wanted``; its pictures are drawn off screen where there is none."""
    if not wanted:
        yield None
        return
    screen = {} if os.environ.get("DISPLAY") else {"QT_QPA_PLATFORM": "offscreen"}
    program = subprocess.Popen([sys.executable, "-m", "labcapture.cli"], env=os.environ | screen)
    try:
        yield psutil.Process(program.pid)
    finally:
        program.terminate()
        program.wait()


def name_of(program: psutil.Process) -> str:
    """Return what the report calls one of the engine's programs."""
    words = " ".join(program.cmdline())
    known = {"labcapture.engine": "engine", "stage.child": "stage", "simulated.eda": "LSL outlets (simulated)"}
    known |= {"simulated.voice": "voice (simulated)", "paplay": "voice (simulated)", "pulseaudio": "voice (simulated)"}
    return next((name for part, name in known.items() if part in words), program.name())


class Programs:
    """Processor seconds of the engine, of all that it started, and of the console."""

    def __init__(self, engine: psutil.Process, console: psutil.Process | None) -> None:
        self._engine, self._console = engine, console
        self._first: dict[int, float] = {}
        self._last: dict[int, tuple[str, float]] = {}

    def look(self) -> None:
        """Read the times."""
        found = [self._engine, *self._engine.children(recursive=True), *([self._console] if self._console else [])]
        for program in found:
            with contextlib.suppress(psutil.Error):  # it has just ended
                times = program.cpu_times()
                name = "console" if program is self._console else name_of(program)
                self._first.setdefault(program.pid, times.user + times.system)
                self._last[program.pid] = name, times.user + times.system

    def seconds(self) -> dict[str, float]:
        """Return what each has used since the first look."""
        used: dict[str, float] = defaultdict(float)
        for pid, (name, now) in self._last.items():
            used[name] += now - self._first[pid]
        return dict(used)


def follow(client: Client, console: psutil.Process | None) -> tuple[Snapshot, Seen]:
    """Watch the session to its end, put markers into it, and return its last snapshot and what was seen."""
    seen, programs = Seen(), Programs(psutil.Process(client.details.pid), console)
    begin: tuple[float, dict[str, float]] | None = None
    mark_due = look_due = 0.0
    while True:
        snapshot = client.snapshots(timeout=5.0)
        if snapshot is None:
            continue
        if snapshot.result is not None:
            return snapshot, seen
        if snapshot.sync_age_s is not None:
            seen.synced.append(snapshot.time - snapshot.sync_age_s)
        seen.alarms |= {f"{alarm.source}: {alarm.cause}" for alarm in snapshot.alarms}
        seen.most_waiting_bytes = max(seen.most_waiting_bytes, snapshot.queue_bytes)
        seen.raw_frames = snapshot.raw_frames
        if snapshot.state is not EngineState.RUNNING:
            continue
        for stream in snapshot.streams:
            seen.streams[stream.name] = stream.model_dump(
                include={"received", "lost_before_us", "lost_by_us", "preview_skipped"}
            )
        now = time.monotonic()
        if now >= look_due:
            look_due = now + 1.0
            programs.look()
            begin = begin or (now, snapshot.threads_s)
            seen.seconds = now - begin[0]
            seen.memory.append((now - begin[0], snapshot.memory_bytes))
            seen.threads = {name: used - begin[1].get(name, 0.0) for name, used in snapshot.threads_s.items()}
            seen.programs = programs.seconds()
        if now >= mark_due:
            mark_due = now + MARK_PERIOD_S
            with contextlib.suppress(Exception):  # the session may have ended meanwhile
                client.command(Mark(label="soak", time=lsl_time()))


def marker_delays(folder: Path, synced: list[float]) -> list[float]:
    """Return the seconds from each marker to the end of the fsync that put it on disk."""
    ends = np.unique(synced)
    waiting: list[float] = []
    delays: list[float] = []
    for record in JournalReader(folder / schema.journal_path()):
        if record["kind"] != "rows":
            continue
        if record["path"] == "/markers":
            waiting += [row[0] for row in record["rows"]]
        elif record["path"] == "/clock/wall":  # written at the start of every fsync
            after = ends[ends >= record["rows"][0][0]]
            if len(after):
                delays += [float(after[0]) - time for time in waiting]
                waiting = []
    return delays


def figures(snapshot: Snapshot, seen: Seen) -> dict[str, Any]:
    """Return all that was measured."""
    result = snapshot.result
    assert result is not None  # noqa: S101 - the last snapshot has it
    if not result.folder or not result.completed:
        raise SystemExit(f"the session did not run to its end: {result.error or result.reason}")
    delays = marker_delays(Path(result.folder), seen.synced)
    by_thread = {name: round(used / seen.seconds, 4) for name, used in sorted(seen.threads.items())}
    recorder = sum(used for name, used in by_thread.items() if name.startswith(RECORDER))
    memory = np.array(seen.memory)
    late = memory[memory[:, 0] > min(_SETTLED_S, seen.seconds / 2)]
    growth = np.polyfit(late[:, 0] / 60, late[:, 1] / 1e6, 1)[0] if len(late) > 2 else None
    size = sum(path.stat().st_size for path in Path(result.folder, "trials").glob("*.h5"))
    pairs = min(result.recorded["color"], result.recorded["depth"])
    return {
        "seconds": round(seen.seconds, 1),
        "streams": seen.streams,
        "recorded": result.recorded,
        "lost_before_us": result.lost_before_us,
        "lost_by_us": result.lost_by_us,
        "raw_frames": seen.raw_frames,
        "bytes_per_pair": round(size / max(pairs, 1)),
        "most_waiting_bytes": seen.most_waiting_bytes,
        "core_by_program": {name: round(used / seen.seconds, 3) for name, used in sorted(seen.programs.items())},
        "core_by_thread_of_the_engine": by_thread,
        "core_encode_hash_write": round(recorder, 3),
        "memory_bytes": {"first": seen.memory[0][1], "most": int(memory[:, 1].max()), "last": seen.memory[-1][1]},
        "memory_growth_mb_per_minute": None if growth is None else round(float(growth), 2),
        "memory_mb_each_half_minute": [
            round(float(np.interp(at, memory[:, 0], memory[:, 1])) / 1e6, 1) for at in np.arange(0, memory[-1, 0], 30)
        ],
        "markers": len(delays),
        "marker_to_disk_s": {f"p{p}": round(float(np.percentile(delays, p)), 3) for p in (50, 99, 100)},
        "alarms": sorted(seen.alarms),
        "error": result.error,
    }


def machine(out: Path) -> dict[str, Any]:
    """Return what was measured on."""
    cpu = platform.processor()
    with contextlib.suppress(OSError):  # Linux
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), cpu)
    disk = max(psutil.disk_partitions(all=True), key=lambda p: out.is_relative_to(p.mountpoint) * len(p.mountpoint))
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": platform.platform(),
        "disk": f"{disk.device} ({disk.fstype})",
        "python": platform.python_version(),
    }


def table(report: dict[str, Any]) -> str:
    """Return the report as a markdown table."""
    rows = ["| figure | value |", "| --- | --- |"]
    for name, value in report.items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        if isinstance(value, list):
            shown = "; ".join(map(str, value)) or "none"
        rows.append(f"| {name.replace('_', ' ')} | {shown} |")
    return "\n".join(rows)


def main() -> int:
    """Run it; the exit code is 1 if anything was lost by us."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--hogs", type=int, default=0, help="programs that only compute, beside it")
    parser.add_argument("--console", action="store_true", help="with the console open")
    parser.add_argument("--json", type=Path, default=None, help="write the figures here")
    parser.add_argument("--out", type=Path, default=None, help="folder for the session (5 GB per minute at most)")
    parser.add_argument("--keep", action="store_true", help="keep the session")
    asked = parser.parse_args()
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="labcapture-soak-", dir=asked.out))
    try:
        rig, protocol = inputs(folder, asked.minutes)
        client = Client.spawn()
        try:
            out = str(folder / "out")
            prepare = Prepare(protocol=str(protocol), rig=str(rig), participant="P000", session="1", out=out)
            client.command(prepare.model_copy(update={"stimuli": str(folder / "stimuli"), "autopilot": 1}), timeout=120)
            with window(asked.console) as console, hogs(asked.hogs):
                client.command(Start())
                snapshot, seen = follow(client, console)
        finally:
            with contextlib.suppress(Exception):
                client.command(Shutdown())
            if not client.wait_ended(30):
                psutil.Process(client.details.pid).terminate()
                client.wait_ended(60)
            client.close()
        report: dict[str, Any] = {"command": " ".join(["python", *sys.argv]), "machine": machine(folder)}
        report |= {"hogs": asked.hogs, "console": asked.console, **figures(snapshot, seen)}
    finally:
        if not asked.keep:
            shutil.rmtree(folder)
    print(table(report))
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return int(any(report["lost_by_us"].values()))


if __name__ == "__main__":
    sys.exit(main())
