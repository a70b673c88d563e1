"""What is known by name while a plan is run: variables, assigned groups, answers, the participant's account."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from labcapture.protocol.allocation import allocate
from labcapture.protocol.events import Assigned, Booked, Entered
from labcapture.protocol.fill import Value
from labcapture.protocol.plan import Plan
from labcapture.protocol.steps import Assign

HIDDEN = "…"
"""Shown in the place of a value that nobody may see yet."""


class Values:
    """The values of one run.

    Parameters
    ----------
    plan
        What is run.
    history
        Values that were assigned in earlier sessions, a mapping of variables for each.
    variables
        Values known from the start; they precede the protocol's own.
    """

    def __init__(
        self, plan: Plan, history: Sequence[Mapping[str, str]], variables: Mapping[str, Value] | None = None
    ) -> None:
        self._plan, self._history = plan, history
        self._ledger = plan.protocol.ledger
        account: dict[str, Value] = {self._ledger.variable: self._ledger.start} if self._ledger else {}
        self._values: dict[str, Value] = {**plan.protocol.variables, **account, **(variables or {})}
        self._assigns = [planned.step for planned in plan.steps if isinstance(planned.step, Assign)]
        self._assigned = {step.variable for step in self._assigns if step.variable in (variables or {})}
        self._places = {planned.step.id: index for index, planned in enumerate(plan.steps)}

    def at(self, index: int | None) -> dict[str, Value]:
        """Return all values, with what belongs to step ``index`` alone."""
        return {**self._values, **({} if index is None else self._plan.steps[index].values)}

    def shown(self, index: int | None, reached: int) -> dict[str, Value]:
        """Return `at` as a screen may show it before step ``reached + 1``."""
        hidden = self.hidden(reached)
        return {name: HIDDEN if name in hidden else value for name, value in self.at(index).items()}

    def hidden(self, reached: int) -> set[str]:
        """Return the variables whose values no screen may show; ``reached``: the furthest step that was shown."""
        names = set()
        for step in self._assigns:
            if step.hidden_until is not None and reached < self._places.get(step.hidden_until, len(self._places)):
                names.add(step.variable)
        return names

    def update(self, values: Mapping[str, Value]) -> None:
        """Take in answers."""
        self._values.update(values)

    # Assignments ------------------------------------------------------------------------------------------------------

    def has(self, step: Assign) -> bool:
        """Tell whether the variable of ``step`` has got its value."""
        return step.variable in self._assigned

    def assign(self, step: Assign) -> Assigned:
        """Draw the value of ``step``."""
        own = random.Random(f"{self._plan.seed} {self._plan.participant}").getrandbits(32)  # noqa: S311 - no secret
        value = allocate(step, history=self._history, variables=self._values, seed=own)
        self._values[step.variable] = value
        self._assigned.add(step.variable)
        within = {name: str(self._values.get(name, "")) for name in step.within}
        return Assigned(step.variable, value, step.how, "engine", within)

    def unfit(self, event: Entered) -> str:
        """Return why a value cannot be entered; empty if it can."""
        for step in self._assigns:
            if step.variable == event.variable and step.how == "entered":
                return "" if event.value in step.values else f"{event.variable} is one of {', '.join(step.values)}"
        return f"the protocol has no variable '{event.variable}' that is entered"

    def enter(self, event: Entered) -> Assigned:
        """Take in a value that a person has entered."""
        self._values[event.variable] = event.value
        self._assigned.add(event.variable)
        return Assigned(event.variable, event.value, "entered", event.by)

    # The account ------------------------------------------------------------------------------------------------------

    @property
    def balance(self) -> float | None:
        """What is left on the participant's account, None without one."""
        return None if self._ledger is None else float(self._values[self._ledger.variable])

    def book(self, mark: str, step: str, trial: str) -> Booked | None:
        """Change the account as ``mark`` wants; None if it wants nothing."""
        if self._ledger is None or self.balance is None or mark != self._ledger.mark:
            return None
        balance = self.balance + self._ledger.change
        self._values[self._ledger.variable] = balance
        return Booked(mark, step, trial, self._ledger.change, balance)
