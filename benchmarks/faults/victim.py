"""A recorder in a process of its own, made to be killed, and the proof of what `recover` made of its session.

``python -m benchmarks.faults.victim OUT [SHADOW]`` records trials with pictures that carry their own index, voice, EDA
and markers until it is killed, or for some seconds, and says where. With SHADOW, every file is copied there whenever it
is made safe on the disk: what a loss of power would leave of it at least.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from benchmarks.faults.rig import ROOT, expect
from labcapture.core.chunks import AudioBlock, ClockOffset, Frame, Samples, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.core.errors import RecordingError
from labcapture.devices.simulated.strip import Strip, read_strip, write_strip
from labcapture.protocol.rule import QualityRule
from labcapture.recording import schema
from labcapture.recording.encodings import DEFAULT
from labcapture.recording.folder import SessionHeader, create_folder
from labcapture.recording.journal import JournalReader
from labcapture.recording.recorder import Recorder
from labcapture.recording.recover import Recovery
from labcapture.recording.verify import verify

RATE_HZ = 30.0
TRIAL_FRAMES = 150
SECONDS = 3.0
"""The victim closes its session by then, so that late kills hit the closing."""
COLOR = StreamSpec("color", "frames", "uint8", (48, 64, 3), "", RATE_HZ, clock="d415", simulated=True)
DEPTH = StreamSpec("depth", "frames", "uint16", (48, 64), "", RATE_HZ, clock="d415", simulated=True)
VOICE = StreamSpec("voice", "audio", "int16", (1,), "", 48000.0, ("mono",), simulated=True)
EDA = StreamSpec("eda", "samples", "float64", (1,), "uS", 200.0, ("EDA",), simulated=True)
_NUMBERS = {"color": 0, "depth": 1}
_NOT_KEPT = {schema.HOLD_FILE, ".reserve"}


def record(out: Path, codec: str) -> None:
    """Record as fast as the recorder takes it."""
    header = SessionHeader(
        participant="P001",
        session="01",
        protocol="victim",
        paradigm="neutralization",
        protocol_text="name: victim\n",
        rig="simulated",
        rig_text="name: simulated\n",
        language="en",
        simulated=True,
        autopilot=1,
        software={"labcapture": "victim"},
        rule=QualityRule(),
        started_utc=datetime.now(UTC),
        codec=codec,
    )
    folder = create_folder(out, header)
    recorder = Recorder(folder, header, (COLOR, DEPTH, VOICE, EDA), raw_above_bytes=20_000)
    print(folder, flush=True)
    begin, index, trial = lsl_time(), 0, 0
    _tell(recorder, begin)
    over = time.monotonic() + SECONDS
    while time.monotonic() < over:
        trial += 1
        recorder.open_trial(f"{trial:02d}_a", start=begin + index / RATE_HZ - 0.01, step="film", clip="a")
        for place in range(TRIAL_FRAMES + 2):
            if place == TRIAL_FRAMES:
                recorder.close_trial(begin + index / RATE_HZ - 0.005, whole=True)
            _moment(recorder, begin, index)
            index += 1
            while recorder.status().queue_bytes > 300_000:
                time.sleep(0.001)
    recorder.wait_trials(30)
    recorder.close(completed=True)


def _tell(recorder: Recorder, moment: float) -> None:
    """Enter what people and the engine do besides: a group, the participant's account, the place of the head."""
    recorder.assignment(moment, "group", "paid", "balanced", "engine")
    for balance in (15.0, 10.0):
        recorder.booking(moment, "expression", "clip", "", -5.0, balance)
    nan = float("nan")
    measures = dict.fromkeys(
        ("nearest_mm", "median_mm", "min_z_mm", "max_z_mm", "fill_rate", "face_share", "roll_deg", "yaw_deg"), nan
    )
    more = dict.fromkeys(("pitch_deg", "brightness", "clipped", "face_found", "held_s"), nan)
    told = {"time": moment, "step": "place", "take": 1, "skipped": True, "reason": "a cast", "seen": "face"}
    values = {**measures, **more, **told, "pictures": 3, "locked": "{}"}
    color, depth = np.full((18, 32, 3), 7, np.uint8), np.full((18, 32), 500, np.uint16)
    recorder.calibration(values, [("nearest_mm", nan, 450.0, 560.0, False)], color, depth)


