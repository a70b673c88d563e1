"""A screen for the window, and failures for windows and timers that a test leaves behind."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path

import psutil
import pytest
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication
from shiboken6 import Shiboken

from labcapture.console import theme
from labcapture.console.app import Console
from labcapture.console.window import ConsoleWindow
from labcapture.engine.client import Client
from labcapture.engine.messages import Snapshot
from tests.console.desktop import Opened
from tests.console.gui_watch import WATCH, WatchedApplication
from tests.console.leftovers import Found, left
from tests.reading.recorded_world import record


@dataclass(frozen=True)
class Screen:
    """An X display, or "" on a system without X; ``virtual`` where these tests made it."""

    display: str
    virtual: bool


@pytest.fixture(scope="session")
def screen() -> Iterator[Screen]:
    """Give Qt a screen where there is none."""
    if sys.platform != "linux" or os.environ.get("DISPLAY"):
        yield Screen(os.environ.get("DISPLAY", ""), virtual=False)
        return
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1920x1080x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as answer:
        os.environ["DISPLAY"] = f":{answer.readline().strip()}"
    yield Screen(os.environ["DISPLAY"], virtual=True)
    server.terminate()
    server.wait()


@pytest.fixture(scope="session")
def qapp_cls() -> type[QApplication]:
    """Have every event of the GUI thread measured."""
    return WatchedApplication


@pytest.fixture(autouse=True)
def nothing_blocks(qapp: QApplication) -> Iterator[None]:
    """Fail a test in which an event kept the GUI thread busy, or made it wait."""
    gc.collect()
    gc.freeze()  # as the console does; to look through all that tests hold takes as long as an event may
    WATCH.begin()
    yield
    assert not WATCH.slow, f"the GUI thread was blocked: {WATCH.slow}"
    assert not WATCH.waits, f"the GUI thread waited: {WATCH.waits}"


@pytest.fixture(scope="session")
def qapp(screen: Screen, qapp: QApplication) -> Iterator[QApplication]:
    """Dress the application as the console does; it ends before its screen, which other tests do not see."""
    if screen.virtual:
        del os.environ["DISPLAY"]
    theme.apply(qapp, theme.DARK)
    yield qapp
    if Shiboken.isValid(qapp):  # the tests of the viewer have the same application, and may have ended it before
        qapp.shutdown()


@pytest.fixture(autouse=True)
def nothing_left(qapp: QApplication) -> Iterator[None]:
    """Fail a test that leaves a window, a timer, a thread, a process or shared memory behind."""
    if sys.platform != "win32":
        resource_tracker.ensure_running()  # Python's own process beside every shared memory, until the end
    before = Found.now()
    yield
    words = left(before)
    assert not words, f"left behind: {', '.join(words)}"


@pytest.fixture(scope="session")
def recorded_session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a real session with one clip."""
    return record(tmp_path_factory.mktemp("recorded"))


@pytest.fixture
def window(qapp: QApplication) -> Iterator[ConsoleWindow]:
    """Return a window that is on the screen and listens to the keyboard."""
    made = ConsoleWindow(theme.DARK)
    made.show()
    made.activateWindow()
    yield made
    made.leave()
    Shiboken.delete(made)


@pytest.fixture
def console(qapp: QApplication) -> Iterator[tuple[Console, list[Snapshot]]]:
    """Return a console with an engine of its own, and what that engine says."""
    client = Client.spawn()
    console, heard = Console(client.connection), list[Snapshot]()
    console.bridge.snapshot.connect(heard.append)
    console.open()
    yield console, heard
    console.close()
    psutil.Process(client.details.pid).terminate()
    assert client.wait_ended(60)
    client.close()


@pytest.fixture
def opened(qapp: QApplication) -> Iterator[Opened]:
    taker = Opened()
    QDesktopServices.setUrlHandler("file", taker, "take")  # type: ignore[arg-type] # it takes str, unlike its stub
    yield taker
    QDesktopServices.unsetUrlHandler("file")
