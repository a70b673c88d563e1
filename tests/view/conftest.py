"""A recorded session, a window over it, and failures for what a test leaves behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPointF, QSize
from PySide6.QtWidgets import QApplication
from shiboken6 import Shiboken

import labcapture.reading
from labcapture.console import theme
from labcapture.view.window import ViewerWindow
from tests.console.conftest import nothing_left, qapp, screen
from tests.reading.recorded_world import record

__all__ = ["nothing_left", "qapp", "screen"]  # pytest finds them here


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a session of two trials; the second one lacks three frames of depth."""
    return record(tmp_path_factory.mktemp("watched"))


@pytest.fixture
def window(qapp: QApplication, watched: Path) -> Iterator[ViewerWindow]:
    """Return a viewer on the screen, at the first frame of the first trial."""
    with labcapture.reading.open(watched) as session:
        made = ViewerWindow(theme.DARK, session)
        made.resize(QSize(1280, 720))
        made.look.set(1.0, QPointF(0.5, 0.5))
        made.show()
        made.activateWindow()
        yield made
        made.close()
        Shiboken.delete(made)


@pytest.fixture
def copied(watched: Path, tmp_path: Path) -> Path:
    """Return the folder of a session to be damaged."""
    return Path(shutil.copytree(watched, tmp_path / watched.name))
