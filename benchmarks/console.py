"""How soon the console can be used: ``python -m benchmarks.console [--starts N] [--json FILE]``.

Starts the window as a new process some times, each with an engine of its own, and tells the time from the process's
start to the first paint, to a form that takes letters, and to the answer of the engine. Without a screen it needs
Linux with Xvfb.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from scripts.screen import screen

TARGET_S = 2.0
PHASES = {"paint_s": "first paint", "form_s": "form takes letters", "engine_s": "engine answers"}

_CHILD = """
import json, sys, time
began = float(sys.argv[1])
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication
from labcapture.console import theme
from labcapture.console.app import Console
application = QApplication(sys.argv[:1])
theme.apply(application, theme.DARK)
console, seen, pids = Console(), {}, []
class Eye(QObject):
    def eventFilter(self, receiver, event):
        if event.type() == QEvent.Type.UpdateRequest:
            seen.setdefault("paint_s", time.time() - began)
        return False
eye = Eye()
console.window.installEventFilter(eye)
def hear(snapshot):
    pids.append(snapshot.pid)
    seen.setdefault("engine_s", time.time() - began)
console.bridge.snapshot.connect(hear)
def look():
    if "paint_s" in seen and console.window.form.participant.isEnabled():
        seen.setdefault("form_s", time.time() - began)
    if len(seen) == 3:
        application.quit()
timer = QTimer(); timer.timeout.connect(look); timer.start(5)
console.open()
application.exec()
console.close()
print(json.dumps({**seen, "pid": pids[0]}))
"""


def start_once() -> dict[str, float]:
    """Return the seconds from the start of a console's process to each phase."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "LABCAPTURE_RUNTIME_DIR": folder}
        command = [sys.executable, "-c", _CHILD, repr(time.time())]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
        found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        engine = psutil.Process(int(found.pop("pid")))
        engine.terminate()
        engine.wait(60)
    return found


def measure(starts: int) -> dict[str, Any]:
    """Return median and longest of each phase; the first start, which fills the disk's cache, is told apart."""
    first, *rest = (start_once() for _ in range(starts + 1))
    return {
        "machine": f"{psutil.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        "command": " ".join(["python -m benchmarks.console", *sys.argv[1:]]),
        "starts": starts,
        "target_s": TARGET_S,
        "first": first,
        "median": {phase: statistics.median(one[phase] for one in rest) for phase in PHASES},
        "longest": {phase: max(one[phase] for one in rest) for phase in PHASES},
    }


def table(found: dict[str, Any]) -> str:
    """Return the result as markdown."""
    lines = [
        f"{found['machine']}: `{found['command']}`",
        "",
        "| until | first | median | longest |",
        "|---|---|---|---|",
    ]
    for phase, name in PHASES.items():
        figures = " | ".join(f"{found[which][phase]:.2f} s" for which in ("first", "median", "longest"))
        lines.append(f"| {name} | {figures} |")
    return "\n".join(lines)


def main() -> int:
    """Print the table; return 0 if the form could be used in time."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with screen((1280, 720)):
        found = measure(given.starts)
    print(table(found))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(found["median"]["form_s"] > TARGET_S)


if __name__ == "__main__":
    sys.exit(main())
