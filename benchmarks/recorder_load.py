"""What the recorder costs: 1280 x 720 colour and depth at 30 fps with voice and EDA, noise as of a real sensor.

Run ``python benchmarks/recorder_load.py [SECONDS]``; prints cores per thread, queue and losses.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from labcapture.core.chunks import AudioBlock, Frame, Samples, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.protocol.rule import QualityRule
from labcapture.recording.recorder import Recorder, SessionHeader, create_folder

COLOR = StreamSpec("color", "frames", "uint8", (720, 1280, 3), "", 30.0, clock="camera", simulated=True)
DEPTH = StreamSpec("depth", "frames", "uint16", (720, 1280), "", 30.0, clock="camera", simulated=True)
VOICE = StreamSpec("voice", "audio", "int16", (2,), "", 48000.0, simulated=True)
EDA = StreamSpec("eda", "samples", "float64", (1,), "uS", 200.0, simulated=True)
KEYS = ("sensor_timestamp", "frame_timestamp", "backend_timestamp", "time_of_arrival", "actual_exposure", "gain_level")


def scenes(count: int) -> list[dict[str, NDArray[Any]]]:
    """Return pictures of a face-like surface before a curtain that compress as a D415's do: about 2.1 and 10 to 1."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:720, 0:1280]
    light = [120 + 60 * np.sin(x / 200), 100 + 50 * np.cos((x + y) / 220), 90 + 40 * np.sin(y / 180)]
    color = np.stack(light, -1)
    face = ((x - 640) / 200) ** 2 + ((y - 360) / 270) ** 2 < 1
    depth = np.where(face, 500 + ((x - 640) ** 2 + (y - 360) ** 2) / 1500, 1500.0)
    pictures = []
    for _ in range(count):
        speckle = rng.normal(0, 1.5, (360, 640)).repeat(2, 0).repeat(2, 1) * depth / 1000
        noisy = np.clip(color + rng.normal(0, 1.8, color.shape), 0, 255)
        pictures.append({"color": noisy.astype(np.uint8), "depth": (depth + speckle).astype(np.uint16)})
    return pictures


def main(seconds: float) -> None:
    """Record for some seconds and print what it took."""
    header = SessionHeader(
        "P000", "1", "load", "none", "", "load", "", "en", True, None, {}, QualityRule(), datetime.now(UTC)
    )
    out = Path(tempfile.mkdtemp(dir=Path.cwd()))
    pictures = scenes(8)
    recorder = Recorder(create_folder(out, header), header, (COLOR, DEPTH, VOICE, EDA))
    recorder.open_trial("01_a")
    process = psutil.Process()
    before = {t.id: t.user_time + t.system_time for t in process.threads()}
    begin = time.monotonic()
    queue, longest, index = 0, 0.0, 0
    while time.monotonic() - begin < seconds:
        now = lsl_time()
        for name, picture in pictures[index % len(pictures)].items():
            metadata = {key: int(now * 1e6) + i for i, key in enumerate(KEYS)}
            start = time.perf_counter()
            recorder.offer(Frame(name, picture, index, now - 1000, now, metadata))
            longest = max(longest, time.perf_counter() - start)
        recorder.offer(AudioBlock("voice", np.zeros((1600, 2), np.int16), index * 1600, now, now))
        recorder.offer(Samples("eda", np.zeros((7, 1)), now + np.arange(7) / 200, now))
        queue = max(queue, recorder.status().queue_bytes)
        index += 1
        time.sleep(max(0.0, begin + index / 30 - time.monotonic()))
    took = time.monotonic() - begin
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    for t in process.threads():
        share = (t.user_time + t.system_time - before.get(t.id, 0.0)) / took
        if share > 0.01:
            print(f"{names.get(t.id, t.id)!s:20} {share:.3f} core")
    status = recorder.status()
    print(f"{index} pairs in {took:.1f} s, {status.written_bytes / took / 1e6:.1f} MB/s")
    print(f"longest queue {queue / 1e6:.0f} MB, longest wait of a device {longest * 1e3:.1f} ms")
    print(f"{status.raw_frames} stored raw, lost {dict(status.lost)}")
    recorder.close()
    shutil.rmtree(out)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
