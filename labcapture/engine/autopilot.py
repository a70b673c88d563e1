"""Plays the experimenter, the interviewer and the assistant, by the same commands that people use."""

from __future__ import annotations

import random
from collections.abc import Iterator

from labcapture.engine.messages import Answer, Ask, Confirm, Enter, Mark, Prompt

Deed = Confirm | Ask | Answer | Enter | Mark

_READS_S = (0.4, 0.9)
_ASKS_S = (1.2, 1.8)
_ANSWERED_S = (0.8, 1.6)
_STEADIES_S = 6.0  # a head that is not in its place by then is let be
_SHOWS = 0.3  # share of the clips in which an expression is marked
_MARKS_S = (0.8, 2.5)  # after the clip's onset, which no speed changes


class Autopilot:
    """Does what a prompt asks for, after a while.

    Parameters
    ----------
    seed
        Of what is answered and when.
    speed
        How many times faster than a person.
    mark
        Label of the marker that is set now and then during clips; empty: none.
    """

    def __init__(self, seed: int, speed: float = 1.0, mark: str = "") -> None:
        self._seed, self._speed, self._mark = seed, speed, mark
        self._showing: tuple[str, int] | None = None
        self._deeds: list[tuple[float, Deed]] = []

    def tick(self, prompt: Prompt | None, take: int) -> Iterator[Deed]:
        """Yield what is to be done by now; ``prompt`` tells how long its step has been shown."""
        if prompt is None:
            self._showing, self._deeds = None, []
            return
        if self._showing != (prompt.step, take):
            self._showing = (prompt.step, take)
            self._deeds = list(self._plan(prompt, take))
        while self._deeds and self._deeds[0][0] <= prompt.since_s:
            yield self._deeds.pop(0)[1]

    def _plan(self, prompt: Prompt, take: int) -> Iterator[tuple[float, Deed]]:
        """Yield (seconds since the step's start, deed)."""
        chance = random.Random(f"{self._seed} {prompt.step} {take}")  # noqa: S311 - no secret

        def later(span: tuple[float, float]) -> float:
            return chance.uniform(*span) / self._speed

        at = later(_READS_S)
        if prompt.kind == "movie" and self._mark and chance.random() < _SHOWS:
            yield chance.uniform(*_MARKS_S), Mark(label=self._mark)
        elif prompt.kind == "question":
            yield at, Ask(edge="start")
            yield (at := at + later(_ASKS_S)), Ask(edge="end")
            usual = prompt.expected if prompt.expected and chance.random() < 0.95 else ""
            value = usual or (chance.choice(prompt.keys) if prompt.keys else "nothing")
            yield at + later(_ANSWERED_S), Answer(value=value)
        elif prompt.awaits == "enter":
            yield at, Enter(variable=prompt.variable, value=chance.choice(prompt.keys), by="autopilot")
        elif prompt.awaits in {"text", "number"}:
            value = str(chance.randint(1, 20)) if prompt.awaits == "number" else "nothing to add"
            yield at + later(_ASKS_S), Answer(value=value)
        elif prompt.awaits == "confirm":
            at = _STEADIES_S / self._speed if prompt.kind == "calibrate" else at
            yield at, Confirm(reason="autopilot")
