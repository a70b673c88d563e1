"""What a session costs in a corpus of 10, 100 and 1000: to read it into the index, to look at it again, to verify it.

    python -m benchmarks.corpus [--sizes 10 100 1000] [--workers 2] [--folder DIR] [--json FILE]

Small sessions are really recorded (pictures of 16 x 16, 10 frames a clip); beyond ``--distinct`` of them, copies under
other names make up the number.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

import labcapture.corpus
from labcapture.core.chunks import Frame, Gap, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.corpus import Team
from labcapture.protocol.rule import QualityRule
from labcapture.recording.quality import GapTracker
from labcapture.recording.recorder import Recorder, SessionHeader, create_folder

RATE_HZ = 30.0
SPECS = tuple(
    StreamSpec(name, "frames", dtype, shape, "", RATE_HZ, clock="camera", simulated=True, attributes=more)
    for name, dtype, shape, more in (
        ("color", "uint8", (16, 16, 3), {}),
        ("depth", "uint16", (16, 16), {"depth_units": 0.001}),
    )
)
FORM = {"happiness": 1.0, "disgust": 1.0, "fear": 4.0, "anger": 2.0, "sadness": 4.0, "surprise": 1.0}


def record(
    out: Path,
    participant: str,
    clips: Mapping[str, str],
    *,
    frames: int = 10,
    lost: Sequence[int] = (),
    simulated: bool = True,
    paradigm: str = "neutralization",
    form: Mapping[str, float | str] = FORM,
    started: datetime | None = None,
) -> Path:
    """Record a small session and return its folder.

    Parameters
    ----------
    out, participant, simulated, paradigm, started
        Of the session.
    clips
        Emotion of each clip, by its name.
    frames
        Of each clip.
    lost
        Frames of the first clip's depth that the camera dropped.
    form
        Answers of the self-report after each clip.
    """
    header = SessionHeader(
        participant=participant,
        session="01",
        protocol="benchmark",
        paradigm=paradigm,
        protocol_text="name: benchmark\n",
        rig="simulated",
        rig_text="name: simulated\n",
        language="en",
        simulated=simulated,
        autopilot=1,
        software={"labcapture": labcapture.__version__},
        rule=QualityRule(critical=("color", "depth")),
        started_utc=started or datetime.now(UTC),
    )
    recorder = Recorder(create_folder(out, header), header, SPECS)
    begin, index = lsl_time() - 60, 0
    trackers = {spec.name: GapTracker(spec) for spec in SPECS}
    for number, (clip, emotion) in enumerate(clips.items(), 1):
        trial = f"{number:02}_{clip}"
        recorder.open_trial(
            trial, start=begin + index / RATE_HZ - 0.01, step="film", clip=clip, emotion=emotion, take=1
        )
        for place in range(frames + 2):  # two after the end, so that the trial is known to be whole
            if place == frames:
                recorder.close_trial(begin + index / RATE_HZ - 0.001, outcome="done")
            for spec in SPECS:
                if not (spec.name == "depth" and number == 1 and place in lost):
                    _offer(recorder, trackers[spec.name], _frame(spec, index, begin))
            index += 1
        if not recorder.wait_trials(60):
            raise RuntimeError(f"{trial} was not stored")
        for question, answer in form.items():
            now = begin + index / RATE_HZ
            recorder.answer("report", question, answer, now, 1.0, trial=trial, self_report=True)
    recorder.close(completed=True)
    return recorder.folder


def _frame(spec: StreamSpec, index: int, begin: float) -> Frame:
    pixels = np.random.default_rng(index).integers(0, 255, spec.shape).astype(spec.dtype)
    return Frame(spec.name, pixels, 1000 + index, 55 + index / RATE_HZ, begin + index / RATE_HZ + 0.005, {})


def _offer(recorder: Recorder, tracker: GapTracker, frame: Frame) -> None:
    gap: Gap | None = tracker.update(frame)
    if not ((gap is None or recorder.offer(gap)) and recorder.offer(frame)):
        raise RuntimeError("the recorder's queue is full")


def make(root: Path, count: int, distinct: int) -> None:
    """Fill ``root`` up to ``count`` sessions of 13 clips."""
    emotions = ["disgust"] * 2 + ["fear"] * 4 + ["sadness"] * 3 + ["anger"] * 2 + ["happiness"] * 2
    clips = dict(zip("abcdefghijklm", emotions, strict=True))
    had = sorted(path for path in root.iterdir() if path.is_dir())
    for number in range(len(had), min(count, distinct)):
        start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
        had.append(record(root, f"P{number:04}", clips, lost=(3, 4, 5) if number % 2 else (), started=start))
    for number in range(len(had), count):
        source = had[number % distinct]
        shutil.copytree(source, root / f"P{number:04}_01_{source.name.rpartition('_')[2]}")


def measure(root: Path, workers: int) -> dict[str, float]:
    """Return seconds for each kind of work on all sessions below ``root``."""
    file = root / "labcapture-index.parquet"
    seconds: dict[str, float] = {}

    def timed(what: str, work: Any) -> None:  # noqa: ANN401 - any callable
        begin = time.perf_counter()
        work()
        seconds[what] = time.perf_counter() - begin

    file.unlink(missing_ok=True)
    (root / "labcapture-index-verified.jsonl").unlink(missing_ok=True)
    corpus = labcapture.corpus.open(root)
    with Team(workers=workers) as team:
        timed("index_made", lambda: corpus.refresh(team))
        timed("index_looked_at_again", lambda: labcapture.corpus.open(root).refresh())
        timed("table_from_index", lambda: labcapture.corpus.open(root).table(refresh=False))
        timed("summary", lambda: labcapture.corpus.open(root).summary(refresh=False))
        timed("verify", lambda: corpus.verify(team))
        timed("verify_again", lambda: corpus.verify(team))
    return seconds


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--distinct", type=int, default=10)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        root = Path(folder)
        found = {}
        for size in sorted(given.sizes):
            make(root, size, given.distinct)
            found[size] = measure(root, given.workers)
    result = {
        "command": " ".join(["python", "-m", "benchmarks.corpus", *sys.argv[1:]]),
        "machine": {"cores": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()},
        "seconds": found,
    }
    print("| ms per session | " + " | ".join(f"{size} sessions" for size in found) + " |")
    print("|---|" + "---|" * len(found))
    for what in next(iter(found.values())):
        print(f"| {what} | " + " | ".join(f"{1e3 * found[size][what] / size:.2f}" for size in found) + " |")
    if given.json:
        given.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
