"""How often a picture of the participant's screen may be taken: never at the cost of a flip, nor of much else."""

from __future__ import annotations

from collections import deque

SHARE = 0.02
"""Most of the time that copying may take."""
MARGIN = 3.0
"""The last flips must have had so many times as much time to spare as a copy takes."""
FLIPS = 8
"""So many flips are looked back at."""
LEAST_PAUSE_S, MOST_PAUSE_S = 1.0, 600.0
"""After a late flip with a copy in it; each further one doubles the pause, each that is in time halves it."""
_HALF_S = 10.0  # in which the memory of a dear copy fades by half, so that a single hiccup is not the end


class Budget:
    """Knows what copies cost and what the flips have to spare.

    Before a flip that follows another one a copy is allowed only if each of the last `FLIPS` flips had more than
    `MARGIN` times its cost to spare, if all copies so far have taken at most `SHARE` of the time since the first, and
    if no pause goes on.

    Parameters
    ----------
    cost_s
        Of a copy, as tried out.
    now
        LSL time (s).
    """

    def __init__(self, cost_s: float, now: float) -> None:
        self._cost_s, self._cost_time = cost_s, now
        self._slacks: deque[float] = deque(maxlen=FLIPS)
        self._due = now
        self._pause_s = LEAST_PAUSE_S / 2
        self._pause_over = now

    def cost_s(self, now: float) -> float:
        """Return what a copy is expected to take at LSL ``now``: the dearest so far, the longer ago the less."""
        return float(self._cost_s * 0.5 ** (max(0.0, now - self._cost_time) / _HALF_S))

    def has_slack(self, now: float) -> bool:
        """Tell whether the last flips had enough time to spare for a copy."""
        return len(self._slacks) == FLIPS and min(self._slacks) > MARGIN * self.cost_s(now)

    def allows(self, now: float) -> bool:
        """Tell whether another picture may be taken at LSL ``now``, before a flip that must not be late."""
        return self.is_due(now) and self.has_slack(now)

    def is_due(self, now: float) -> bool:
        """Tell whether another picture may be taken at LSL ``now``, before a flip that cannot be late."""
        return now >= self._due and now >= self._pause_over

    def paid(self, cost_s: float, now: float) -> None:
        """Take in what a copy has taken that ended at LSL ``now``."""
        if cost_s >= self.cost_s(now):
            self._cost_s, self._cost_time = cost_s, now
        self._due = max(self._due, now) + cost_s / SHARE

    def flipped(self, slack_s: float, now: float, *, copied: bool = False, late: bool = False) -> None:
        """Take in a flip that had ``slack_s`` to spare before any copy, and whether one was ``copied`` before it."""
        self._slacks.append(slack_s)
        if not copied:
            return
        if late:
            self._pause_s = min(2 * self._pause_s, MOST_PAUSE_S)
            self._pause_over = now + self._pause_s
        else:
            self._pause_s = max(self._pause_s / 2, LEAST_PAUSE_S / 2)

    def rest(self) -> None:
        """Take in that the next flip follows none: what was to spare before tells nothing of it."""
        self._slacks.clear()
