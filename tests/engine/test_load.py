"""What the engine takes: figures of this very process."""

from __future__ import annotations

import threading
import time

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
