"""Which screen shows which kind of step."""

from __future__ import annotations

from pathlib import Path

from labcapture.core.errors import StageError
from labcapture.protocol import steps
from labcapture.stage.messages import Show
from labcapture.stage.preload import Shelf
from labcapture.stage.screens.base import Context, Screen
from labcapture.stage.screens.calibrate import CalibrateScreen
from labcapture.stage.screens.fixation import FixationScreen
from labcapture.stage.screens.form import FormScreen
from labcapture.stage.screens.image import ImageScreen, TalkScreen
from labcapture.stage.screens.instruction import ConsentScreen, InstructionScreen
from labcapture.stage.screens.movie import MovieScreen
from labcapture.stage.screens.pause import BreakScreen
from labcapture.stage.screens.review import ReviewScreen
from labcapture.stage.screens.safe import SafeScreen
from labcapture.stage.screens.sync_test import SyncTestScreen


def make_screen(step: steps.Leaf, show: Show, shelf: Shelf, context: Context) -> Screen:  # noqa: PLR0911, PLR0912 - one a kind
    """Return the screen of ``step``, everything loaded.

    Raises
    ------
    StageError
        A file of it is missing or cannot be shown.
    """
    image = None if show.image is None else Path(show.image)
    match step:
        case steps.Instruction():
            return InstructionScreen(step, context)
        case steps.Consent():
            return ConsentScreen(step, context)
        case steps.Calibrate():
            return CalibrateScreen(step, context)
        case steps.Fixation() | steps.Baseline():
            return FixationScreen(step, context)
        case steps.Movie():
            if show.clip is None:
                raise StageError("no film was given", f"step {step.id}")
            return MovieScreen(step, shelf.take(Path(show.clip)), context)
        case steps.Image():
            if image is None:
                raise StageError("no picture was given", f"step {step.id}")
            return ImageScreen(step, image, context)
        case steps.Question() | steps.Interview():
            return TalkScreen(step, image, context)
        case steps.Form():
            return FormScreen(step, context)
        case steps.Break():
            return BreakScreen(step, context)
        case steps.Note() | steps.Assign():
            return SafeScreen(context)
        case steps.SyncTest():
            return SyncTestScreen(step, context)
        case steps.Review():
            if show.recorded is None:
                raise StageError("no recording was given", f"step {step.id}")
            return ReviewScreen(step, show.recorded, context)
