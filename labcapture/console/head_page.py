"""The head without a session: for whoever sets camera, chair and lamp."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from labcapture.console.parts import Elided, KeyButton
from labcapture.console.previews import Previews
from labcapture.console.theme import Theme, mark
from labcapture.core.errors import LabcaptureError
from labcapture.engine.check_messages import SHOWING, Calibrate, CalibrationView, Cancel
from labcapture.engine.messages import Snapshot


class HeadPage(QWidget):
    """Live pictures with the head's position below them, until the page is left."""

    command = Signal(object)
    """A `Calibrate` or `Cancel`."""
    left = Signal()
    """Back to the form."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Head position without a session")
        self._rig = ""
        self._asked = False  # for a calibration that the engine has not told of yet
        self.previews = Previews(theme)
        self.previews.stage.hide()
        self.state = Elided("lead")
        self.held = Elided("caption")
        self.back = KeyButton(theme, "Back", "Esc")
        self.again = KeyButton(theme, "Measure again", "F5")
        self.back.clicked.connect(self.leave)
        self.again.clicked.connect(self._begin)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(self.state)
        words.addWidget(self.held)
        row = QHBoxLayout()
        row.setSpacing(14)
        row.addWidget(self.back)
        row.addLayout(words, 1)
        row.addWidget(self.again)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.previews, 1)
        layout.addLayout(row)
        for key, button in (("Esc", self.back), ("F5", self.again)):
            action = QAction(key, self)
            action.setShortcut(QKeySequence(key))
            action.triggered.connect(button.click)
            self.addAction(action)

    @property
    def is_open(self) -> bool:
        """Whether somebody looks at it."""
        return bool(self._rig)

    def begin(self, rig: str) -> None:
        """Show the head before the camera of the rig file ``rig``."""
        self._rig = rig
        self._begin()
        self.setFocus()

    def leave(self) -> None:
        """End the calibration and go back."""
        if self.is_open:
            self.close_page()
            self.command.emit(Cancel())
            self.left.emit()

    def close_page(self) -> None:
        """Show nothing any longer."""
        self._rig = ""
        self.previews.close_memory()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Follow the engine."""
        if not self.is_open:
            return
        view = snapshot.calibration
        if self._asked and (view is None or not (view.doing or view.error)):
            return
        self._asked = False
        self._say(view)
        self.previews.show_calibration(snapshot)

    def show_refusal(self, error: LabcaptureError) -> None:
        """Say why the engine does not measure."""
        self._asked = False
        self._tell("Not measured", str(error), "odd")
        self.again.setEnabled(True)

    def _begin(self) -> None:
        if self.is_open:
            self._asked = True
            self._tell("Opening the camera …", self._rig, "")
            self.again.setEnabled(False)
            self.command.emit(Calibrate(rig=self._rig))

    def _say(self, view: CalibrationView | None) -> None:
        self.again.setEnabled(view is None or not view.doing)
        if view is None:
            self._tell("Not measured", "The engine is another one; measure again.", "odd")
        elif view.error:
            self._tell("Not measured", view.error, "odd")
        elif not view.doing:
            self._tell("Ended", self._rig, "")
        elif view.doing != SHOWING:
            self._tell("Opening the camera …", view.doing, "")
        elif view.good:
            held = "  ·  ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in view.locked.items())
            self._tell("The head was in its place", f"held: {held}" if held else "the camera holds nothing", "calm")
        else:
            kind = "simulated camera" if view.simulated else "camera"
            self._tell("Bring the head to its place", f"{kind}, {view.rig}", "")

    def _tell(self, words: str, detail: str, tone: str) -> None:
        self.state.say(words)
        self.held.say(detail)
        mark(self.state, tone=tone)
        self.setAccessibleDescription(f"{words}. {detail}")
