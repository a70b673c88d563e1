"""What means nothing to a run as it stands, and why: the sentence that an operator is told."""

from __future__ import annotations

from typing import NamedTuple

from labcapture.protocol.events import (
    Answered,
    Confirm,
    Due,
    Entered,
    Event,
    Jump,
    Pause,
    Phase,
    Redo,
    Resume,
    Skip,
    Start,
    StepDone,
)
from labcapture.protocol.progress import Progress
from labcapture.protocol.steps import Consent, Form, Leaf, Movie, Review, SyncTest
from labcapture.protocol.values import Values

_NOT_CONFIRMED = Movie | Form | Review | SyncTest  # these end by themselves


class Standing(NamedTuple):
    """Where a run stands."""

    phase: Phase
    present: Leaf | None
    """The step that the stage runs."""
    take: int
    coming: int | None
    """Index of the step that a skip would leave out: the present one; between two steps, the next one."""
    is_waiting: bool
    """Paused between two steps."""
    is_turning: bool
    """The present step is being ended by a skip, redo or jump."""


def refusal(event: Event, run: Standing, steps: Progress, values: Values) -> str:  # noqa: PLR0911 - a list of reasons
    """Return why ``event`` means nothing now; empty if it does."""
    if run.phase is Phase.FINISHED:
        return "the run is over"
    match event:
        case Start():
            return "" if run.phase is Phase.IDLE else "the run has begun"
        case Pause():
            return "" if run.phase is Phase.RUNNING else "nothing is running"
        case Resume():
            return "" if run.phase is Phase.PAUSED else "nothing is paused"
        case Entered():
            return values.unfit(event)
        case StepDone():
            is_present = run.present is not None and (run.present.id, run.take) == (event.step, event.take)
            return "" if is_present else f"step '{event.step}' is not being run"
        case Skip() | Redo() | Jump() | Confirm() | Due() | Answered():
            if run.phase not in {Phase.RUNNING, Phase.PAUSED}:
                return "nothing is being run"
            if run.is_turning:
                return "the present step is being ended"
            return _unfit(event, run, steps)
    return ""


def _unfit(  # noqa: PLR0911 - a list of reasons
    event: Skip | Redo | Jump | Confirm | Due | Answered, run: Standing, steps: Progress
) -> str:
    """Return why ``event`` means nothing to the step, or the pause, that the run is in."""
    if isinstance(event, Confirm):
        return "nothing waits to be confirmed" if isinstance(run.present, _NOT_CONFIRMED | None) else ""
    if isinstance(event, Due | Answered):
        return "" if run.present and run.present.id == event.step else f"step '{event.step}' is not being run"
    if isinstance(event, Skip):
        coming = steps.leaf(run.coming)
        if coming is None:
            return "no step is left"
        if event.step not in {None, coming.id}:  # it ended by itself while somebody wrote a reason
            return "the step that was to be skipped is over"
        return "a consent cannot be skipped" if isinstance(coming, Consent) else ""
    if event.step is None:
        return ""
    target = steps.place(event.step)
    if target is None:
        return f"the protocol has no step '{event.step}'"
    if isinstance(event, Jump):
        return steps.unpassable(target)
    return "" if steps.steps[target].take else f"step '{event.step}' has not been run"
