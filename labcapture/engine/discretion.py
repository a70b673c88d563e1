"""What nobody at the console may know yet: which of the steps is run that depend on a value hidden until later.

Steps that stand together and depend on the same hidden values are told as one, whichever of them is run: their number,
order and states would give the value away. It stays so to the end of the session, so that the list of steps does not
change while somebody looks at it; the session's file has the truth from the beginning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from labcapture.engine.messages import Prompt, StepView
from labcapture.protocol.plan import Plan
from labcapture.protocol.steps import Assign

_TELLING = ("running", "failed", "done", "pending", "skipped")  # states: the first that one of them has is told of all


class Discretion:
    """Knows the secret steps of ``plan``. Where there are none, all is told as it is."""

    def __init__(self, plan: Plan) -> None:
        places = {planned.step.id: index for index, planned in enumerate(plan.steps)}
        until: dict[str, int] = {}  # variable -> index of the step before which no screen shows it
        for planned in plan.steps:
            if isinstance(planned.step, Assign) and planned.step.hidden_until is not None:
                until[planned.step.variable] = places.get(planned.step.hidden_until, len(plan.steps))
        names = [
            frozenset(name for condition in planned.when for name in condition.names if index < until.get(name, -1))
            for index, planned in enumerate(plan.steps)
        ]
        self._groups = [list(group) for _, group in groupby(range(len(plan.steps)), lambda i: names[i] or i)]
        self._place = {index: place for place, group in enumerate(self._groups) for index in group}
        self._ids = [planned.step.id for planned in plan.steps]
        self._secret = {self._ids[index]: self._ids[g[0]] for g in self._groups for index in g if names[index]}
        self._pattern = re.compile(f"(?<![a-z0-9])({'|'.join(map(re.escape, self._secret))})(?![a-z0-9_])")
        reveals = {self._ids[i]: max(until[name] for name in names[i]) for i in range(len(names)) if names[i]}
        titles = [planned.step.title or planned.step.id for planned in plan.steps]
        self._until = {step: titles[at] if at < len(titles) else "the end" for step, at in reveals.items()}
        self._titles = {group[0]: {titles[index] for index in group} for group in self._groups}

    def hides(self, step: str) -> bool:
        """Return whether the step of this id is a secret one."""
        return step in self._secret

    def told(self, words: str) -> str:
        """Return ``words``, such as a marker's, with the ids of secret steps replaced by one that says nothing."""
        return self._pattern.sub(lambda found: self._secret[found[0]], words) if self._secret else words

    def place(self, index: int | None) -> int | None:
        """Return where the step of this index stands in what `steps` returns."""
        return None if index is None else self._place[index]

    def steps(self, views: Sequence[StepView]) -> tuple[StepView, ...]:
        """Return the steps as they may be told."""
        return tuple(self._one([views[index] for index in group], group[0]) for group in self._groups)

    def _one(self, views: list[StepView], first: int) -> StepView:
        if not self.hides(views[0].id):
            return views[0]
        telling = min(views, key=lambda view: _TELLING.index(view.state))
        titles = self._titles[first]
        title = next(iter(titles)) if len(titles) == 1 else ""
        return telling.model_copy(
            update={
                "id": views[0].id,
                "kind": views[0].kind,
                "title": f"{title} (hidden)".strip(),
                "trial": None if telling.trial is None else self.told(telling.trial),
                "expected_s": max(view.expected_s for view in views),
            }
        )

    def prompt(self, prompt: Prompt | None) -> Prompt | None:
        """Return what may be told of the present step."""
        if prompt is None or not self.hides(prompt.step):
            return prompt
        words = f'Hidden until "{self._until[prompt.step]}": the participant\'s screen has it.'
        return prompt.model_copy(update={"step": self._secret[prompt.step], "text": words})

    def meant(self, step: str, views: Sequence[StepView]) -> str:
        """Return the id of the step that is meant by one that `steps` tells: of secret ones that which was run."""
        if not self.hides(step):
            return step
        group = next(group for group in self._groups if self._ids[group[0]] == self._secret[step])
        return min((views[index] for index in group), key=lambda view: _TELLING.index(view.state)).id
