"""The participant's screen as the display has it: seen from outside of the process that draws it."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import mss
import numpy as np
from mss.exception import ScreenShotError
from numpy.typing import NDArray

from labcapture.core.clock import lsl_time

SHARE = 0.02
"""Most of the time that looking may take."""
_FAILURES = (ScreenShotError, OSError, AssertionError)  # the last is what mss says of a display that is gone


@dataclass(frozen=True)
class Sight:
    """What lay on the display: pixels (height, width, 3) RGB, at LSL ``time`` (s), which took ``cost_s``."""

    pixels: NDArray[np.uint8]
    time: float
    cost_s: float


class Onlooker:
    """Takes small pictures of a part of a display, one at a time, in a thread of its own.

    The stage's process has no part in it. An X server copies a picture of 1280 x 720 in under a millisecond, between
    two requests of the stage.

    Parameters
    ----------
    display
        X display; empty where the system has none of that kind.
    place
        Left, top, width and height in pixels of the display.
    size
        Width and height of the pictures.
    """

    def __init__(self, display: str, place: tuple[int, int, int, int], size: tuple[int, int]) -> None:
        self._display = display
        self._box = dict(zip(("left", "top", "width", "height"), place, strict=True))
        self._size = size
        self._eye: mss.MSS | None = None
        self._sight: Future[Sight] | None = None
        self._due = 0.0
        self._thread = ThreadPoolExecutor(1, "onlooker")
        self.trouble = ""
        """Why there are no pictures."""

    def look(self) -> None:
        """Take a picture if none is being taken and the last one was long enough ago. Returns at once."""
        if self._sight is None and not self.trouble and lsl_time() >= self._due:
            self._sight = self._thread.submit(self._look)

    def seen(self) -> Sight | None:
        """Return the picture that was taken last, once."""
        if self._sight is None or not self._sight.done():
            return None
        sight, self._sight = self._sight, None
        try:
            found = sight.result()
        except _FAILURES as error:
            self.trouble = str(error).splitlines()[0] if str(error) else "the display is gone"
            return None
        self._due = lsl_time() + found.cost_s / SHARE
        return found

    def close(self) -> None:
        """Let go of the display, as soon as a picture that is being taken has come. Returns at once."""
        self._thread.submit(self._let_go)
        self._thread.shutdown(wait=False)

    # In its thread ----------------------------------------------------------------------------------------------------

    def _look(self) -> Sight:
        began = lsl_time()
        if self._eye is None:
            self._eye = mss.MSS(display=self._display) if self._display else mss.MSS()
        taking = lsl_time()
        shot = self._eye.grab(self._box)
        taken = lsl_time()
        whole = np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)
        small = cv2.resize(whole, self._size, interpolation=cv2.INTER_AREA)
        pixels = np.ascontiguousarray(small[..., 2::-1])
        return Sight(pixels, (taking + taken) / 2, lsl_time() - began)

    def _let_go(self) -> None:
        if self._eye is not None:
            self._eye.close()
            self._eye = None
