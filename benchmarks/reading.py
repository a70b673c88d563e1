"""How fast sessions are read, beside what labs use today, on the same frames: ``python -m benchmarks.reading``.

Each recording holds pairs of 1280 x 720 colour and depth. It is read in a process of its own: colour frames at random,
then every pair in order. Every picture is compared with the one that was recorded. Opening is measured on a session of
40 000 small frames in 13 trials with 22 minutes of voice and EDA. Files lie in the system's cache, as they were just
written.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import labcapture
from benchmarks.peers import frames, report
from benchmarks.peers.base import Read
from benchmarks.peers.frames import Pool
from benchmarks.peers.worker import peer
from labcapture.core.chunks import AudioBlock, ClockOffset, Frame, Samples, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.protocol.rule import QualityRule
from labcapture.recording.recorder import Recorder, SessionHeader, create_folder
from labcapture.recording.transcode import transcode

OURS = {
    "labcapture": "labcapture",
    "jxl": "labcapture, `codec: jxl`",
    "blosc2": "labcapture, `codec: blosc2`",
    "gzip": "labcapture, copy in gzip",
}
PEERS = {"h5py": "h5py script, gzip", "sdk": "rs.recorder (SDK), .db3", "png": "PNG folder, OpenCV"}
BEGIN, END = "<!-- reading: written by python -m benchmarks.reading -->", "<!-- end of reading -->"
TARGETS = {"random_p50_ms": 25.0, "pairs_s": 60.0, "open_s": 0.3}
HOWS = ("at_random", "in_order")
_TIMEOUT_S = 180
_KEYS = dict.fromkeys([f"key_{i}" for i in range(12)], 1)


# In a process of its own ----------------------------------------------------------------------------------------------


def at_random(name: str, folder: Path, pool: Pool, reads: int) -> dict[str, Any]:
    """Read colour frames at random; return what it took."""
    chance, times, wrong = random.Random(0), [], 0  # noqa: S311 - no secret
    count, get = _reader(folder) if name in OURS else peer(name).reader(folder)
    for _ in range(reads):
        place = chance.randrange(count)
        begin = time.perf_counter()
        number, pixels = get(place)
        times.append(time.perf_counter() - begin)
        wrong += not pool.has(number, pixels)
    p50, p95 = (float(value) * 1e3 for value in np.percentile(times, [50, 95]))
    return {"random_p50_ms": p50, "random_p95_ms": p95, "wrong_at_random": wrong}


def in_order(name: str, folder: Path, pool: Pool) -> dict[str, Any]:
    """Read all pairs in order; return what it took up to the last one."""
    process = psutil.Process()
    before, begin = process.cpu_times(), time.perf_counter()
    pairs, wrong, took, after = 0, 0, 0.0, before
    for number, pixels, depth in _pairs(name, folder):
        pairs += 1
        took, after = time.perf_counter() - begin, process.cpu_times()
        if pairs % 20 == 0:  # comparing costs time, too
            wrong += not pool.has(number, pixels, depth)
    cpu = after.user + after.system - before.user - before.system
    return {"pairs": pairs, "pairs_s": pairs / took, "cores": cpu / took, "wrong_in_order": wrong}


def _reader(folder: Path) -> tuple[int, Read]:
    color = next(iter(labcapture.open(_session(folder)).trials.values())).color

    def get(i: int) -> tuple[int, Any]:
        return int(color.frame_number[i]), color[i]

    return len(color), get


def _pairs(name: str, folder: Path) -> Iterator[tuple[int, Any, Any]]:
    if name not in OURS:
        yield from peer(name).survivors(folder)
        return
    trial = next(iter(labcapture.open(_session(folder)).trials.values()))
    for pair in trial.frames():
        yield int(trial.color.frame_number[pair.index]), pair.color, pair.depth


def _session(folder: Path) -> Path:
    return next(path.parent for path in folder.rglob("session.h5"))


def opening(folder: Path) -> dict[str, Any]:
    """Open a session, then all of its trials; return seconds of each."""
    marks = [time.perf_counter()]
    session = labcapture.open(_session(folder))
    marks.append(time.perf_counter())
    count = sum(len(trial[name]) for trial in session.trials.values() for name in trial)
    marks.append(time.perf_counter())
    events = len(session.events)
    marks.append(time.perf_counter())
    names = ("open_s", "trials_s", "events_s")
    return {"frames": count, "events": events, **dict(zip(names, np.diff(marks).tolist(), strict=True))}


# What is read ---------------------------------------------------------------------------------------------------------


def record_small(folder: Path, count: int) -> None:
    """Record a session of ``count`` frames of 8 x 8 pixels in 13 trials, with voice and EDA."""
    header = SessionHeader(
        "P000", "1", "reading", "none", "", "reading", "", "en", True, None, {}, QualityRule(), datetime.now(UTC)
    )
    shapes = {"color": ("uint8", (8, 8, 3)), "depth": ("uint16", (8, 8))}
    specs = [
        StreamSpec(name, "frames", dtype, shape, "", 30.0, clock="camera", simulated=True)
        for name, (dtype, shape) in shapes.items()
    ]
    voice = StreamSpec("voice", "audio", "int16", (1,), "", 48000.0, ("mono",), simulated=True)
    eda = StreamSpec("eda", "samples", "float32", (1,), "uS", 100.0, ("EDA",), simulated=True)
    recorder = Recorder(create_folder(folder, header), header, [*specs, voice, eda])
    pictures = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in specs}
    begin, per_trial = lsl_time() - count / 60 - 60, count // 26
    index = itertools.count()
    for trial in range(13):
        start = begin + trial * (per_trial + 2) / 30
        recorder.open_trial(f"{trial:02d}_a", start=start - 0.01, step="film", clip="a", emotion="fear", take=1)
        recorder.marker(start, "clip-onset", "stage", step="film")
        for place in range(per_trial + 2):
            if place == per_trial:
                recorder.close_trial(start + place / 30 - 0.001)
            number = next(index)
            for name, pixels in pictures.items():
                frame = Frame(name, pixels, number, 55 + number / 30, begin + number / 30 + 0.005, _KEYS)
                while recorder.status().queue_bytes > 1_000_000:
                    time.sleep(0.001)
                recorder.offer(frame)
        recorder.wait_trials(120)
    for second in range(int(next(index) / 30)):
        while recorder.status().queue_bytes > 1_000_000:
            time.sleep(0.001)
        for block in range(100 * second, 100 * second + 100):
            sound, arrival = np.full((480, 1), block % 1000, np.int16), begin + (block + 1) / 100 + 0.004
            recorder.offer(AudioBlock("voice", sound, 480 * block, begin + block / 100, arrival))
        if second % 5 == 0:
            recorder.offer(ClockOffset("eda", begin + second, begin - 10.0, 1e-4))
        stamps = 10.0 + second + np.arange(100) / 100
        recorder.offer(Samples("eda", stamps[:, None].astype(np.float32), stamps, begin + second + 1.0))
    summary = recorder.close(completed=True)
    if summary["error"]:
        raise SystemExit(summary["error"])


def _run(*words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", *words], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise SystemExit(f"{shlex.join(words)} failed: {done.stderr.strip()[-400:]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def measure(work: Path, seconds: float, reads: int, small: Path) -> dict[str, dict[str, Any]]:
    """Record with each, and read it again."""
    found: dict[str, dict[str, Any]] = {}
    for name in ("labcapture", "jxl", "blosc2", *PEERS):
        folder = work / name
        folder.mkdir()
        pace = ["--wait"] if name == "h5py" else ["--rate", "30"]  # it cannot keep up
        words = ["record", name, str(folder), str(work), "--seconds", str(seconds), *pace]
        _run("benchmarks.peers.worker", *words)
    (work / "gzip").mkdir()
    transcode(_session(work / "labcapture"), "gzip", work / "gzip")
    for name in (*OURS, *PEERS):
        words = [name, str(work / name), str(work), "--reads", str(reads)]
        tasks = [_run("benchmarks.reading", "--task", task, *words) for task in ("random", "order")]
        found[name] = {**tasks[0], **tasks[1]}
        stored = sum(f.stat().st_size for f in (work / name).rglob("*") if f.is_file())
        found[name]["mb_per_pair"] = stored / max(1, found[name]["pairs"]) / 1e6
    tries = [_run("benchmarks.reading", "--task", "open", "labcapture", str(small), str(work)) for _ in range(5)]
    found["open"] = {key: float(np.median([it[key] for it in tries])) for key in tries[0]}
    return found


# What is told ---------------------------------------------------------------------------------------------------------


def page(found: dict[str, dict[str, Any]], facts: dict[str, Any]) -> str:
    """Return the tables of the documentation."""
    machine = facts["machine"]
    lines = [
        f"Measured {facts['date']} with `{facts['command']}` on {machine['cores']} cores of {machine['cpu']}, "
        f"{machine['memory_gb']} GB, disk {machine['disk']}, {machine['system']}, Python {machine['python']}. "
        f"Frames: {facts['frames']}; 1280 x 720 RGB8 and Z16.",
        "",
        "|  | random colour frame, p50 / p95 ms | pairs/s in order | cores meanwhile | MB per pair |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, title in (OURS | PEERS).items():
        it = found[name]
        random_ms = f"{it['random_p50_ms']:.0f} / {it['random_p95_ms']:.0f}"
        lines.append(f"| {title} | {random_ms} | {it['pairs_s']:.0f} | {it['cores']:.1f} | {it['mb_per_pair']:.2f} |")
    opened = found["open"]
    rows = [(f"opening a session of {opened['frames']:.0f} frames, s", "<=", TARGETS["open_s"], opened["open_s"])]
    ours = found["labcapture"]
    rows += [
        ("random colour frame, ms", "<=", TARGETS["random_p50_ms"], ours["random_p50_ms"]),
        ("colour + depth in order, pairs/s", ">=", TARGETS["pairs_s"], ours["pairs_s"]),
    ]
    lines += ["", "| labcapture, as recorded | target | measured | reached |", "| --- | --- | --- | --- |"]
    for what, sign, aim, value in rows:
        reached = "yes" if (value <= aim if sign == "<=" else value >= aim) else "no"
        lines.append(f"| {what} | {sign} {aim:g} | {value:.3g} | {reached} |")
    lines += [
        "",
        f"Then opening all of its 13 trials took {opened['trials_s']:.2f} s, its events {opened['events_s']:.2f} s.",
    ]
    wrong = {name: bad for name in OURS | PEERS if (bad := sum(found[name][f"wrong_{how}"] for how in HOWS))}
    if wrong:
        lines += ["", f"Pictures that were not as recorded: {wrong}."]
    return "\n".join(lines)


def main() -> None:
    """Measure, show, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__)
    parser.add_argument("--seconds", type=float, default=7.0, help="length of each recording")
    parser.add_argument("--reads", type=int, default=60, help="frames at random")
    parser.add_argument("--frames", type=int, default=40_000, help="of the session that is opened")
    parser.add_argument("--opened", type=Path, help="open the session in this folder instead of recording one")
    parser.add_argument("--folder", type=Path, help="record on this disk; a temporary folder is made in it")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    parser.add_argument("--docs", type=Path, help="put the tables into this page, between its marks")
    parser.add_argument("--task", nargs=4, metavar=("TASK", "NAME", "FOLDER", "POOL"), help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.task:
        task, name, folder, pool = a.task
        if task == "open":
            outcome = opening(Path(folder))
        elif task == "random":
            outcome = at_random(name, Path(folder), Pool(Path(pool)), a.reads)
        else:
            outcome = in_order(name, Path(folder), Pool(Path(pool)))
        print(json.dumps(outcome), flush=True)
        os._exit(0)  # a library that still holds a file must not delay the end
    with tempfile.TemporaryDirectory(prefix="reading-", dir=a.folder) as text:
        work = Path(text)
        facts = {
            "date": datetime.now(UTC).date().isoformat(),
            "command": shlex.join(["python", "-m", "benchmarks.reading", *sys.argv[1:]]),
            "machine": report.machine(work),
            "frames": frames.make(work, 12, None),
        }
        small = a.opened or work / "small"
        if not a.opened:
            small.mkdir()
            record_small(small, a.frames)
        found = measure(work, a.seconds, a.reads, small)
    told = page(found, facts)
    print(told)
    if a.json:
        a.json.write_text(json.dumps({"facts": facts, "found": found}, indent=1) + "\n", encoding="utf-8")
    if a.docs:
        before, _, rest = a.docs.read_text(encoding="utf-8").partition(BEGIN)
        a.docs.write_text(f"{before}{BEGIN}\n\n{told}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
