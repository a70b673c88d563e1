"""A recorded session for every test that reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.reading.recorded_world import record


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a session. Do not change it: take `copied` for that."""
    return record(tmp_path_factory.mktemp("recorded"))


@pytest.fixture
def copied(recorded: Path, tmp_path: Path) -> Path:
    """Return the folder of a session to be damaged."""
    return Path(shutil.copytree(recorded, tmp_path / recorded.name))
