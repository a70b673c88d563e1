"""Plays the experimenter, the interviewer and the assistant, by the same commands that people use."""

from __future__ import annotations

import random
from collections.abc import Iterator

from labcapture.engine.head_messages import HeadLimit, HeadView
from labcapture.engine.messages import Answer, Ask, Confirm, Enter, Mark, Prompt

Deed = Confirm | Ask | Answer | Enter | Mark

_READS_S = (0.4, 0.9)
_ASKS_S = (1.2, 1.8)
_ANSWERED_S = (0.8, 1.6)
_STEADIES_S = 12.0  # a head that is not in its place by then is let be: no speed makes an instrument measure faster
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

    def tick(self, prompt: Prompt | None, take: int, head: HeadView | None = None) -> Iterator[Deed]:
        """Yield what is to be done by now.

        Parameters
        ----------
        prompt
            What the present step asks for; it tells how long the step has been shown.
        take
            The step's.
        head
            How the head stands, None if nobody measures it. A calibration is waited for: it ends by itself once all
            limits have held. Where they do not in time, the reason to go on tells which were not met.
        """
        if prompt is None:
            self._showing, self._deeds = None, []
            return
        if self._showing != (prompt.step, take):
            self._showing = (prompt.step, take)
            self._deeds = list(self._plan(prompt, take))
        if prompt.kind == "calibrate" and head is not None:
            if self._deeds and prompt.since_s >= _STEADIES_S:
                self._deeds.clear()
                yield Confirm(reason=unmet(head))
            return
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
            yield at, Confirm(reason="autopilot")


def unmet(head: HeadView) -> str:
    """Return why a calibration is passed by though the head was waited for: which limits were not met."""
    if not head.pictures:
        why = "no picture was measured"
    elif not head.limits or head.seen != "face":
        why = f"head {head.seen}"
    else:
        broken = [limit for limit in head.limits if not limit.ok]
        why = (
            "; ".join(f"{it.label}: {_reading(it)}" for it in broken) or f"all limits held for {head.held_s:.1f} s only"
        )
    return f"autopilot, after {_STEADIES_S:g} s: {why}"


def _reading(limit: HeadLimit) -> str:
    return "not measured" if limit.reading is None else f"{limit.reading:.3g} {limit.units}".strip()
