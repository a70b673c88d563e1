"""The user's folder for what only matters while programs run."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def runtime_folder() -> Path:
    """Return the user's folder for run-time files (mode 0700); ``LABCAPTURE_RUNTIME_DIR`` overrides it."""
    named = os.environ.get("LABCAPTURE_RUNTIME_DIR")
    folder = Path(named) if named else platformdirs.user_state_path("labcapture", appauthor=False)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
