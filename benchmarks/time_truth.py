"""How true the times in a session are, against clocks whose truth is known.

    python benchmarks/time_truth.py [fit camera lsl voice wall] [--seconds 120] [--json FILE]

fit     simulated pairs: 50 ppm of drift, exponential delay of 3 ms, spikes of 80 ms; error and coverage of the interval
camera  the simulated D415 with the same mishaps and a wrap of its 32-bit clock, through camera and recorder to the file
lsl     an outlet in a process with another epoch and 50 ppm of drift (faketime), through inlet and recorder to the file
voice   clicks at known samples, played into a null sink, through PortAudio and recorder to the file
wall    as camera, in a process whose wall clock is stepped by an hour meanwhile (libfaketime)

A constant smallest delay cannot be seen by any fit; it is separated from the errors and reported beside them.
Exit code 1 if a figure misses its target.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture import reading
from labcapture.core.chunks import Chunk, Frame
from labcapture.core.clock import lsl_time
from labcapture.core.fit import fit_device_clock
from labcapture.devices import lsl, microphone, realsense
from labcapture.devices.base import Device
from labcapture.devices.simulated import pulse
from labcapture.devices.simulated.camera import SimulatedCamera
from labcapture.devices.simulated.faults import Faults, Jitter
from labcapture.devices.simulated.voice import CLICK, SimulatedVoice
from labcapture.protocol.rule import QualityRule
from labcapture.recording.quality import GapTracker
from labcapture.recording.recorder import Recorder, SessionHeader, create_folder

TARGET_S, COVERAGE, WARM_UP_S = 1e-3, 0.95, 2.0
DRIFT_PPM, DELAY_MS, SPIKE_MS, SPIKES = 50.0, 3.0, 80.0, 0.01
OUTLET = Path(__file__).parents[1] / "tests" / "devices" / "lsl_outlet.py"
STEP_S = 3600.0

Array = NDArray[np.float64]
Result = dict[str, Any]


def figures(error: Array, uncertainty: Array | None = None) -> Result:
    """Return error quantiles (ms), how often the interval held the truth, and whether the targets are met."""
    size = np.abs(error)
    p99 = float(np.quantile(size, 0.99))
    found: Result = {
        "n": len(error),
        "p50_ms": round(1e3 * float(np.median(size)), 4),
        "p99_ms": round(1e3 * p99, 4),
        "max_ms": round(1e3 * float(size.max()), 4),
    }
    good = p99 <= TARGET_S
    if uncertainty is not None:
        held = float((size <= uncertainty).mean())
        found |= {"coverage": round(held, 4), "uncertainty_p50_ms": round(1e3 * float(np.median(uncertainty)), 4)}
        good = good and held >= COVERAGE
    return found | {"met": good}


def fit(seconds: float) -> Result:
    """Fit simulated pairs of many sessions."""
    errors, known = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        true = 1000 + np.arange(round(seconds * 30)) / 30
        device = 77.25 + (true - 1000) * (1 + (DRIFT_PPM if seed % 2 else -DRIFT_PPM) * 1e-6)
        delay = rng.exponential(DELAY_MS / 1e3, len(true)) + SPIKE_MS / 1e3 * (rng.random(len(true)) < SPIKES)
        when, spread = fit_device_clock(device, np.maximum.accumulate(true + delay)).to_lsl(device)
        warm = true - true[0] >= WARM_UP_S
        errors.append((when - true)[warm])
        known.append(spread[warm])
    return {"sessions": 40} | figures(np.concatenate(errors), np.concatenate(known))


def record(device: Device, out: Path, seconds: float) -> Path:
    """Record ``device`` for some seconds as one trial, as the engine would; return the session's folder."""
    device.open()
    try:
        specs = device.describe()
        now = datetime.now(UTC)
        header = SessionHeader("P000", "1", "time", "none", "", "time", "", "en", True, None, {}, QualityRule(), now)
        recorder = Recorder(create_folder(out, header), header, specs)
        trackers = {spec.name: GapTracker(spec) for spec in specs if spec.kind == "frames"}
        stop = threading.Event()
        failed: list[BaseException] = []

        def emit(chunk: Chunk) -> None:
            if isinstance(chunk, Frame) and (gap := trackers[chunk.stream].update(chunk)) is not None:
                recorder.offer(gap)
            recorder.offer(chunk)

        def run() -> None:
            try:
                device.run(emit, stop)
            except BaseException as error:  # noqa: BLE001 - raised below, in the thread that asked
                failed.append(error)

        thread = threading.Thread(target=run, name="device")
        recorder.open_trial("01_a", step="film", clip="a", take=1)
        thread.start()
        try:
            thread.join(seconds)
        finally:
            stop.set()
            thread.join()
        recorder.close_trial(lsl_time())
        summary = recorder.close(completed=True)
    finally:
        device.close()
    if failed:
        raise failed[0]
    if summary["error"]:
        raise RuntimeError(summary["error"])
    return recorder.folder


