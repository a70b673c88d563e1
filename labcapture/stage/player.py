"""Runs one step after the other on the window, as the engine tells."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from labcapture.core.clock import lsl_time
from labcapture.core.errors import LabcaptureError
from labcapture.protocol.steps import Leaf
from labcapture.stage.canvas import Canvas
from labcapture.stage.link import Link
from labcapture.stage.markers import Markers
from labcapture.stage.messages import Done, GoOn, Look, Pause, Preload, Quit, Resume, Show, Stop, ToStage
from labcapture.stage.preload import Shelf
from labcapture.stage.screens.base import Context, Screen
from labcapture.stage.screens.factory import make_screen
from labcapture.stage.sound import Speaker

_IDLE_S = 0.05  # between two flips of the safe screen
_step: TypeAdapter[Leaf] = TypeAdapter(Annotated[Leaf, Field(discriminator="kind")])


class _Quit(Exception):  # noqa: N818 - no error
    """The engine wants the process to end."""


class Stage:
    """Runs steps on a canvas.

    Parameters
    ----------
    link, canvas, speaker, markers
        The line to the engine, the window, and where sound and markers go.
    autopilot
        Seed of the answers given in the participant's place, None for a real participant.
    speed
        How many times faster than a participant the autopilot is.
    """

    def __init__(
        self, link: Link, canvas: Canvas, speaker: Speaker, markers: Markers, autopilot: int | None, speed: float = 1.0
    ) -> None:
        self._link, self._canvas, self._speaker, self._markers = link, canvas, speaker, markers
        self._autopilot, self._speed = autopilot, speed
        self._shelf = Shelf(canvas.size)

    def run(self) -> None:
        """Show the safe screen, and whatever the engine wants to be shown, until it ends."""
        self._canvas.show_pointer(False)
        with contextlib.closing(self._shelf), contextlib.suppress(_Quit):
            while True:
                self._canvas.rest()
                self._canvas.flip()
                self._tell()
                match self._link.receive(_IDLE_S):
                    case Show() as show:
                        self._perform(show)
                    case message:  # a pause or stop of a step that has just ended means nothing
                        self._serve(message)

    def _perform(self, show: Show) -> None:
        step = _step.validate_python(show.step)
        done = Done(step=step.id, take=show.take, outcome="failed")
        try:
            screen = make_screen(step, show, self._shelf, self._context(step, show))
        except LabcaptureError as error:
            self._link.send(done.model_copy(update={"message": str(error)}))
            return
        outcome: Literal["done", "stopped", "failed"] = "failed"
        message = ""
        unwatch = self._canvas.watch(screen)
        self._canvas.show_pointer(screen.pointer)
        try:
            outcome = "done" if self._play(screen, step.id) else "stopped"
        except LabcaptureError as error:
            message = str(error)
        finally:
            unwatch()
            self._canvas.show_pointer(False)
            self._canvas.lit = False
            off = self._canvas.flip(critical=True)  # the safe screen
            screen.taken_off(off)
            self._markers.push("step_offset", off.time, step.id)
            facts = screen.close()
        self._link.send(done.model_copy(update={"outcome": outcome, "message": message, "facts": facts}))

    def _play(self, screen: Screen, step: str) -> bool:
        """Run ``screen`` to its end; return False if it was stopped."""
        self._canvas.rest()
        onset = is_done = False
        held: float | None = None  # since when
        while True:
            match self._link.receive():
                case Stop():
                    return False
                case GoOn(step=meant):
                    is_done = is_done or meant == step  # else it was for a step that ended by itself meanwhile
                case Pause() if held is None:
                    held = lsl_time()
                    screen.hold()
                    self._markers.push("pause", held, step)
                case Resume() if held is not None:
                    now = lsl_time()
                    screen.go_on(now - held)
                    held = None
                    self._markers.push("resume", now, step)
                case message:
                    self._serve(message)
            if is_done and onset:
                return True
            screen.draw(self._canvas.expected if held is None else held)
            flip = self._canvas.flip(critical=not onset)
            self._tell()
            if not onset:
                onset = True
                self._markers.push("step_onset", flip.time, step)
            if held is not None:
                screen.held(flip)
            elif screen.flipped(flip):
                return True

    def _serve(self, message: ToStage | None) -> None:
        """Do what the engine may want at any time."""
        match message:
            case Preload(clip=clip):
                self._shelf.preload(Path(clip))
            case Look():
                self._canvas.look()
            case Quit():
                raise _Quit

    def _tell(self) -> None:
        """Send a heartbeat if it is due, and what is on the screen if that was wanted."""
        self._link.beat(self._canvas.late_flips)
        view = self._canvas.seen()
        if view is not None:
            self._link.show(view.pixels, view.time)

    def _context(self, step: Leaf, show: Show) -> Context:
        pilot = None
        if self._autopilot is not None:
            pilot = random.Random(f"{self._autopilot} {step.id} {show.take}")  # noqa: S311 - no secret
        return Context(
            canvas=self._canvas,
            speaker=self._speaker,
            mark=lambda label, time: self._markers.push(label, time, step.id),
            send=self._link.send,
            pilot=pilot,
            speed=self._speed,
        )
