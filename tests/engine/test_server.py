"""The engine's process as its clients meet it: who may enter, what is refused, how it ends."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import zmq

from labcapture.core.errors import BadInput, EngineError
from labcapture.engine import connection as connections
from labcapture.engine.client import Client
from labcapture.engine.messages import EngineState, Note, Ping, Prepare, Reply, Shutdown, Start


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client.spawn()
    yield client
    if psutil.pid_exists(client.details.pid):
        psutil.Process(client.details.pid).terminate()
    assert client.wait_ended(20)
    client.close()


def test_an_idle_engine_tells_so_and_publishes(client: Client) -> None:
    assert client.snapshot().state is EngineState.IDLE
    published = client.snapshots(timeout=10)
    assert published is not None
    assert published.pid == client.details.pid


def test_a_second_client_attaches_by_itself(client: Client) -> None:
    other = Client.attach()
    assert other.snapshot().pid == client.details.pid
    other.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows guards the user's folder by other means")
def test_only_the_user_can_read_the_keys(client: Client) -> None:
    assert stat.S_IMODE(client.connection.stat().st_mode) == 0o600


def test_a_stranger_with_other_keys_gets_no_answer(client: Client) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    stranger = context.socket(zmq.REQ)
    stranger.linger = 0
    public, secret = zmq.curve_keypair()
    stranger.curve_publickey, stranger.curve_secretkey = public, secret
    stranger.curve_serverkey = client.details.server_public.encode()
    stranger.connect(client.details.commands)
    stranger.send(Ping().model_dump_json().encode())
    assert stranger.poll(1500) == 0
    assert client.snapshot().state is EngineState.IDLE  # and the engine is none the worse
    context.destroy()


@pytest.mark.parametrize("kind", ["commands", "snapshots"])
@pytest.mark.parametrize("how", ["plaintext", "name and password"])
def test_without_keys_nobody_gets_a_word(client: Client, kind: str, how: str) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    stranger = context.socket(zmq.REQ if kind == "commands" else zmq.SUB)
    stranger.linger = 0
    if how == "name and password":
        stranger.plain_username, stranger.plain_password = b"admin", b"admin"
    stranger.connect(getattr(client.details, kind))
    if kind == "commands":
        stranger.send(Shutdown().model_dump_json().encode())
    else:
        stranger.subscribe(b"")
    assert stranger.poll(1000) == 0
    assert client.snapshot().state is EngineState.IDLE
    context.destroy()


DEEP = b'{"command":' + b"[" * 20_000
HUGE = b'{"command":"note","text":"x","time":' + b"9" * 20_000 + b"}"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"command": "rm"}', b'{"command": "note", "text": ""}', b"\xff", DEEP, HUGE]
)
def test_what_is_no_command_is_refused_in_words(client: Client, body: bytes) -> None:
    client.snapshot()  # connects
    assert client._commands is not None
    client._commands.send(body)
    reply = Reply.model_validate_json(client._commands.recv())
    assert reply.error is not None
    assert "not a command" in reply.error.what


@pytest.mark.parametrize("command", [Start(), Note(text="x")])
def test_without_a_session_its_commands_are_refused(client: Client, command: Start | Note) -> None:
    with pytest.raises(EngineError, match=rf"'{command.command}' is refused while the engine is idle"):
        client.command(command)


def test_bad_input_is_told_and_leaves_nothing_on_disk(client: Client, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare = Prepare(protocol="p.yaml", rig="r.yaml", participant="../P1", session="01", out=str(out))
    with pytest.raises(BadInput, match="no participant id") as caught:
        client.command(prepare)
    assert caught.value.exit_code == 2
    with pytest.raises(BadInput, match="no such file"):
        client.command(prepare.model_copy(update={"participant": "P1"}))
    assert not out.exists()
    assert client.snapshot().state is EngineState.IDLE


def test_shutdown_ends_it_and_removes_its_file(client: Client) -> None:
    client.command(Shutdown())
    assert client.wait_ended(20)
    assert not client.connection.exists()
    with pytest.raises(EngineError, match="no engine is running"):
        client.command(Ping(), timeout=0.5)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_termination_signal_ends_it_in_order(client: Client) -> None:
    os.kill(client.details.pid, signal.SIGTERM)
    assert client.wait_ended(20)
    assert not client.connection.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_the_file_of_a_killed_engine_is_found_out(client: Client) -> None:
    os.kill(client.details.pid, signal.SIGKILL)
    assert client.wait_ended(20)
    assert client.connection.exists()
    with pytest.raises(EngineError, match="the engine has ended"):
        connections.read(client.connection)
    assert client.connection not in connections.find()
    assert not client.connection.exists()
