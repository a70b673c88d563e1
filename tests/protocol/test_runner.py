"""The runner as a pure state machine: whatever happens in whatever order, it stays in a legal state."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labcapture.protocol.model import Protocol, Step
from labcapture.protocol.runner import (
    Abort,
    Action,
    CloseTrial,
    Event,
    Finish,
    OpenTrial,
    Outcome,
    Pause,
    PauseStage,
    Phase,
    Resume,
    ResumeStage,
    Runner,
    ShowStep,
    StageLost,
    Start,
    StepDone,
    StopStep,
)
from labcapture.protocol.steps import Fixation, Instruction, Movie

STEPS: tuple[Step, ...] = (
    Instruction(id="hello", kind="instruction", text="Hello"),
    Movie(id="practice", kind="movie", clip="p", record=False),
    Movie(id="first", kind="movie", clip="x"),
    Fixation(id="cross", kind="fixation", seconds=2),
    Movie(id="second", kind="movie", clip="y"),
)


def protocol(steps: tuple[Step, ...] = STEPS) -> Protocol:
    return Protocol(name="p", title="P", paradigm="none", steps=steps)


def run_through(runner: Runner, outcome: Outcome = "done") -> list[Action]:
    actions = [*runner.handle(Start())]
    for step in STEPS:
        actions += runner.handle(StepDone(step.id, outcome))
    return actions


def test_run_from_first_step_to_last() -> None:
    runner = Runner(protocol(), {"x": 5.0, "y": 6.0, "p": 1.0})
    before = runner.remaining_s(0)
    actions = run_through(runner)
    assert [a.index for a in actions if isinstance(a, ShowStep)] == [0, 1, 2, 3, 4]
    trials = [a for a in actions if isinstance(a, OpenTrial | CloseTrial)]
    assert [(type(a), a.trial) for a in trials] == [
        (OpenTrial, "01_a"),
        (CloseTrial, "01_a"),
        (OpenTrial, "02_b"),
        (CloseTrial, "02_b"),
    ]
    assert actions[-1] == Finish(completed=True, reason="")
    assert {status.state for status in runner.view().steps} == {"done"}
    assert before == pytest.approx(5 + 6 + 1 + 2 + 5 / 15)
    assert runner.remaining_s(0) == 0


def test_trial_is_opened_before_its_clip_is_shown_and_closed_before_the_next_step() -> None:
    runner = Runner(protocol())
    runner.handle(Start())
    runner.handle(StepDone("hello", "done"))
    opening = runner.handle(StepDone("practice", "done"))
    assert [type(a) for a in opening] == [OpenTrial, ShowStep]
    assert [type(a) for a in runner.handle(StepDone("first", "done"))] == [CloseTrial, ShowStep]


def test_failed_step_does_not_end_the_run_but_it_is_not_complete() -> None:
    runner = Runner(protocol())
    actions = run_through(runner, "failed")
    assert [a.whole for a in actions if isinstance(a, CloseTrial)] == [False, False]
    assert isinstance(actions[-1], Finish)
    assert not actions[-1].completed


def test_step_that_ends_while_paused_waits_for_resume() -> None:
    runner = Runner(protocol())
    runner.handle(Start())
    assert runner.handle(Pause()) == (PauseStage(),)
    assert runner.handle(StepDone("hello", "done")) == ()
    assert [type(a) for a in runner.handle(Resume())] == [ResumeStage, ShowStep]
    runner.handle(Pause())
    assert runner.handle(Resume()) == (ResumeStage(),)


def test_abort_waits_for_the_stage_and_a_second_one_does_not() -> None:
    for last in (StepDone("first", "stopped"), Abort("at once"), StageLost("gone")):
        runner = Runner(protocol())
        for event in (Start(), StepDone("hello", "done"), StepDone("practice", "done")):
            runner.handle(event)
        assert runner.handle(Abort("fire alarm")) == (StopStep(),)
        closing = runner.handle(last)
        assert closing[0] == CloseTrial("01_a", whole=False)
        assert isinstance(closing[1], Finish)
        assert [s.state for s in runner.view().steps] == ["done", "done", "failed", "skipped", "skipped"]


def test_news_of_another_take_or_step_changes_nothing() -> None:
    runner = Runner(protocol())
    runner.handle(Start())
    before = runner.view()
    assert runner.handle(StepDone("hello", "done", take=2)) == ()
    assert runner.handle(StepDone("second", "done")) == ()
    assert runner.view() == before


def expected_next(runner: Runner) -> Event:
    """Return what a well-behaved stage would say now."""
    view = runner.view()
    if view.index is None:
        return Start()
    return StepDone(view.steps[view.index].id, "done", take=view.steps[view.index].take)


EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.sampled_from([Start(), Pause(), Resume()]),
    st.builds(
        StepDone,
        st.sampled_from([step.id for step in STEPS]),
        st.sampled_from(["done", "stopped", "failed"]),
        take=st.integers(1, 2),
    ),
    st.sampled_from([Abort(), StageLost("gone")]),
)


@dataclass
class Stage:
    """What an obedient recorder and stage would be in after the actions so far."""

    trial: str | None = None
    showing: str | None = None
    paused: bool = False
    finished: bool = False
    trials: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def obey(self, action: Action) -> None:
        assert not self.finished, "nothing comes after Finish"
        match action:
            case OpenTrial(trial, step, clip):
                assert self.trial is None
                assert clip == step.clip
                self.trial = trial
                self.trials.append(trial)
            case CloseTrial(trial):
                assert self.trial == trial
                self.trial = self.showing = None
            case ShowStep(_, step):
                assert not self.paused
                recorded = isinstance(step, Movie) and step.record
                assert (self.trial is not None) == recorded
                self.showing = step.id
                self.shown.append(step.id)
            case PauseStage():
                assert not self.paused
                self.paused = True
            case ResumeStage():
                assert self.paused
                self.paused = False
            case StopStep():
                assert self.showing is not None
            case Finish(completed):
                assert self.trial is None
                assert not completed or self.shown == [step.id for step in STEPS]
                self.finished = True


@settings(max_examples=400)
@given(st.lists(st.one_of(EVENTS, st.just("next")), max_size=40))
def test_any_order_of_events_leaves_a_legal_state(events: list[Event | str]) -> None:
    runner, stage = Runner(protocol()), Stage()
    for drawn in events:
        event = expected_next(runner) if isinstance(drawn, str) else drawn
        for action in runner.handle(event):
            stage.obey(action)
        after = runner.view()
        assert (after.phase is Phase.FINISHED) == stage.finished
        assert after.trial == stage.trial
        running = [status for status in after.steps if status.state == "running"]
        assert len(running) <= 1
        if after.phase in {Phase.IDLE, Phase.FINISHED}:
            assert not running
        assert runner.remaining_s(0) >= 0
        order = [status.state for status in after.steps]
        assert order == sorted(
            order, key=lambda s: {"done": 0, "failed": 0, "running": 1, "pending": 2, "skipped": 2}[s]
        )
    assert stage.trials == sorted(set(stage.trials))
    for action in runner.handle(StageLost("end of the test")):
        stage.obey(action)
    assert stage.finished
    assert runner.handle(Start()) == ()
