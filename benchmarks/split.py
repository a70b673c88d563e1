"""The published split, reproduced: 216 sessions of 13 clips, 100 without severe frame drop (A) and 116 with it (B).

    python benchmarks/split.py [--sessions-a 100 --sessions-b 116 --seed 1] [--json FILE] [--plot FILE.png]

Arrival times are simulated, there are no pixels; everything after that is the recorder's own: gaps found frame by
frame, cut to the trial, counted, judged by the default rule, routed. Clips last 34 to 144 s, 21.27 min a session, as in
CAS(ME)3. Part A loses single frames and pairs now and then, as a good rig does; each session of part B has one kind
of trouble in one to thirteen of its clips. Exit code 1 if a single session goes to the wrong part.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from labcapture.core.chunks import Frame, Gap, StreamSpec
from labcapture.core.fit import fit_device_clock
from labcapture.protocol.rule import QualityRule
from labcapture.recording.assess import Account, Pictures, assess
from labcapture.recording.boundaries import Seen, Take, trial_gaps
from labcapture.recording.quality import GapTracker, TrialVerdict, measures, route

RATE_HZ = 30.0
CLIPS = 13
MINUTES = 21.27
PIXELS = np.zeros((1, 1), np.uint16)
STREAMS = ("color", "depth")
KINDS = ("bursts", "periodic singles", "random singles", "slow sensor", "standstill", "unplugged", "host overflow")
LEAD_S = 1.0  # of frames before and after each trial

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Script:
    """What happens to the frames of one stream of one clip: lost ones, those after an overflow, and longer steps."""

    lost: NDArray[np.int64]
    overflow: bool
    longer: dict[int, float]  # periods by which the step before a frame is longer
    away: tuple[int, int] | None = None


def clip_lengths(rng: np.random.Generator) -> Array:
    """Return the lengths of 13 clips (s): 34 to 144 s each, 21.27 min in all."""
    lengths = np.clip(rng.uniform(34, 144, CLIPS), 34, 144)
    for _ in range(50):
        lengths = np.clip(lengths * (MINUTES * 60 / lengths.sum()), 34, 144)
    return lengths


def harmless(rng: np.random.Generator, frames: int) -> Script:
    """Lose what a good rig loses: up to 0.6 % of the frames, never more than two in a row."""
    count = int(rng.integers(0, max(1, int(0.003 * frames)) + 1))
    places = np.sort(rng.choice(np.arange(0, frames - 10, 8), count, replace=False)) + 3
    pairs = places[rng.random(len(places)) < 0.4] + 1
    slow = {int(i): float(rng.uniform(0.6, 1.4)) for i in rng.integers(5, frames - 5, rng.integers(0, 3))}
    lost = np.union1d(places, pairs).astype(np.int64)
    return Script(lost, False, {i: extra for i, extra in slow.items() if not np.isin([i - 1, i, i + 1], lost).any()})


def severe(kind: str, rng: np.random.Generator, frames: int) -> Script:
    """Lose what spoils a clip."""
    lost = np.empty(0, np.int64)
    longer: dict[int, float] = {}
    away = None
    at = int(rng.integers(60, frames - 120))
    if kind == "bursts":
        starts = rng.integers(30, frames - 60, rng.integers(1, 5))
        lost = np.unique(np.concatenate([s + np.arange(rng.integers(3, 20)) for s in starts]))
    elif kind == "periodic singles":
        lost = np.arange(rng.integers(5, 30), frames - 5, rng.integers(8, 70))
    elif kind == "random singles":
        lost = np.sort(rng.choice(frames - 5, int(np.ceil(rng.uniform(0.015, 0.06) * frames)), replace=False))
    elif kind == "slow sensor":  # auto-exposure priority in dim light: no frame is missing, but there are fewer
        share, extra = rng.uniform(0.05, 0.9), float(rng.uniform(0.8, 1.2))
        longer = dict.fromkeys(range(30, 30 + int(share * (frames - 60))), extra)
    elif kind == "standstill":  # no skip of the counter either
        longer = {at: float(rng.uniform(2.6, 60))}
    elif kind == "unplugged":
        away = at, at + int(rng.integers(15, 90))
    else:
        lost = at + np.arange(rng.integers(1, 12))
    return Script(lost, kind == "host overflow", longer, away)


def frames_of(
    stream: str, script: Script, count: int, begin: float, number: int, rng: np.random.Generator
) -> Iterator[Frame]:
    """Yield the frames that reach us of a clip whose first frame is taken at ``begin`` on the device's clock."""
    periods = np.ones(count)
    for index, extra in script.longer.items():
        periods[index] += extra
    taken = begin + (np.cumsum(periods) - 1) / RATE_HZ
    delay = 0.004 + rng.exponential(0.003, count) + 0.08 * (rng.random(count) < 0.002)
    arrival = np.maximum.accumulate(taken * (1 + 30e-6) + 5000.0 + delay)
    lost = np.zeros(count, bool)
    lost[script.lost[script.lost < count]] = True
    if script.away:
        lost[script.away[0] : script.away[1]] = True
    before = False
    for i in range(count):
        if not lost[i]:
            evidence = {"host_overflow": int(script.overflow and before)}
            if script.away and i == script.away[1]:
                evidence["after_disconnect"] = 1
            yield Frame(stream, PIXELS, number + i, float(taken[i]), float(arrival[i]), evidence)
        before = bool(lost[i])


