"""Qt's application: one per process, where there is a screen, with an ear for Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtWidgets import QApplication

from labcapture.console import theme as themes
from labcapture.core.errors import BadInput

_SIGNAL_MS = 200  # Python sees a signal only when it runs; a quiet window would not let it
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


def check_screen(*, or_headless: bool) -> None:
    """Refuse to go on where a window could not be shown; ``or_headless``: the same can be done without one.

    Raises
    ------
    BadInput
        There is no screen.
    """
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in _SCREENS):
        other = ", or run with --headless" if or_headless else ""
        raise BadInput("no screen for the window", "DISPLAY", f"Log in where there is one{other}.")


def application_of(theme: themes.Theme) -> QApplication:
    """Return this process' application, made if there is none, in the colours of ``theme``."""
    running = QApplication.instance()
    application = running if isinstance(running, QApplication) else QApplication(sys.argv[:1])
    QCoreApplication.setApplicationName("labcapture")
    themes.apply(application, theme)
    return application


@contextmanager
def interrupts(leave: Callable[[], object]) -> Iterator[None]:
    """Have Ctrl-C call ``leave``, from Qt's loop: not from within whatever a window is doing just then."""

    def interrupted(number: int, frame: FrameType | None) -> None:
        QTimer.singleShot(0, leave)

    before = signal.signal(signal.SIGINT, interrupted)
    awake = QTimer()
    awake.timeout.connect(lambda: None)
    awake.start(_SIGNAL_MS)
    try:
        yield
    finally:
        awake.stop()
        signal.signal(signal.SIGINT, before)
