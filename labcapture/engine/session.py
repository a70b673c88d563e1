"""One session in the engine: opened, run step by step, closed in order whatever happened."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import zmq

from labcapture.core.clock import lsl_time
from labcapture.engine.driving import as_device_error
from labcapture.engine.messages import EngineState, MarkerView, Prepare, SessionResult, StepView
from labcapture.engine.opening import Opened
from labcapture.engine.watching import Watch
from labcapture.protocol import runner as runs
from labcapture.protocol.steps import Form, Movie
from labcapture.recording.quality import TrialVerdict
from labcapture.stage import messages as stage

_POST_ROLL_S = 0.25  # pictures go on so long after a trial's last step, to hold the frame that shows its end
_STAGE_SILENT_S = 3.0
_FINISH_S = 30.0
_ABORT_S = 2.0  # for the stage to end its step and to send what it counted
_MARKERS_SHOWN = 40


class Session:
    """An opened session, until `close`. All but `close` is called from the server's thread."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._plan = opened.plan
        self._recorder = opened.recorder
        self._alarms = opened.alarms
        self._log = opened.log
        lengths = {clip: self._plan.manifest.clip(clip).duration_s for clip in self._plan.films}
        self._runner = runs.Runner(self._plan.protocol, lengths)
        self._reports = {s.id: s.about for s in self._plan.protocol.steps if isinstance(s, Form) and s.about}
        self._started: float | None = None
        self._step_started: float | None = None
        self._stage_heard = time.monotonic()
        self._facts: dict[str, float | int | str] = {}  # what the stage counted during the step that ended last
        self._markers: deque[MarkerView] = deque(maxlen=_MARKERS_SHOWN)
        self._watch = Watch(self._alarms, opened.intake.monitors, self._recorder, opened.previewer, self._plan.out)
        self._abort_due: float | None = None
        self._completed = False
        self._error = ""
        self.over = False

    # Commands ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin the protocol."""
        self._started = time.monotonic()
        self._mark("session_start", "engine")
        self._advance(runs.Start())

    def pause(self) -> None:
        """Hold the protocol."""
        self._mark("pause", "experimenter")
        self._advance(runs.Pause())

    def resume(self) -> None:
        """Go on."""
        self._mark("resume", "experimenter")
        self._advance(runs.Resume())

    def abort(self, reason: str) -> None:
        """End the session in order; what is recorded stays."""
        if self.over:
            return
        self._mark("abort", "experimenter")
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
        """Write a marker of the experimenter at LSL ``time`` (now if None)."""
        self._mark(label, "experimenter", time=time)

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
    def stage_socket(self) -> zmq.Socket[bytes]:
        """The socket on which the stage speaks, for polling."""
        return self._opened.stage.socket

    def tick(self) -> None:
        """Take in what the stage said, look after the devices, raise and clear alarms. Some 50 times a second.

        Raises
        ------
        LabcaptureError
            The stage sent or took nothing sensible.
        """
        for message in self._opened.stage.receive():
            self._stage_heard = time.monotonic()
            self._hear(message)
        if not self.over and self._abort_due is not None and time.monotonic() > self._abort_due:
            self._advance(runs.StageLost("the stage did not end its step in time"))
        self._look()

    def fail(self, error: BaseException) -> None:
        """End the session in order because of ``error``."""
        self._log.error("the engine failed", exc_info=error)
        self._error = self._error or f"{type(error).__name__}: {error}"
        self._completed = False
        self.over = True

    def _hear(self, message: stage.FromStage) -> None:
        if isinstance(message, stage.Marker):
            self._mark(message.label, "stage", message.step, message.time)
            self._opened.loop.mark(message.label, message.time, message.step)
        elif isinstance(message, stage.Flips):
            self._recorder.flips(message.step, self._runner.view().trial or "", message.rows)
        elif isinstance(message, stage.Answer):
            report = self._reports.get(message.step)
            trial = next((s.trial for s in self._runner.view().steps if s.id == report and s.trial), "")
            facts = message.model_dump(exclude={"type"})
            self._recorder.answer(**facts, trial=trial, self_report=report is not None)
        elif isinstance(message, stage.Done):
            self._log.info("step ended", **message.model_dump(exclude={"type"}))
            if message.outcome == "failed":
                self._alarms.set("stage", "step", True, f"step {message.step} failed: {message.message}", "Redo it.")
            self._facts = message.facts
            self._advance(runs.StepDone(message.step, message.outcome, message.message, message.take))
        elif isinstance(message, stage.Failed):
            self._error = self._error or f"stage: {message.message}"
            self._alarms.set(
                "stage", "lost", True, f"the stage ended: {message.message}", "All recorded data are kept."
            )
            self._advance(runs.StageLost(message.message))

    def _advance(self, event: runs.Event) -> None:
        for action in self._runner.handle(event):
            self._act(action)

    def _act(self, action: runs.Action) -> None:
        if isinstance(action, runs.OpenTrial):
            emotion = self._plan.manifest.clip(action.clip).emotion
            self._recorder.open_trial(
                action.trial, step=action.step.id, clip=action.clip, emotion=emotion, take=action.take
            )
            self._mark(f"trial_open {action.trial}", "engine", action.step.id)
        elif isinstance(action, runs.CloseTrial):
            self._mark(f"trial_close {action.trial}", "engine")
            self._recorder.close_trial(lsl_time() + _POST_ROLL_S, whole=action.whole, **self._facts)
        elif isinstance(action, runs.ShowStep):
            self._step_started, self._facts = time.monotonic(), {}
            film = str(self._plan.films[action.step.clip]) if isinstance(action.step, Movie) else None
            self._tell(stage.Show(step=action.step.model_dump(mode="json"), take=action.take, clip=film))
        elif isinstance(action, runs.StopStep):
            self._tell(stage.Stop())
        elif isinstance(action, runs.PauseStage):
            self._tell(stage.Pause())
        elif isinstance(action, runs.ResumeStage):
            self._tell(stage.Resume())
        else:
            self._mark("session_end", "engine")
            self._completed = action.completed
            self.over = True

    def _tell(self, message: stage.ToStage) -> None:
        self._opened.stage.send(message)

    def _mark(self, label: str, source: str, step: str = "", time: float | None = None) -> None:
        moment = lsl_time() if time is None else time
        if label != "step_offset":  # the next step's onset says as much
            self._markers.append(MarkerView(time=moment, label=step if label == "step_onset" else label))
        self._recorder.marker(moment, label, source, step)

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
        behind = time.monotonic() - self._stage_heard > _STAGE_SILENT_S
        self._alarms.set("stage", "silent", behind, "the stage does not answer", "Look at the participant's screen.")

    def _clips_left_s(self, run: runs.RunView) -> float:
        """Return how long pictures are still to be recorded."""
        left = sum(step.expected_s for step in run.steps if step.kind == "movie" and step.state == "pending")
        if run.trial is not None and run.index is not None and self._step_started is not None:
            left += max(0.0, run.steps[run.index].expected_s - (time.monotonic() - self._step_started))
        return left

    # Closing ----------------------------------------------------------------------------------------------------------

    def close(self, error: str = "") -> SessionResult:
        """Stop everything in order and finish the files; returns how the session ended."""
        self._error = self._error or error
        if self._runner.view().trial is None:
            self._recorder.wait_trials(_FINISH_S)  # the last trial still takes in its post-roll
        self._opened.release()
        self._opened.loop.conclude(self._recorder, self._log)
        self._log.info("closing", completed=self._completed, error=self._error)
        self._log.close()  # before the recorder takes its checksum
        summary = self._recorder.close(completed=self._completed, error=self._error)
        return SessionResult(
            folder=str(self._opened.folder),
            **{name: summary[name] for name in SessionResult.model_fields if name in summary},
        )

    # Telling ----------------------------------------------------------------------------------------------------------

    def view(self) -> dict[str, Any]:
        """Return the session's part of a `labcapture.engine.messages.Snapshot`."""
        now = time.monotonic()
        run, status = self._runner.view(), self._recorder.status()
        step_elapsed = now - self._step_started if self._step_started else 0.0
        return {
            **naming(self._opened.command),
            "alarms": self._alarms.view(),
            "markers": tuple(self._markers),
            "simulated": self._opened.simulated,
            "protocol": self._plan.protocol.name,
            "paradigm": self._plan.protocol.paradigm,
            "rig": self._plan.rig.name,
            "folder": str(self._opened.folder),
            "trial": run.trial,
            "step": run.index,
            "steps": tuple(_step_view(step, status.verdicts) for step in run.steps),
            "elapsed_s": now - self._started if self._started else 0.0,
            "step_elapsed_s": step_elapsed,
            "remaining_s": self._runner.remaining_s(step_elapsed),
            "streams": tuple(
                monitor.view(
                    lsl_time(),
                    status.recorded.get(name, 0),
                    self._opened.previewer.skipped[name],
                    self._opened.intake.clocks.by_stream.get(name),
                )
                for name, monitor in self._opened.intake.monitors.items()
            ),
            "queue_bytes": status.queue_bytes,
            "queue_limit_bytes": status.queue_limit_bytes,
            "encode_backlog": status.encode_backlog,
            "raw_frames": status.raw_frames,
            "written_bytes": status.written_bytes,
            "sync_age_s": status.sync_age_s,
            "disk_free_bytes": self._watch.disk_free_bytes,
            "disk_minutes": self._watch.disk_minutes,
            "preview": self._opened.previewer.board.layout,
        }


def _step_view(step: runs.StepStatus, verdicts: Mapping[str, TrialVerdict]) -> StepView:
    judged = verdicts.get(step.trial) if step.trial else None
    verdict: Literal["annotatable", "not annotatable"] | None = None
    if judged is not None:
        verdict = "annotatable" if judged.annotatable else "not annotatable"
    return StepView(
        id=step.id,
        kind=step.kind,
        title=step.title,
        state=step.state,
        trial=step.trial,
        verdict=verdict,
        reason="; ".join(filter(None, [step.reason, *(judged.reasons if judged else ())])),
    )


def naming(command: Prepare) -> dict[str, Any]:
    """Return what a snapshot says of a session from the moment it is asked for."""
    return {"participant": command.participant, "session": command.session, "autopilot": command.autopilot}
