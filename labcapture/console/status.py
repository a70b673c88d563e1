"""The head of the window: the state in large letters, time, what comes next, and whether any of it is simulated."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from labcapture.console import text
from labcapture.console.parts import Elided, Figure, label
from labcapture.console.theme import mark
from labcapture.core.errors import LabcaptureError
from labcapture.engine.messages import EngineState, Snapshot


class StatusHead(QFrame):
    """State, whose session it is, elapsed and remaining time, next step."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("State of the session")
        self.state = label()
        self.state.setObjectName("state")
        self.detail = Elided("detail")
        self.whose = Elided("caption")
        self.elapsed = Figure("elapsed")
        self.in_step = Figure("in this step")
        self.remaining = Figure("remaining")
        self.following = Elided("strong")
        self.simulated = QLabel("SIMULATED")
        self.simulated.setObjectName("simulated")
        self.simulated.setAccessibleName("Simulated: no real instrument stands behind at least one stream")
        self.simulated.setToolTip("No real instrument stands behind at least one stream")

        words = QVBoxLayout()
        words.setSpacing(0)
        words.addStretch()
        words.addWidget(self.detail)
        words.addWidget(self.whose)
        words.addStretch()
        self._time = QWidget()
        coming = QVBoxLayout()
        coming.setSpacing(0)
        coming.addWidget(label("next", "caption"))
        coming.addWidget(self.following)
        coming.addStretch()
        time = QHBoxLayout(self._time)
        time.setContentsMargins(0, 0, 0, 0)
        time.setSpacing(18)
        for figure in (self.elapsed, self.in_step, self.remaining):
            time.addWidget(figure)
        time.addLayout(coming, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        row.addWidget(self.state)
        row.addLayout(words, 1)
        row.addWidget(self._time, 1)
        row.addWidget(self.simulated)
        self._say("STARTING", "looking for the engine", "quiet")
        self.simulated.hide()
        self._time.hide()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Follow the engine."""
        head = text.headline(snapshot)
        self._say(head.word, head.detail, head.tone)
        self.whose.say(text.whose(snapshot))
        self.whose.setVisible(bool(self.whose.text()))
        in_session = snapshot.state is not EngineState.IDLE
        running = snapshot.state in {EngineState.RUNNING, EngineState.PAUSED}
        self._time.setVisible(in_session)
        self.elapsed.say(text.clock(snapshot.elapsed_s) if running else text.NOTHING)
        self.in_step.say(text.clock(snapshot.step_elapsed_s) if running else text.NOTHING)
        self.remaining.say(text.clock(snapshot.remaining_s) if in_session else text.NOTHING)
        self.following.say(text.next_step(snapshot))
        self.simulated.setVisible(snapshot.simulated)

    def show_lost(self, error: LabcaptureError) -> None:
        """Say that the engine cannot be reached; whose session it was stays readable, its time would deceive."""
        self._say("NO ENGINE", error.what, "alarm")
        self._time.hide()

    def _say(self, word: str, detail: str, tone: text.Tone) -> None:
        if word != self.state.text():
            self.state.setText(word)
        mark(self.state, tone=tone)
        self.detail.say(detail)
        self.setAccessibleDescription(f"{word} {detail}")
