"""The console as a program: one window, one bridge."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject

from labcapture.console import theme as themes
from labcapture.console.application import application_of, check_screen, interrupts
from labcapture.console.bridge import Bridge
from labcapture.console.browser import SessionBrowser
from labcapture.console.recent import Recent
from labcapture.console.window import ConsoleWindow
from labcapture.core.errors import BadInput, LabcaptureError
from labcapture.engine.messages import Command, EngineState, Note, Prepare, Snapshot, Start


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
    check_screen(or_headless=True)
    chosen = themes.choose(theme)
    application = application_of(chosen)
    console = Console(connection, prepare, start=start, theme=chosen)
    console.window.form.remember(Recent(themes.settings()), begin=prepare is None)
    with interrupts(console.window.leave):
        try:
            console.open()
            gc.freeze()  # what is there now stays: looking through it for garbage would hold the window for tens of ms
            application.exec()
        finally:
            console.close()
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
    check_screen(or_headless=False)
    chosen = themes.choose()
    application = application_of(chosen)
    browser = SessionBrowser(chosen, folder.absolute())
    browser.show()
    browser.look(folder.absolute())
    with interrupts(browser.close):
        try:
            application.exec()
        finally:
            browser.close()
    return 0