def one_clip(
    seconds: float, scripts: dict[str, Script], begin: float, number: int, rng: np.random.Generator
) -> Account:
    """Record one clip as the recorder would, without its pixels."""
    lead = round(LEAD_S * RATE_HZ)
    pictures = {}
    start = begin * (1 + 30e-6) + 5000.0 + LEAD_S
    stop = start
    for stream, script in scripts.items():
        spec = StreamSpec(stream, "frames", "uint16", (1, 1), "", RATE_HZ)
        shifted = Script(
            script.lost + lead,
            script.overflow,
            {i + lead: extra for i, extra in script.longer.items()},
            None if script.away is None else (script.away[0] + lead, script.away[1] + lead),
        )
        count = round(seconds * RATE_HZ) + 2 * lead  # more than enough where the sensor is slow
        tracker = GapTracker(spec)
        frames = list(frames_of(stream, shifted, count, begin, number, rng))
        gaps: list[Gap] = [gap for gap in map(tracker.update, frames) if gap is not None]
        stop = start + seconds
        inside = [f for f in frames if start <= f.arrival_time < stop]
        seen = [Seen(f.frame_number, f.arrival_time) for f in inside]
        before = [Seen(f.frame_number, f.arrival_time) for f in frames if f.arrival_time < start]
        after = [Seen(f.frame_number, f.arrival_time) for f in frames if f.arrival_time >= stop]
        take = Take(stream, RATE_HZ, start, stop, seen, before[-1], after[0] if after else None, seen[-1])
        device = np.array([f.device_time for f in frames])
        fit = fit_device_clock(device, np.array([f.arrival_time for f in frames]))
        mine = np.array([f.device_time for f in inside]), np.array([f.arrival_time for f in inside])
        pictures[stream] = Pictures(RATE_HZ, fit.to_lsl(*mine)[0], mine[1], trial_gaps(take, gaps))
    return Account(start, stop, start + 0.5, "clip", pictures, {})


