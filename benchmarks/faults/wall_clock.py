"""The wall clock is stepped in mid-session, as NTP does: that of the engine and its children alone."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np

from benchmarks.faults.account import account, expect_whole
from benchmarks.faults.cell import Row
from benchmarks.faults.rig import LATENCY_S, Place, expect, session
from benchmarks.faults.tries import Outcome, left_out, repeat
from labcapture.core.clock import lsl_time

_SOURCE = Path(__file__).with_name("wall_clock_step.c")
_STEPS_S = (3600, -3600, -2)
_LOADED_MS = 10.0  # a busy machine delivers late; accuracy is measured elsewhere


def stepped(tries: int, seed: int) -> Row:
    """Step the wall clock by an hour or by two seconds, forward or back, in mid-clip."""
    cell = "system clock stepped"
    expected = "times of frames, markers, sound and EDA do not move; /clock/wall shows the step; verify passes"
    compiler = shutil.which("cc")
    if not sys.platform.startswith("linux") or compiler is None:
        return left_out(cell, expected, "the clock of a single process is stepped on Linux only, with a C compiler")

    def attempt(folder: Path, number: int) -> Outcome:
        step_s = _STEPS_S[number % len(_STEPS_S)]
        library, setting = folder / "step.so", folder / "step_s"
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, _SOURCE], check=True)
        setting.write_bytes(struct.pack("=q", 0))
        environment = {"LD_PRELOAD": str(library), "WALL_CLOCK_STEP": str(setting)}
        place = Place(folder, number)
        with session(place, environment) as watcher:
            watcher.clip()
            with setting.open("r+b") as file:
                file.write(struct.pack("=q", step_s))
            at = lsl_time()
            result = watcher.end()
        expect(result.completed and not result.error, f"the session was not completed: {result.error}")
        expect_whole(Path(result.folder))
        lost = account(Path(result.folder), place.truth())
        expect(lost.by_us == lost.before_us == lost.untold == 0, f"pictures: {lost}")
        with h5py.File(Path(result.folder) / "session.h5") as session_file:
            seen_s = _wall_step(session_file, at, step_s)
            error_ms = _expect_steady(session_file, place)
        note = f"/clock/wall showed {seen_s:+.3f} s of {step_s:+d} s; times of pictures within {error_ms:.1f} ms."
        return Outcome(str(lost), note=note)

    return repeat(cell, expected, tries, seed, attempt)


def _wall_step(file: h5py.File, at: float, step_s: int) -> float:
    """Return the step that /clock/wall shows after LSL time ``at`` (s)."""
    wall = file["clock/wall"][()]
    difference = wall["unix_time"] - wall["time"]
    before, after = difference[wall["time"] < at], difference[wall["time"] > at]
    expect(len(before) > 0 and len(after) > 0, "/clock/wall was not sampled before and after the step")
    seen = float(np.median(after) - np.median(before))
    expect(abs(seen - step_s) < 0.1, f"/clock/wall shows a step of {seen:.3f} s, made was one of {step_s} s")
    return seen


def _expect_steady(file: h5py.File, place: Place) -> float:
    """Fail the try if any time moved; return the largest error of a picture's time (ms)."""
    truth = {(row.stream, row.number): row for row in place.truth()}
    errors = [0.0]
    for trial in file["trials"]:
        for stream in ("color", "depth"):
            group = file[f"trials/{trial}/{stream}"]
            taken = np.array([truth[stream, int(number)].captured for number in group["frame_number"]])
            errors.append(float(np.abs(group["time"][()] - taken - LATENCY_S).max()) * 1e3)
    expect(max(errors) < _LOADED_MS, f"a picture's time is wrong by {max(errors):.1f} ms")
    markers = file["markers"]["time"]
    expect(bool((np.diff(np.sort(markers)) < 60).all()), "markers jump")
    for times in (file["voice/blocks/time"][()], file["eda/time"][()]):
        steps = np.diff(times)
        expect(bool((steps > -0.01).all() and (steps < 0.5).all()), f"a signal's time jumps by {steps.max():.3f} s")
    return max(errors)
