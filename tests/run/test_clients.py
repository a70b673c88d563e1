"""Clients come and go, and the session goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import psutil
import pytest

from labcapture.devices.simulated.strip import read_index
from labcapture.engine import connection as connections
from labcapture.engine.client import Client
from labcapture.engine.messages import Abort, EngineState, Note, Pause, Prepare, Resume, Shutdown, Snapshot, Start
from labcapture.stage.display import Display
from tests.run.sessions import LABCAPTURE, ROOT, wait_for, write_inputs

_LIMIT_S = 120.0

ENGINE_WITHOUT_QT = """
import sys

class NoQt:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"PySide6", "PyQt6", "shiboken6", "psychopy", "pyqtgraph"}:
            raise ImportError(f"{name} is not for the engine")

sys.meta_path.insert(0, NoQt())
from labcapture.engine.__main__ import main
main()
"""


@pytest.fixture
def prepare(tmp_path: Path, films: Path) -> Prepare:
    rig, protocol, _ = write_inputs(tmp_path)
    return Prepare(
        protocol=str(protocol),
        rig=str(rig),
        participant="P008",
        session="02",
        out=str(tmp_path / "out"),
        stimuli=str(films),
        autopilot=5,
    )


def _ended(snapshot: Snapshot) -> bool:
    return snapshot.state is EngineState.IDLE and snapshot.result is not None


def _every_frame_accounted_for(folder: Path, trials: list[str]) -> None:
    with h5py.File(folder / "session.h5", "r") as session:
        assert sorted(session["trials"]) == trials
        for trial in trials:
            for stream in ("color", "depth"):
                group = session[f"trials/{trial}/{stream}"]
                indices = [read_index(frame) for frame in group["frames"]]
                missing = set(range(indices[0], indices[-1] + 1)) - set(indices)
                # A machine that is too busy may cost frames, but none without a row that says so.
                assert {gap["cause"] for gap in group["gaps"]} <= {b"host_overflow", b"recorder_overflow"}
                told = {n for gap in group["gaps"] for n in range(gap["first"], gap["last"] + 1)}
                assert told & set(range(indices[0], indices[-1] + 1)) == missing
                assert indices == sorted(set(indices))
                assert indices[-1] - indices[0] > 120


def test_an_engine_that_cannot_import_qt_runs_a_session(prepare: Prepare, tmp_path: Path) -> None:
    script = tmp_path / "engine.py"
    script.write_text(ENGINE_WITHOUT_QT, encoding="utf-8")
    path = connections.new_path()
    engine = subprocess.Popen([sys.executable, str(script), "--connection", str(path)], cwd=ROOT)
    try:
        deadline = time.monotonic() + 30
        while not path.exists():
            assert engine.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        client = Client.attach(path)
        client.command(prepare, timeout=_LIMIT_S)
        client.command(Start())
        result = wait_for(client, _ended).result
        assert result is not None
        assert (result.completed, result.error) == (True, "")
        assert result.part == ("B" if sum(result.lost_by_us.values()) else "A")
        _every_frame_accounted_for(Path(result.folder), ["01_a", "02_b"])
        client.command(Shutdown())
        client.close()
        assert engine.wait(30) == 0
    finally:
        if engine.poll() is None:
            engine.kill()
            engine.wait()


def _attached(window: subprocess.Popen[bytes], client: Client) -> bool:
    ports = {int(end.rsplit(":", 1)[1]) for end in (client.details.commands, client.details.snapshots)}
    here = {c.raddr.port for c in psutil.Process(window.pid).net_connections("tcp") if c.raddr}
    return ports <= here


def _open_window(client: Client, display: str) -> subprocess.Popen[bytes]:
    window = subprocess.Popen(LABCAPTURE, cwd=ROOT, env={**os.environ, "DISPLAY": display})
    deadline = time.monotonic() + 60
    while not _attached(window, client):
        assert window.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return window


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Xvfb")
def test_a_window_killed_in_mid_clip_costs_nothing_and_a_new_one_attaches(
    prepare: Prepare, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    display = Display("virtual", (1280, 720))
    windows: list[subprocess.Popen[bytes]] = []
    try:
        windows.append(_open_window(client, display.name))
        client.command(prepare, timeout=_LIMIT_S)
        client.command(Start())
        wait_for(client, lambda snapshot: snapshot.trial == "01_a" and snapshot.step_elapsed_s > 1.0)
        windows[0].kill()
        windows[0].wait()
        before = wait_for(client, lambda snapshot: snapshot.state is EngineState.RUNNING)
        assert before.trial == "01_a"
        windows.append(_open_window(client, display.name))
        result = wait_for(client, _ended).result
        assert result is not None
        assert (result.completed, result.error) == (True, "")
        _every_frame_accounted_for(Path(result.folder), ["01_a", "02_b"])
        assert windows[1].poll() is None
    finally:
        for window in windows:
            if window.poll() is None:
                window.terminate()
                window.wait()
        display.close()


def test_pause_note_mark_and_abort_are_in_the_session(prepare: Prepare, client: Client) -> None:
    client.command(prepare, timeout=_LIMIT_S)
    client.command(Note(text="participant has a cold"))
    client.command(Start())
    wait_for(client, lambda snapshot: snapshot.trial == "01_a" and snapshot.step_elapsed_s > 1.0)
    client.command(Pause())
    paused = wait_for(client, lambda snapshot: snapshot.state is EngineState.PAUSED)
    client.command(Resume())
    wait_for(client, lambda snapshot: snapshot.state is EngineState.RUNNING and snapshot.elapsed_s > paused.elapsed_s)
    client.command(Abort(reason="felt unwell"))
    result = wait_for(client, _ended).result
    assert result is not None
    assert result.completed is False
    with h5py.File(Path(result.folder) / "session.h5", "r") as session:
        labels = [row["label"].decode() for row in session["markers"][:]]
        order = [labels.index(label) for label in ("session_start", "pause", "resume", "abort", "session_end")]
        assert order == sorted(order)
        assert [row["text"].decode() for row in session["notes"][:]] == ["participant has a cold"]
        assert sorted(session["trials"]) == ["01_a"]  # what was recorded of the clip is kept
        assert not session.attrs["completed"]


def test_ctrl_c_ends_a_run_in_order(prepare: Prepare) -> None:
    command = [
        *(*LABCAPTURE, "run", prepare.protocol, "--rig", prepare.rig, "--participant", "P9", "--session", "1"),
        *("--out", prepare.out, "--stimuli", str(prepare.stimuli), "--headless", "--autopilot", "1", "--json"),
    ]
    running = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out = Path(prepare.out)
    deadline = time.monotonic() + _LIMIT_S
    while not list(out.glob("*/trials/01_a.h5")):
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    stdout, stderr = running.communicate(timeout=_LIMIT_S)
    assert running.returncode == 1, stderr
    folder = next(out.iterdir())
    assert '"completed": false' in stdout
    assert subprocess.run([*LABCAPTURE, "verify", str(folder)], cwd=ROOT, check=False).returncode == 0
