"""The window's threads against a real engine process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot

from labcapture.console.app import Console, main
from labcapture.console.bridge import Bridge
from labcapture.core.errors import BadInput, LabcaptureError
from labcapture.engine.client import Client
from labcapture.engine.messages import Command, EngineState, Prepare, Shutdown, Snapshot, Start
from tests.console.conftest import Screen

_LIMIT_MS = 60_000


class Heard:
    """What a bridge told, in order."""

    def __init__(self, bridge: Bridge) -> None:
        self.snapshots: list[Snapshot] = []
        self.lost: list[LabcaptureError] = []
        self.done: list[Command] = []
        self.refused: list[tuple[Command, LabcaptureError]] = []
        bridge.snapshot.connect(self.snapshots.append)
        bridge.lost.connect(self.lost.append)
        bridge.done.connect(lambda command, _: self.done.append(command))
        bridge.refused.connect(lambda command, error: self.refused.append((command, error)))

    @property
    def pids(self) -> set[int]:
        """Every engine that was heard."""
        return {snapshot.pid for snapshot in self.snapshots}


@pytest.fixture
def engine() -> Iterator[Client]:
    """Return a client of an idle engine of its own."""
    client = Client.spawn()
    yield client
    _end(client.details.pid)
    assert client.wait_ended(30)
    client.close()


@pytest.fixture
def bridge(qapp: object) -> Iterator[Callable[[Path | None], tuple[Bridge, Heard]]]:
    """Return a maker of started bridges; engines that they started end with the test."""
    made: list[tuple[Bridge, Heard]] = []

    def make(connection: Path | None) -> tuple[Bridge, Heard]:
        bridge = Bridge(connection)
        made.append((bridge, Heard(bridge)))
        bridge.start()
        return made[-1]

    yield make
    for bridge, heard in made:
        bridge.close()
        for pid in heard.pids:
            _end(pid)


def _end(pid: int) -> None:
    if psutil.pid_exists(pid):
        process = psutil.Process(pid)
        process.terminate()
        process.wait(30)


Make = Callable[[Path | None], tuple[Bridge, Heard]]


def test_snapshots_of_a_running_engine_arrive(engine: Client, bridge: Make, qtbot: QtBot) -> None:
    _, heard = bridge(engine.connection)
    qtbot.waitUntil(lambda: len(heard.snapshots) > 3, timeout=_LIMIT_MS)
    assert heard.pids == {engine.details.pid}
    assert heard.snapshots[0].state is EngineState.IDLE
    assert heard.lost == []


def test_the_engine_that_runs_is_found(engine: Client, bridge: Make, qtbot: QtBot) -> None:
    _, heard = bridge(None)
    qtbot.waitUntil(lambda: bool(heard.snapshots), timeout=_LIMIT_MS)
    assert heard.pids == {engine.details.pid}


def test_an_engine_is_started_where_there_is_none_and_outlives_the_window(bridge: Make, qtbot: QtBot) -> None:
    one, heard = bridge(None)
    qtbot.waitUntil(lambda: bool(heard.snapshots), timeout=_LIMIT_MS)
    one.close()
    client = Client.attach()
    assert {client.details.pid} == heard.pids
    client.close()


def test_an_engine_that_dies_is_not_replaced_unasked(bridge: Make, qtbot: QtBot) -> None:
    _, heard = bridge(None)
    qtbot.waitUntil(lambda: bool(heard.snapshots), timeout=_LIMIT_MS)
    psutil.Process(heard.snapshots[0].pid).kill()
    qtbot.waitUntil(lambda: len(heard.lost) > 2, timeout=_LIMIT_MS)  # looked for twice more
    assert len(heard.pids) == 1


def test_the_engine_of_a_named_connection_is_not_replaced(bridge: Make, qtbot: QtBot, tmp_path: Path) -> None:
    _, heard = bridge(tmp_path / "engine.json")
    qtbot.waitUntil(lambda: len(heard.lost) > 1, timeout=_LIMIT_MS)
    assert heard.snapshots == []
    assert heard.lost[0].what == "no engine is running"


def test_a_refusal_comes_back_as_the_engine_gave_it(engine: Client, bridge: Make, qtbot: QtBot) -> None:
    one, heard = bridge(engine.connection)
    one.send(Start())
    qtbot.waitUntil(lambda: bool(heard.refused), timeout=_LIMIT_MS)
    command, error = heard.refused[0]
    assert command == Start()
    assert "'start' is refused while the engine is idle" in str(error)


def test_a_command_is_done(engine: Client, bridge: Make, qtbot: QtBot) -> None:
    one, heard = bridge(engine.connection)
    one.send(Shutdown())
    qtbot.waitUntil(lambda: heard.done == [Shutdown()], timeout=_LIMIT_MS)


def test_an_engine_that_dies_is_lost_and_a_new_one_comes_when_asked_for(
    engine: Client, bridge: Make, qtbot: QtBot
) -> None:
    one, heard = bridge(engine.connection)
    qtbot.waitUntil(lambda: bool(heard.snapshots), timeout=_LIMIT_MS)
    psutil.Process(engine.details.pid).kill()
    qtbot.waitUntil(lambda: bool(heard.lost), timeout=_LIMIT_MS)
    assert heard.pids == {engine.details.pid}
    one.start_engine()
    qtbot.waitUntil(lambda: len(heard.pids) == 2, timeout=_LIMIT_MS)
    one.send(Start())
    qtbot.waitUntil(lambda: bool(heard.refused), timeout=_LIMIT_MS)  # commands reach the new one
    assert "idle" in str(heard.refused[-1][1])


def test_a_silent_engine_is_lost_until_it_speaks_again(engine: Client, bridge: Make, qtbot: QtBot) -> None:
    _, heard = bridge(engine.connection)
    qtbot.waitUntil(lambda: bool(heard.snapshots), timeout=_LIMIT_MS)
    process = psutil.Process(engine.details.pid)
    process.suspend()
    try:
        qtbot.waitUntil(lambda: bool(heard.lost), timeout=_LIMIT_MS)
    finally:
        process.resume()
    count = len(heard.snapshots)
    qtbot.waitUntil(lambda: len(heard.snapshots) > count, timeout=_LIMIT_MS)


def test_closing_does_not_wait_for_an_engine_that_does_not_answer(engine: Client, bridge: Make, qtbot: QtBot) -> None:
    one, heard = bridge(engine.connection)
    qtbot.waitUntil(lambda: bool(heard.snapshots), timeout=_LIMIT_MS)
    process = psutil.Process(engine.details.pid)
    process.suspend()
    try:
        one.send(_missing_rig(Path("nowhere")))
        one.close()  # with a command on its way; the test's own time-out is the limit
    finally:
        process.resume()


def _missing_rig(folder: Path) -> Prepare:
    return Prepare(
        protocol=str(folder / "none.yaml"),
        rig=str(folder / "none.yaml"),
        participant="p1",
        session="1",
        out=str(folder),
    )


def test_the_console_shows_what_the_engine_says_of_a_bad_session(engine: Client, qtbot: QtBot, tmp_path: Path) -> None:
    wanted = _missing_rig(tmp_path)
    console = Console(engine.connection, wanted.model_dump(), start=True)
    console.open()
    try:
        form = console.window.form
        qtbot.waitUntil(lambda: bool(form.message.text()), timeout=_LIMIT_MS)
        assert "no such file" in form.message.text()
        assert form.participant.text() == "p1"
        qtbot.waitUntil(form.prepare.isEnabled, timeout=_LIMIT_MS)
        assert console.window.head.state.text() == "IDLE"
    finally:
        console.close()
    assert not console.window.isVisible()
    assert engine.snapshot().state is EngineState.IDLE


def test_a_console_without_its_engine_offers_a_new_one(engine: Client, qtbot: QtBot) -> None:
    console = Console(engine.connection)
    heard = Heard(console.bridge)
    console.open()
    try:
        qtbot.waitUntil(lambda: console.window.head.state.text() == "IDLE", timeout=_LIMIT_MS)
        psutil.Process(engine.details.pid).kill()
        qtbot.waitUntil(console.window.restart.isVisible, timeout=_LIMIT_MS)
        console.window.restart.click()
        qtbot.waitUntil(lambda: len(heard.pids) == 2, timeout=_LIMIT_MS)
        qtbot.waitUntil(lambda: console.window.head.state.text() == "IDLE", timeout=_LIMIT_MS)
    finally:
        console.close()
        for pid in heard.pids:
            _end(pid)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_ctrl_c_in_the_terminal_closes_the_window_and_not_the_engine(engine: Client, screen: Screen) -> None:
    code = "import pathlib, sys; from labcapture.console.app import main; sys.exit(main(pathlib.Path(sys.argv[1])))"
    command = [sys.executable, "-c", code, str(engine.connection)]
    window = subprocess.Popen(command, env={**os.environ, "DISPLAY": screen.display})
    try:
        port = int(engine.details.snapshots.rsplit(":", 1)[1])
        deadline = time.monotonic() + 60
        while not any(it.raddr and it.raddr.port == port for it in psutil.Process(window.pid).net_connections("tcp")):
            assert window.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        window.send_signal(signal.SIGINT)
        assert window.wait(60) == 0
    finally:
        if window.poll() is None:
            window.kill()
            window.wait()
    assert engine.snapshot().state is EngineState.IDLE


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is always a screen")
def test_no_screen_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(BadInput, match=r"no screen for the window.*--headless"):
        main()
