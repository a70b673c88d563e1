"""A clip: every flip of it on record, its sound on the same clock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from labcapture.protocol.steps import Movie
from labcapture.stage import words
from labcapture.stage.canvas import SMALL, Flip
from labcapture.stage.film import Picture
from labcapture.stage.messages import Flips
from labcapture.stage.preload import Loaded
from labcapture.stage.screens.base import GUARD_S, Context, Facts, Screen
from labcapture.stage.sound import Sound

_RUN_UP_S = 0.1  # of safe screen before the film, so that its sound can be on time
_BATCH_S = 0.25


class MovieScreen(Screen):
    """Shows the film from its first picture to its last.

    The film's clock starts at the flip that shows the first picture (``movie_onset``). From then on each flip shows the
    picture that is due at it; what comes too late is left out, and counted, so that picture and sound stay together.
    Where the participant starts the clip, the space bar or a click does (``start_pressed``).
    """

    def __init__(self, step: Movie, loaded: Loaded, context: Context) -> None:
        self._step, self._context, self._canvas = step, context, context.canvas
        self._film = loaded.film
        self._sound, self._sound_fact = self._open_sound(loaded.sound)
        self._prompt = None
        self._prompted: float | None = None  # since when
        if step.start == "participant":
            self._prompt = context.canvas.text(words.START, (0, 0), SMALL * 1.2)
        self._pilot_s = context.reading()
        self._place = context.canvas.pictures(self._film.shown_size)
        self._planned: float | None = None  # LSL time of the onset
        self._planned_onset = 0.0
        self._start: float | None = None  # LSL time of film time zero; later by every hold
        self._shown: Picture | None = None
        self._over = self._holding = False
        self._onset = self._offset = 0.0
        self._rows: list[tuple[int, float, float, bool]] = []
        self._flips = self._late = self._pictures = self._repeated = 0
        self._next_batch = 0.0

    def draw(self, expected: float) -> None:
        """Draw the picture that is due at the expected flip."""
        if self._prompt is not None:
            self._prompt.draw()
            return
        if self._holding:
            self._place.draw()
            return
        if self._planned is None:
            lead = self._sound.lead_s if self._sound is not None else 0.0
            self._planned = self._planned_onset = expected + _RUN_UP_S + lead
            if self._sound is not None:
                self._sound.start = self._planned
        if self._start is None and expected < self._planned - self._canvas.period / 2:
            return
        film_time = self._canvas.period / 2  # a picture due within half a period after the flip is due at it
        if self._start is not None:
            film_time += expected - self._start
        due = self._film.at(film_time)
        self._over = self._film.is_over(film_time)
        if self._over:
            return
        self._canvas.lit = self._start is None or (due is None and self._canvas.lit)  # while the first picture is on
        if due is not None:
            self._place.upload(due.pixels)
            self._pictures += 1
            self._shown = due
        elif self._film.starved:
            self._repeated += 1
        self._place.draw()

    def flipped(self, flip: Flip) -> bool:
        """Log the flip, mark the onset at the first picture and the offset after the last."""
        if self._prompt is not None:
            self._await_start(flip)
            return False
        if self._shown is None:
            return False
        if self._start is None:
            self._start = self._onset = flip.time
            self._context.mark("movie_onset", flip.time)
        if self._over:
            self._mark_offset(flip)
            return True
        self._log(flip)
        return False

    def hold(self) -> None:
        """Silence the sound; the picture stays."""
        self._holding = True
        if self._sound is not None:
            self._sound.start = None

    def held(self, flip: Flip) -> None:
        """Log the flip: the film stands still."""
        if self._shown is not None:
            self._log(flip)

    def go_on(self, seconds: float) -> None:
        """Move the film's clock by the time of the hold."""
        self._holding = False
        if self._planned is not None:
            self._planned += seconds
            if self._sound is not None:
                self._sound.start = self._planned
        if self._start is not None:
            self._start += seconds

    def key(self, name: str, time: float) -> None:
        """Start with the space bar, where that is the participant's."""
        if name == "SPACE":
            self._begin(time)

    def click(self, x: float, y: float, time: float) -> None:
        """Start with a click or touch, where that is the participant's."""
        self._begin(time)

    def taken_off(self, flip: Flip) -> None:
        """Mark the offset of a film that did not run to its end."""
        if self._start is not None and self._offset == 0.0:
            self._mark_offset(flip)

    def close(self) -> Facts:
        """Send the last flips; count what was shown."""
        self._send_rows()
        due = 0 if self._shown is None else self._shown.index + 1
        if self._over and self._film.frames is not None:
            due = self._film.frames
        self._film.close()
        facts: Facts = {
            "film_frames": self._film.frames or self._film.declared_frames,
            "frames_shown": self._pictures,
            "frames_dropped": due - self._pictures,
            "flips_repeated": self._repeated,
            "flips": self._flips,
            "late_flips": self._late,
            "sound": self._sound_fact,
        }
        if self._sound is not None:
            self._context.speaker.stop()
            facts["sound_minus_picture_s"] = self._planned_onset - self._onset
            facts["sound_lead_s"] = self._sound.lead_s
            facts["sound_underflows"] = self._sound.underflows
            facts["sound_jumps"] = self._sound.jumps
        return facts

    def _await_start(self, flip: Flip) -> None:
        if self._prompted is None:
            self._prompted = flip.time
        elif self._pilot_s is not None and flip.time > self._prompted + max(self._pilot_s, 2 * GUARD_S):
            self._begin(flip.time)

    def _begin(self, time: float) -> None:
        if self._prompt is not None and self._prompted is not None and time > self._prompted + GUARD_S:
            self._prompt = None
            self._context.mark("start_pressed", time)

    def _open_sound(self, samples: NDArray[np.int16] | None) -> tuple[Sound | None, str]:
        if samples is None:
            return None, "none: the film has no sound track"
        sound, speaker = Sound(samples), self._context.speaker
        return (sound, f"played on {speaker.name}") if speaker.play(sound) else (None, f"none: {speaker.problem}")

    def _mark_offset(self, flip: Flip) -> None:
        self._offset = flip.time
        self._context.mark("movie_offset", flip.time)

    def _log(self, flip: Flip) -> None:
        shown = 0.0 if self._shown is None else self._shown.time
        self._rows.append((self._flips, flip.time, shown, flip.late))
        self._flips += 1
        self._late += flip.late
        if flip.time >= self._next_batch:
            self._next_batch = flip.time + _BATCH_S
            self._send_rows()

    def _send_rows(self) -> None:
        if self._rows:
            self._context.send(Flips(step=self._step.id, rows=self._rows))
            self._rows = []
