"""Whole sessions, run once and looked at by many tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from labcapture.engine.client import Client
from tests.run.sessions import Run, labcapture, run_session


@pytest.fixture
def client() -> Iterator[Client]:
    """A client of an engine of its own, which has ended when the test has."""
    client = Client.spawn()
    yield client
    if psutil.pid_exists(client.details.pid):
        psutil.Process(client.details.pid).terminate()
    assert client.wait_ended(60)
    client.close()


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the two films of the rehearsal."""
    folder = tmp_path_factory.mktemp("films") / "stimuli"
    clips = ("--clip", "rehearsal_neutral", "--clip", "rehearsal_happiness")
    done = labcapture("stimuli", "placeholders", "--out", folder, *clips, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)["films"]
    assert [film["made"] for film in made] == [True, True]
    return folder


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory, films: Path) -> Run:
    """A session in which nothing goes wrong."""
    return run_session(tmp_path_factory.mktemp("clean"), films)


@pytest.fixture(scope="session")
def dropping(tmp_path_factory: pytest.TempPathFactory, films: Path) -> Run:
    """A session whose camera loses single colour frames and bursts of depth frames, each by its own pattern."""
    color = [str(i) for i in range(40, 4000, 45)]
    depth = [f"'{i}-{i + 3}'" for i in range(60, 4000, 70)]
    faults = f"{{drop: {{color: [{', '.join(color)}], depth: [{', '.join(depth)}]}}}}"
    return run_session(tmp_path_factory.mktemp("dropping"), films, faults)
