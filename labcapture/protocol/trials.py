"""Which recorded trial is open while a plan is run: one step, or a block that is recorded as one."""

from __future__ import annotations

from labcapture.protocol.events import Action, CloseTrial, Entry, OpenTrial, Supersede
from labcapture.protocol.plan import Plan
from labcapture.protocol.steps import Movie


class Trials:
    """The trials of one run. Its methods return what is to be done.

    Parameters
    ----------
    plan
        What is run.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.units = [planned.recording for planned in plan.steps]
        self.open: str | None = None
        """Id of the trial that is being recorded."""
        self.whole = True
        """Whether every step of it has run to its end so far."""
        self.unit: str | None = None
        """Recording unit of the open trial."""
        self._count = 0
        self._taken: dict[str, list[str]] = {}  # trials of each recording unit that count
        self._openings: dict[str, int] = {}

    def turn_to(self, index: int, take: int) -> list[Action]:
        """Have the right trial open for step ``index``; ``take``: how often it was shown before."""
        planned, unit = self._plan.steps[index], self.units[index]
        actions = self.close() if unit != self.unit else []
        if unit is None or self.open is not None:
            return actions
        earlier = self._taken.setdefault(unit, [])
        if unit not in self.units[:index]:  # else the first part of the block was recorded before, and stays
            for trial in earlier:
                actions += [Entry("supersede", planned.step.id, take, trial), Supersede(trial)]
            earlier.clear()
        self._count += 1
        self._openings[unit] = self._openings.get(unit, 0) + 1
        self.open, self.unit, self.whole = f"{self._count:02d}_{planned.label}", unit, True
        earlier.append(self.open)
        clip = planned.step.clip if isinstance(planned.step, Movie) else ""
        return [*actions, OpenTrial(self.open, planned.step, clip, self._openings[unit])]

    def goes_on_with(self, index: int) -> bool:
        """Tell whether step ``index`` belongs to the open trial: a block that is recorded as one."""
        return self.unit is not None and self.units.count(self.unit) > 1 and self.units[index] == self.unit

    def close(self) -> list[Action]:
        """Close the open trial, if there is one."""
        actions: list[Action] = [] if self.open is None else [CloseTrial(self.open, self.whole)]
        self.open = self.unit = None
        return actions
