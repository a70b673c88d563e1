"""What the window asks before it leaves a step out, runs one again, or goes on elsewhere."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from labcapture.console.dialogs import Question


def skip(parent: QWidget, step: str) -> Question:
    """Ask why ``step`` is left out."""
    return Question(
        parent,
        "Skip this step?",
        f"“{step}” ends now and is left out. What was recorded of it is kept.",
        "Skip it",
        "Go on",
        line="Reason; it is stored with the step",
        default_yes=True,
    )


def redo(parent: QWidget, step: str, *, running: bool) -> Question:
    """Ask whether ``step`` is to be run again; ``running`` whether this stops it."""
    what = "It is stopped and begins again." if running else "The present step is stopped; afterwards it begins again."
    return Question(
        parent,
        f"Redo “{step}”?",
        f"{what} The earlier take is kept, and marked as superseded.",
        "Redo it",
        "Go on",
        default_yes=True,
    )


def jump(parent: QWidget, step: str, *, back: bool) -> Question:
    """Ask whether the session is to go on at ``step``."""
    between = "Everything from there on is run again." if back else "The steps in between are left out."
    return Question(
        parent,
        f"Jump to “{step}”?",
        f"The present step is stopped. {between} All that was recorded is kept.",
        "Jump",
        "Stay",
        default_yes=False,
    )


def passing(parent: QWidget, sentence: str) -> Question:
    """Ask why a head is recorded though it is not in its place."""
    told = f"The last advice was: {sentence} " if sentence else ""
    return Question(
        parent,
        "Go on though the head is not in its place?",
        f"{told}The calibration is stored as skipped, with your reason.",
        "Go on",
        "Wait",
        line="Reason",
        default_yes=True,
    )
