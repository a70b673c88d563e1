"""The outcome as a table, as a plot and as a page of the documentation."""

from __future__ import annotations

import functools
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

OURS = {"labcapture", "jxl", "blosc2"}
TARGETS = {"cores_30": 0.35, "bytes_of_sdk": 0.8, "highest_pairs_s": 90.0}


@dataclass
class Outcome:
    """What was found of one recorder.

    Parameters
    ----------
    name, title
        For commands; for people.
    cores_30
        Cores at 30 pairs per second: processor time per pair stored, writing and closing included, times 30.
    bytes_per_pair
        All files of the recording by the pairs in it.
    highest_pairs_s
        Pairs per second, closing included, from a source that waits for room; of a recorder that cannot say whether it
        has room, those it stored when offered four times the nominal rate.
    raw_share
        Of the pictures at that rate, those stored raw.
    lost
        Multiple of 30 pairs per second: (pairs lost, pairs offered).
    read_p50_ms, read_p95_ms
        A colour frame at random.
    killed
        (pairs offered until kill -9, pairs recovered, error that stood in the way).
    peak_rss_bytes
        Memory at the end of the fastest run.
    """

    name: str
    title: str
    cores_30: float = float("nan")
    bytes_per_pair: float = float("nan")
    highest_pairs_s: float = float("nan")
    raw_share: float = 0.0
    lost: dict[int, tuple[int, int]] = field(default_factory=dict)
    read_p50_ms: float = float("nan")
    read_p95_ms: float = float("nan")
    killed: tuple[int, int, str] = (0, 0, "")
    peak_rss_bytes: int = 0
    notes: list[str] = field(default_factory=list)


def machine(folder: Path) -> dict[str, Any]:
    """Name the machine, and the disk under ``folder``."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    parts = [part for part in psutil.disk_partitions(all=True) if folder.resolve().is_relative_to(part.mountpoint)]
    disk = max(parts, key=lambda part: len(part.mountpoint), default=None)
    return {
        "cpu": model,
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "disk": f"{disk.device} ({disk.fstype})" if disk else "",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def rows(outcomes: Sequence[Outcome]) -> tuple[list[str], list[list[str]]]:
    """Return head and cells of the table: a column for each recorder."""
    multiples = sorted({multiple for outcome in outcomes for multiple in outcome.lost})
    lines: list[tuple[str, Callable[[Outcome], str]]] = [
        ("cores at 30 pairs/s", lambda o: f"{o.cores_30:.2f}"),
        ("MB per pair", lambda o: f"{o.bytes_per_pair / 1e6:.2f}"),
        ("highest pairs/s", lambda o: f"{o.highest_pairs_s:.0f}"),
        *((f"lost at {30 * m}/s ({m}x)", functools.partial(_lost, multiple=m)) for m in multiples),
        ("frame read, p50 / p95 ms", lambda o: f"{o.read_p50_ms:.0f} / {o.read_p95_ms:.0f}"),
        ("after kill -9: recovered / offered", lambda o: f"{o.killed[1]} / {o.killed[0]}"),
    ]
    table = [[title, *(figure(outcome) for outcome in outcomes)] for title, figure in lines]
    return ["", *(outcome.title for outcome in outcomes)], table


def _lost(outcome: Outcome, multiple: int) -> str:
    lost, offered = outcome.lost.get(multiple, (0, 0))
    return f"{lost} of {offered}" if offered else ""


def targets(outcomes: Sequence[Outcome]) -> list[list[str]]:
    """Return (what, target, figure, reached) of each target of ours."""
    by_name = {outcome.name: outcome for outcome in outcomes}
    ours, sdk = by_name.get("labcapture"), by_name.get("sdk")
    if ours is None:
        return []
    found = [("cores at 30 pairs/s", "<=", TARGETS["cores_30"], ours.cores_30)]
    if sdk is not None:
        share = ours.bytes_per_pair / sdk.bytes_per_pair
        found.append(("bytes per pair, of rs.recorder's", "<=", TARGETS["bytes_of_sdk"], share))
    found.append(("pairs/s sustained without loss", ">=", TARGETS["highest_pairs_s"], ours.highest_pairs_s))
    return [
        [what, f"{sign} {aim:g}", f"{value:.2f}", "yes" if (value <= aim if sign == "<=" else value >= aim) else "no"]
        for what, sign, aim, value in found
    ]


def markdown(head: Sequence[str], table: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown."""
    lines = [head, ["---"] * len(head), *table]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def as_json(outcomes: Sequence[Outcome], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything as one object."""
    return {**facts, "targets": targets(outcomes), "peers": [asdict(outcome) for outcome in outcomes]}


def page(outcomes: Sequence[Outcome], facts: Mapping[str, Any], plot_name: str) -> str:
    """Return the section of the documentation."""
    m = facts["machine"]
    notes = [f"- {o.title}: {note}" for o in outcomes for note in o.notes]
    disk = f", disk {m['disk']}" if m["disk"] else ""
    return "\n\n".join(
        part
        for part in (
            f"Measured {facts['date']} with `{facts['command']}` on {m['cores']} cores of {m['cpu']}, "
            f"{m['memory_gb']:g} GB{disk}, {m['system']}, Python {m['python']}. Frames: {facts['frames']}; "
            f"1280 x 720 RGB8 and Z16. Each run {facts['seconds']:g} s, queues of {facts['queue_mb']} MB.",
            markdown(*rows(outcomes)),
            f"![pairs per second, size and processor time]({plot_name})",
            markdown(["ours", "target", "measured", "reached"], targets(outcomes)),
            "\n".join(notes),
        )
        if part
    )


def plot(outcomes: Sequence[Outcome], path: Path) -> None:
    """Draw rate, losses, size and processor time."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(1, 4, figsize=(14, 3.2), layout="constrained")
    titles = [outcome.title for outcome in outcomes]
    colors = ["#0b6e4f" if outcome.name in OURS else "#9aa5b1" for outcome in outcomes]
    bars = (
        ("highest rate, pairs/s", [o.highest_pairs_s for o in outcomes], TARGETS["highest_pairs_s"]),
        ("MB per pair", [o.bytes_per_pair / 1e6 for o in outcomes], None),
        ("cores at 30 pairs/s", [o.cores_30 for o in outcomes], TARGETS["cores_30"]),
    )
    for axis, (title, values, target) in zip(axes, bars, strict=False):
        axis.barh(titles, values, color=colors)
        axis.invert_yaxis()
        axis.set_title(title, fontsize=10)
        if target is not None:
            axis.axvline(target, color="black", linestyle="--", linewidth=0.8)
    for axis in axes[1:3]:
        axis.set_yticklabels([])
    for outcome in outcomes:
        shares = {m: 100 * lost / max(1, offered) for m, (lost, offered) in sorted(outcome.lost.items())}
        bold = outcome.name in OURS
        axes[3].plot(
            list(shares), list(shares.values()), marker="o", label=outcome.title, linewidth=2.4 if bold else 1.2
        )
    axes[3].set_title("pairs lost, %", fontsize=10)
    axes[3].set_xlabel("times the nominal rate")
    axes[3].legend(fontsize=7)
    figure.savefig(path, dpi=110)
    plt.close(figure)
