"""What the engine takes: figures of this very process, and precedence where the system grants it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from labcapture.engine.load import Load


def test_a_busy_thread_is_found_by_its_name() -> None:
    ending = threading.Event()

    def compute() -> None:
        while not ending.is_set():
            sum(range(1000))

    load = Load()
    thread = threading.Thread(target=compute, name="busy")
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while load.threads_s.get("busy", 0.0) < 0.2 and time.monotonic() < deadline:
            load.measure()
            time.sleep(0.05)
    finally:
        ending.set()
        thread.join()
    assert load.threads_s["busy"] >= 0.2
    assert load.cpu_percent > 0
    assert load.memory_bytes > 10_000_000


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root may take precedence everywhere")
def test_precedence_is_taken_where_it_may_be_and_never_fails() -> None:
    imports = "import os, resource; from labcapture.engine.load import niceness, take_precedence"
    less = "resource.setrlimit(resource.RLIMIT_NICE, (0, 0)); os.setuid(65534)"

    def nice_after(*lines: str) -> int:
        code = "; ".join([imports, *lines, "take_precedence()", "print(niceness())"])
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert nice_after() <= 0
    assert nice_after(less) == os.getpriority(os.PRIO_PROCESS, 0)  # who has no right to it stays as they are