def _moment(recorder: Recorder, begin: float, index: int) -> None:
    """Offer what a thirtieth of a second brings."""
    moment = begin + index / RATE_HZ
    for spec in (COLOR, DEPTH):
        rng = np.random.default_rng(index)
        pixels = rng.integers(100, 108, spec.shape).astype(spec.dtype)
        write_strip(pixels, Strip(_NUMBERS[spec.name], index))
        device = moment - begin + 77.0
        arrival = moment + 0.001 + 0.002 * rng.exponential()
        recorder.offer(Frame(spec.name, pixels, index, device, arrival, {"sensor_timestamp": int(device * 1e6)}))
    block = np.full((1600, 1), index % 1000, np.int16)
    recorder.offer(AudioBlock("voice", block, 1600 * index, moment, moment + 0.04))
    raw = moment + np.arange(6) / 200
    recorder.offer(Samples("eda", np.full((6, 1), float(index)), raw, moment + 0.03))
    if index % 30 == 0:
        recorder.offer(ClockOffset("eda", moment, 0.0, 1e-4))
    recorder.marker(moment, f"m{index}", "engine")


def crash(out: Path, after_s: float, shadow: Path | None = None, codec: str = DEFAULT) -> Path:
    """Let a victim record and kill it ``after_s`` after its session began; return the session's folder."""
    command = [sys.executable, "-m", "benchmarks.faults.victim", codec, str(out), *([str(shadow)] if shadow else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    folder = Path(process.stdout.readline().strip())
    time.sleep(after_s)
    process.kill()
    process.wait()
    process.stdout.close()
    return folder


def fingerprints(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a session that holds data, by its name."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in _NOT_KEPT]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@dataclass(frozen=True)
class Journalled:
    """What the journals of a session tell: frame numbers by (trial, stream), rows of signals and tables."""

    frames: dict[tuple[str, str], list[int]]
    rows: dict[str, int]


def journalled(folder: Path) -> Journalled:
    """Read the journals as they are, torn and damaged lines left out."""
    frames: dict[tuple[str, str], list[int]] = {}
    rows = {"/voice/samples": 0, "/eda/samples": 0, "/markers": 0}
    for path in sorted((folder / schema.journal_path("x")).parent.glob("*.jsonl")):
        try:
            for chunk in JournalReader(path).chunks():
                frames.setdefault((path.stem, chunk.dataset.split("/")[1]), []).append(chunk.frame_number)
        except RecordingError:
            continue  # not even its header reached the disk
    for line in JournalReader(folder / schema.journal_path()):
        if line["kind"] == "extend" and "samples" in line["arrays"]:
            rows[f"{line['path']}/samples"] += line["arrays"]["samples"]["shape"][0]
        elif line["kind"] == "rows" and line["path"] in rows:
            rows[line["path"]] += len(line["rows"])
    return Journalled(frames, rows)


def prove(folder: Path, promised: Journalled, before: dict[str, str], result: Recovery) -> int:
    """Fail the try unless a recovered session holds all that was promised; return the number of its frames.

    Parameters
    ----------
    folder
        Of the session.
    promised
        What has to be in it: every frame is proven by the index in its pixels.
    before
        What the crash left, by `fingerprints`.
    result
        What `recover` told.
    """
    found = verify(folder)
    expect(found.whole, f"verify: {'; '.join(found.problems[:3])}")
    total = 0
    with h5py.File(folder / schema.SESSION_FILE) as h5:
        for trial in h5["trials"]:
            for stream in _NUMBERS:
                group = h5["trials"][trial][stream]
                strips = [read_strip(picture) for picture in group["frames"]]
                numbers = group["frame_number"][:].tolist()
                # The camera of a rig begins its counters where it likes: number and index must go side by side.
                shifts = {(strip.stream, strip.index - number) for strip, number in zip(strips, numbers, strict=True)}
                expect(len(shifts) <= 1, f"{trial} {stream}: numbers differ from pixels")
                missing = set(promised.frames.get((trial, stream), [])) - set(numbers)
                expect(not missing, f"{trial} {stream}: {len(missing)} of the promised frames are missing")
                total += len(numbers)
        unseen = {trial for trial, _ in promised.frames} - set(h5["trials"])
        expect(not unseen, f"trials {unseen} are missing")
        for path, count in promised.rows.items():
            expect(len(h5[path]) >= count, f"{path}: {len(h5[path])} rows of {count}")
    after = fingerprints(folder)
    for name, digest in before.items():
        kept = after.get(f"{result.originals}/{name}", after.get(name))
        expect(kept == digest, f"{name} was changed by recover")
    return total


def _shadow(folder: Path, shadow: Path) -> None:
    """From now on copy every file below ``folder`` that is synchronised."""
    real = os.fsync

    def fsync(file: Any) -> None:  # noqa: ANN401 - whatever os.fsync takes
        path = Path(f"/proc/self/fd/{file}").readlink()
        if path.is_file() and path.is_relative_to(folder):
            copy = shadow / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            draft = copy.with_name(copy.name + ".draft")
            shutil.copyfile(path, draft)
            draft.replace(copy)
        else:
            real(file)

    vars(os)["fsync"] = fsync


if __name__ == "__main__":
    given, *folders = sys.argv[1:]
    out, *safe = (Path(folder).resolve() for folder in folders)
    if safe:
        _shadow(out, *safe)
    record(out, given)
