"""Does what the runner wants: trials, the participant's screen, and the rows that tell of it."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from labcapture.core.clock import lsl_time
from labcapture.engine.asking import Asking
from labcapture.engine.discretion import Discretion
from labcapture.engine.messages import MarkerView
from labcapture.engine.opening import Opened
from labcapture.protocol import events as runs
from labcapture.protocol.fill import Value, fill
from labcapture.protocol.runner import Runner
from labcapture.protocol.steps import Form, Interview, Leaf, Movie, Question, Review
from labcapture.recording.assess import ONSET
from labcapture.recording.schema import trial_path
from labcapture.stage import messages as stage

_POST_ROLL_S = 0.25  # pictures go on so long after a trial's last step, to hold the frame that shows its end
_MARKERS_SHOWN = 40
_COUNTS = {"frames_shown": "film_frames_shown", "frames_dropped": "film_frames_dropped"}
_COUNTS |= {"flips_repeated": "film_flips_repeated", "late_flips": "late_flips"}


class Conduct:
    """The hands of a session.

    Parameters
    ----------
    opened
        Recorder, stage and log.
    runner
        Decides.
    """

    def __init__(self, opened: Opened, runner: Runner) -> None:
        self._opened, self._runner, self._recorder = opened, runner, opened.recorder
        self._plan = opened.plan
        order = self._plan.order
        speed = 1.0 if opened.command.autopilot is None else opened.command.speed
        self.asking = Asking(opened.recorder, opened.sound, f"{order.seed} {order.participant}", speed)
        self.reports = {p.step.id: p.step.about for p in order.steps if isinstance(p.step, Form) and p.step.about}
        self.discretion = Discretion(order)
        self.markers: deque[MarkerView] = deque(maxlen=_MARKERS_SHOWN)
        self.step_started: float | None = None
        """Monotonic."""
        self.facts: dict[str, float | int | str] = {}
        """What the stage counted during the step that ended last."""
        self.counts = dict.fromkeys(_COUNTS.values(), 0)
        self.flags = 0
        self.finish: runs.Finish | None = None
        self._clip_onset: float | None = None
        self._ahead: str | None = None  # the clip that the stage was told to get ready
        self._review: tuple[runs.ShowStep, str] | None = None  # waits until the trial's file is finished

    # What the runner wants --------------------------------------------------------------------------------------------

    def perform(self, actions: Iterable[runs.Action], moment: float) -> runs.StepDone | None:
        """Do ``actions``, which follow from something that happened at LSL time ``moment`` (s).

        Returns what follows at once where the stage has no part in it.
        """
        follows: runs.StepDone | None = None
        for action in actions:
            follows = self._act(action, moment) or follows
        return follows

    def _act(self, action: runs.Action, moment: float) -> runs.StepDone | None:
        match action:
            case runs.Entry():
                self._recorder.step(
                    moment, action.event, action.step, action.take, action.trial, action.state, action.detail
                )
            case runs.OpenTrial(trial, step, clip, take):
                emotion = self._plan.manifest.clip(clip).emotion if clip else ""
                self._recorder.open_trial(trial, step=step.id, clip=clip, emotion=emotion, take=take)
                self.mark(f"trial_open {trial}", "engine", step.id)
            case runs.CloseTrial(trial, whole):
                self.mark(f"trial_close {trial}", "engine")
                self._recorder.close_trial(lsl_time() + _POST_ROLL_S, whole=whole, **self.facts)
            case runs.Supersede(trial):
                self.mark(f"trial_superseded {trial}", "engine")
            case runs.ShowStep():
                return self._show(action)
            case runs.Assigned():
                self._recorder.assignment(moment, action.variable, action.value, action.how, action.by, action.within)
                self.mark(f"assigned {action.variable}", "engine", time=moment)  # no screen may show the value
            case runs.Booked():
                self._recorder.booking(moment, action.mark, action.step, action.trial, action.change, action.balance)
            case runs.StopStep():
                return self._stop()
            case runs.GoOnStage(step):
                self._opened.stage.send(stage.GoOn(step=step))
            case runs.PauseStage():
                self._opened.stage.send(stage.Pause())
            case runs.ResumeStage():
                self._opened.stage.send(stage.Resume())
            case runs.Finish():
                self.mark("session_end", "engine")
                self.finish = action
        return None

    def _show(self, action: runs.ShowStep) -> runs.StepDone | None:
        self.asking.end(lsl_time())
        self.step_started, self.facts = time.monotonic(), {}
        step = action.step
        if isinstance(step, Question):
            self.asking.begin(step, action.take, lsl_time())
        if isinstance(step, Review):
            trial = next((s.trial for s in self._runner.view().steps if s.id == step.about), None)
            if trial is None or self._opened.review_stream is None:
                return runs.StepDone(step.id, "failed", f"no pictures of '{step.about}' were recorded", action.take)
            self._review = action, trial
            return None
        self._send(action)
        return None

    def _send(self, action: runs.ShowStep, recorded: stage.Recorded | None = None) -> None:
        step = action.step
        clip = str(self._plan.films[step.clip]) if isinstance(step, Movie) else None
        name = getattr(step, "image", None)
        image = str(self._plan.films[name]) if name else None
        filled = _filled(step.model_dump(mode="json"), self._runner.shown)
        self._opened.stage.send(stage.Show(step=filled, take=action.take, clip=clip, image=image, recorded=recorded))
        coming = None if isinstance(step, Movie) else self._runner.coming_clip()
        if isinstance(step, Movie):
            self._ahead = None
        elif coming is not None and coming != self._ahead:
            self._ahead = coming
            self._opened.stage.send(stage.Preload(clip=str(self._plan.films[coming])))

    def _stop(self) -> runs.StepDone | None:
        if self._review is not None:  # the stage does not know of it yet
            (action, _), self._review = self._review, None
            return runs.StepDone(action.step.id, "stopped", take=action.take)
        self._opened.stage.send(stage.Stop())
        return None

    def screen_broke(self) -> None:
        """Forget what only the old screen knew of."""
        self._ahead = self._review = None
        self.facts = {}
        self.asking.end(lsl_time())

    # What time brings -------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Show a review as soon as its trial is on disk; write the rows of questions. ``now``: LSL s."""
        self.asking.tick(now)
        if self._review is None or self._runner.view().phase is not runs.Phase.RUNNING:
            return
        action, trial = self._review
        if trial in self._recorder.status().verdicts:
            self._review = None
            file = self._opened.folder / trial_path(trial)
            self._send(action, stage.Recorded(file=str(file), stream=self._opened.review_stream or ""))

    # What the stage says ----------------------------------------------------------------------------------------------

    def hear_marker(self, message: stage.Marker) -> None:
        """Take in a marker of the stage."""
        if message.label == ONSET:
            self._clip_onset = message.time
        elif message.label == "step_onset":
            self.asking.onset(message.step, message.time)
        self.mark(message.label, "stage", message.step, message.time)

    def hear_answer(self, message: stage.Answer) -> runs.Answered | None:
        """Enter an answer of the participant; return what the runner is to know of it."""
        report = self.reports.get(message.step)
        trial = next((s.trial for s in self._runner.view().steps if s.id == report and s.trial), "")
        self._recorder.answer(
            **message.model_dump(exclude={"type"}),
            trial=trial,
            since_clip_s=self._since_clip(message.time),
            self_report=report is not None,
        )
        if message.value is None:
            return None
        value: Value = ", ".join(message.value) if isinstance(message.value, list) else message.value
        return runs.Answered(message.step, {f"{message.step}_{message.question}": value})

    def hear_flag(self, message: stage.Flag) -> None:
        """Enter what the participant flagged in a review."""
        about = next((s.about for s in self._reviews() if s.id == message.step), "")
        trial = next((s.trial for s in self._runner.view().steps if s.id == about and s.trial), "")
        stream = self._opened.review_stream or ""
        frames = message.first, message.last
        self._recorder.flag(message.step, trial, stream, *frames, message.start, message.stop, message.by)
        self.flags += 1

    def hear_done(self, message: stage.Done) -> None:
        """Keep what the stage counted during a step."""
        self.facts = message.facts
        for fact, name in _COUNTS.items():
            count = message.facts.get(fact, 0)
            self.counts[name] += int(count) if isinstance(count, int | float) else 0

    def _reviews(self) -> Iterable[Review]:
        return (planned.step for planned in self._plan.order.steps if isinstance(planned.step, Review))

    # What people enter ------------------------------------------------------------------------------------------------

    def enter_answer(self, step: Leaf, value: str, moment: float) -> runs.Answered:
        """Enter what the experimenter says was answered in a question or an interview."""
        begun = moment - (time.monotonic() - self.step_started) if self.step_started else moment
        if isinstance(step, Question):
            self.asking.answer(value, moment)
            begun = self.asking.present.question_start if self.asking.present else begun
        by = "autopilot" if self._opened.command.autopilot is not None else "experimenter"
        given = _value(step, value)
        self._recorder.answer(
            step.id,
            step.id,
            given,
            moment,
            moment - begun,
            by,
            trial=self._runner.view().trial or "",
            since_clip_s=self._since_clip(moment),
        )
        self.mark(f"answer/{step.id}", "experimenter", step.id, moment)
        return runs.Answered(step.id, {step.id: given})

    def mark(self, label: str, source: str, step: str = "", time: float | None = None) -> None:
        """Enter a marker at LSL ``time`` (now if None)."""
        moment = lsl_time() if time is None else time
        if label != "step_offset":  # the next step's onset says as much
            words = self.discretion.told(step if label == "step_onset" else label)
            self.markers.append(MarkerView(time=moment, label=words))
        self._recorder.marker(moment, label, source, step)

    def _since_clip(self, moment: float) -> float:
        return float("nan") if self._clip_onset is None else moment - self._clip_onset


def _value(step: Leaf, text: str) -> str | float:
    """Return what was entered, as a number where the step asks for one."""
    if isinstance(step, Interview) and step.writes == "number":
        with suppress(ValueError):
            number = float(text.replace(",", "."))
            return number if math.isfinite(number) else text
    return text


def _filled(part: Any, variables: Mapping[str, Value]) -> Any:  # noqa: ANN401 - any part of a step as JSON
    """Return a step as JSON with the variables in all of its texts filled in."""
    if isinstance(part, list):
        return [_filled(item, variables) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        name: {language: fill(words, variables) for language, words in value.items()}
        if name == "text" and isinstance(value, dict)
        else _filled(value, variables)
        for name, value in part.items()
    }
