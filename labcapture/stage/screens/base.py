"""What every kind of screen has in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from labcapture.stage.canvas import Canvas, Flip
from labcapture.stage.messages import FromStage
from labcapture.stage.sound import Speaker

Facts = dict[str, float | int | str]


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
    """

    canvas: Canvas
    speaker: Speaker
    mark: Callable[[str, float], None]
    send: Callable[[FromStage], None]
    pilot: Random | None


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

    def click(self, x: float, y: float, time: float) -> None:
        """Take note of a click at ``x``, ``y`` (window heights from the centre)."""

    def close(self) -> Facts:
        """Let go of everything; return what is to be kept of this step."""
        return {}
