"""``labcapture view``: the analyst's window over one session."""

from __future__ import annotations

from pathlib import Path

from labcapture.core.errors import BadInput


def view_session(path: Path, theme: str | None) -> int:
    """Show the session at ``path`` until its window is closed; return the exit code.

    Raises
    ------
    RecordingError
        There is no session that could be shown at ``path``.
    BadInput
        The window's library is not installed, or there is no screen.
    """
    try:
        from labcapture.view.app import main
    except ImportError as error:
        if not (error.name or "").startswith(("PySide6", "pyqtgraph", "shiboken6")):
            raise
        raise BadInput(f"{error.name} is not installed", "view", "Run: pip install 'labcapture[view]'") from error
    return main(path, theme)
