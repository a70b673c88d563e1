"""Our recorder and four peers on the same frames: ``python -m benchmarks.peers``.

Each runs alone, in a process of its own, as if a camera offered a pair of pictures at each tick and did not wait: what
a recorder has no room for is lost. The source shows pictures that lie in memory, so that nothing but the recorder
costs. Every picture that is read back is compared with the one that was offered.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.peers import frames, report
from benchmarks.peers.report import Outcome
from benchmarks.peers.worker import NAMES

_TITLES = {
    "labcapture": "labcapture",
    "jxl": "labcapture, codec: jxl",
    "blosc2": "labcapture, codec: blosc2",
    "sdk": "rs.recorder (SDK)",
    "h5py": "h5py script, gzip",
    "ffv1": "FFV1 + gray16, PyAV",
    "png": "PNG folder, OpenCV",
}
_NOMINAL_RUNS = 3  # a single run's cost differs by a tenth from the next one's
_KILL_AFTER_S = 3.0
_TIMEOUT_S = 180
BEGIN, END = "<!-- peers: written by python -m benchmarks.peers -->", "<!-- end of peers -->"


class Bench:
    """The runs of one recorder.

    Parameters
    ----------
    name
        Of the recorder.
    work, pool
        Folder for recordings; folder with the pictures.
    seconds, queue_mb
        Of each run; bound of what may wait.
    """

    def __init__(self, name: str, work: Path, pool: Path, seconds: float, queue_mb: int) -> None:
        self._name, self._work, self._pool = name, work, pool
        self._seconds, self._queue_mb = seconds, queue_mb
        self.outcome = Outcome(name, _TITLES[name])

    def run(self, multiples: list[int]) -> Outcome:
        """Do everything."""
        for multiple in multiples:
            if multiple == 1:
                self._nominal()
            else:
                self._paced(multiple)
        self._fastest()
        self._kill()
        return self.outcome

    def _command(self, task: str, folder: Path, *options: str) -> list[str]:
        words = [sys.executable, "-m", "benchmarks.peers.worker", task, self._name, str(folder), str(self._pool)]
        return [*words, "--queue-mb", str(self._queue_mb), *options]

    def _do(self, task: str, folder: Path, *options: str) -> dict[str, Any]:
        done = subprocess.run(
            self._command(task, folder, *options), capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
        lines = done.stdout.strip().splitlines()
        if done.returncode or not lines:
            said = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
            self.outcome.notes.append(f"{task} failed: {said[:160]}")
            return {}
        result: dict[str, Any] = json.loads(lines[-1])
        return result

    def _fresh(self, label: str) -> Path:
        folder = self._work / f"{self._name}-{label}"
        folder.mkdir()
        return folder

    def _nominal(self) -> None:
        """Record at the nominal rate, a few times: cost (the median), size and reading, too."""
        costs, o = [], self.outcome
        for turn in range(_NOMINAL_RUNS):
            folder = self._fresh(f"1x-{turn}")
            took = self._record(folder)
            stored = self._do("stored", folder).get("stored", 0) if took else 0
            if took:
                lost, offered = o.lost.get(1, (0, 0))
                o.lost[1] = lost + took["offered"] - stored, offered + took["offered"]
            if stored:
                costs.append(took["cpu_seconds"] / stored * 30)
                o.cores_30 = float(np.median(costs))
                o.bytes_per_pair = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / stored
                if turn == 0:
                    self._read(folder)
            shutil.rmtree(folder)

    def _paced(self, multiple: int) -> None:
        """Record at a multiple of the nominal rate."""
        folder, o = self._fresh(f"{multiple}x"), self.outcome
        took = self._record(folder, "--rate", str(30 * multiple))
        if took:
            stored = self._do("stored", folder).get("stored", 0)
            o.lost[multiple] = took["offered"] - stored, took["offered"]
            if multiple == 4 and self._name == "sdk":
                o.highest_pairs_s = stored / took["seconds"]
        shutil.rmtree(folder)

    def _record(self, folder: Path, *options: str) -> dict[str, Any]:
        return self._do("record", folder, "--seconds", str(self._seconds), *options)

    def _read(self, folder: Path) -> None:
        found = self._do("read", folder)
        if found:
            self.outcome.read_p50_ms, self.outcome.read_p95_ms = (
                float(value) * 1e3 for value in np.percentile(found["seconds"], [50, 95])
            )
            if found["wrong"]:
                self.outcome.notes.append(f"{found['wrong']} of {len(found['seconds'])} frames were not as offered")

    def _fastest(self) -> None:
        if self._name == "sdk":
            return  # nobody can know whether it has room: see 4x
        folder, o = self._fresh("fastest"), self.outcome
        took = self._record(folder, "--wait")
        if took:
            stored = self._do("stored", folder).get("stored", 0)
            o.highest_pairs_s = stored / took["seconds"]
            o.raw_share = took.get("raw_pictures", 0) / max(1, 2 * stored)
            o.peak_rss_bytes = took["rss_bytes"]
            if stored != took["offered"]:
                o.notes.append(f"{took['offered'] - stored} pairs were lost although the source waited")
        shutil.rmtree(folder)

    def _kill(self) -> None:
        folder = self._fresh("killed")
        counter = folder.parent / f"{folder.name}.count"
        process = subprocess.Popen(self._command("record", folder, "--seconds", "60"), stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            while self._count(counter) < 30 * _KILL_AFTER_S and time.monotonic() < deadline:
                time.sleep(0.01)
        finally:
            process.kill()
            process.wait()
        found = self._do("survivors", folder)
        self.outcome.killed = self._count(counter), found.get("recovered", 0), found.get("error", "could not be read")
        if self.outcome.killed[2]:
            self.outcome.notes.append(f"after kill -9: {self.outcome.killed[2]}")
        shutil.rmtree(folder)

    @staticmethod
    def _count(counter: Path) -> int:
        return int.from_bytes(counter.read_bytes(), "little") if counter.is_file() else 0


def main() -> None:
    """Measure, show, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--seconds", type=float, default=7.0, help="length of each run")
    parser.add_argument("--only", choices=NAMES, action="append", help="this recorder (may be repeated)")
    parser.add_argument("--rates", type=int, nargs="+", default=[1, 2, 3, 4], help="multiples of 30 pairs per second")
    parser.add_argument("--queue-mb", type=int, default=256, help="what may wait in memory")
    parser.add_argument("--pictures", type=int, default=12, help="different pairs, shown in turn")
    parser.add_argument("--video", type=Path, help="colour from this film")
    parser.add_argument("--folder", type=Path, help="record on this disk; a temporary folder is made in it")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    parser.add_argument("--docs", type=Path, help="put table and plot into this page, between its marks")
    a = parser.parse_args()
    terminal = Console(stderr=True)
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="peers-", dir=a.folder) as text:
        work = Path(text)
        facts = {
            "date": datetime.now(UTC).date().isoformat(),
            "command": shlex.join(["python", "-m", "benchmarks.peers", *sys.argv[1:]]),
            "machine": report.machine(work),
            "seconds": a.seconds,
            "queue_mb": a.queue_mb,
            "frames": frames.make(work, a.pictures, a.video),
        }
        for name in a.only or NAMES:
            with terminal.status(f"{_TITLES[name]} ..."):
                outcomes.append(Bench(name, work, work, a.seconds, a.queue_mb).run(a.rates))
    _show(outcomes)
    if a.json:
        a.json.write_text(json.dumps(report.as_json(outcomes, facts), indent=1) + "\n", encoding="utf-8")
    if a.docs:
        plot = a.docs.with_name(f"{a.docs.stem}-peers.png")
        report.plot(outcomes, plot)
        before, _, rest = a.docs.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        text = f"{before}{BEGIN}\n\n{report.page(outcomes, facts, plot.name)}\n\n{END}{after}"
        a.docs.write_text(text, encoding="utf-8", newline="\n")


def _show(outcomes: list[Outcome]) -> None:
    console = Console()
    for head, lines in (report.rows(outcomes), (["ours", "target", "measured", "reached"], report.targets(outcomes))):
        table = Table(*head)
        for line in lines:
            table.add_row(*line)
        console.print(table)
    for outcome in outcomes:
        for note in outcome.notes:
            console.print(f"{outcome.title}: {note}", markup=False)


if __name__ == "__main__":
    main()
