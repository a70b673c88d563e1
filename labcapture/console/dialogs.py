"""The few questions that the window asks. None of them stops the window from following the engine."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from labcapture.console.parts import label
from labcapture.console.theme import mark
from labcapture.engine.preflight_rows import Row

_SHOWN = 3  # failing rows that are named


class Question(QDialog):
    """A sentence, perhaps a line to write, and two answers of which the harmless one is the default.

    Parameters
    ----------
    heading, explanation
        What is asked.
    yes, no
        Names of the two buttons.
    line
        Placeholder of the line to write; None for no line.
    default_yes
        Whether Return means ``yes``.
    needs_line
        Whether ``yes`` is possible only once something is written.
    """

    answered = Signal(str)
    """The line that was written, when the answer was yes."""

    def __init__(
        self,
        parent: QWidget,
        heading: str,
        explanation: str,
        yes: str,
        no: str,
        *,
        line: str | None = None,
        default_yes: bool,
        needs_line: bool = False,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(heading)
        self.setAccessibleName(heading)
        self.setAccessibleDescription(explanation)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.line = QLineEdit() if line is not None else None
        self.yes, self.no = QPushButton(yes), QPushButton(no)
        for button in (self.yes, self.no):
            button.setAutoDefault(False)
        chosen = self.yes if default_yes else self.no
        chosen.setAutoDefault(True)
        chosen.setDefault(True)
        mark(chosen, prime="true")
        self.yes.clicked.connect(self.accept)
        self.no.clicked.connect(self.reject)
        self.accepted.connect(lambda: self.answered.emit(self.line.text().strip() if self.line else ""))

        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 20, 16)
        layout.setSpacing(10)
        layout.addWidget(label(heading, "detail"))
        if explanation:
            words = label(explanation, "words")
            words.setWordWrap(True)
            layout.addWidget(words)
        if self.line is not None:
            self.line.setPlaceholderText(line or "")
            self.line.setAccessibleName(line or heading)
            self.line.setMaxLength(2000)
            layout.addWidget(self.line)
            if needs_line:
                self.yes.setEnabled(False)
                self.line.textChanged.connect(lambda words: self.yes.setEnabled(bool(words.strip())))
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self.no)
        row.addWidget(self.yes)
        layout.addSpacing(6)
        layout.addLayout(row)
        (self.line or chosen).setFocus()


def note(parent: QWidget) -> Question:
    """Ask for a line of the session's notes."""
    return Question(
        parent, "Note", "", "Write", "Cancel", line="What happened; it is stored with its time", default_yes=True
    )


def abort(parent: QWidget) -> Question:
    """Ask whether the session is really to end."""
    return Question(
        parent,
        "Abort the session?",
        "The protocol ends now. Everything recorded so far is kept, checked and closed in order.",
        "Abort the session",
        "Go on",
        line="Reason, if you wish",
        default_yes=False,
    )


def leave(parent: QWidget) -> Question:
    """Ask whether the window may close over a running session."""
    return Question(
        parent,
        "Leave the session running?",
        "Only the window closes: the session goes on and is recorded. Start labcapture again to return to it.",
        "Leave it running",
        "Stay",
        default_yes=True,
    )


def override(parent: QWidget, failed: Sequence[Row]) -> Question:
    """Ask why a session is to begin although ``failed`` rows of the preflight hinder it."""
    shown = "; ".join(f"{row.group} {row.name}: {row.reading}" for row in failed[:_SHOWN])
    more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
    return Question(
        parent,
        "Go on all the same?",
        f"{shown}{more}. The reason is stored in the session, with the rows.",
        "Go on and prepare",
        "Back",
        line="Reason",
        default_yes=True,
        needs_line=True,
    )
