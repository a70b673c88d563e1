"""One session in the engine: opened, run step by step, closed in order whatever happened."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import zmq

from labcapture.core.clock import lsl_time
from labcapture.core.errors import EngineError
from labcapture.engine import messages as told
from labcapture.engine.autopilot import Autopilot
from labcapture.engine.conduct import Conduct
from labcapture.engine.driving import as_device_error
from labcapture.engine.head_care import IN_PLACE, HeadCare
from labcapture.engine.messages import EngineState, SessionResult
from labcapture.engine.mirroring import Mirroring
from labcapture.engine.opening import Opened
from labcapture.engine.prompting import prompt
from labcapture.engine.screen_care import ScreenCare
from labcapture.engine.viewing import rig_view, step_view
from labcapture.engine.watching import Watch
from labcapture.protocol import events as runs
from labcapture.protocol.runner import Runner
from labcapture.protocol.steps import Interview, Question
from labcapture.stage import messages as stage

_STAGE_SILENT_S = 3.0
_FINISH_S = 30.0
_PILOT_REDOES = 2  # times that the autopilot repeats a step whose screen broke down
_ABORT_S = 2.0  # for the stage to end its step and to send what it counted


class Session:
    """An opened session, until `close`. All but `close` is called from the server's thread."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._plan = opened.plan
        self._recorder = opened.recorder
        self._alarms = opened.alarms
        self._log = opened.log
        command = opened.command
        known = {"participant": command.participant, "session": command.session, "language": command.language}
        self._runner = Runner(
            self._plan.order,
            self._plan.lengths,
            history=self._plan.history.assigned,
            variables={**known, "protocol": self._plan.protocol.name, **self._plan.variables},
            done=self._plan.resumed.done if self._plan.resumed else (),
        )
        self._conduct = Conduct(opened, self._runner)
        self._head = HeadCare(opened, self._conduct)
        self._pilot: Autopilot | None = None
        if command.autopilot is not None:
            ledger = self._plan.protocol.ledger
            self._pilot = Autopilot(command.autopilot, command.speed, ledger.mark if ledger else "")
        self._started: float | None = None
        self._paused: float | None = None  # LSL s
        self._screen = ScreenCare(opened)
        self._mirroring = Mirroring(opened.stage, opened.previewer, opened.plan.rig.stage.mirror_hz, self._log)
        self._covered = False  # the participant sees what the console may not
        self._redo_due = False  # the autopilot repeats the step as soon as the screen is back
        self._stage_heard = time.monotonic()
        self._watch = Watch(self._alarms, opened.intake.monitors, self._recorder, opened.previewer, self._plan.out)
        self._abort_due: float | None = None
        self._completed = False
        self._error = ""
        self.over = False
        self._enter_assigned()

    # Commands ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin the protocol."""
        self._screen.need()
        self._started = time.monotonic()
        self._conduct.mark("session_start", "engine")
        self._advance(runs.Start())

    def pause(self) -> None:
        """Hold the protocol."""
        self._paused = lsl_time()
        self._operate(runs.Pause(), "pause", self._paused)

    def resume(self) -> None:
        """Go on."""
        self._screen.need()
        if self._paused is not None:
            self._conduct.asking.hold(lsl_time() - self._paused)
            self._paused = None
        self._operate(runs.Resume(), "resume", None)

    def abort(self, reason: str) -> None:
        """End the session in order; what is recorded stays."""
        if self.over:
            return
        self._conduct.mark("abort", "experimenter")
        self._log.warning("aborted", reason=reason)
        if self._started is None:
            self.over = True
        else:
            self._abort_due = time.monotonic() + _ABORT_S
            self._advance(runs.Abort(reason))

    def note(self, text: str, time: float | None) -> None:
        """Write a note of the experimenter that speaks of LSL ``time`` (now if None)."""
        self._recorder.note(lsl_time() if time is None else time, text)
        self._log.info("note", text=text)

    def mark(self, label: str, time: float | None) -> None:
        """Write a marker of the experimenter at LSL ``time`` (now if None); the protocol's ledger may count it."""
        moment = lsl_time() if time is None else time
        step = self._runner.present
        self._conduct.mark(label, "experimenter", step.id if step else "", moment)
        self._advance(runs.Marked(label), moment)

    def obey(self, command: told.Operation) -> None:
        """Do what the experimenter, the interviewer or the assistant wants.

        Raises
        ------
        EngineError
            It means nothing now; the message says why.
        """
        match command:
            case told.Skip():
                step = None if command.step is None else self._meant(command.step)
                self._operate(runs.Skip(command.reason or "skipped", step), "skip", command.time)
            case told.Redo():
                step = None if command.step is None else self._meant(command.step)
                self._operate(runs.Redo(step), "redo", command.time)
            case told.Jump():
                place = self._meant(command.step)
                self._operate(runs.Jump(place), f"jump {place}", command.time)
            case told.Confirm():
                self._head.pass_by(command.reason)
                self._operate(runs.Confirm(command.reason), "confirm", command.time)
            case told.Enter():
                self._operate(runs.Entered(command.variable, command.value, command.by), "", command.time)
            case told.Ask():
                self._ask(command)
            case told.Answer():
                self._answer(command)

    def _operate(self, event: runs.Event, label: str, moment: float | None) -> None:
        if why := self._runner.refusal(event):
            raise EngineError(why)
        moment = lsl_time() if moment is None else moment
        if label:
            present = self._runner.present
            self._conduct.mark(label, "experimenter", present.id if present else "", moment)
        self._advance(event, moment)

    def _ask(self, command: told.Ask) -> None:
        moment, step = lsl_time() if command.time is None else command.time, self._runner.present
        if not isinstance(step, Question):
            raise EngineError("no question is being asked")
        self._conduct.asking.mark(command.edge, moment)
        self._conduct.mark(f"question_{command.edge}/{step.id}", "experimenter", step.id, moment)

    def _answer(self, command: told.Answer) -> None:
        moment, step = lsl_time() if command.time is None else command.time, self._runner.present
        if not isinstance(step, Question | Interview):
            raise EngineError("no question is being asked")
        if isinstance(step, Question) and step.answers and command.value not in step.answers:
            raise EngineError(f"'{command.value}' is no answer; it is one of {', '.join(step.answers)}")
        self._advance(self._conduct.enter_answer(step, command.value, moment), moment)

    # Moving along -----------------------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """Where the session lies."""
        return self._opened.folder

    @property
    def state(self) -> EngineState:
        """Where the session stands, once it is prepared and until it is over."""
        if self._started is None:
            return EngineState.READY
        return EngineState.PAUSED if self._runner.view().phase is runs.Phase.PAUSED else EngineState.RUNNING

    @property
    def stage_socket(self) -> zmq.Socket[bytes] | None:
        """The socket on which the stage speaks, for polling; None while there is no screen."""
        return self._opened.stage.socket if self._screen.is_open else None

    def tick(self) -> None:
        """Take in what the stage said, look after the devices, raise and clear alarms. Some 50 times a second.

        Raises
        ------
        LabcaptureError
            The stage sent or took nothing sensible.
        """
        for message in self._opened.stage.receive() if self._screen.is_open else ():
            self._stage_heard = time.monotonic()
            self._hear(message)
        self._mirroring.tick(self._screen.is_open, self._is_covered())
        if self._screen.poll():
            self._screen_tried()
        if not self.over and self._abort_due is not None and time.monotonic() > self._abort_due:
            self._advance(runs.StageLost("the stage did not end its step in time"))
        if not self.over and self.state is EngineState.RUNNING:
            self._move_by_itself()
        if not self.over and self._head.tick(self._runner.present, self._runner.take, self._runner.view().trial):
            self._advance(runs.Confirm(IN_PLACE))
        self._look()

    def _move_by_itself(self) -> None:
        """Do what is due by the clock, and what the autopilot does in people's places."""
        now, asked = lsl_time(), self._conduct.asking.present
        self._conduct.tick(now)
        if asked is not None and not asked.due_told and asked.is_due(now):
            asked.due_told = True
            self._advance(runs.Due(asked.step.id), now)
        if self._pilot is None:
            return
        for deed in self._pilot.tick(self._prompt(), self._runner.take, self._head.measured):
            if isinstance(deed, told.Mark):
                self.mark(deed.label, None)
            else:
                self.obey(deed)

    def fail(self, error: BaseException) -> None:
        """End the session in order because of ``error``."""
        self._log.error("the engine failed", exc_info=error)
        self._error = self._error or f"{type(error).__name__}: {error}"
        self._completed = False
        self.over = True

    def _hear(self, message: stage.FromStage) -> None:
        match message:
            case stage.Marker():
                self._conduct.hear_marker(message)
                if "onset" in message.label and not self._conduct.discretion.hides(message.step):
                    self._covered = False
                self._opened.loop.mark(message.label, message.time, message.step)
            case stage.Flips():
                self._recorder.flips(message.step, self._runner.view().trial or "", message.rows)
            case stage.Answer():
                if (answered := self._conduct.hear_answer(message)) is not None:
                    self._advance(answered, message.time)
            case stage.Flag():
                self._conduct.hear_flag(message)
            case stage.Done():
                self._log.info("step ended", **message.model_dump(exclude={"type"}))
                if message.outcome == "failed":
                    cause = self._conduct.discretion.told(f"step {message.step} failed: {message.message}")
                    self._alarms.set("stage", "step", True, cause, "Redo it.")
                self._conduct.hear_done(message)
                self._advance(runs.StepDone(message.step, message.outcome, message.message, message.take))
            case stage.Failed():
                self._break(message.message)

    def _break(self, reason: str) -> None:
        """Take in that the participant's screen broke down: its step has failed, and it is opened again."""
        broken = self._runner.present
        self._screen.broke(reason)
        self._conduct.screen_broke()
        self._conduct.mark("stage_broken", "engine", broken.id if broken else "")
        self._advance(runs.StageBroken(reason))
        if self._pilot is not None and self._screen.breaks > _PILOT_REDOES:
            self._advance(runs.StageLost(reason))
        self._redo_due = self._pilot is not None and broken is not None
        if not self.over:
            self._screen.reopen()

    def _screen_tried(self) -> None:
        """Go on with the screen that is back, if nobody else decides; end a rehearsal that has none."""
        if self._screen.is_open:
            self._stage_heard = time.monotonic()
            self._conduct.mark("stage_back", "engine")
            if self._pilot is not None and self.state is EngineState.PAUSED:
                if self._redo_due:
                    self._operate(runs.Redo(), "redo", None)
                self.resume()
        elif self._pilot is not None:
            self._advance(runs.StageLost(self._screen.trouble))

    def _advance(self, event: runs.Event, moment: float | None = None) -> None:
        """Have the runner take in ``event`` of LSL time ``moment`` (now if None), and do what follows."""
        follows: runs.Event | None = event
        while follows is not None:
            actions = self._runner.handle(follows)
            follows = self._conduct.perform(actions, lsl_time() if moment is None else moment)
            if follows is not None and follows.outcome == "failed":
                cause = self._conduct.discretion.told(f"step {follows.step} failed: {follows.reason}")
                self._alarms.set("stage", "step", True, cause, "Go on, or redo the clip.")
        if self._conduct.finish is not None:
            self._completed, self.over = self._conduct.finish.completed, True

    # Watching ---------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        for driver in self._opened.drivers:
            if driver.error is not None:
                cause = str(as_device_error(driver.error, driver.config))
                self._alarms.set(driver.config.name, "failed", True, cause, "Mend it and redo the clip.")
                self._error = self._error or cause
            elif driver.ended:
                self._alarms.set(
                    driver.config.name, "ended", True, f"{driver.config.name} came to its end", "Abort or redo."
                )
        run = self._runner.view()
        status = self._watch.look(run.trial, self._clips_left_s(run))
        self._error = self._error or status.error
        self._opened.intake.clocks.refresh(time.monotonic())
        behind = self._screen.is_open and time.monotonic() - self._stage_heard > _STAGE_SILENT_S
        self._alarms.set("stage", "silent", behind, "the stage does not answer", "Look at the participant's screen.")

    def _clips_left_s(self, run: runs.RunView) -> float:
        """Return how long pictures are still to be recorded."""
        units = [planned.recording for planned in self._plan.order.steps]
        pairs = zip(units, run.steps, strict=True)
        left = sum(step.expected_s for unit, step in pairs if unit is not None and step.state == "pending")
        if run.trial is not None and run.index is not None and self._conduct.step_started is not None:
            left += max(0.0, run.steps[run.index].expected_s - (time.monotonic() - self._conduct.step_started))
        return left

    # Closing ----------------------------------------------------------------------------------------------------------

    def close(self, error: str = "") -> SessionResult:
        """Stop everything in order and finish the files; returns how the session ended."""
        self._mirroring.close()
        self._screen.close()
        self._error = self._error or error or self._screen.trouble
        conduct = self._conduct
        self._head.close()
        conduct.asking.close(lsl_time())
        if self._runner.view().trial is None:
            self._recorder.wait_trials(_FINISH_S)  # the last trial still takes in its post-roll
        self._opened.release()
        self._opened.loop.conclude(self._recorder, self._log)
        self._log.info("closing", completed=self._completed, error=self._error)
        self._log.close()  # before the recorder takes its checksum
        ledger = self._plan.protocol.ledger
        facts = {
            "stage": conduct.counts,
            "flags": conduct.flags,
            "balance": self._runner.balance,
            "currency": ledger.currency if ledger else "",
        }
        self._recorder.tell(**facts)
        summary = self._recorder.close(completed=self._completed, error=self._error)
        return SessionResult(
            folder=str(self._opened.folder),
            **{name: summary[name] for name in SessionResult.model_fields if name in summary},
        )

    def _enter_assigned(self) -> None:
        """Enter the variables that had got their value before the session began."""
        before = dict(self._plan.resumed.assigned) if self._plan.resumed else {}
        given = {name: str(value) for name, value in self._plan.variables.items() if name in self._plan.assignable}
        for name, value in {**before, **given}.items():
            self._recorder.assignment(lsl_time(), name, value, "set", "experimenter")

    # Telling ----------------------------------------------------------------------------------------------------------

    def view(self) -> dict[str, Any]:
        """Return the session's part of a `labcapture.engine.messages.Snapshot`."""
        now = time.monotonic()
        run, status = self._runner.view(), self._recorder.status()
        step_elapsed, discretion = self._step_elapsed_s(), self._conduct.discretion
        return {
            **rig_view(self._opened, status),
            "markers": tuple(self._conduct.markers),
            "trial": None if run.trial is None else discretion.told(run.trial),
            "step": discretion.place(run.index),
            "steps": discretion.steps([step_view(step, status.verdicts) for step in run.steps]),
            "prompt": discretion.prompt(self._prompt()),
            "head": self._head.view,
            "balance": self._runner.balance,
            "elapsed_s": now - self._started if self._started else 0.0,
            "step_elapsed_s": step_elapsed,
            "remaining_s": self._runner.remaining_s(step_elapsed),
            "disk_free_bytes": self._watch.disk_free_bytes,
            "disk_minutes": self._watch.disk_minutes,
        }

    def _step_elapsed_s(self) -> float:
        started = self._conduct.step_started
        return time.monotonic() - started if started else 0.0

    def _is_covered(self) -> bool:
        """Whether the participant sees what the console may not: until the onset of a step that is no secret."""
        present = self._runner.present
        self._covered = self._covered or (present is not None and self._conduct.discretion.hides(present.id))
        return self._covered

    def _meant(self, step: str) -> str:
        views = [step_view(it, {}) for it in self._runner.view().steps]
        return self._conduct.discretion.meant(step, views)

    def _prompt(self) -> told.Prompt | None:
        asked = self._conduct.asking.present
        present, language = self._runner.present, self._opened.command.language
        return prompt(self._plan.order, present, self._runner.shown, language, asked, self._step_elapsed_s())
