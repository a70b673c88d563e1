"""One recorder at work, in a process of its own: ``python -m benchmarks.peers.worker TASK NAME FOLDER POOL ...``.

``record``: pairs come by the clock, as from a camera that does not wait, or (``--wait``) whenever the queue is nearly
empty. ``stored``, ``survivors``, ``read``: what is in a recording. One JSON object on stdout.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import random
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.peers.base import Peer
from benchmarks.peers.frames import Pool
from labcapture.core.memory import share_one_heap

NAMES = ("labcapture", "jxl", "blosc2", "sdk", "h5py", "ffv1", "png")
_CALM = 0.12  # share of the queue below which a source that waits goes on; our recorder stores raw above 0.25


def peer(name: str) -> type[Peer]:
    """Return a recorder by its name. Only its own libraries are imported."""
    if name in {"labcapture", "jxl", "blosc2"}:
        from benchmarks.peers.ours import Blosc2, JpegXl, Labcapture  # noqa: PLC0415

        share_one_heap()  # as the engine does
        return {"labcapture": Labcapture, "jxl": JpegXl, "blosc2": Blosc2}[name]
    if name == "sdk":
        from benchmarks.peers.sdk import SdkRecorder  # noqa: PLC0415

        return SdkRecorder
    from benchmarks.peers.others import Ffv1, H5pyGzip, PngFolder  # noqa: PLC0415

    found: dict[str, type[Peer]] = {"h5py": H5pyGzip, "ffv1": Ffv1, "png": PngFolder}
    return found[name]


def record(
    kind: type[Peer], folder: Path, pool: Pool, rate: float, seconds: float, wait: bool, limit: int
) -> dict[str, Any]:
    """Record for some seconds; return what it took."""
    counter = _Counter(folder.parent / f"{folder.name}.count")
    recorder = kind(folder, limit)
    process = psutil.Process()
    before, begin = process.cpu_times(), time.monotonic()
    number = 0
    while (now := time.monotonic() - begin) < seconds:
        if wait and (recorder.waiting() or 0.0) > _CALM:
            time.sleep(0.001)
            continue
        if not wait and now < number / rate:
            time.sleep(number / rate - now)
        recorder.offer(number, *pool.pair(number))
        number += 1
        counter.set(number)
    said = recorder.close()
    took, after = time.monotonic() - begin, process.cpu_times()
    cpu = after.user + after.system - before.user - before.system
    return {"offered": number, "seconds": took, "cpu_seconds": cpu, "rss_bytes": process.memory_info().rss, **said}


class _Counter:
    """A number that outlives this process."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 8)

    def set(self, number: int) -> None:
        self._memory[:] = number.to_bytes(8, "little")


def survivors(kind: type[Peer], folder: Path, pool: Pool) -> dict[str, Any]:
    """Count the pairs of a recording that was cut off, each compared with what was offered."""
    whole, error = 0, ""
    try:
        for number, color, depth in kind.survivors(folder):
            whole += pool.has(number, color, depth)
    except Exception as failure:  # noqa: BLE001 - that it cannot be opened is the finding
        error = f"{type(failure).__name__}: {failure}"
    return {"recovered": whole, "error": error[:200]}


def read(kind: type[Peer], folder: Path, pool: Pool, count: int) -> dict[str, Any]:
    """Read colour frames at random; return seconds of each, and how many were not what was offered."""
    there, get = kind.reader(folder)
    chance, times, wrong = random.Random(0), [], 0  # noqa: S311 - no secret
    for _ in range(count):
        place = chance.randrange(there)
        begin = time.perf_counter()
        number, color = get(place)
        times.append(time.perf_counter() - begin)
        wrong += not pool.has(number, color)
    return {"seconds": times, "wrong": wrong}


def main() -> None:
    """Do one task, and print its outcome."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=("record", "stored", "survivors", "read"))
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--rate", type=float, default=30.0)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--wait", action="store_true")
    parser.add_argument("--queue-mb", type=int, default=256)
    parser.add_argument("--reads", type=int, default=60)
    a = parser.parse_args()
    kind, pool = peer(a.name), Pool(a.pool)
    if a.task == "record":
        outcome = record(kind, a.folder, pool, a.rate, a.seconds, a.wait, a.queue_mb * 2**20)
    elif a.task == "stored":
        outcome = {"stored": kind.stored(a.folder)}
    elif a.task == "survivors":
        outcome = survivors(kind, a.folder, pool)
    else:
        outcome = read(kind, a.folder, pool, a.reads)
    print(json.dumps(outcome), flush=True)
    os._exit(0)  # a library that still holds a file must not delay or crash the end


if __name__ == "__main__":
    main()
