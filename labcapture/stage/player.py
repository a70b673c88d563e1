"""Runs one step after the other on the window, as the engine tells."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from labcapture.core.clock import lsl_time
from labcapture.core.errors import LabcaptureError, StageError
from labcapture.protocol.model import Step
from labcapture.protocol.steps import Fixation, Form, Instruction, Movie
from labcapture.stage.canvas import Canvas
from labcapture.stage.link import Link
from labcapture.stage.markers import Markers
from labcapture.stage.messages import Done, Pause, Quit, Resume, Show, Stop
from labcapture.stage.screens.base import Context, Screen
from labcapture.stage.screens.fixation import FixationScreen
from labcapture.stage.screens.form import FormScreen
from labcapture.stage.screens.instruction import InstructionScreen
from labcapture.stage.screens.movie import MovieScreen
from labcapture.stage.sound import Speaker

_IDLE_S = 0.05  # between two flips of the safe screen
_step: TypeAdapter[Step] = TypeAdapter(Step)


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
    """

    def __init__(self, link: Link, canvas: Canvas, speaker: Speaker, markers: Markers, autopilot: int | None) -> None:
        self._link, self._canvas, self._speaker, self._markers = link, canvas, speaker, markers
        self._autopilot = autopilot

    def run(self) -> None:
        """Show the safe screen, and whatever the engine wants to be shown, until it ends."""
        self._canvas.show_pointer(False)
        with contextlib.suppress(_Quit):
            while True:
                self._canvas.rest()
                self._canvas.flip()
                self._link.beat(self._canvas.late_flips)
                match self._link.receive(_IDLE_S):
                    case Show() as show:
                        self._perform(show)
                    case Quit():
                        raise _Quit
                    case _:  # a pause or stop of a step that has just ended
                        pass

    def _perform(self, show: Show) -> None:
        step = _step.validate_python(show.step)
        done = Done(step=step.id, take=show.take, outcome="failed")
        try:
            screen = self._screen(step, show)
        except LabcaptureError as error:
            self._link.send(done.model_copy(update={"message": str(error)}))
            return
        outcome: Literal["done", "stopped", "failed"] = "failed"
        message = ""
        unwatch = self._canvas.watch(screen.key, screen.click)
        self._canvas.show_pointer(screen.pointer)
        try:
            outcome = "done" if self._play(screen, step.id) else "stopped"
        except LabcaptureError as error:
            message = str(error)
        finally:
            unwatch()
            self._canvas.show_pointer(False)
            off = self._canvas.flip()  # the safe screen
            screen.taken_off(off)
            self._markers.push("step_offset", off.time, step.id)
            facts = screen.close()
        self._link.send(done.model_copy(update={"outcome": outcome, "message": message, "facts": facts}))

    def _play(self, screen: Screen, step: str) -> bool:
        """Run ``screen`` to its end; return False if it was stopped."""
        self._canvas.rest()
        onset = False
        held: float | None = None  # since when
        while True:
            match self._link.receive():
                case Stop():
                    return False
                case Quit():
                    raise _Quit
                case Pause() if held is None:
                    held = lsl_time()
                    screen.hold()
                    self._markers.push("pause", held, step)
                case Resume() if held is not None:
                    now = lsl_time()
                    screen.go_on(now - held)
                    held = None
                    self._markers.push("resume", now, step)
                case _:
                    pass
            screen.draw(self._canvas.expected if held is None else held)
            flip = self._canvas.flip()
            self._link.beat(self._canvas.late_flips)
            if not onset:
                onset = True
                self._markers.push("step_onset", flip.time, step)
            if held is not None:
                screen.held(flip)
            elif screen.flipped(flip):
                return True

    def _screen(self, step: Step, show: Show) -> Screen:
        pilot = None
        if self._autopilot is not None:
            pilot = random.Random(f"{self._autopilot} {step.id} {show.take}")  # noqa: S311 - no secret
        context = Context(
            canvas=self._canvas,
            speaker=self._speaker,
            mark=lambda label, time: self._markers.push(label, time, step.id),
            send=self._link.send,
            pilot=pilot,
        )
        match step:
            case Instruction():
                return InstructionScreen(step, context)
            case Fixation():
                return FixationScreen(step, context)
            case Form():
                return FormScreen(step, context)
            case Movie():
                if show.clip is None:
                    raise StageError("no film was given", f"step {step.id}")
                return MovieScreen(step, Path(show.clip), context)
