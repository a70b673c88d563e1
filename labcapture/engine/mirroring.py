"""What the participant's screen shows, on its way into the previews: asked for, one picture at a time."""

from __future__ import annotations

import math
import time
from contextlib import suppress

from labcapture.core.errors import StageError
from labcapture.engine.previewer import Previewer
from labcapture.stage.messages import Look
from labcapture.stage.process import StageProcess

_PATIENCE_S = 2.0  # a stage that has not sent a picture for so long, for it had no time to, is asked again


class Mirroring:
    """Asks the stage for its pictures and passes them on. It never waits, and no two pictures are on their way.

    Parameters
    ----------
    stage
        The participant's screen.
    previewer
        Where its pictures go. Under pressure it shows less, and so does this.
    rate_hz
        How often to ask, at most; 0: never.
    """

    def __init__(self, stage: StageProcess, previewer: Previewer, rate_hz: float) -> None:
        self._stage, self._previewer = stage, previewer
        self._period_s = 1 / rate_hz if rate_hz else math.inf
        self._due = -math.inf
        self._asked: float | None = None

    def tick(self, is_open: bool) -> None:
        """Show the picture that has come, and ask for the next one when it is due and there is a screen to ask."""
        now = time.monotonic()
        if (seen := self._stage.seen()) is not None:
            self._asked = None
            self._previewer.board.show_stage(*seen)
        waits = self._asked is not None and now < self._asked + _PATIENCE_S
        if not is_open or waits or now < self._due or math.isinf(self._period_s):
            return
        self._asked = now
        self._due = now + max(self._period_s, 1 / self._previewer.rate_hz)
        with suppress(StageError):  # it takes no messages now; whether it lives, others watch
            self._stage.send(Look())
