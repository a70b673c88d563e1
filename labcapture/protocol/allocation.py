"""Which group, condition or accusation a session gets, so that the lab's sessions stay balanced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from labcapture.protocol.fill import Value, written
from labcapture.protocol.order import dice, draw
from labcapture.protocol.steps import Assign


def allocate(
    step: Assign,
    *,
    history: Sequence[Mapping[str, str]],
    variables: Mapping[str, Value],
    seed: int,
) -> str:
    """Return the value of ``step`` for this session.

    The least used value so far wins; between equals the seed decides. With ``within``, only those sessions count in
    which these variables had the same values as now. Over any number of sessions run one after the other the counts
    of two values then differ by one at most (minimisation; Taves 1974, Clin. Pharmacol. Ther. 15, 443).

    Parameters
    ----------
    step
        Names the variable and its values; ``how`` is ``balanced`` or ``random``.
    history
        The variables of each earlier session of this protocol, written out.
    variables
        This session's variables so far.
    seed
        Of this session.

    Raises
    ------
    ValueError
        The value is entered by a person.
    """
    if step.how == "entered":
        raise ValueError(f"'{step.variable}' is entered by the {step.by}")
    fit = list(step.values)
    if step.how == "balanced":
        here = [written(variables.get(name, "")) for name in step.within]
        counts = Counter(
            past[step.variable]
            for past in history
            if step.variable in past and [past.get(name, "") for name in step.within] == here
        )
        least = min(counts[value] for value in fit)
        fit = [value for value in fit if counts[value] == least]
    return fit[draw(len(fit), dice(seed, "assign", step.id, step.variable))]
