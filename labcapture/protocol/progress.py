"""How each step of a plan went so far, and what that means for where a run may go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from labcapture.protocol.events import Entry, State, StepStatus
from labcapture.protocol.plan import Plan, expected_lengths
from labcapture.protocol.steps import Consent, Form, Leaf, Movie, Review

_INCIDENTAL = {"instruction", "fixation", "break", "note", "calibrate"}  # a run is complete without them


class Progress:
    """The steps of one run.

    Parameters
    ----------
    plan
        What is run.
    clip_seconds
        Length of each clip (s).
    done
        Steps that an earlier session has done.
    """

    def __init__(self, plan: Plan, clip_seconds: Mapping[str, float], done: Iterable[str] = ()) -> None:
        self._plan, before = plan, set(done)
        self._excused: set[str] = set()  # skipped steps without which the run is complete all the same
        self.steps = [
            StepStatus(planned.step.id, planned.step.kind, planned.step.title or planned.step.id, length)
            for planned, length in zip(plan.steps, expected_lengths(plan, clip_seconds), strict=True)
        ]
        for i, status in enumerate(self.steps):
            if status.id in before:
                self.steps[i] = replace(status, state="done", reason="done before")

    def done_before(self) -> list[Entry]:
        """Return what is to be entered of the steps that an earlier session has done."""
        return [Entry("done", s.id, 0, "", "done", s.reason) for s in self.steps if s.state == "done"]

    def set(self, index: int, state: State, reason: str = "", event: str = "", trial: str | None = None) -> Entry:
        """Change the state of a step; return what is to be entered about it."""
        self.steps[index] = status = replace(self.steps[index], state=state, reason=reason)
        if state != "skipped":
            self._excused.discard(status.id)
        return Entry(event, status.id, status.take, trial or "", state, reason)

    def begin(self, index: int, trial: str | None) -> Entry:
        """Note that a step is shown; it is its next take, in ``trial`` if it is recorded."""
        status = self.steps[index]
        self.steps[index] = replace(status, take=status.take + 1, trial=trial)
        return self.set(index, "running", "", "show", trial)

    def excuse(self, index: int) -> None:
        """Have a step that is skipped not count against the run."""
        self._excused.add(self.steps[index].id)

    def leave_out(self, index: int, reason: str, trial: str | None = None) -> Entry:
        """Skip a step as the operator wants."""
        entry = self.set(index, "skipped", reason, "skipped", trial)
        if self.steps[index].kind in _INCIDENTAL:
            self.excuse(index)
        return entry

    # Looking ----------------------------------------------------------------------------------------------------------

    def place(self, step: str) -> int | None:
        """Return the index of a step, None if the plan has none of this id."""
        return next((i for i, status in enumerate(self.steps) if status.id == step), None)

    def leaf(self, index: int | None) -> Leaf | None:
        """Return the step at ``index``, None beyond the last one."""
        return self._plan.steps[index].step if index is not None and index < len(self.steps) else None

    def pending(self, start: int) -> Sequence[int]:
        """Return the steps from ``start`` on that are still to be run."""
        return [i for i in range(start, len(self.steps)) if self.steps[i].state == "pending"]

    def unfinished(self) -> Sequence[int]:
        """Return the steps that run or are still to be run."""
        return [i for i, status in enumerate(self.steps) if status.state in {"pending", "running"}]

    def speaking_of(self, index: int) -> list[int]:
        """Return the steps that ask about step ``index`` and have been run."""
        name = self.steps[index].id
        about = [p.step.about if isinstance(p.step, Form | Review) else None for p in self._plan.steps]
        return [i for i, status in enumerate(self.steps) if status.take and about[i] == name]

    def unpassable(self, target: int) -> str:
        """Return why the run cannot go on at ``target``; empty if it can."""
        for planned, status in zip(self._plan.steps[:target], self.steps[:target], strict=True):
            if isinstance(planned.step, Consent) and status.state != "done":
                return f"the consent '{status.id}' is not given yet"
        return ""

    def coming_clip(self, after: int) -> str | None:
        """Return the clip of the next movie behind step ``after``, None if there is none."""
        steps = (self._plan.steps[i].step for i in self.pending(after + 1))
        return next((step.clip for step in steps if isinstance(step, Movie)), None)

    def remaining_s(self, step_elapsed_s: float) -> float:
        """Estimate the rest of the run (s), ``step_elapsed_s`` after the present step was shown."""
        running = sum(max(0.0, s.expected_s - step_elapsed_s) for s in self.steps if s.state == "running")
        return running + sum(s.expected_s for s in self.steps if s.state == "pending")

    def failures(self) -> str:
        """Return why steps failed."""
        return "; ".join(s.reason for s in self.steps if s.state == "failed" and s.reason)

    def is_complete(self) -> bool:
        """Tell whether everything was run that was to be run."""
        return all(s.state == "done" or (s.state == "skipped" and s.id in self._excused) for s in self.steps)

    def finish(self, reason: str, trial: str | None) -> list[Entry]:
        """Settle what is running or pending."""
        entries = []
        for i, status in enumerate(self.steps):
            if status.state == "running":
                entries.append(self.set(i, "failed", reason, "failed", trial))
            elif status.state == "pending":
                entries.append(self.set(i, "skipped", "", "skipped"))
        return entries
