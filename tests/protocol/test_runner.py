"""The runner as a pure state machine: whatever happens in whatever order, it stays in a legal state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labcapture.core.config import parse_yaml
from labcapture.protocol.events import (
    Abort,
    Action,
    Answered,
    Assigned,
    Booked,
    CloseTrial,
    Confirm,
    Due,
    Entered,
    Entry,
    Event,
    Finish,
    GoOnStage,
    Jump,
    Marked,
    OpenTrial,
    Outcome,
    Pause,
    PauseStage,
    Phase,
    Redo,
    Resume,
    ResumeStage,
    ShowStep,
    Skip,
    StageBroken,
    StageLost,
    Start,
    StepDone,
    StopStep,
    Supersede,
)
from labcapture.protocol.model import Protocol
from labcapture.protocol.plan import Plan, make_plan
from labcapture.protocol.runner import Runner

PLAIN = """
name: p
title: P
paradigm: none
steps:
  - {id: hello, kind: instruction, text: Hello}
  - {id: practice, kind: movie, clip: p, record: false}
  - {id: first, kind: movie, clip: x}
  - {id: cross, kind: fixation, seconds: 2}
  - {id: second, kind: movie, clip: y}
"""
STEPS = ("hello", "practice", "first", "cross", "second")
RICH = """
name: rich
title: Everything that a person may have a hand in
paradigm: none
variables: {outcome_known: false}
ledger: {variable: pay, start: 20, currency: RMB, mark: expression, change: -5}
steps:
  - {id: consent, kind: consent, text: Do you agree?}
  - {id: condition, kind: assign, variable: condition, values: [a, b]}
  - {id: outcome, kind: assign, variable: outcome, values: [taken, left], how: entered, hidden_until: ask}
  - {id: clip, kind: movie, clip: x}
  - id: report
    kind: form
    about: clip
    questions: [{id: joy, text: How much?}]
  - {id: again, kind: review, about: clip}
  - {id: only_taken, kind: instruction, text: You took it, when: outcome == 'taken'}
  - id: talk
    kind: block
    record: true
    steps:
      - {id: ask, kind: question, text: Did you?}
      - {id: paced, kind: question, text: Was it red?, isi: [2, 3]}
      - {id: free, kind: interview, text: Tell, writes: number}
  - {id: rest, kind: break}
  - {id: tail, kind: movie, clip: y}
