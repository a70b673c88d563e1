"""Looks after the participant's screen of a running session: opens it again after it broke down."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from labcapture.core.errors import EngineError
from labcapture.engine.opening import Opened

_TRIES = 2
_LOST = "lost"
_BACK = "back"


class ScreenCare:
    """The screen of one session. Opening it again takes seconds, and is done by a thread of its own.

    Parameters
    ----------
    opened
        The session's.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened, self._alarms = opened, opened.alarms
        self._beside: ThreadPoolExecutor | None = None
        self._opening: Future[None] | None = None
        self.is_open = True
        """Whether there is a screen to talk to."""
        self.trouble = ""
        """Why there is none; empty once it is back."""
        self.breaks = 0

    def broke(self, reason: str) -> None:
        """Take in that the screen's process ended, or fell silent."""
        self.is_open, self.trouble = False, f"stage: {reason}"
        self.breaks += 1
        self._alarms.set("stage", _BACK, False)
        self._alarms.set("stage", _LOST, True, f"the participant's screen broke down: {reason}", "It is opened again.")

    def reopen(self) -> None:
        """Begin to open the screen again."""
        if self._opening is None:
            self._beside = self._beside or ThreadPoolExecutor(1, "stage")
            self._opening = self._beside.submit(self._try)

    def _try(self) -> None:
        for left in reversed(range(_TRIES)):
            try:
                self._opened.reopen_stage()
            except Exception as error:
                self._opened.log.warning("stage does not open", cause=str(error))
                if not left:
                    raise
            else:
                return

    def poll(self) -> bool:
        """Tell, once, whether an attempt to open the screen again is over; `is_open` tells what came of it."""
        if self._opening is None or not self._opening.done():
            return False
        error, self._opening = self._opening.exception(), None
        if error is None:
            self.is_open, self.trouble = True, ""
            self._alarms.set("stage", _LOST, False)
            self._alarms.set("stage", _BACK, True, "the participant's screen is back", "Redo the step, or resume.")
        else:
            cause = f"the participant's screen cannot be opened again: {error}"
            self._alarms.set("stage", _LOST, True, cause, "Resume to try it again, or abort; what is recorded is kept.")
        return True

    def need(self) -> None:
        """Check that there is a screen to go on with; else have it opened again.

        Raises
        ------
        EngineError
            There is none yet.
        """
        if not self.is_open:
            self.reopen()
            raise EngineError("the participant's screen is being opened again", mend="Resume when it is back.")
        self._alarms.set("stage", _BACK, False)

    def close(self) -> None:
        """Stop opening. The screen itself is closed by `Opened.release`."""
        if self._beside is not None:
            self._opened.stage.give_up()
            self._beside.shutdown()
