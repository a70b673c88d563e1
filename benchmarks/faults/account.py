"""What a session lost: its pixels, counters and gaps, held against what the simulated camera did."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from benchmarks.faults.rig import CellFailed, expect
from labcapture.devices.simulated.strip import read_index
from labcapture.devices.simulated.truth import Truth
from labcapture.recording.verify import verify

_SLACK = 2
"""Frames by which a gap without a counter may be counted wrong: two periods of the camera."""


@dataclass(frozen=True)
class Account:
    """Frames of both camera streams over all trials.

    Attributes
    ----------
    recorded
        In the files, each proven by the index in its pixels.
    before_us
        Never delivered by the camera.
    by_us
        Delivered, and not in the files.
    untold
        Missing, and in no gap table beyond the slack in counting.
    """

    recorded: int = 0
    before_us: int = 0
    by_us: int = 0
    untold: int = 0

    def __str__(self) -> str:
        lost = f"{self.by_us} of {self.recorded + self.by_us} frames delivered"
        return f"{lost}; {self.before_us} never came" if self.before_us else lost


def account(folder: Path, truth: Sequence[Truth]) -> Account:
    """Count; every frame in the files must be the one that it says it is.

    Raises
    ------
    CellFailed
        It is not.
    """
    total = Account()
    with h5py.File(folder / "session.h5") as file:
        for trial in file["trials"]:
            for stream in ("color", "depth"):
                total = _add(total, _stream(file[f"trials/{trial}/{stream}"], truth, f"{trial} {stream}"))
    return total


def _stream(group: h5py.Group, truth: Sequence[Truth], name: str) -> Account:
    stream, attributes = group.name.rpartition("/")[2], group.file.attrs
    start, stop = float(attributes["start"]), float(attributes["stop"])
    indices = [read_index(picture) for picture in group["frames"]]
    made = {row.index: row for row in truth if row.stream == stream}
    for index, number, captured in zip(indices, group["frame_number"], group["time"], strict=True):
        expect(made[index].number == number, f"{name}: frame {index} carries the number {number}")
        expect(not captured < made[index].captured, f"{name}: frame {index} is dated before it was taken")
    expect(bool((np.diff(indices) > 0).all()), f"{name}: its frames are not in order")
    due = {row.index for row in made.values() if start <= row.captured and row.captured + 0.2 < stop}
    due |= set(range(indices[0], indices[-1] + 1)) if indices else set()
    missing = due - set(indices)
    by_us = {index for index in missing if made[index].lost is None}
    gaps = [gap for gap in group["gaps"][()] if gap["cause"] != b"slow"]
    told = sum(int(gap["count"]) for gap in gaps)
    slack = _SLACK * sum(gap["cause"] == b"disconnect" for gap in gaps)
    untold = max(0, len(missing) - told - slack)
    return Account(len(indices), len(missing) - len(by_us), len(by_us), untold)


def _add(one: Account, other: Account) -> Account:
    return Account(
        one.recorded + other.recorded,
        one.before_us + other.before_us,
        one.by_us + other.by_us,
        one.untold + other.untold,
    )


def expect_whole(folder: Path) -> None:
    """Fail the try unless `verify` finds the session whole."""
    found = verify(folder)
    expect(found.whole, f"verify: {'; '.join(found.problems[:3])}")


def expect_logged(folder: Path, source: str) -> None:
    """Fail the try unless the log tells of an alarm of ``source``."""
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    if not any(record["event"] == "alarm" and record["source"] == source for record in records):
        raise CellFailed(f"no alarm of {source} in the log")
