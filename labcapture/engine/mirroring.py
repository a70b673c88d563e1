"""What the participant's screen shows, on its way into the previews: asked for, one picture at a time."""

from __future__ import annotations

import math
import sys
import time
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from labcapture.core.clock import lsl_time
from labcapture.core.errors import StageError
from labcapture.engine.log import SessionLog
from labcapture.engine.onlooker import Onlooker
from labcapture.engine.previewer import Previewer
from labcapture.stage.messages import Hello, Look
from labcapture.stage.process import StageProcess

_PATIENCE_S = 1.0  # a stage that has not sent a picture for so long, for its flips leave no time, is looked at instead
_PACE_S = 0.5  # from one such look to the next, at least


class Mirroring:
    """Asks the stage for its pictures and passes them on. It never waits, and no two pictures are on their way.

    A stage takes its pictures itself where its flips leave time for it. While they do not, as in a film without a
    graphics card, an `Onlooker` takes them from the display.

    Parameters
    ----------
    stage
        The participant's screen.
    previewer
        Where its pictures go. Under pressure it shows less, and so does this.
    rate_hz
        How often to ask, at most; 0: never.
    log
        Is told, once, if the display cannot be looked at.
    """

    def __init__(self, stage: StageProcess, previewer: Previewer, rate_hz: float, log: SessionLog) -> None:
        self._stage, self._previewer, self._log = stage, previewer, log
        self._period_s = 1 / rate_hz if rate_hz else math.inf
        self._due = -math.inf
        self._asked: float | None = None
        self._shown = -math.inf  # LSL time of the newest picture
        self._is_covered = False
        self._hello: Hello | None = None
        self._onlooker: Onlooker | None = None

    def tick(self, is_open: bool, is_secret: bool = False) -> None:
        """Show the picture that has come, and ask for the next one when it is due and there is a screen to ask.

        While what the participant sees is secret, a black picture stands for it, and none is asked for.
        """
        now = time.monotonic()
        if (seen := self._stage.seen()) is not None:
            self._asked = None
            self._show(*seen)
        if not is_open:
            self.close()
            self._asked = None
            return
        if is_secret:
            self._cover()
            return
        self._is_covered = False
        if math.isinf(self._period_s):
            return
        pace = max(self._period_s, 1 / self._previewer.rate_hz)
        if self._asked is None and now >= self._due:
            self._due = now + pace
            with suppress(StageError):  # it takes no messages now; whether it lives, others watch
                self._stage.send(Look())
                self._asked = now
        elif self._asked is not None and now >= self._asked + _PATIENCE_S:
            onlooker = self._look_on()
            if onlooker is not None and now >= self._due:
                self._due = now + max(pace, _PACE_S)
                onlooker.look()

    def close(self) -> None:
        """Let go of the display: a virtual one lives as long as anybody holds it."""
        if self._onlooker is not None:
            self._onlooker.close()
            self._onlooker = None

    def _cover(self) -> None:
        """Show black; what was seen until now is not to be shown later either."""
        self._shown = lsl_time()
        hello = self._stage.hello
        if not self._is_covered and hello is not None and hello.mirror is not None:
            self._is_covered = True
            self._previewer.board.show_stage(np.zeros((*hello.mirror[::-1], 3), np.uint8), self._shown)

    def _look_on(self) -> Onlooker | None:
        """Show what an onlooker has seen; return it, None where there can be none."""
        hello = self._stage.hello
        if hello is None or hello.mirror is None or hello.place is None:
            return None
        if sys.platform == "darwin":  # it would ask the participant for leave, and it always has a graphics card
            return None
        if self._onlooker is None or hello is not self._hello:
            self.close()
            self._hello, self._onlooker = hello, Onlooker(hello.display, hello.place, hello.mirror)
        told = self._onlooker.trouble
        sight = self._onlooker.seen()
        if sight is not None and sight.pixels.any():  # all black may be what a system shows to those who may not look
            self._show(sight.pixels, sight.time)
        if self._onlooker.trouble != told:
            self._log.warning("the participant's display cannot be looked at", why=self._onlooker.trouble)
        return self._onlooker

    def _show(self, pixels: NDArray[np.uint8], when: float) -> None:
        if when > self._shown:  # a stage's own picture may have been overtaken
            self._shown = when
            self._previewer.board.show_stage(pixels, when)
