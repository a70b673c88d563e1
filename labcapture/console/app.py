"""The console as a program: one window, one bridge."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, QTimer
from PySide6.QtWidgets import QApplication

from labcapture.console import theme as themes
from labcapture.console.bridge import Bridge
from labcapture.console.browser import SessionBrowser
from labcapture.console.recent import Recent
from labcapture.console.window import ConsoleWindow
from labcapture.core.errors import BadInput, LabcaptureError
from labcapture.engine.messages import Command, EngineState, Note, Prepare, Snapshot, Start

_SIGNAL_MS = 200  # Python sees a signal only when it runs; a quiet window would not let it

_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


class Console(QObject):
    """Joins window and bridge, and carries out what the command line asked for.

    Parameters
    ----------
    connection
        The engine's connection file; None for the one that was started last, or a new one.
    prepare
        A session to prepare as soon as the engine is idle, in the names of `Prepare`.
    start
        Whether to start that session as soon as it is ready.
    """

    def __init__(
        self,
        connection: Path | None = None,
        prepare: Mapping[str, Any] | None = None,
        *,
        start: bool = False,
        theme: themes.Theme = themes.DARK,
    ) -> None:
        super().__init__()
        self._prepare = Prepare.model_validate(dict(prepare)) if prepare else None
        self._start = start and prepare is not None
        self.bridge = Bridge(connection)
        self.window = ConsoleWindow(theme, prepare)
        self.bridge.snapshot.connect(self._follow)
        self.bridge.lost.connect(self.window.show_lost)
        self.bridge.done.connect(self._done)
        self.bridge.refused.connect(self._refused)
        self.window.command.connect(self.bridge.send)
        self.window.engine_wanted.connect(self.bridge.start_engine)

    def open(self) -> None:
        """Show the window and look for the engine."""
        self.window.show()
        self.window.activateWindow()  # where no window manager gives it the keyboard
        self.bridge.start()

    def close(self) -> None:
        """Close the window, whatever the session does, and end the bridge."""
        self.window.leave()
        self.bridge.close()
        self.window.deleteLater()

    def _follow(self, snapshot: Snapshot) -> None:
        self.window.show_snapshot(snapshot)
        if self._prepare is not None:
            wanted, self._prepare = self._prepare, None
            if snapshot.state is EngineState.IDLE:
                self.window.form.set_busy(True)
            self.bridge.send(wanted)

    def _done(self, command: Command, result: Mapping[str, Any]) -> None:
        self.window.show_done(command, result)
        if isinstance(command, Prepare) and (words := self.window.form.take_notes()):
            self.bridge.send(Note(text=words))
        if isinstance(command, Prepare) and self._start:
            self._start = False
            self.bridge.send(Start())

    def _refused(self, command: Command, error: LabcaptureError) -> None:
        if isinstance(command, Prepare):
            self._start = False
        self.window.show_refused(command, error)


def check_screen() -> None:
    """Refuse to go on where a window could not be shown.

    Raises
    ------
    BadInput
        There is no screen.
    """
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in _SCREENS):
        raise BadInput("no screen for the window", "DISPLAY", "Run with --headless, or log in where there is a screen.")


def main(
    connection: Path | None = None,
    prepare: Mapping[str, Any] | None = None,
    start: bool = False,
    theme: str | None = None,
) -> int:
    """Run the console until its window is closed; a session that is open goes on.

    Parameters
    ----------
    theme
        Name of its colours, for this and every later start; None for those that were chosen last.

    Returns
    -------
    int
        Exit code: 0.

    Raises
    ------
    BadInput
        There is no screen, or no such theme.
    """
    check_screen()
    chosen = themes.choose(theme)
    running = QApplication.instance()
    application = running if isinstance(running, QApplication) else QApplication(sys.argv[:1])
    QCoreApplication.setApplicationName("labcapture")
    themes.apply(application, chosen)
    console = Console(connection, prepare, start=start, theme=chosen)
    console.window.form.remember(Recent(themes.settings()), begin=prepare is None)

    def interrupted(number: int, frame: FrameType | None) -> None:
        QTimer.singleShot(0, console.window.leave)  # not from within whatever the window is doing just now

    before = signal.signal(signal.SIGINT, interrupted)
    awake = QTimer()
    awake.timeout.connect(lambda: None)
    awake.start(_SIGNAL_MS)
    try:
        console.open()
        gc.freeze()  # what is there now stays: looking through it for garbage would hold the window for tens of ms
        application.exec()
    finally:
        awake.stop()
        console.close()
        signal.signal(signal.SIGINT, before)
    return 0


def browse(folder: Path) -> int:
    """Show the sessions in ``folder`` until the window is closed; return the exit code 0.

    Raises
    ------
    BadInput
        There is no such folder, or no screen.
    """
    if not folder.is_dir():
        raise BadInput("no such folder", str(folder), "Name a folder with sessions.")
    check_screen()
    running = QApplication.instance()
    application = running if isinstance(running, QApplication) else QApplication(sys.argv[:1])
    QCoreApplication.setApplicationName("labcapture")
    chosen = themes.choose()
    themes.apply(application, chosen)
    browser = SessionBrowser(chosen, folder.absolute())
    browser.show()
    browser.look(folder.absolute())
    before = signal.signal(signal.SIGINT, lambda *_: QTimer.singleShot(0, browser.close))
    awake = QTimer()
    awake.timeout.connect(lambda: None)
    awake.start(_SIGNAL_MS)
    try:
        application.exec()
    finally:
        awake.stop()
        browser.close()
        signal.signal(signal.SIGINT, before)
    return 0
