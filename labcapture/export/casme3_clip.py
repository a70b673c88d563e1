"""A clip of CAS(ME)3: which pictures it is made of, and when each was taken."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import RecordingError
from labcapture.export.casme3_grid import Grid, lay
from labcapture.export.casme3_pictures import Shot
from labcapture.reading.session import Trial

COLUMNS = ("number", "trial", "color_index", "color_time", "depth_index", "depth_time", "difference_s", "missing")


@dataclass(frozen=True)
class Clip:
    """One clip.

    Parameters
    ----------
    folder
        Where it lies in the session's folder; empty: there itself.
    trials
        What it is made of, in order of time; each has colour pictures.
    """

    folder: str
    trials: tuple[Trial, ...]

    @cached_property
    def color_time(self) -> NDArray[np.float64]:
        """(n,) LSL s."""
        return np.concatenate([trial.color.time for trial in self.trials])

    @cached_property
    def depth_time(self) -> NDArray[np.float64]:
        """(m,) LSL s."""
        return np.concatenate([_depth_time(trial) for trial in self.trials])

    @cached_property
    def grid(self) -> Grid:
        """Which picture has which number.

        Raises
        ------
        RecordingError
            A picture has no time.
        """
        if not (np.isfinite(self.color_time).all() and np.isfinite(self.depth_time).all()):
            raise RecordingError("has pictures without a time", self.trials[0].id, "Run: labcapture verify.")
        return lay(self.color_time, self.depth_time, self.trials[0].color.rate_hz or 30.0)

    @cached_property
    def _color_starts(self) -> list[int]:
        return _starts([len(trial.color.time) for trial in self.trials])

    @cached_property
    def _depth_starts(self) -> list[int]:
        return _starts([len(_depth_time(trial)) for trial in self.trials])

    def shots(self) -> list[Shot]:
        """Return the pictures that are to be written."""
        found = []
        for row, (number, pair) in enumerate(zip(self.grid.numbers, self.grid.depth, strict=True)):
            trial, color = self.color_at(row)
            depth = -1
            if pair >= 0:
                partner, depth = self._of(int(pair), self._depth_starts)
                depth = depth if partner is trial else -1
            found.append(Shot(int(number), trial, color, depth))
        return found

    def color_at(self, row: int) -> tuple[Trial, int]:
        """Return the trial that colour picture ``row`` of the clip lies in, and its index there."""
        return self._of(row, self._color_starts)

    def _of(self, row: int, starts: list[int]) -> tuple[Trial, int]:
        place = int(np.searchsorted(starts, row, side="right")) - 1
        return self.trials[place], row - starts[place]

    def write_table(self, path: Path) -> dict[str, int]:
        """Write a row per number, missing ones too, and one per depth picture without colour; return counts."""
        shots = {shot.number: shot for shot in self.shots()}
        last = int(self.grid.numbers[-1])
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for number in range(last + 1):
                writer.writerow(_line(number, shots.get(number)))
            for row in self.grid.alone:
                trial, index = self._of(int(row), self._depth_starts)
                writer.writerow(("", trial.id, "", "", index, f"{trial.depth.time[index]:.6f}", "", "color"))
        paired = sum(shot.depth >= 0 for shot in shots.values())
        return {"color": len(shots), "depth": paired, "missing": last + 1 - len(shots), "alone": len(self.grid.alone)}


def _line(number: int, shot: Shot | None) -> tuple[object, ...]:
    if shot is None:
        return (number, "", "", "", "", "", "", "color depth")
    color = shot.trial.color.time[shot.color]
    begin = (number, shot.trial.id, shot.color, f"{color:.6f}")
    if shot.depth < 0:
        return (*begin, "", "", "", "depth")
    depth = shot.trial.depth.time[shot.depth]
    return (*begin, shot.depth, f"{depth:.6f}", f"{depth - color:.6f}", "")


def _starts(lengths: list[int]) -> list[int]:
    return [0, *np.cumsum(lengths[:-1]).tolist()]


def _depth_time(trial: Trial) -> NDArray[np.float64]:
    return trial.depth.time if "depth" in tuple(trial) else np.empty(0)
