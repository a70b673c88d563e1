"""What every test gets: a run-time folder of its own, and a failure if it leaves threads behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

_GRACE_S = 5.0

# They hold sound, pictures, keys or the window's thread against the clock: `make test` runs them one after the other.
ALONE = {
    *("console", "view"),
    *("test_closed_loop.py", "test_microphone.py", "test_time_truth.py", "test_screen_camera.py"),
    "test_stage_screens.py",
}

# The gate tries the same examples every time (`.ci/run` sets CI); people's runs explore.
hypothesis.settings.register_profile("gate", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("gate")

# What a script's shell starts in the background ignores Ctrl-C, and so would every program that these tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if ALONE & {item.path.name, item.path.parent.name}:
            item.add_marker("alone")
    items.sort(key=lambda item: item.path.parent.name != "run")  # the longest first, so that no worker is left alone


@pytest.fixture(autouse=True, scope="session")
def runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the engines of these tests apart from any other engine of this user."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABCAPTURE_RUNTIME_DIR", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    """Fail a test that leaves a thread running; a thread that is just ending has a few seconds to do so."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + _GRACE_S
    while left := [t for t in threading.enumerate() if t not in before and not t.daemon]:
        if time.monotonic() > deadline:
            pytest.fail(f"threads left behind: {', '.join(thread.name for thread in left)}")
        time.sleep(0.02)
