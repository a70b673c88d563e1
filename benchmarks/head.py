"""Measures simulated heads whose place is known: error of the distance, share of faces found, verdicts that are right.

python benchmarks/head.py --step-mm 25 --frames 10 --json head.json
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import platform
import sys
import time
from pathlib import Path

import numpy as np

from labcapture.core.geometry import Lens, Pose, min_z_mm
from labcapture.core.head import HeadTargets
from labcapture.devices.simulated.d415 import BASELINE_MM, COLOR_FROM_DEPTH_MM, Optics, color_optics, depth_optics
from labcapture.devices.simulated.scene import Scene, SimulatedHead
from labcapture.engine.head_judge import HeadJudge
from labcapture.engine.head_measure import HeadMeter, HeadOptics

HEADS = {
    "upright": SimulatedHead(),
    "small": SimulatedHead(size=0.85),
    "large": SimulatedHead(size=1.15),
    "tilted left": SimulatedHead(roll_deg=-8),
    "tilted right": SimulatedHead(roll_deg=8),
    "turned": SimulatedHead(yaw_deg=8),
    "chin up": SimulatedHead(pitch_deg=10),
    "chin down": SimulatedHead(pitch_deg=-8),
    "holes": SimulatedHead(holes=0.2),
}


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of one kind of head at all distances."""

    head: str
    pictures: int
    found: float
    worst_error_mm: float
    verdicts: int
    verdicts_right: int
    milliseconds: float


def sweep(name: str, head: SimulatedHead, size: tuple[int, int], distances: range, frames: int) -> Result:
    """Measure ``head`` at every distance."""
    color, depth = color_optics(*size), depth_optics(*size)
    pose = Pose(np.eye(3), np.array([COLOR_FROM_DEPTH_MM, 0.0, 0.0]))
    least = min_z_mm(depth.focal_px, BASELINE_MM)
    optics = HeadOptics(_lens(color), _lens(depth), pose, 1.0, least, math.inf)
    found = pictures = right = 0
    worst = spent = 0.0
    for distance in distances:
        scene = Scene(color, depth, distance, seed=distance, head=head)
        meter, judge = HeadMeter(optics), HeadJudge(HeadTargets(), least)
        for index in range(frames):
            pair = scene.color(), scene.depth()
            began = time.perf_counter()
            reading = meter.measure(*pair, index * 0.05)
            spent += time.perf_counter() - began
            view = judge.update(reading)
            pictures, found = pictures + 1, found + (reading.seen == "face")
        if view.nearest_mm is not None and scene.nearest_mm > least:
            worst = max(worst, abs(view.nearest_mm - scene.nearest_mm))
        near = next(limit for limit in view.limits if limit.name == "nearest_mm")
        truth = round(scene.nearest_mm, 6)  # 449.99999999999994 is 450
        right += near.ok == (max(450, least + 10) <= truth <= 560)
    each = spent / pictures * 1000
    return Result(name, pictures, found / pictures, round(worst, 2), len(distances), right, round(each, 1))


def _lens(it: Optics) -> Lens:
    return Lens(it.width, it.height, it.focal_px, it.focal_px, *it.centre_px)


def main() -> int:
    """Run the sweep and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 720), help="width and height (pixels)")
    parser.add_argument("--step-mm", type=int, default=25)
    parser.add_argument("--frames", type=int, default=10, help="pictures at each distance")
    parser.add_argument("--head", choices=HEADS, nargs="+", default=list(HEADS), help="only these kinds")
    parser.add_argument("--json", type=Path, help="new file for the results")
    given = parser.parse_args()
    size = (given.size[0], given.size[1])
    distances = range(350, 801, given.step_mm)
    print(f"{' '.join(sys.argv)}, {platform.platform()}, Python {platform.python_version()}\n")
    print("| head | pictures | found | worst error (mm) | verdicts right | ms per pair |\n|---|---|---|---|---|---|")
    results = []
    for name in given.head:
        it = sweep(name, HEADS[name], size, distances, given.frames)
        results.append(dataclasses.asdict(it))
        right = f"{it.verdicts_right} of {it.verdicts}"
        print(
            f"| {it.head} | {it.pictures} | {it.found:.2%} | {it.worst_error_mm} | {right} | {it.milliseconds} |",
            flush=True,
        )
    if given.json is not None:
        with given.json.open("x", encoding="utf-8") as file:
            json.dump({"command": sys.argv, "machine": platform.platform(), "results": results}, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
