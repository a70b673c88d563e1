"""Take the pictures of docs/tutorial.md from a session that is really prepared and run.

``python -m scripts.tutorial_screens [FOLDER]``: needs Linux with Xvfb; takes about two minutes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from labcapture.console import theme as themes
from labcapture.console.app import Console
from labcapture.engine.client import Client
from labcapture.engine.messages import Shutdown
from scripts.screen import screen

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "images"
SIZE = (1280, 800)
LIMIT_S = 180
TRIES = 5
PROTOCOL = "protocols/rehearsal.yaml"
RIG = "rigs/simulated.yaml"
FLAT = "simulated: {faults: [{kind: flat, at_s: 0, seconds: 600}]}"


class Tour:
    """Drives one console by its keys, and takes pictures of it."""

    def __init__(self, console: Console, folder: Path) -> None:
        self.console, self.window, self.folder = console, console.window, folder

    def until(self, reached: Callable[[], bool], what: str) -> None:
        """Let the window live until ``reached``."""
        deadline = time.monotonic() + LIMIT_S
        while not reached():
            if time.monotonic() > deadline:
                raise SystemExit(f"{what}: not within {LIMIT_S} s; the window says {self.window.head.state.text()}")
            self.rest(0.05)

    def rest(self, seconds: float) -> None:
        """Let the window live for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.01)

    def press(self, key: Qt.Key, widget: QWidget | None = None) -> None:
        """Press a key of the window."""
        self.until(self._is_active, "keyboard")
        QTest.keyClick(widget or self.window.focusWidget() or self.window, key)

    def _is_active(self) -> bool:
        """Take the keyboard back from the participant's screen, which no window manager does here."""
        if not self.window.isActiveWindow():
            self.window.raise_()
            self.window.activateWindow()
            self.rest(0.2)
        return self.window.isActiveWindow()

    def keep(self, name: str) -> None:
        """Save what the window shows."""
        self.rest(0.5)
        self.save(self.window, name)

    def save(self, widget: QWidget, name: str) -> None:
        """Save what ``widget`` shows, in few colours."""
        path = self.folder / f"tutorial-{name}.png"
        widget.grab().save(str(path))
        Image.open(path).convert("RGB").quantize(255, dither=Image.Dither.NONE).save(path, optimize=True)
        print(path)


def walk(tour: Tour, out: Path, flat: Path) -> None:
    """Walk the way that the tutorial describes."""
    window, form, page = tour.window, tour.window.form, tour.window.preflight
    tour.until(lambda: window.head.state.text() == "IDLE", "engine")
    fields = {"session": "01", "protocol": PROTOCOL, "rig": str(flat), "out": str(out), "autopilot": 1}
    form.fill(fields)
    form.participant.setFocus()
    QTest.keyClicks(form.participant, "P001")
    form.experimenter.setText("E1")
    form.fill({"rig": RIG})
    tour.rest(2)
    tour.keep("form")

    form.fill({"rig": str(flat)})
    tour.press(Qt.Key.Key_Return, form.participant)
    tour.until(lambda: not page.is_busy, "preflight")
    tour.keep("no-go")
    tour.press(Qt.Key.Key_Return)
    tour.until(lambda: window.question is not None, "question")
    question = window.question
    if question is not None and question.line is not None:
        QTest.keyClicks(question.line, "pilot without electrodes")
        tour.rest(0.5)
        tour.save(question, "override")
        question.reject()
    tour.rest(0.3)
    tour.press(Qt.Key.Key_Escape)

    form.fill({"rig": RIG})
    form.participant.setFocus()
    tour.press(Qt.Key.Key_Return, form.participant)
    tour.until(lambda: not page.is_busy, "preflight")
    tour.press(Qt.Key.Key_F8)
    tour.rest(8)
    tour.keep("rehearsing")
    tour.until(lambda: not page.is_busy, "rehearsal")
    for _ in range(TRIES):
        if page.verdict.text() == "GO":
            break
        tour.press(Qt.Key.Key_F6)  # other programs may have kept the processor busy
        tour.until(lambda: not page.is_busy, "second look")
    tour.keep("rehearsed")
    run(tour)


def run(tour: Tour) -> None:
    """Prepare the session, start it, see it through."""
    window = tour.window
    tour.press(Qt.Key.Key_Return)
    tour.until(lambda: window.question is not None or window.head.state.text() != "IDLE", "preparing")
    if window.question is not None and window.question.line is not None:  # a busy machine may fail its own rows
        QTest.keyClicks(window.question.line, "taking pictures on a busy machine")
        window.question.yes.click()
    tour.until(lambda: window.head.state.text() == "READY", "ready")
    tour.rest(3)
    tour.keep("ready")
    tour.press(Qt.Key.Key_Space)
    tour.until(lambda: window.head.state.text() == "RECORDING", "recording")
    tour.rest(4)
    tour.keep("recording")
    tour.until(lambda: window.pages.currentWidget() is window.outcome, "result")
    tour.rest(8)
    tour.keep("result")


def main() -> None:
    """Give the tour a screen and an engine, and end both."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    os.chdir(ROOT)
    labcapture = [sys.executable, "-m", "labcapture.cli"]
    subprocess.run([*labcapture, "stimuli", "placeholders", "--protocol", PROTOCOL], check=True)
    with screen((1920, 1080)), tempfile.TemporaryDirectory() as place:
        os.environ["LABCAPTURE_RUNTIME_DIR"] = place
        lab = Path(tempfile.gettempdir()) / "lab"  # the pictures show this path
        flat = Path(place) / "rig_with_flat_eda.yaml"
        flat.write_text((ROOT / RIG).read_text("utf-8").replace("simulated: {}", FLAT), "utf-8")
        application = QApplication(sys.argv[:1])
        themes.apply(application, themes.DARK)
        client = Client.spawn()
        console = Console(client.connection, theme=themes.DARK)
        console.window.resize(*SIZE)
        console.open()
        try:
            walk(Tour(console, folder), lab / "sessions", flat)
        finally:
            shutil.rmtree(lab, ignore_errors=True)
            console.close()
            client.command(Shutdown())
            client.wait_ended(30)
            client.close()


if __name__ == "__main__":
    main()
