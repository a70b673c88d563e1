"""Flashes with tones, to measure picture and sound against their markers."""

from __future__ import annotations

import numpy as np

from labcapture.protocol.steps import SyncTest
from labcapture.stage.canvas import Flip
from labcapture.stage.film import SOUND_RATE_HZ
from labcapture.stage.screens.base import Context, Facts, Screen
from labcapture.stage.sound import CHANNELS, Sound
from labcapture.stage.tones import onsets, track

_RUN_UP_S = 0.1  # as before a film
_WHITE = (1.0, 1.0, 1.0)
_AFTER_S = 0.7  # so that the last tone is heard within the step


class SyncTestScreen(Screen):
    """Turns the window white for a moment, again and again, and begins a tone whenever it does.

    The tones are one sound track, and both go by one clock, as picture and sound of a film do. ``flash`` marks the flip
    that turned the window white, ``tone`` the time at which the tone's first sample is due at the converter.
    """

    def __init__(self, step: SyncTest, context: Context) -> None:
        self._step, self._context, self._canvas = step, context, context.canvas
        self._times = onsets(step, SOUND_RATE_HZ)
        self._white = context.canvas.box((0, 0), (context.canvas.width, 1))
        self._white.fillColor = self._white.lineColor = _WHITE
        sound, speaker = Sound(np.repeat(track(self._times, SOUND_RATE_HZ)[:, None], CHANNELS, axis=1)), context.speaker
        self._sound = sound if speaker.play(sound) else None
        self._sound_fact = f"played on {speaker.name}" if self._sound is not None else f"none: {speaker.problem}"
        self._start: float | None = None  # LSL time of the clock's zero
        self._drawn: int | None = None  # the flash that is being drawn
        self._shown = -1  # the last flash that was shown
        self._late = 0
        self._holding = False

    def draw(self, expected: float) -> None:
        """Draw a flash while one is due."""
        self._drawn, self._canvas.lit = None, False
        if self._holding:
            return
        if self._start is None:
            self._start = expected + _RUN_UP_S + (self._sound.lead_s if self._sound is not None else 0.0)
            if self._sound is not None:
                self._sound.start = self._start
        time = expected - self._start + self._canvas.period / 2  # a flash due within half a period is due now
        index = int(np.searchsorted(self._times, time, side="right")) - 1
        if index >= 0 and time < self._times[index] + self._step.flash_s:
            self._drawn = index
            self._white.draw()
        self._canvas.lit = self._drawn is not None

    def flipped(self, flip: Flip) -> bool:
        """Mark flash and tone when the window has turned white."""
        assert self._start is not None  # noqa: S101 - set when the first flip was drawn for
        self._late += flip.late
        if self._drawn is not None and self._drawn > self._shown:
            self._shown = self._drawn
            self._context.mark("flash", flip.time)
            if self._sound is not None:
                self._context.mark("tone", self._start + self._times[self._drawn])
        return bool(flip.time - self._start > self._times[-1] + self._step.flash_s + _AFTER_S)

    def hold(self) -> None:
        """Silence the sound, show no flash."""
        self._holding = True
        if self._sound is not None:
            self._sound.start = None

    def go_on(self, seconds: float) -> None:
        """Move the clock by the time of the hold."""
        self._holding = False
        if self._start is not None:
            self._start += seconds
            if self._sound is not None:
                self._sound.start = self._start

    def close(self) -> Facts:
        """Give the output back."""
        facts: Facts = {"flashes": self._shown + 1, "late_flips": self._late, "sound": self._sound_fact}
        if self._sound is not None:
            self._context.speaker.stop()
            facts |= {"sound_underflows": self._sound.underflows, "sound_jumps": self._sound.jumps}
        return facts
