"""The steps of one session in their order: a protocol, a participant and a seed, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labcapture.core.errors import BadInput
from labcapture.protocol.conditions import Condition
from labcapture.protocol.durations import expected_seconds
from labcapture.protocol.expand import Dice, Wrong, expand
from labcapture.protocol.fill import Value
from labcapture.protocol.model import Protocol
from labcapture.protocol.resolve import Resolver
from labcapture.protocol.steps import Leaf, Review


@dataclass(frozen=True)
class Planned:
    """One step of a session.

    Parameters
    ----------
    step
        Its id is unique in the session, the values of its loops are filled in; ``{names}`` of variables still stand in
        its texts, for `labcapture.protocol.fill.fill`.
    label
        Second half of its trial's id: a letter for a recorded movie, by its place in the file, not in the session.
    recording
        Its own id, or that of the recorded block around it, whose steps are one trial; None if it is not recorded.
    when
        All must hold for the step to be run; what they name is in the session's variables or in ``values``.
    values
        Those of the loops around it.
    """

    step: Leaf
    label: str
    recording: str | None = None
    when: tuple[Condition, ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """The steps of one session in order.

    ``place`` is how many sessions of this protocol the lab had before: the row of its Latin squares.
    """

    protocol: Protocol
    participant: str
    seed: int
    place: int
    steps: tuple[Planned, ...]


def make_plan(
    protocol: Protocol, *, participant: str, seed: int, place: int = 0, emotions: Mapping[str, str] | None = None
) -> Plan:
    """Return the order of a session; the same arguments always give the same one.

    Parameters
    ----------
    protocol
        The checked file.
    participant, seed
        Decide everything that is left to chance.
    place
        How many sessions of this protocol there were before.
    emotions
        That of each clip, by its id, for orders that keep emotions apart.

    Raises
    ------
    BadInput
        An order that the protocol asks for cannot be had.
    """
    try:
        instances = expand(protocol.steps, Dice(seed, participant, place, emotions or {}))
        resolver = Resolver(instances, protocol.known_variables)
        resolved = [resolver.resolve(number) for number in range(len(instances))]
    except Wrong as error:
        raise BadInput(error.message, f"protocol {protocol.name}") from None
    letter = protocol.labels
    planned = [
        Planned(
            r.step,
            letter.get(r.step.id, r.instance.recording or r.step.id),
            r.instance.recording,
            r.when,
            r.instance.values,
        )
        for r in resolved
    ]
    return Plan(protocol, participant, seed, place, tuple(planned))


def expected_lengths(plan: Plan, clip_seconds: Mapping[str, float]) -> list[float]:
    """Estimate how long each step of ``plan`` takes (s); a review takes as long as the film that it is about."""
    lengths: list[float] = []
    by_id: dict[str, float] = {}
    for planned in plan.steps:
        step = planned.step
        length = expected_seconds(step, clip_seconds)
        if isinstance(step, Review):
            length = by_id.get(step.about, 0.0) / step.speed
        by_id[step.id] = length
        lengths.append(length)
    return lengths