def camera(seconds: float, out: Path) -> Result:
    """Record the simulated D415 over a wrap of its clock; compare with its truth."""
    faults = Faults(jitter=Jitter(mean_ms=DELAY_MS, spike_ms=SPIKE_MS, spike_probability=SPIKES), drift_ppm=DRIFT_PPM)
    wrap = 2**32 - round(seconds / 2 * 1e6)
    made = realsense.create(
        realsense.contract_config().model_copy(
            update={"simulated": SimulatedCamera(pictures=2, clock_start_us=wrap, faults=faults)}
        )
    )
    folder = record(made, out, seconds)
    truth = {(t.stream, t.number): t.captured for t in made.source.truth()}  # type: ignore[attr-defined] # simulated
    result: Result = {}
    with reading.open(folder) as session:
        fitted = session.h5["clock/camera/fit"].attrs["drift_ppm"]
        walls = np.diff(session.h5["clock/wall"]["unix_time"] - session.h5["clock/wall"]["time"])
        for name in session.trials["01_a"]:
            stream = session.trials["01_a"][name]
            true = np.array([truth[name, number] for number in stream.frame_number.tolist()])
            least = float((stream.arrival_time - true).min())
            warm = true - true[0] >= WARM_UP_S
            result[name] = figures((stream.time - true - least)[warm], stream.time_uncertainty[warm])
            result[name] |= {"smallest_delay_ms": round(1e3 * least, 3)}
            result[name]["wrapped"] = bool(
                (np.diff(stream.metadata["sensor_timestamp"]) < 0).any() and (np.diff(stream.device_time) > 0).all()
            )
    met = all(part["met"] and part["wrapped"] for part in result.values())
    step = float(np.abs(walls).max(initial=0.0))
    return result | {"drift_ppm": round(float(fitted), 2), "wall_step_s": round(step, 3), "met": met}


def outlet(seconds: float, out: Path) -> Result:
    """Record an outlet whose clock has another epoch and runs 50 ppm too fast; compare with the kernel's clock."""
    if shutil.which("faketime") is None:
        return {"skipped": "faketime is not installed"}
    source_id = uuid.uuid4().hex
    command = [
        "faketime",
        "-f",
        f"+100s x{1 + DRIFT_PPM * 1e-6:.5f}",
        sys.executable,
        str(OUTLET),
        source_id,
        "200",
        "3",
    ]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        made = lsl.create(lsl.Config.model_validate({"name": "remote", "source_id": source_id, "timeout_s": 60}))
        folder = record(made, out, seconds)
    finally:
        process.communicate()  # closes its standard input, upon which it ends
    with reading.open(folder) as session:
        stream = session.samples["remote"]
        values, offsets = np.asarray(stream.values), stream.clock_offsets
        # The sender may be interrupted between asking for the two times: where the stamps step aside, not the clock.
        asked = values[:, 2] - stream.raw_time
        straight = np.polyval(
            np.polyfit(stream.raw_time - stream.raw_time[0], asked, 1), stream.raw_time - stream.raw_time[0]
        )
        fair = np.abs(asked - straight) < 2e-4
        found = figures((stream.time - values[:, 2])[fair], stream.time_uncertainty[fair])
        return found | {
            "left_out": int((~fair).sum()),
            "offsets": len(offsets),
            "offset_s": round(float(offsets["offset"][0]), 3),
            "offset_moved_ms": round(1e3 * float(offsets["offset"][-1] - offsets["offset"][0]), 3),
        }


def voice(seconds: float, out: Path) -> Result:
    """Record clicks that are played every half second; they must lie on one line of LSL time."""
    if pulse.missing():
        return {"skipped": f"no {pulse.missing()}"}
    period = 0.5
    made = microphone.create(
        microphone.Config(name="voice", source="simulated", simulated=SimulatedVoice(click_period_s=period))
    )
    folder = record(made, out, seconds)
    with reading.open(folder) as session:
        stream = session.voice
        heard = np.flatnonzero(np.asarray(stream.values)[:, 0] == CLICK)
        when = stream.time_of(heard)
        when = when[when - when[0] >= WARM_UP_S]
        count = np.round((when - when[0]) / period)
        constant = np.median(when - count * period)
        facts = session.h5["clock/voice/fit"].attrs
        slope = float(np.polyfit(count, when, 1)[0])
        late = float(np.median(stream.blocks["arrival_time"] - stream.blocks["time"]))
        return figures(when - count * period - constant) | {
            "clicks": len(when),
            "source": str(facts["source"]),
            "adc_time": str(stream.attributes["adc_time"]),
            "drift_ppm": round(float(facts["drift_ppm"]), 2),
            "click_period_ppm": round((slope / period - 1) * 1e6, 2),
            "block_to_callback_ms": round(1e3 * late, 2),
        }


def wall(seconds: float, out: Path) -> Result:
    """Run ``camera`` in a process whose wall clock is stepped halfway; nothing but the wall clock may notice."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        return {"skipped": "libfaketime is not installed"}
    clock = out / "clock"
    clock.write_text("+0")
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_CACHE_DURATION": "1",
    }
    result = out / "wall.json"
    command = [sys.executable, __file__, "camera", "--seconds", str(seconds), "--json", str(result)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    threading.Event().wait(seconds / 2 + 3)
    clock.write_text(f"+{STEP_S:.0f}")
    process.wait()
    found: Result = json.loads(result.read_text())["results"]["camera"]
    return found | {"met": found["met"] and abs(found["wall_step_s"] - STEP_S) < 5}


def main() -> int:
    """Measure what is asked for; return 1 if a target was missed."""
    parts: dict[str, Callable[[float, Path], Result]] = {
        "fit": lambda seconds, _: fit(seconds),
        "camera": camera,
        "lsl": outlet,
        "voice": voice,
        "wall": wall,
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help="fit, camera, lsl, voice or wall; all unless given")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if unknown := set(given.parts) - set(parts):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    results: dict[str, Result] = {}
    for name in given.parts or parts:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="labcapture-time-") as folder:
            results[name] = parts[name](given.seconds, Path(folder))
        print(f"{name} ({time.monotonic() - began:.0f} s): {json.dumps(results[name])}", flush=True)
    command = " ".join(["python", "benchmarks/time_truth.py", *sys.argv[1:]])
    machine = {"cores": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()}
    if given.json:
        whole = {"command": command, "machine": machine, "target_p99_ms": 1e3 * TARGET_S, "results": results}
        given.json.write_text(json.dumps(whole, indent=1), encoding="utf-8")
    return 0 if all(result.get("met", True) for result in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
