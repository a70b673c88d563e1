"""Faults of the other streams: an LSL outlet that vanishes, a sound system that halts or dies, an engine held up."""

from __future__ import annotations

import time
from pathlib import Path

import h5py
import psutil

from benchmarks.faults.account import account, expect_logged, expect_whole
from benchmarks.faults.cell import Row
from benchmarks.faults.rig import Place, child, expect, session
from benchmarks.faults.tries import Outcome, left_out, repeat
from labcapture.core.clock import lsl_time
from labcapture.devices.simulated import pulse
from labcapture.engine.messages import Pause, Resume, SessionResult

_AWAY_S = 3.0
_CLOCK_S = 6.0
_OVERFLOWS_S = 30.0  # PulseAudio keeps 4 MB for a recorder that does not fetch: 22 s
_SURE_S = 0.2  # to which sound can be counted by arrival on a busy machine


def lsl_lost(tries: int, seed: int) -> Row:
    """Let the EDA outlet vanish for three seconds; it comes back as a new outlet."""

    def attempt(folder: Path, number: int) -> Outcome:
        place = Place(folder, number, eda=({"kind": "restart", "at_s": 6.5, "seconds": _AWAY_S},))
        with session(place) as watcher:
            watcher.clip("02_b")
            watcher.client.command(Pause())  # liblsl measures a clock every two seconds, later on a busy machine
            watcher.seconds(_CLOCK_S)
            watcher.client.command(Resume())
            result = watcher.end()
        with h5py.File(Path(result.folder) / "session.h5") as file:
            eda = file["eda"]
            segments = sorted(set(eda["segment"][()].tolist()))
            gaps = eda["gaps"][()]
            last = float(eda["arrival_time"][()][eda["segment"][()] == segments[0]][-1])
            measured = eda["clock_offsets"][()]
            offsets = set(measured["segment"].tolist())
            missing = int(gaps["count"].sum())
            back = float(eda["arrival_time"][()][eda["segment"][()] == segments[-1]][0])
        expect(len(segments) == 2, f"segments {segments}")
        expect(offsets == set(segments), f"clock offsets were measured for segments {sorted(offsets)} only")
        known_s = float(measured["time"][measured["segment"] == segments[1]][0]) - back
        expect(any(gap["cause"] == b"disconnect" and gap["count"] > 0 for gap in gaps), "no gap in the table")
        expect(200 <= missing <= 600, f"{missing} samples are said to be missing")
        pictures = _expect_rest(place, result)
        lost = f"{pictures}; EDA for the 3 s, and until it was found again"
        note = f"The clock of the new outlet was known {known_s:.1f} s after its first sample."
        return Outcome(lost, watcher.alarm_after(last, "eda"), note)

    expected = "alarm; a gap and a new segment with clock offsets of its own; everything else untouched; verify passes"
    return repeat("LSL stream lost for 3 s", expected, tries, seed, attempt)


def sound_halts(tries: int, seed: int) -> Row:
    """Hold the sound server for three seconds, then let it go on."""
    expected = "alarm; the silence is a gap that counts what is missing; the rest keeps its times; verify passes"
    cell = "sound stops for 3 s"
    if lacking := pulse.missing():
        return left_out(cell, expected, f"no {lacking}")

    def attempt(folder: Path, number: int) -> Outcome:
        place = Place(folder, number)
        with session(place) as watcher:
            watcher.clip()
            server = child(watcher.client, "pulseaudio")
            fault = lsl_time()
            server.suspend()
            try:
                watcher.seconds(_AWAY_S)
            finally:
                server.resume()
            result = watcher.end()
        missing, unaccounted = _voice(result)
        expect(abs(unaccounted) < _SURE_S, f"{unaccounted:.2f} s of sound are neither there nor said to be missing")
        with h5py.File(Path(result.folder) / "session.h5") as file:
            expect(any(row["start"] <= fault < row["stop"] for row in file["voice/gaps"][()]), "no gap for the silence")
        pictures = _expect_rest(place, result)
        expect_logged(Path(result.folder), "voice")
        note = "" if missing else "The sound server handed on late what it had not lost."
        return Outcome(f"{pictures}; {missing:.1f} s of sound", watcher.alarm_after(fault, "voice"), note)

    return repeat(cell, expected, tries, seed, attempt)


