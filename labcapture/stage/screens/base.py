"""What every kind of screen has in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from labcapture.stage.canvas import Canvas, Flip
from labcapture.stage.messages import FromStage
from labcapture.stage.sound import Speaker

Facts = dict[str, float | int | str]
GUARD_S = 0.3  # a key pressed for the screen before does not leave this one
_READING_S = (0.8, 1.2)  # how long an autopilot "reads"


@dataclass(frozen=True, slots=True)
class Context:
    """What a screen works with.

    Parameters
    ----------
    canvas, speaker
        The window, and where sound is played.
    mark
        Pushes a marker: label, LSL time (s).
    send
        Sends a message to the engine.
    pilot
        Source of the answers given in the participant's place, None for a real participant.
    speed
        How many times faster than a participant the pilot is; without a pilot it means nothing.
    """

    canvas: Canvas
    speaker: Speaker
    mark: Callable[[str, float], None]
    send: Callable[[FromStage], None]
    pilot: Random | None
    speed: float = 1.0

    def waiting(self, seconds: float) -> float:
        """Return how long a wait of ``seconds`` is here: a pilot's are shorter by its speed."""
        return seconds if self.pilot is None else seconds / self.speed

    def reading(self) -> float | None:
        """Return after how many seconds the pilot goes on from what it has read, None without one."""
        return None if self.pilot is None else self.waiting(self.pilot.uniform(*_READING_S))


class Screen:
    """One step on the screen; made while the safe screen is on, so that all loading is done before its onset.

    For every flip the stage calls `draw`, flips, and calls `flipped`. While the experimenter holds the run, `draw` is
    called with the same time again and again and `flipped` is not; then `go_on` says for how long.
    """

    pointer = False
    """Whether the mouse pointer is shown."""

    def draw(self, expected: float) -> None:
        """Draw for a flip that is expected at LSL time ``expected`` (s)."""

    def flipped(self, flip: Flip) -> bool:
        """Take note of ``flip``; return whether the step is over."""
        raise NotImplementedError

    def hold(self) -> None:
        """Stand still."""

    def held(self, flip: Flip) -> None:
        """Take note of a flip while standing still."""

    def go_on(self, seconds: float) -> None:
        """Move on after standing still for ``seconds``."""

    def taken_off(self, flip: Flip) -> None:
        """Take note of the flip that brought the safe screen back."""

    def key(self, name: str, time: float) -> None:
        """Take note of a key, pressed at LSL ``time`` (s)."""

    def released(self, name: str, time: float) -> None:
        """Take note of a key, released at LSL ``time`` (s)."""

    def text(self, characters: str) -> None:
        """Take note of written characters, as the input method of the system composed them; a backspace is one too."""

    def click(self, x: float, y: float, time: float) -> None:
        """Take note of a click or touch at ``x``, ``y`` (window heights from the centre)."""

    def close(self) -> Facts:
        """Let go of everything; return what is to be kept of this step."""
        return {}


class Waiting(Screen):
    """A screen that is left by the participant, after some time, or when the engine says so.

    Parameters
    ----------
    context
        What it works with.
    seconds
        After which it goes by itself, None if it does not.
    by_participant
        Whether the space bar, or a click, leaves it.
    """

    def __init__(self, context: Context, seconds: float | None = None, *, by_participant: bool = False) -> None:
        self.canvas = context.canvas
        self._by_participant = by_participant
        self._limit = None if seconds is None else context.waiting(seconds)
        if seconds is None and by_participant:
            self._limit = context.reading()
        self._onset: float | None = None
        self._left = False

    @property
    def left_s(self) -> float | None:
        """Seconds until it goes by itself, None if it does not, as of the last flip."""
        return None if self._limit is None or self._onset is None else max(0.0, self._onset + self._limit - self._now)

    def flipped(self, flip: Flip) -> bool:
        """End when somebody wants to, or so that the next flip, which takes the screen off, makes the time full."""
        if self._onset is None:
            self._onset = flip.time
        self._now = flip.time
        full = self._limit is not None and flip.time + 1.5 * self.canvas.period >= self._onset + self._limit
        return self._left or full

    def go_on(self, seconds: float) -> None:
        """Do not count the time of a hold."""
        if self._onset is not None:
            self._onset += seconds

    def key(self, name: str, time: float) -> None:
        """Leave with the space bar, where that is the participant's."""
        if name == "SPACE":
            self._leave(time)

    def click(self, x: float, y: float, time: float) -> None:
        """Leave with a click or touch, where that is the participant's."""
        self._leave(time)

    def _leave(self, time: float) -> None:
        if self._by_participant and self._onset is not None and time > self._onset + GUARD_S:
            self._left = True