"""


@cache
def plan_of(text: str) -> Plan:
    return make_plan(parse_yaml(text, Protocol, "test.yaml"), participant="P1", seed=1)


def runner_of(text: str = PLAIN, *, seconds: Mapping[str, float] | None = None, done: Sequence[str] = ()) -> Runner:
    return Runner(plan_of(text), seconds or {}, done=done)


def do(runner: Runner, *events: Event) -> list[Action]:
    """Return what follows from ``events``, without the lines for the record."""
    return [a for event in events for a in runner.handle(event) if not isinstance(a, Entry)]


def run_through(runner: Runner, outcome: Outcome = "done") -> list[Action]:
    return do(runner, Start(), *(StepDone(step, outcome) for step in STEPS))


def states(runner: Runner) -> list[str]:
    return [status.state for status in runner.view().steps]


def done(runner: Runner, outcome: Outcome = "done") -> list[Action]:
    """Let the stage end the present step."""
    assert runner.present is not None
    return do(runner, StepDone(runner.present.id, outcome, take=runner.take))


def test_run_from_first_step_to_last() -> None:
    runner = runner_of(seconds={"x": 5.0, "y": 6.0, "p": 1.0})
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
    assert set(states(runner)) == {"done"}
    assert before == pytest.approx(5 + 6 + 1 + 2 + 5 / 15)
    assert runner.remaining_s(0) == 0


def test_trial_is_opened_before_its_clip_is_shown_and_closed_before_the_next_step() -> None:
    runner = runner_of()
    do(runner, Start(), StepDone("hello", "done"))
    assert [type(a) for a in done(runner)] == [OpenTrial, ShowStep]
    assert [type(a) for a in done(runner)] == [CloseTrial, ShowStep]


def test_failed_step_does_not_end_the_run_but_it_is_not_complete() -> None:
    runner = runner_of()
    actions = run_through(runner, "failed")
    assert [a.whole for a in actions if isinstance(a, CloseTrial)] == [False, False]
    assert isinstance(actions[-1], Finish)
    assert not actions[-1].completed


def test_step_that_ends_while_paused_waits_for_resume() -> None:
    runner = runner_of()
    do(runner, Start())
    assert do(runner, Pause()) == [PauseStage()]
    assert done(runner) == []
    assert [type(a) for a in do(runner, Resume())] == [ResumeStage, ShowStep]
    assert do(runner, Pause(), Resume()) == [PauseStage(), ResumeStage()]


def test_abort_waits_for_the_stage_and_a_second_one_does_not() -> None:
    for last in (StepDone("first", "stopped"), Abort("at once"), StageLost("gone")):
        runner = runner_of()
        do(runner, Start(), StepDone("hello", "done"), StepDone("practice", "done"))
        assert do(runner, Abort("fire alarm")) == [StopStep()]
        closing = do(runner, last)
        assert closing[0] == CloseTrial("01_a", whole=False)
        assert isinstance(closing[1], Finish)
        assert states(runner) == ["done", "done", "failed", "skipped", "skipped"]


def test_news_of_another_take_or_step_changes_nothing() -> None:
    runner = runner_of()
    do(runner, Start())
    before = runner.view()
    assert runner.handle(StepDone("hello", "done", take=2)) == ()
    assert runner.handle(StepDone("second", "done")) == ()
    assert runner.view() == before


def test_redo_keeps_the_failed_take_and_marks_it() -> None:
    runner = runner_of()
    do(runner, Start(), StepDone("hello", "done"), StepDone("practice", "done"))
    assert do(runner, Redo()) == [StopStep()]
    again = done(runner, "stopped")
    assert [type(a) for a in again] == [CloseTrial, Supersede, OpenTrial, ShowStep]
    assert again[0] == CloseTrial("01_a", whole=False)
    assert again[1] == Supersede("01_a")
    assert isinstance(again[2], OpenTrial)
    assert (again[2].trial, again[2].clip, again[2].take) == ("02_a", "x", 2)
    assert isinstance(done(runner)[-1], ShowStep)
    assert isinstance(do(runner, StepDone("cross", "done"), StepDone("second", "done"))[-1], Finish)


def test_redo_of_an_earlier_clip_asks_again_what_speaks_of_it_and_then_goes_on() -> None:
    runner = to_the_break()
    assert runner.present is not None
    assert runner.present.id == "rest"
    do(runner, Redo("clip"))
    shown = [a.step.id for a in done(runner, "stopped") if isinstance(a, ShowStep)]
    while runner.view().phase is Phase.RUNNING:
        shown += [a.step.id for a in done(runner) if isinstance(a, ShowStep)]
    assert shown == ["clip", "report", "again", "rest", "tail"]


def to_the_break() -> Runner:
    runner = runner_of(RICH)
    do(runner, Entered("outcome", "left", "assistant"), Start(), Confirm())
    for _ in range(7):
        done(runner)
    return runner


def test_jump_skips_forward_and_runs_again_backward() -> None:
    runner = runner_of()
    do(runner, Start(), Jump("cross"), StepDone("hello", "stopped"))
    assert states(runner) == ["skipped", "skipped", "skipped", "running", "pending"]
    do(runner, Jump("practice"), StepDone("cross", "stopped"))
    assert states(runner) == ["skipped", "running", "pending", "pending", "pending"]
    assert runner.take == 1


def test_broken_screen_fails_its_step_and_waits_for_the_operator() -> None:
    runner = runner_of()
    do(runner, Start(), StepDone("hello", "done"), StepDone("practice", "done"))
    assert do(runner, StageBroken("killed")) == [CloseTrial("01_a", whole=False)]
    assert runner.view().phase is Phase.PAUSED
    assert states(runner) == ["done", "done", "failed", "pending", "pending"]
    assert do(runner, Redo()) == []
    again = do(runner, Resume())
    assert [type(a) for a in again] == [Supersede, OpenTrial, ShowStep], "a new screen holds no step"
    done(runner)
    assert [type(a) for a in done(runner)] == [OpenTrial, ShowStep]
    assert do(runner, StageBroken("again")) == [CloseTrial("03_b", whole=False)]
    assert runner.view().phase is Phase.PAUSED, "the last step may be run again"
    assert runner.refusal(Skip()) == "no step is left"
    assert do(runner, Resume()) == [Finish(completed=False, reason="again")]


def test_broken_screen_leaves_the_trial_of_a_block_open_and_asks_again_for_consent() -> None:
    runner = runner_of(RICH)
    do(runner, Entered("outcome", "left", "assistant"), Start())
    do(runner, StageBroken("killed"))
    assert [a.step.id for a in do(runner, Resume()) if isinstance(a, ShowStep)] == ["consent"]
    do(runner, Confirm())
    for _ in range(4):
        done(runner)
    assert do(runner, Pause(), StageBroken("killed")) == [PauseStage()]
    assert runner.view().trial == "02_talk"
    assert [type(a) for a in do(runner, Resume())] == [ShowStep]
    done(runner)
    assert CloseTrial("02_talk", whole=False) in done(runner)


def test_consent_is_neither_skipped_nor_jumped_over() -> None:
    runner = runner_of(RICH)
    do(runner, Start())
    assert runner.refusal(Skip())
    assert runner.refusal(Jump("clip"))
    assert do(runner, Skip(), Jump("clip")) == []
    assert do(runner, Confirm()) == [GoOnStage("consent")]


def test_skipping_a_pause_leaves_a_run_complete_and_skipping_a_clip_does_not() -> None:
    for skipped, complete in (("rest", True), ("tail", False)):
        runner = to_the_break()
        if skipped == "tail":
            done(runner)
        do(runner, Skip("no time"))
        done(runner, "stopped")
        if skipped == "rest":
            assert done(runner)[-1] == Finish(completed=complete, reason="")
        assert runner.view().steps[-1].state == ("done" if complete else "skipped")


def test_a_step_that_ended_while_somebody_wrote_why_takes_no_other_one_with_it() -> None:
    runner = to_the_break()
    assert runner.refusal(Skip("no time", "rest")) == ""
    done(runner)
    assert runner.present is not None
    assert runner.present.id == "tail"
    assert "is over" in runner.refusal(Skip("no time", "rest"))
    assert do(runner, Skip("no time", "rest")) == []
    assert runner.refusal(Skip("no time", "tail")) == ""


def test_block_is_one_trial_and_stays_open_while_paused() -> None:
    runner = runner_of(RICH)
    do(runner, Entered("outcome", "left", "assistant"), Start(), Confirm())
    for _ in range(4):
        actions = done(runner)
    assert [type(a) for a in actions] == [OpenTrial, ShowStep]
    assert runner.view().trial == "02_talk"
    do(runner, Pause())
    assert done(runner) == []
    assert [type(a) for a in do(runner, Resume())] == [ResumeStage, ShowStep]
    assert [type(a) for a in done(runner)] == [ShowStep]
    assert done(runner)[0] == CloseTrial("02_talk", whole=True)


def test_entered_value_is_waited_for_and_hidden_until_its_step() -> None:
    runner = runner_of(RICH)
    do(runner, Start(), Confirm())
    done(runner)
    assert runner.present is not None
    assert runner.present.id == "outcome"
    assert runner.refusal(Entered("outcome", "eaten"))
    assert runner.refusal(Entered("pay", "100"))
    entered = do(runner, Entered("outcome", "taken", "assistant"))
    assert entered == [Assigned("outcome", "taken", "entered", "assistant"), GoOnStage("outcome")]
    for _ in range(4):
        assert runner.shown["outcome"] == "…"
        done(runner)
    assert runner.present.id == "only_taken"
    assert runner.shown["outcome"] == "…"
    done(runner)
    assert runner.shown["outcome"] == "taken"


def test_what_was_entered_before_its_step_needs_no_waiting() -> None:
    runner = runner_of(RICH)
    do(runner, Start(), Entered("outcome", "left", "assistant"), Confirm())
    shown = [a.step.id for a in done(runner) if isinstance(a, ShowStep)]
    assert shown == ["clip"]


def test_mark_books_and_another_label_does_not() -> None:
    runner = runner_of(RICH)
    assert do(runner, Marked("expression")) == []
    do(runner, Start())
    assert do(runner, Marked("cough")) == []
    assert do(runner, Marked("expression")) == [Booked("expression", "consent", "", -5, 15)]
    assert runner.balance == 15
    assert runner.variables["pay"] == 15


def test_answer_ends_a_question_and_the_clock_ends_a_paced_one() -> None:
    runner = runner_of(RICH)
    do(runner, Entered("outcome", "left", "assistant"), Start(), Confirm())
    for _ in range(4):
        done(runner)
    assert do(runner, Answered("ask", {"ask": "no"})) == [GoOnStage("ask")]
    assert runner.variables["ask"] == "no"
    done(runner)
    assert do(runner, Answered("paced", {"paced": "yes"})) == []
    assert do(runner, Due("ask")) == []
    do(runner, Pause())
    assert do(runner, Due("paced")) == []
    assert do(runner, Resume()) == [ResumeStage(), GoOnStage("paced")]


def test_resumed_session_leaves_out_what_was_done() -> None:
    runner = runner_of(done=("hello", "practice", "first"))
    shown = [a.step.id for a in do(runner, Start()) if isinstance(a, ShowStep)]
    assert shown == ["cross"]
    assert done(runner)[0].trial == "01_b"  # type: ignore[union-attr]
    assert done(runner)[-1] == Finish(completed=True, reason="")


# Any order of events --------------------------------------------------------------------------------------------------

IDS = (
    "consent",
    "condition",
    "outcome",
    "clip",
    "report",
    "again",
    "only_taken",
    "ask",
    "paced",
    "free",
    "rest",
    "tail",
)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.sampled_from([Start(), Pause(), Resume(), Skip(), Redo(), Confirm(), Marked("expression"), Marked("x")]),
    st.builds(Redo, st.sampled_from([*IDS, "none"])),
    st.builds(Jump, st.sampled_from([*IDS, "none"])),
    st.builds(Entered, st.sampled_from(["outcome", "condition"]), st.sampled_from(["taken", "left", "a"])),
    st.builds(Answered, st.sampled_from(IDS), st.just({"said": "yes"})),
    st.builds(Due, st.sampled_from(IDS)),
    st.builds(StepDone, st.sampled_from(IDS), st.sampled_from(["done", "stopped", "failed"]), take=st.integers(1, 2)),
)
BREAKS: st.SearchStrategy[Event] = st.just(StageBroken("killed"))
COMMON = st.sampled_from(["done", "stopped", "failed", "obey"])


@dataclass
class Stage:
    """What an obedient recorder and stage would be in after the actions so far."""

    trial: str | None = None
    showing: str | None = None
    paused: bool = False
    told_to_end: bool = False
    finished: bool = False
    trials: list[str] = field(default_factory=list)
    superseded: set[str] = field(default_factory=set)
    shown: list[tuple[str, int]] = field(default_factory=list)
    logged: list[Entry] = field(default_factory=list)

    def obey(self, action: Action) -> None:
        assert not self.finished, "nothing comes after Finish"
        match action:
            case Entry():
                self.logged.append(action)
            case OpenTrial(trial):
                assert self.trial is None
                self.trial = trial
                self.trials.append(trial)
            case CloseTrial(trial):
                assert self.trial == trial
                self.trial = None
            case Supersede(trial):
                assert trial in self.trials
                assert trial not in self.superseded
                assert trial != self.trial
                self.superseded.add(trial)
            case ShowStep(_, step, take):
                assert not self.paused
                recorded = step.id in {"clip", "tail", "ask", "paced", "free"}
                assert (self.trial is not None) == recorded
                self.showing, self.told_to_end = step.id, False
                self.shown.append((step.id, take))
            case PauseStage():
                assert not self.paused
                self.paused = True
            case ResumeStage():
                assert self.paused
                self.paused = False
            case StopStep():
                assert self.showing is not None
                self.told_to_end = True
            case GoOnStage(step):
                assert self.showing == step
                assert not self.paused
                self.told_to_end = True
            case Finish():
                assert self.trial is None
                self.finished = True


def next_of(runner: Runner, stage: Stage, how: str) -> Event:
    """Return what a stage would say next, or what an operator would do who lets the run go on."""
    present = runner.present
    if present is None:
        return Start() if runner.view().phase is Phase.IDLE else Resume()
    if how == "obey":
        return StepDone(present.id, "stopped" if stage.told_to_end else "done", take=runner.take)
    return StepDone(present.id, how, take=runner.take)  # type: ignore[arg-type]  # drawn from the three


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.one_of(EVENTS, EVENTS, COMMON, COMMON, BREAKS), max_size=60),
    st.sampled_from([Abort(), StageLost("gone")]),
)
def test_any_order_of_events_leaves_a_legal_state(events: Sequence[Event | str], last: Event) -> None:
    runner, stage = runner_of(RICH), Stage()
    for drawn in [*events, last, last]:
        event = next_of(runner, stage, drawn) if isinstance(drawn, str) else drawn
        why = runner.refusal(event)
        actions = runner.handle(event)
        assert not (why and actions)
        if isinstance(event, StageBroken) and not stage.finished:
            stage.showing, stage.paused = None, False  # the new screen knows nothing
        for action in actions:
            stage.obey(action)
        after = runner.view()
        assert (after.phase is Phase.FINISHED) == stage.finished
        assert after.trial == stage.trial
        running = [status.id for status in after.steps if status.state == "running"]
        assert running == ([stage.showing] if runner.present else [])
        if after.phase in {Phase.IDLE, Phase.FINISHED}:
            assert not running
        if after.phase is Phase.RUNNING:
            assert running
        if any(status.take for status in after.steps[1:]):
            consent = after.steps[0]  # once given, it may be asked for again when the run ends
            is_asked_again = consent.take and after.phase is Phase.FINISHED
            assert consent.state != "skipped" or is_asked_again, "the consent was passed over"
        assert runner.remaining_s(0) >= 0
    assert stage.finished
    assert stage.trials == sorted(set(stage.trials))
    assert runner.handle(Start()) == ()
    # The record alone tells what was shown in which order, and how each step ended.
    assert [(entry.step, entry.take) for entry in stage.logged if entry.event == "show"] == stage.shown
    told = {
        entry.step: entry.state for entry in stage.logged if entry.state in {"done", "failed", "skipped", "pending"}
    }
    told |= {entry.step: entry.state for entry in stage.logged if entry.state and entry.event != "finish"}
    assert [told.get(status.id, "pending") for status in runner.view().steps] == states(runner)
    assert {entry.trial for entry in stage.logged if entry.event == "supersede"} == stage.superseded
