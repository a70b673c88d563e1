"""The participant watches the own face as just recorded, and flags movements that had nothing to do with a feeling."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from labcapture.protocol.steps import Review
from labcapture.stage import words
from labcapture.stage.canvas import FAINT, SMALL, TEXT_HEIGHT, WARM, Flip
from labcapture.stage.film import Picture
from labcapture.stage.messages import Flag, Recorded
from labcapture.stage.pages.flags import FlagBar, FlagList, Stretch
from labcapture.stage.replay import Replay
from labcapture.stage.screens.base import GUARD_S, Context, Facts, Screen

_TAP_S = 0.35  # a key held for less switches the flag on, until it is pressed again
_REPEAT_S = 0.05  # a key that is pressed again so soon is one that is held, and repeated by the keyboard
_ROOM = 0.8  # of the window's height, for the picture
_ABOVE = 0.08
_PILOT_FLAGS = 2  # at most
_PILOT_HOLD_S = (0.4, 0.9)
_PILOT_TAKES_BACK = 0.2  # how often


class ReviewScreen(Screen):
    """Shows what it is about, then the recording, then a list of what was flagged.

    A movement is flagged while the space bar is held; a tap, or a click, begins a flag that the next one ends. The
    pictures are as the camera took them, not mirrored, so that they are those of the file.
    """

    pointer = True

    def __init__(self, step: Review, recorded: Recorded, context: Context) -> None:
        self._step, self._context, self._canvas = step, context, context.canvas
        self._speed = step.speed * (context.speed if context.pilot is not None else 1.0)
        room = round(self._canvas.size[0] * 0.94), round(self._canvas.size[1] * _ROOM)
        self._film = Replay(Path(recorded.file), recorded.stream, room, self._speed)
        self._place = self._canvas.pictures(self._film.shown_size, above_px=round(self._canvas.size[1] * _ABOVE))
        self._bar = FlagBar(self._canvas, self._film.times.tolist())
        self._intro = [
            self._canvas.text(step.text or words.REVIEW, (0, 0.04), TEXT_HEIGHT, room=0.74),
            self._canvas.text(words.NEXT, (0, -0.42), SMALL, FAINT),
        ]
        self._hint = self._canvas.text(words.HOLD, (0, -0.455), SMALL, FAINT)
        self._marking = self._canvas.text(words.MARKING, (0, -0.455), SMALL, WARM)
        height = self._canvas.size[1]
        frame = tuple(side / height + 0.012 for side in self._film.shown_size)
        self._frame = self._canvas.box((0, _ABOVE), (frame[0], frame[1]))
        self._frame.fillColor = self._frame.lineColor = WARM
        self._phase: Literal["intro", "film", "list", "over"] = "intro"
        self._since: float | None = None  # of the phase's first flip
        self._start: float | None = None  # LSL time of film time zero
        self._shown: Picture | None = None
        self._pictures = 0
        self._stretches: list[Stretch] = []
        self._open: Stretch | None = None
        self._latched = self._holding = self._is_down = False
        self._released: tuple[float, int] | None = None  # when the key was, and the picture that was on
        self._list: FlagList | None = None
        self._wait_s = context.reading()
        self._plan = self._pilot_plan()

    def draw(self, expected: float) -> None:
        """Draw the present part."""
        if self._phase == "intro":
            for part in self._intro:
                part.draw()
        elif self._phase == "film":
            self._draw_film(expected)
        elif self._list is not None:
            self._list.draw()

    def flipped(self, flip: Flip) -> bool:
        """Go from part to part."""
        if self._since is None:
            self._since = flip.time
        if self._released is not None and flip.time > self._released[0] + _REPEAT_S:
            self._let_go(*self._released)
        if self._phase == "film":
            self._film_flipped(flip)
        elif self._wait_s is not None and flip.time > self._since + self._wait_s:  # the pilot has read
            if self._phase == "intro":
                self._enter("film")
            elif self._list is not None:
                if self._context.pilot is not None and self._context.pilot.random() < _PILOT_TAKES_BACK:
                    self._list.take_back(0)
                self._list.is_confirmed = True
        if self._list is not None and self._list.is_confirmed:
            self._enter("over")
        return self._phase == "over"

    def hold(self) -> None:
        """Stand still."""
        self._holding = True

    def go_on(self, seconds: float) -> None:
        """Move the recording's clock by the time of the hold."""
        self._holding = False
        if self._start is not None:
            self._start += seconds
        if self._since is not None:
            self._since += seconds

    def key(self, name: str, time: float) -> None:
        """Begin, flag, or change the list."""
        if self._context.pilot is not None or self._since is None:
            return
        if name == "SPACE":
            is_repeated, self._released = self._is_down, None
            self._is_down = True
            if is_repeated:
                return
        if self._phase == "intro" and name == "SPACE" and time > self._since + GUARD_S:
            self._enter("film")
        elif self._phase == "film" and name == "SPACE":
            self._press(time)
        elif self._list is not None:
            self._list.key(name)

    def released(self, name: str, time: float) -> None:
        """End the flag, unless it was begun by a tap; but wait and see whether the keyboard only repeats the key."""
        if self._context.pilot is None and name == "SPACE":
            self._released = time, 0 if self._shown is None else self._shown.index

    def click(self, x: float, y: float, time: float) -> None:
        """Do what a tap of the space bar does, or change the list."""
        if self._context.pilot is not None or self._since is None:
            return
        if self._phase == "intro" and time > self._since + GUARD_S:
            self._enter("film")
        elif self._phase == "film":
            self._press(time)
            self._latched = self._open is not None
        elif self._list is not None:
            self._list.click(x, y)

    def taken_off(self, flip: Flip) -> None:
        """Close a flag that is open still: the step was stopped."""
        self._close_flag(flip.time)

    def close(self) -> Facts:
        """Send the flags, also those of a step that was stopped; close the file."""
        self._film.close()
        taken_back = 0 if self._list is None else self._list.taken_back
        for stretch in self._stretches:
            self._context.send(
                Flag(
                    step=self._step.id,
                    first=stretch.first,
                    last=stretch.last,
                    start=stretch.start,
                    stop=stretch.stop,
                    by="participant" if self._context.pilot is None else "autopilot",
                )
            )
        return {
            "film_frames": len(self._film.times),
            "frames_shown": self._pictures,
            "speed": self._speed,
            "flags": len(self._stretches),
            "flags_taken_back": taken_back,
        }

    def _draw_film(self, expected: float) -> None:
        if not self._holding:
            film_time = self._canvas.period / 2
            if self._start is not None:
                film_time += expected - self._start
            due = self._film.at(film_time)
            if due is not None:
                self._place.upload(due.pixels)
                self._shown = due
                self._pictures += 1
        if self._open is not None:
            self._frame.draw()
        self._place.draw()
        (self._hint if self._open is None else self._marking).draw()
        self._bar.draw(self._with_open(), None if self._shown is None else self._shown.index)

    def _film_flipped(self, flip: Flip) -> None:
        if self._shown is None:
            return
        if self._start is None:
            self._start = flip.time
            self._context.mark("review_onset", flip.time)
        while self._plan and flip.time >= self._start + self._plan[0]:
            del self._plan[0]
            self._press(flip.time)
        if self._film.is_over(flip.time - self._start):
            self._close_flag(flip.time)
            self._context.mark("review_offset", flip.time)
            self._enter("list" if self._stretches else "over")

    def _press(self, time: float) -> None:
        if self._open is not None:
            self._close_flag(time)
        elif self._shown is not None:
            self._open, self._latched = Stretch(self._shown.index, self._shown.index, time, time), False
            self._context.mark("flag_start", time)

    def _let_go(self, time: float, picture: int) -> None:
        self._released, self._is_down = None, False
        if self._open is not None and not self._latched:
            if time - self._open.start < _TAP_S:
                self._latched = True
            else:
                self._close_flag(time, picture)

    def _close_flag(self, time: float, picture: int | None = None) -> None:
        if self._open is not None:
            self._stretches = self._with_open()
            self._stretches[-1].stop = time
            if picture is not None:
                self._stretches[-1].last = picture
            self._open = None
            self._context.mark("flag_end", time)

    def _with_open(self) -> list[Stretch]:
        if self._open is None or self._shown is None:
            return self._stretches
        self._open.last = self._shown.index
        return [*self._stretches, self._open]

    def _enter(self, phase: Literal["film", "list", "over"]) -> None:
        self._phase, self._since = phase, None
        if phase == "list":
            times = self._film.times * self._speed
            self._list = FlagList(self._canvas, times.tolist(), self._stretches)
            self._wait_s = self._context.reading()

    def _pilot_plan(self) -> list[float]:
        """Return when (s of the film) the pilot presses the key, to begin and to end its flags in turn."""
        pilot = self._context.pilot
        plan: list[float] = []
        if pilot is not None:
            count = pilot.randint(0, _PILOT_FLAGS)
            for i in range(count):
                begin = self._film.seconds * (i + pilot.uniform(0.1, 0.6)) / count
                plan += [begin, begin + pilot.uniform(*_PILOT_HOLD_S) / self._speed]
        return plan