def one_session(given: tuple[int, str, int]) -> dict[str, Any]:
    """Simulate and route one session; ``given``: its number, its trouble ('' for part A) and the seed."""
    index, kind, seed = given
    rng = np.random.default_rng([seed, index])
    rule = QualityRule()
    lengths = clip_lengths(rng)
    spoilt = set(rng.choice(CLIPS, rng.integers(1, CLIPS + 1), replace=False).tolist()) if kind else set()
    verdicts: list[TrialVerdict] = []
    closest: dict[str, float] = {}
    begin, number, frames = 50.0, 0, 0
    wrong = 0
    for clip, seconds in enumerate(lengths):
        due = round(seconds * RATE_HZ)
        scripts = {stream: harmless(rng, due) for stream in STREAMS}
        if clip in spoilt:
            scripts[str(rng.choice(STREAMS))] = severe(kind, rng, due)
        account = one_clip(float(seconds), scripts, begin, number, rng)
        counts, verdict = assess(rule, account)
        verdicts.append(verdict)
        wrong += verdict.annotatable == (clip in spoilt)
        frames += sum(count.recorded for count in counts)
        found = [m for count in counts for m in measures(rule, count)]
        for m in found:
            scale = m.bound if m.bound > 0 else 1.0
            closest[m.limit] = max(closest.get(m.limit, 0.0), m.value / scale)
        begin += float(seconds) + 60
        number += due + 1800
    routing = route("neutralization", verdicts, completed=True)
    return {
        "session": index,
        "kind": kind or "none",
        "is": "B" if kind else "A",
        **asdict(routing),
        "spoilt_clips": len(spoilt),
        "wrong_clips": wrong,
        "frames": frames,
        "share_of_limit": closest,
    }


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw how much of each limit every session used: below 1 is kept."""
    names = {
        "max_lost_fraction": "lost frames\n(limit 1 %)",
        "max_lost_run": "lost in a row\n(limit 2)",
        "max_lost_by_us": "lost by us\n(limit 0; 1 = one frame)",
        "max_rate_error": "rate error\n(limit 1 %)",
        "max_step_periods": "longest step\n(limit 3.5 periods)",
    }
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    rng = np.random.default_rng(0)
    for part, colour, shift in (("A", "tab:green", -0.18), ("B", "tab:red", 0.18)):
        for i, limit in enumerate(names):
            values = [max(row["share_of_limit"].get(limit, 0.0), 0.02) for row in rows if row["is"] == part]
            at = i + shift + rng.uniform(-0.12, 0.12, len(values))
            label = f"part {part}" if i == 0 else None
            axes.scatter(at, values, s=9, color=colour, alpha=0.6, linewidths=0, label=label)
    axes.axhline(1.0, color="black", linewidth=1)
    axes.text(4.45, 1.06, "limit", ha="right", va="bottom", fontsize=8)
    axes.set_yscale("log")
    axes.set_xticks(range(len(names)), list(names.values()), fontsize=8)
    axes.set_ylabel("worst clip of the session / limit")
    axes.set_title(f"{len(rows)} sessions: one dot each per limit; those below 0.02 are drawn there", fontsize=10)
    axes.legend(loc="upper left", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def tabulate(rows: list[dict[str, Any]]) -> str:
    """Return the result as a Markdown table."""
    lines = ["| trouble | sessions | spoilt clips | to A | to B | wrong clips |", "|---|---|---|---|---|---|"]
    for kind in ("none", *KINDS):
        mine = [row for row in rows if row["kind"] == kind]
        parts = Counter(row["part"] for row in mine)
        spoilt, wrong = (sum(row[key] for row in mine) for key in ("spoilt_clips", "wrong_clips"))
        lines.append(f"| {kind} | {len(mine)} | {spoilt} | {parts['A']} | {parts['B']} | {wrong} |")
    return "\n".join(lines)


def margins(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return per limit how much of it part A used at most: what is left to 1 is the margin."""
    limits = sorted({limit for row in rows for limit in row["share_of_limit"]})
    good = [row["share_of_limit"] for row in rows if row["is"] == "A"]
    bad = [max(row["share_of_limit"].values()) for row in rows if row["is"] == "B"]
    used = {limit: {"largest_in_A": max((row.get(limit, 0.0) for row in good), default=0.0)} for limit in limits}
    return {**used, "any limit": {"smallest_in_B": min(bad, default=0.0)}}


def main() -> int:
    """Simulate all sessions; return 1 if one went to the wrong part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions-a", type=int, default=100)
    parser.add_argument("--sessions-b", type=int, default=116)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    kinds = [""] * given.sessions_a + [KINDS[i % len(KINDS)] for i in range(given.sessions_b)]
    began = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool() as pool:
        rows = pool.map(one_session, [(i, kind, given.seed) for i, kind in enumerate(kinds)], chunksize=4)
    wrong = [row for row in rows if row["is"] != row["part"]]
    result = {
        "command": " ".join(["python", "benchmarks/split.py", *sys.argv[1:]]),
        "machine": {"cores": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()},
        "seconds": round(time.perf_counter() - began, 1),
        "rule": QualityRule().model_dump(mode="json"),
        "parts": dict(Counter(row["part"] for row in rows)),
        "wrong_sessions": len(wrong),
        "wrong_clips": sum(row["wrong_clips"] for row in rows),
        "frames": sum(row["frames"] for row in rows),
        "margins": margins(rows),
        "sessions": rows,
    }
    print(tabulate(rows))
    print(f"\n{result['parts']}, {len(wrong)} in the wrong part, {result['frames']:,} frames, {result['seconds']} s")
    for name, values in margins(rows).items():
        print(f"  {name}: " + ", ".join(f"{key} {value:.2f}" for key, value in values.items()))
    if given.json:
        given.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    if given.plot:
        plot(rows, given.plot)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
