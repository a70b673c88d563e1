"""The matrix as JSON and as a table in docs/reliability.md."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.faults.cell import Row

_MARKS = ("<!-- matrix: written by python -m benchmarks.faults -->", "<!-- end of matrix -->")


@dataclass(frozen=True)
class Measured:
    """A row with what made it."""

    key: str
    row: Row
    seconds: float
    date: str
    command: str
    machine: str


def machine() -> str:
    """Return what the measurements were made on, in words."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    disk = shutil.disk_usage(Path.cwd()).total / 1e9
    return f"{os.cpu_count()} cores ({model}), disk of {disk:.0f} GB, {platform.system()} {platform.release()}"


def today() -> str:
    """Return the date (UTC)."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


def merge(file: Path, new: Sequence[Measured]) -> list[Measured]:
    """Write ``new`` rows into ``file``, in place of older ones of the same cells; return all that it has then."""
    known: dict[str, Measured] = {}
    if file.exists():
        for entry in json.loads(file.read_text(encoding="utf-8")):
            measured = Measured(**{**entry, "row": Row(**entry["row"])})
            known[measured.row.cell] = measured
    redone = {measured.key for measured in new}
    known = {cell: measured for cell, measured in known.items() if measured.key not in redone}
    known |= {measured.row.cell: measured for measured in new}
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(measured) for measured in known.values()], indent=1, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")
    return list(known.values())


def markdown(all_measured: Sequence[Measured], order: Sequence[str]) -> str:
    """Return the matrix as a table, cells in ``order`` of their keys."""
    lines = [
        "| fault | tries | held | expected | lost | alarm after | |",
        "| --- | --: | --: | --- | --- | --: | --- |",
    ]
    for measured in sorted(all_measured, key=lambda m: order.index(m.key) if m.key in order else len(order)):
        row = measured.row
        held = "left out" if row.left_out else str(row.passed) if row.ok else f"**{row.passed}: fails**"
        alarm = "" if row.alarm_s is None else f"{row.alarm_s:.2f} s"
        cells = (row.cell, str(row.tries), held, row.expected, row.lost, alarm, row.note)
        lines.append("| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |")
    made = sorted({(m.date, m.command, m.machine) for m in all_measured})
    lines += [""] + [f"{date}, {where}: `{command}`  " for date, command, where in made]
    return "\n".join(lines)


def put(document: Path, table: str) -> None:
    """Write the table between its marks in ``document``."""
    text = document.read_text(encoding="utf-8")
    head, begin, rest = text.partition(_MARKS[0])
    _, end, tail = rest.partition(_MARKS[1])
    if not begin or not end:
        raise SystemExit(f"{document}: has no marks for the matrix. Put these lines where it is to stand: {_MARKS}")
    document.write_text(f"{head}{begin}\n\n{table}\n\n{end}{tail}", encoding="utf-8")
