"""The viewer as a program: one session, one window."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtWidgets import QApplication

import labcapture.reading
from labcapture.console import theme as themes
from labcapture.core.errors import BadInput
from labcapture.view.window import ViewerWindow

_SIGNAL_MS = 200  # Python sees a signal only when it runs; a quiet window would not let it
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
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
        if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in _SCREENS):
            raise BadInput("no screen for the window", "DISPLAY", "Log in where there is a screen.")
        running = QApplication.instance()
        application = running if isinstance(running, QApplication) else QApplication(sys.argv[:1])
        QCoreApplication.setApplicationName("labcapture")
        themes.apply(application, chosen)
        window = ViewerWindow(chosen, session)
        room = application.primaryScreen().availableGeometry().size()
        window.resize(min(_SIZE[0], room.width()), min(_SIZE[1], room.height()))
        before = signal.signal(signal.SIGINT, lambda *_: QTimer.singleShot(0, window.close))
        awake = QTimer()
        awake.timeout.connect(lambda: None)
        awake.start(_SIGNAL_MS)
        try:
            window.show()
            gc.freeze()  # what is there now stays: looking through it for garbage would hold the window for tens of ms
            application.exec()
        finally:
            awake.stop()
            window.close()
            signal.signal(signal.SIGINT, before)
    return 0
