"""Who may read a session, and who may speak to the participant's screen."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import zmq

from labcapture.core.curve import Guard
from labcapture.engine import connection as connections

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows guards the user's folder by other means")
RECORD = """
import os, pathlib, sys
from tests.reading.recorded_world import record
os.umask(0)
record(pathlib.Path(sys.argv[1]))
"""


def test_whatever_the_umask_others_read_nothing(tmp_path: Path) -> None:
    out = tmp_path / "sessions"
    subprocess.run([sys.executable, "-c", RECORD, str(out)], check=True, cwd=Path(__file__).parents[2])
    there = list(out.rglob("*"))
    assert {path.name for path in there} >= {
        "session.h5",
        "03_e.h5",
        "03_e.jsonl",
        "summary.json",
        "checksums",
        "trials",
    }
    for path in [out, *there]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & ~(0o750 if path.is_dir() else 0o640) == 0, (path, oct(mode))


def test_whatever_the_umask_keys_are_for_the_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = tmp_path / "engine-x.json"
        details = connections.Connection(
            pid=1,
            started=0,
            commands="",
            snapshots="",
            server_public="",
            client_public="",
            client_secret="s",  # noqa: S106 - no secret of anything
        )
        connections.write(path, details)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("how", ["plaintext", "password", "other keys"])
def test_the_guard_of_engine_and_stage_admits_one_key(how: str) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    guard = Guard(context)
    server = context.socket(zmq.DEALER)
    guard.secure(server)
    port = server.bind_to_random_port("tcp://127.0.0.1")
    stranger, friend = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    if how == "password":
        stranger.plain_username, stranger.plain_password = b"stage", b"stage"
    for client in (stranger, friend):
        client.linger = 0
        if client is friend or how == "other keys":
            client.curve_publickey, client.curve_secretkey = guard.client if client is friend else zmq.curve_keypair()
            client.curve_serverkey = guard.server.public
        client.connect(f"tcp://127.0.0.1:{port}")
    stranger.send(b"stranger")
    friend.send(b"friend")
    assert server.poll(20_000)
    assert server.recv() == b"friend"
    assert server.poll(700) == 0  # and the stranger's word never comes
    guard.close()
    context.destroy(linger=0)
