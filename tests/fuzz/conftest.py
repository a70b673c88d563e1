"""A recorded session for every test that damages one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.reading.recorded_world import record


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a session. Do not change it: take `victim` for that."""
    return record(tmp_path_factory.mktemp("pristine"))


@pytest.fixture
def victim(pristine: Path, tmp_path: Path) -> Path:
    """Return the folder of a session to be damaged, with nothing beside it."""
    return Path(shutil.copytree(pristine, tmp_path / "in" / pristine.name))
