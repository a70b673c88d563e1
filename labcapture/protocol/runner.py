"""The order of a run: a pure state machine that turns events into actions. It does no I/O and reads no clock.

::

    idle --Start--> running <--Pause / Resume--> paused
      |                |                           |
      |                +--------- Abort -----------+--> stopping --StepDone, Abort--> finished
      +--Abort, StageLost--> finished <--last StepDone, StageLost (from any)--+

Skip, redo and jump end the present step first; where the run goes from there is decided when the stage says that the
step is over. A screen that breaks down (StageBroken) fails the present step, and the run is paused before the one that
follows. A recorded trial is open from just before its first step is shown until the stage says that its last step is
over. What means nothing in the present phase (a pause while paused, news of a step that is long over) changes nothing;
`Runner.refusal` says why. Every change is an `Entry`: the order of a run can be rebuilt from these alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from labcapture.protocol.events import (
    Abort,
    Action,
    Answered,
    Confirm,
    Due,
    Entered,
    Entry,
    Event,
    Finish,
    GoOnStage,
    Jump,
    Marked,
    Pause,
    PauseStage,
    Phase,
    Redo,
    Resume,
    ResumeStage,
    RunView,
    ShowStep,
    Skip,
    StageBroken,
    StageLost,
    Start,
    State,
    StepDone,
    StepStatus,
    StopStep,
)
from labcapture.protocol.fill import Value
from labcapture.protocol.plan import Plan
from labcapture.protocol.progress import Progress
from labcapture.protocol.refusals import Standing, refusal
from labcapture.protocol.steps import Assign, Consent, Interview, Leaf, Question
from labcapture.protocol.trials import Trials
from labcapture.protocol.values import Values

__all__ = ["Phase", "RunView", "Runner", "StepStatus"]


class _Turn(NamedTuple):
    """Where the run goes once the present step is over."""

    event: Skip | Redo | Jump
    target: int


class Runner:
    """Runs the steps of a plan from first to last.

    Parameters
    ----------
    plan
        What is to be run, in this session's order.
    clip_seconds
        Length of each clip (s), for estimates of the time left.
    history
        Values that were assigned in earlier sessions, a mapping of variables for each.
    variables
        Values known from the start; they precede the protocol's own.
    done
        Steps that an earlier session, which this one goes on with, has done.
    """

    def __init__(
        self,
        plan: Plan,
        clip_seconds: Mapping[str, float] | None = None,
        *,
        history: Sequence[Mapping[str, str]] = (),
        variables: Mapping[str, Value] | None = None,
        done: Iterable[str] = (),
    ) -> None:
        self._plan = plan
        self._steps = Progress(plan, clip_seconds or {}, done)
        self._values = Values(plan, history, variables)
        self._trials = Trials(plan)
        self._phase = Phase.IDLE
        self._index: int | None = None
        self._next = 0  # shown on Resume, while paused between two steps
        self._waiting = False
        self._held = False  # the stage was told to hold its step
        self._turn: _Turn | None = None
        self._owed = False  # the present step is to end as done as soon as the run goes on
        self._reached = -1
        self._out: list[Action] = []

    # Looking ----------------------------------------------------------------------------------------------------------

    def view(self) -> RunView:
        """Return a snapshot of the run."""
        return RunView(self._phase, self._index, self._trials.open, tuple(self._steps.steps))

    @property
    def present(self) -> Leaf | None:
        """The step that the stage runs; None before the first, between two, and at the end."""
        if self._index is None or self._steps.steps[self._index].state != "running":
            return None
        return self._plan.steps[self._index].step

    @property
    def take(self) -> int:
        """How often the present step, or the one that has just ended, was shown."""
        return 0 if self._index is None else self._steps.steps[self._index].take

    @property
    def variables(self) -> Mapping[str, Value]:
        """All that is known by name, with what belongs to the present step alone."""
        return self._values.at(self._index)

    @property
    def shown(self) -> Mapping[str, Value]:
        """`variables` as a screen may show them: what is hidden until later is not there."""
        return self._values.shown(self._index, self._reached)

    @property
    def balance(self) -> float | None:
        """What is left on the participant's account, None without one."""
        return self._values.balance

    def coming_clip(self) -> str | None:
        """Return the clip of the next movie that will be shown, None if there is none."""
        return self._steps.coming_clip(-1 if self._index is None else self._index)

    def remaining_s(self, step_elapsed_s: float) -> float:
        """Estimate the rest of the run (s), ``step_elapsed_s`` after the present step was shown."""
        return self._steps.remaining_s(step_elapsed_s)

    def refusal(self, event: Event) -> str:
        """Return why ``event`` means nothing now; empty if it does."""
        coming = self._next if self._waiting else self._index
        standing = Standing(self._phase, self.present, self.take, coming, self._waiting, self._turn is not None)
        return refusal(event, standing, self._steps, self._values)

    # Moving -----------------------------------------------------------------------------------------------------------

    def handle(self, event: Event) -> tuple[Action, ...]:  # noqa: PLR0912 - one for each kind of event
        """Take in ``event`` and return what is to be done about it, in order."""
        if self.refusal(event):
            return ()
        self._out = []
        match event:
            case Start():
                self._phase = Phase.RUNNING
                self._enter("start")
                self._out += self._steps.done_before()
                self._proceed(0)
            case Pause():
                self._phase, self._held = Phase.PAUSED, True
                self._enter("pause")
                self._out.append(PauseStage())
            case Resume():
                self._resume()
            case Abort(reason):
                self._abort(reason)
            case StageBroken(reason):
                self._break(reason)
            case StageLost(reason):
                self._enter("lost", detail=reason)
                self._finish(reason)
            case StepDone():
                self._step_done(event)
            case Skip() | Redo() | Jump():
                self._turn_to(event)
            case Confirm(reason):
                self._enter("confirm", detail=reason)
                self._go_on()
            case Due():
                self._enter("due")
                self._go_on()
            case Answered():
                self._values.update(event.values)
                step = self.present
                if (isinstance(step, Question) and step.isi is None) or (isinstance(step, Interview) and step.writes):
                    self._go_on()
            case Entered():
                self._take_in(event)
            case Marked(label):
                self._book(label)
        return tuple(self._out)

    def _resume(self) -> None:
        self._phase = Phase.RUNNING
        self._enter("resume")
        if self._held:
            self._held = False
            self._out.append(ResumeStage())
        if self._waiting:
            self._waiting = False
            self._proceed(self._next)
        elif self._owed:
            self._go_on()

    def _abort(self, reason: str) -> None:
        self._enter("abort", detail=reason)
        if self._phase not in {Phase.RUNNING, Phase.PAUSED} or self._waiting:
            self._finish(reason)
            return
        self._phase = Phase.STOPPING
        self._steps.set(self._at, "running", reason)
        if self._turn is None:
            self._out.append(StopStep())

    def _break(self, reason: str) -> None:
        """Fail the present step with its stage; wait, even after the last step, for it may be run again."""
        self._enter("broken", detail=reason)
        self._held = False
        present = self.present
        if self._phase is Phase.RUNNING:
            self._phase = Phase.PAUSED
        if isinstance(present, Consent):  # nothing goes on without it
            self._turn = _Turn(Redo(), self._at)
        if present is not None:
            self._step_done(StepDone(present.id, "failed", reason, self.take), is_awaited=True)

    def _go_on(self) -> None:
        """Have the stage end the present step as done; while paused, as soon as the run goes on."""
        self._owed = self._phase is Phase.PAUSED
        if not self._owed:
            self._out.append(GoOnStage(self._steps.steps[self._at].id))

    def _turn_to(self, event: Skip | Redo | Jump) -> None:
        word = type(event).__name__.lower()
        if isinstance(event, Skip):
            target = self._next if self._waiting else self._at
            self._enter(word, detail=event.reason)
        else:
            place = None if event.step is None else self._steps.place(event.step)
            target = self._at if place is None else place
            self._enter(word, detail=self._steps.steps[target].id)
        self._turn = _Turn(event, target)
        if self._waiting:
            self._next = self._take_turn()
            if not self._steps.pending(self._next):  # the last step was skipped
                self._finish(self._steps.failures())
        else:
            self._out.append(StopStep())

    def _step_done(self, event: StepDone, *, is_awaited: bool = False) -> None:
        """Go on from a step that is over; ``is_awaited``: not past the last one, until the operator wants it."""
        at, turn, trial, self._owed = self._at, self._turn, self._trials.open, False
        if self._phase is Phase.STOPPING:
            self._finish(self._steps.steps[at].reason)
            return
        if turn is None or event.outcome != "stopped":
            state: State = "done" if event.outcome == "done" else "failed"
            self._out.append(self._steps.set(at, state, event.reason, state, trial))
        elif isinstance(turn.event, Skip):
            self._out.append(self._steps.leave_out(at, turn.event.reason, trial))
        else:
            self._out.append(self._steps.set(at, "pending", "", "stopped", trial))
        self._trials.whole = self._trials.whole and event.outcome == "done"
        following = at + 1 if turn is None else self._take_turn()
        ahead = self._steps.pending(following)
        if not ahead or not self._trials.goes_on_with(ahead[0]):
            self._out += self._trials.close()
        if not ahead and not is_awaited:
            self._finish(self._steps.failures())
        elif self._phase is Phase.PAUSED:
            self._waiting, self._next = True, min([*ahead, len(self._steps.steps)])
        else:
            self._proceed(following)

    def _take_turn(self) -> int:
        """Bring the steps into the state that a skip, redo or jump wants; return where the run goes on."""
        turn, self._turn = self._turn, None
        assert turn is not None  # noqa: S101 - only asked for then
        if isinstance(turn.event, Skip):
            if self._steps.steps[turn.target].state == "pending":  # between two steps
                self._out.append(self._steps.leave_out(turn.target, turn.event.reason))
            return min([*self._steps.pending(turn.target + 1), len(self._steps.steps)])
        if isinstance(turn.event, Redo):
            again = [turn.target, *self._steps.speaking_of(turn.target)]
        else:
            again = list(range(turn.target, len(self._steps.steps)))
            for i in self._steps.pending(self._at):
                if i < turn.target:
                    self._out.append(self._steps.leave_out(i, f"jumped to {self._steps.steps[turn.target].id}"))
        for i in again:
            if self._steps.steps[i].state != "pending":
                self._out.append(self._steps.set(i, "pending", "", "redo"))
        return turn.target

    def _proceed(self, start: int) -> None:
        """Show the first step from ``start`` on that is to be run."""
        for i in self._steps.pending(start):
            step = self._plan.steps[i].step
            if (reason := self._not_due(i)) is not None:
                self._out.append(self._steps.set(i, "skipped", reason, "skipped"))
                self._steps.excuse(i)
            elif isinstance(step, Assign) and self._assign(step):
                self._out.append(self._steps.set(i, "done", "", "done"))
            else:
                self._index, self._reached = i, max(self._reached, i)
                self._out += self._trials.turn_to(i, self._steps.steps[i].take)
                self._out.append(self._steps.begin(i, self._trials.open))
                self._out.append(ShowStep(i, step, self.take))
                return
        self._finish(self._steps.failures())

    def _not_due(self, index: int) -> str | None:
        """Return which condition of a step does not hold, None if all do."""
        values = self._values.at(index)
        for condition in self._plan.steps[index].when:
            if not condition.holds(values):
                secret = condition.names & self._values.hidden(self._reached)
                return "its condition does not hold" if secret else f"only if {condition.text}"
        return None

    def _finish(self, reason: str) -> None:
        left = {self._plan.steps[i].recording for i in self._steps.unfinished()}
        self._trials.whole = self._trials.whole and self._trials.unit not in left
        trial = self._trials.open
        self._out += self._trials.close()
        self._out += self._steps.finish(reason, trial)
        self._phase, self._waiting, self._turn = Phase.FINISHED, False, None
        self._enter("finish", detail=reason)
        self._out.append(Finish(self._steps.is_complete(), reason))

    # Values -----------------------------------------------------------------------------------------------------------

    def _assign(self, step: Assign) -> bool:
        """Give a variable its value if that needs nobody; return whether it has one."""
        if not self._values.has(step):
            if step.how == "entered":
                return False
            self._out.append(self._values.assign(step))
            self._out.append(Entry("assign", step.id, detail=step.variable))
        return True

    def _take_in(self, event: Entered) -> None:
        self._out.append(self._values.enter(event))
        self._enter("enter", detail=event.variable)
        step, moves = self.present, self._turn is None and self._phase in {Phase.RUNNING, Phase.PAUSED}
        if isinstance(step, Assign) and step.variable == event.variable and moves:
            self._go_on()

    def _book(self, label: str) -> None:
        if self._phase is Phase.IDLE:
            return
        step = "" if self._index is None else self._steps.steps[self._index].id
        booked = self._values.book(label, step, self._trials.open or "")
        if booked is not None:
            self._out.append(booked)
            self._enter("book", detail=f"{booked.change:+g}")

    # Records ----------------------------------------------------------------------------------------------------------

    @property
    def _at(self) -> int:
        assert self._index is not None  # noqa: S101 - only asked for once the run has begun
        return self._index

    def _enter(self, event: str, *, detail: str = "") -> None:
        """Enter what happened while a step was the present one."""
        if self._index is None:
            self._out.append(Entry(event, detail=detail))
        else:
            status = self._steps.steps[self._index]
            trial = self._trials.open or ""
            self._out.append(Entry(event, status.id, status.take, trial, status.state, detail))
