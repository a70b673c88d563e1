"""Run the fault matrix: ``python -m benchmarks.faults --help``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.faults import camera, damage, disk, kill, power_loss, processes, signals, wall_clock
from benchmarks.faults.cell import Row
from benchmarks.faults.rig import CellFailed
from benchmarks.faults.table import Measured, machine, markdown, merge, put, today
from labcapture.core.errors import LabcaptureError

Cell = Callable[[int, int], Row | Sequence[Row]]
"""Called with the count of tries and the seed of the first."""

CELLS: dict[str, tuple[Cell, int, int]] = {
    # key: (cell, tries, tries of the reduced matrix: 0 where it is left out)
    "killed": (kill.run, 100, 0),
    "engine_killed": (kill.run_engine, 3, 0),
    "power_lost": (power_loss.run, 100, 0),
    "unplugged": (camera.unplugged, 3, 1),
    "red_line": (camera.red_line, 3, 0),
    "stalled": (camera.stalled, 3, 0),
    "mute": (camera.mute, 1, 0),
    "lsl_lost": (signals.lsl_lost, 3, 0),
    "sound_halts": (signals.sound_halts, 3, 0),
    "sound_dies": (signals.sound_dies, 3, 0),
    "held_up": (signals.held_up, 3, 0),
    "sound_overflows": (signals.sound_overflows, 3, 0),
    "stage_killed": (processes.stage_killed, 3, 1),
    "stage_killed_abort": (processes.stage_killed_abort, 3, 0),
    "client_killed": (processes.client_killed, 3, 0),
    "cli_killed": (processes.cli_killed, 3, 0),
    "two_engines": (processes.two_engines, 3, 0),
    "disk_full": (disk.full, 3, 0),
    "disk_slow": (disk.slow, 3, 0),
    "clock_stepped": (wall_clock.stepped, 3, 0),
    "flipped": (damage.flipped, 40, 4),
}


def main() -> int:
    """Run cells and tell what came of them; 1 if one failed."""
    given = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # else the engines that were started would live on
    terminal = Console(stderr=True)
    command = " ".join(["python -m benchmarks.faults", *sys.argv[1:]])
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="labcapture-faults-") as runtime:
        os.environ["LABCAPTURE_RUNTIME_DIR"] = runtime  # apart from any other engine of this user
        for key in given.only or CELLS:
            cell, tries, few = CELLS[key]
            wanted = given.tries or (few if given.reduced else tries)
            if not wanted:
                continue
            begin = time.monotonic()
            rows = _run(key, cell, wanted, given.seed)
            seconds = time.monotonic() - begin
            for row in rows:
                style = "yellow" if row.left_out else "green" if row.ok else "bold red"
                terminal.print(f"{row.cell}: {row.passed} of {row.tries} held, {seconds:.0f} s", style=style)
                measured.append(Measured(key, row, round(seconds, 1), today(), command, machine()))
            if given.json:
                merge(given.json, measured)
    _show(terminal, [each.row for each in measured])
    if given.docs:
        put(given.docs, markdown(merge(given.json, measured) if given.json else measured, list(CELLS)))
    return 0 if all(each.row.ok for each in measured) else 1


def _run(key: str, cell: Cell, tries: int, seed: int) -> Sequence[Row]:
    """Run a cell; what it could not even begin with is a failure of all its tries."""
    try:
        rows = cell(tries, seed)
    except (CellFailed, LabcaptureError, OSError) as error:
        return [Row(key, tries, 0, "the cell can be run", "", f"{type(error).__name__}: {error}")]
    return [rows] if isinstance(rows, Row) else rows


def _show(terminal: Console, rows: Sequence[Row]) -> None:
    table = Table(title="what a session survives")
    for title in ("fault", "held", "lost", "alarm", "note"):
        table.add_column(title)
    for row in rows:
        alarm = "" if row.alarm_s is None else f"{row.alarm_s:.2f} s"
        held = "left out" if row.left_out else f"{row.passed} of {row.tries}"
        table.add_row(row.cell, held, row.lost, alarm, row.note)
    terminal.print(table)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--tries", type=int, default=0, help="tries of each cell; else as many as each has of its own")
    parser.add_argument("--only", action="append", choices=list(CELLS), help="this cell; may be given again")
    parser.add_argument("--reduced", action="store_true", help="a few quick cells")
    parser.add_argument("--seed", type=int, default=1, help="of the first try; the next one has the next")
    parser.add_argument("--json", type=Path, help="file of results; cells that are not run now keep theirs")
    parser.add_argument("--docs", type=Path, help="document whose table is to be written anew")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