def sound_dies(tries: int, seed: int) -> Row:
    """Kill the sound server in mid-clip, as when a microphone is unplugged for good."""
    expected = "alarm; the session goes on; the sound until then is kept, its end is a gap; verify passes"
    cell = "microphone lost for good"
    if lacking := pulse.missing():
        return left_out(cell, expected, f"no {lacking}")

    def attempt(folder: Path, number: int) -> Outcome:
        place = Place(folder, number)
        with session(place) as watcher:
            watcher.clip()
            fault = lsl_time()
            child(watcher.client, "pulseaudio").kill()
            result = watcher.end()
        with h5py.File(Path(result.folder) / "session.h5") as file:
            arrival = file["voice/blocks/arrival_time"][()]
            gaps = file["voice/gaps"][()]
            expect(fault - arrival[-1] < 1.0, f"the last {fault - arrival[-1]:.1f} s before the fault are missing")
            expect(len(gaps) > 0, "no gap tells that the sound ended")
        expect("voice" in result.error or "sound" in result.error, f"the result does not say so: {result.error!r}")
        pictures = _expect_rest(place, result, completed=result.completed)
        expect_logged(Path(result.folder), "voice")
        return Outcome(f"{pictures}; the sound from then on", watcher.alarm_after(fault, "voice"))

    return repeat(cell, expected, tries, seed, attempt)


def held_up(tries: int, seed: int) -> Row:
    """Give the engine's process no processor for three seconds: the camera's queue runs over."""
    expected = "every missing frame and sample is a gap; the session goes on; verify passes"
    cell = "engine held for 3 s: the camera's queue runs over"

    def attempt(folder: Path, number: int) -> Outcome:
        place = Place(folder, number)
        result, alarm_s = _hold(place, _AWAY_S)
        lost = account(Path(result.folder), place.truth())
        expect(lost.untold == 0, f"{lost.untold} missing frames are in no gap table")
        missing, unaccounted = _voice(result)
        expect(abs(unaccounted) < _SURE_S, f"{unaccounted:.2f} s of sound are neither there nor said to be missing")
        note = "" if missing else "The sound server handed on late what it had not lost."
        return Outcome(f"{lost}; {missing:.1f} s of sound", alarm_s, note)

    return repeat(cell, expected, tries, seed, attempt)


def sound_overflows(tries: int, seed: int) -> Row:
    """Give the engine's process no processor for so long that the sound server has to drop what it keeps for us."""
    expected = "the missing sound is a gap that counts it; the session goes on; verify passes"
    cell = f"engine held for {_OVERFLOWS_S:.0f} s: the sound server's queue runs over"
    if lacking := pulse.missing():
        return left_out(cell, expected, f"no {lacking}")

    def attempt(folder: Path, number: int) -> Outcome:
        begin = lsl_time()
        result, alarm_s = _hold(Place(folder, number), _OVERFLOWS_S)
        missing, unaccounted = _voice(result)
        expect(missing > 0, "the sound server kept all of it")
        expect(abs(unaccounted) < _SURE_S, f"{unaccounted:.2f} s of sound are neither there nor said to be missing")
        with h5py.File(Path(result.folder) / "session.h5") as file:
            gaps = [gap for gap in file["voice/gaps"][()] if gap["count"] > 0]
        expect(all(gap["stop"] > gap["start"] > begin for gap in gaps), "a gap lies before the fault")
        causes = ", ".join(sorted({gap["cause"].decode() for gap in gaps}))
        # The simulated camera stands still with the engine, and hands on its pictures later: they say nothing here.
        return Outcome(f"{missing:.1f} s of sound", alarm_s, f"{len(gaps)} gap(s), cause: {causes}.")

    return repeat(cell, expected, tries, seed, attempt)


def _hold(place: Place, seconds: float) -> tuple[SessionResult, float | None]:
    """Run a session and hold its engine in mid-clip; return the result, and how long after it an alarm was read (s)."""
    with session(place) as watcher:
        watcher.clip()
        process = psutil.Process(watcher.client.details.pid)
        process.suspend()
        try:
            time.sleep(seconds)
        finally:
            process.resume()
        fault = lsl_time()
        result = watcher.end()
    expect(result.completed, f"the session was not completed: {result.error}")
    expect_whole(Path(result.folder))
    return result, min((read - fault for read, _ in watcher.told if read > fault), default=None)


def _voice(result: SessionResult) -> tuple[float, float]:
    """Return the sound that is said to be missing, and that which is neither there nor said to be missing (s)."""
    with h5py.File(Path(result.folder) / "session.h5") as file:
        voice = file["voice"]
        rate_hz, arrival = float(voice.attrs["rate_hz"]), voice["blocks/arrival_time"][()]
        missing = float(voice["gaps"]["count"].sum()) / rate_hz
        there = float(voice["blocks/row"][-1]) / rate_hz
    return missing, float(arrival[-1] - arrival[0]) - there - missing


def _expect_rest(place: Place, result: SessionResult, *, completed: bool = True) -> str:
    """Fail the try unless the session was completed and is whole, with all pictures; return what it lost of these."""
    expect(result.completed == completed, f"the session was not completed: {result.error}")
    expect_whole(Path(result.folder))
    lost = account(Path(result.folder), place.truth())
    expect(lost.by_us == lost.before_us == lost.untold == 0, f"pictures: {lost}")
    return str(lost)
