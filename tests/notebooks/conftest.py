"""A recorded interview for the notebooks."""

from __future__ import annotations

import pytest

from tests.notebooks.interview_world import Interview, record_interview


@pytest.fixture(scope="session")
def interview(tmp_path_factory: pytest.TempPathFactory) -> Interview:
    """Return an interview and its truth. Do not change it."""
    return record_interview(tmp_path_factory.mktemp("interview"))
