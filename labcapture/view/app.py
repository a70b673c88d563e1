"""The viewer as a program: one session, one window."""

from __future__ import annotations

import gc
from pathlib import Path

import labcapture.reading
from labcapture.console import theme as themes
from labcapture.console.application import application_of, check_screen, interrupts
from labcapture.view.window import ViewerWindow

_SIZE = (1600, 940)


def main(path: Path, theme: str | None = None) -> int:
    """Show the session at ``path`` until the window is closed; return the exit code 0.

    Raises
    ------
    RecordingError
        It is no session, was not closed, or is damaged: then no window opens.
    BadInput
        There is no screen, or no such theme.
    """
    chosen = themes.choose(theme)
    with labcapture.reading.open(path) as session:
        check_screen(or_headless=False)
        application = application_of(chosen)
        window = ViewerWindow(chosen, session)
        room = application.primaryScreen().availableGeometry().size()
        window.resize(min(_SIZE[0], room.width()), min(_SIZE[1], room.height()))
        with interrupts(window.close):
            try:
                window.show()
                gc.freeze()  # what is there now stays: looking through it for garbage would hold the window for long
                application.exec()
            finally:
                window.close()
    return 0
