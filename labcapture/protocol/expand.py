"""From the file's steps, blocks and loops to the single steps of a session, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from pydantic import TypeAdapter, ValidationError

from labcapture.protocol import order as orders
from labcapture.protocol.fill import Value, names, substitute
from labcapture.protocol.steps import Leaf, Movie, Question
from labcapture.protocol.texts import FALLBACK, in_language
from labcapture.protocol.tree import Block, Item, Loop, Step, check_items

MAX_STEPS = 5000
MAX_CHARACTERS = 1_000_000  # of all steps whose texts were filled in
Loc = tuple[str | int, ...]
_items: TypeAdapter[tuple[Item, ...]] = TypeAdapter(Loop.model_fields["items"].rebuild_annotation())


class Wrong(ValueError):  # noqa: N818 - "WrongError" says no more
    """Something is wrong at one place of the file: ``loc`` leads there from the top."""

    def __init__(self, message: str, loc: Loc, value: object = None) -> None:
        super().__init__(message)
        self.message, self.loc, self.value = message, loc, value


@dataclass(frozen=True, slots=True)
class Dice:
    """What decides the orders of one session.

    ``place`` is how many sessions there were before, ``emotions`` that of each clip.
    """

    seed: int
    participant: str
    place: int
    emotions: Mapping[str, str]

    def chance(self, *where: object) -> Random:
        """Return the source of chance for one place of the protocol."""
        return orders.dice(self.seed, self.participant, *where)


@dataclass(frozen=True, slots=True)
class Instance:
    """One step of a session. ``step`` has its own id and the values of the loops around it filled in.

    ``suffixes`` are what the loops around it add to ids, from none to all of them; ``loc`` is its place in the file,
    ``filled`` whether its texts differ from those in the file.
    """

    step: Leaf
    source: str
    suffixes: tuple[str, ...]
    recording: str | None
    when: tuple[tuple[str, Loc], ...]
    values: Mapping[str, Value]
    loc: Loc
    filled: bool


@dataclass(frozen=True, slots=True)
class _Scope:
    suffixes: tuple[str, ...] = ("",)
    values: Mapping[str, Any] = field(default_factory=dict)
    when: tuple[tuple[str, Loc], ...] = ()
    recording: str | None = None
    isi: tuple[float, float] | None = None

    @property
    def suffix(self) -> str:
        return self.suffixes[-1]

    def inside(self, group: Block | Loop, loc: Loc) -> _Scope:
        recording = self.recording or (group.id + self.suffix if group.record else None)
        when = (*self.when, (group.when, (*loc, "when"))) if group.when else self.when
        return replace(self, recording=recording, when=when, isi=group.isi or self.isi)

    def turn(self, repetition: int, item: Item | None, loop: Loop, position: int) -> _Scope:
        suffix = self.suffix + (f"_{item.id}" if item else "") + (f"_r{repetition}" if repetition > 1 else "")
        own: dict[str, Any] = {"repetition": repetition}
        if item is not None:
            own |= {loop.id: item.id, "position": position} | item.values
        suffixes = self.suffixes if suffix == self.suffix else (*self.suffixes, suffix)
        return replace(self, suffixes=suffixes, values={**self.values, **own})


def expand(steps: Sequence[Step], dice: Dice | None = None) -> list[Instance]:
    """Return the single steps of a session: as ``dice`` order them, in the file's order if None.

    Raises
    ------
    Wrong
        There are too many, or an order cannot be had, or a value does not fit.
    """
    walk = _Walk(dice)
    return list(walk.steps(steps, (), _Scope()))


class _Walk:
    def __init__(self, dice: Dice | None) -> None:
        self._dice = dice
        self._count = 0
        self._characters = 0
        self._dumps: dict[Loc, dict[str, Any]] = {}
        self._templates: dict[Loc, set[str]] = {}

    def steps(self, steps: Sequence[Step], loc: Loc, scope: _Scope) -> Iterator[Instance]:
        for index, step in enumerate(steps):
            yield from self._step(step, (*loc, "steps", index), scope)

    def _step(self, step: Step, loc: Loc, scope: _Scope) -> Iterator[Instance]:
        if isinstance(step, Block):
            yield from self._block(step, loc, scope.inside(step, loc))
        elif isinstance(step, Loop):
            yield from self._loop(step, loc, scope.inside(step, loc))
        else:
            yield self._leaf(step, loc, scope)

    def _block(self, block: Block, loc: Loc, scope: _Scope) -> Iterator[Instance]:
        fixed = [n for n, step in enumerate(block.steps) if step.id not in block.roam]
        guests = [n for n, step in enumerate(block.steps) if step.id in block.roam]
        first = next((place for place, n in enumerate(fixed) if block.steps[n].id == block.buffer), None)
        if self._dice is None:
            sequence = list(range(len(block.steps)))
        else:
            keys = [self._key_of_step(block, block.steps[n], scope, loc) for n in fixed]
            order = self._arrange(block, loc, scope, keys, first, 1, None)
            sequence = self._join(block, scope, 1, [fixed[place] for place in order], guests)
        for index in sequence:
            yield from self._step(block.steps[index], (*loc, "steps", index), scope)

    def _loop(self, loop: Loop, loc: Loc, scope: _Scope) -> Iterator[Instance]:
        items = self._items(loop, loc, scope)
        per_item = [n for n, step in enumerate(loop.steps) if step.id not in loop.roam]
        guests = [n for n, step in enumerate(loop.steps) if step.id in loop.roam]
        first = next((n for n, item in enumerate(items) if item.id == loop.buffer), None)
        keys = [self._key_of_item(loop, item, loc) for item in items]
        after: str | None = None
        for repetition in range(1, loop.repeat + 1):
            # Items are numbers from 0, roaming steps are told apart by a minus: -1 is the file's first step.
            sequence = [*range(len(items)), *(-1 - n for n in guests)]
            if self._dice is not None:
                order = self._arrange(loop, loc, scope, keys, first, repetition, after)
                after = keys[order[-1]]
                sequence = self._join(loop, scope, repetition, order, [-1 - n for n in guests])
            position = 0
            for entry in sequence:
                position += entry >= 0
                inner = scope.turn(repetition, items[entry] if entry >= 0 else None, loop, position)
                for index in per_item if entry >= 0 else [-1 - entry]:
                    yield from self._step(loop.steps[index], (*loc, "steps", index), inner)

    def _arrange(
        self,
        group: Block | Loop,
        loc: Loc,
        scope: _Scope,
        keys: Sequence[str | None],
        first: int | None,
        repetition: int,
        after: str | None,
    ) -> list[int]:
        assert self._dice is not None  # noqa: S101 - the file's own order needs no dice
        chance = self._dice.chance(group.id + scope.suffix, repetition)
        row = self._dice.place + repetition - 1
        try:
            return orders.arrange(group.order, keys, chance, row, first, after)
        except ValueError as error:
            raise Wrong(f"{group.id}: {error}", (*loc, "order"), group.order) from None

    def _join(
        self, group: Block | Loop, scope: _Scope, repetition: int, order: list[int], guests: list[int]
    ) -> list[int]:
        assert self._dice is not None  # noqa: S101 - as above
        chance = self._dice.chance(group.id + scope.suffix, repetition, "roam")
        return orders.put_between(order, guests, chance, least=1 if group.buffer or not group.roam_first else 0)

    def _key_of_item(self, loop: Loop, item: Item, loc: Loc) -> str | None:
        """Return what order ``spread`` keeps apart, None where no order needs it."""
        if self._dice is None or loop.order != "spread":
            return None
        values = item.values
        key = values.get(loop.apart)
        if key is None and loop.apart == "emotion":
            key = self._dice.emotions.get(str(values.get("clip", "")))
        if key is None:
            raise Wrong(f"item '{item.id}' has no {loop.apart} to be kept apart by", (*loc, "order"), loop.order)
        return str(key)

    def _key_of_step(self, block: Block, step: Step, scope: _Scope, loc: Loc) -> str | None:
        if self._dice is None or block.order != "spread":
            return None
        key = getattr(step, block.apart, None)
        if isinstance(step, Block | Loop):
            key = next(
                (self._key_of_step(block, s, scope, loc) for s in step.steps if isinstance(s, Block | Movie)), None
            )
        elif isinstance(step, Movie) and block.apart == "emotion":
            key = self._dice.emotions.get(substitute(step.clip, scope.values))
        if key is None:
            raise Wrong(f"step '{step.id}' has no {block.apart} to be kept apart by", (*loc, "order"), block.order)
        return str(key)

    def _items(self, loop: Loop, loc: Loc, scope: _Scope) -> tuple[Item, ...]:
        if not isinstance(loop.items, str):
            return loop.items
        where = (*loc, "items")
        found = scope.values.get(loop.items.strip("{}"))
        if not isinstance(found, list):
            raise Wrong(f"'{loop.items}' is no list of an item of the loop around", where, loop.items)
        try:
            items = _items.validate_python(found)
            check_items(items, loop.buffer)
        except ValidationError as error:
            raise Wrong(f"'{loop.items}': {error.errors()[0]['msg']}", where, found) from None
        except ValueError as error:
            raise Wrong(f"'{loop.items}': {error}", where, found) from None
        return items

    def _leaf(self, step: Leaf, loc: Loc, scope: _Scope) -> Instance:
        self._count += 1
        if self._count > MAX_STEPS:
            raise Wrong(f"more than {MAX_STEPS} steps once its loops are written out", loc, step.id)
        when = (*scope.when, (step.when, (*loc, "when"))) if step.when else scope.when
        new = self._filled(step, loc, scope)
        recording = scope.recording or (new.id if getattr(new, "record", False) else None)
        return Instance(
            new,
            step.id,
            scope.suffixes,
            recording,
            when,
            _plain(scope.values),
            loc,
            self._is_template(step, loc, scope),
        )

    def _is_template(self, step: Leaf, loc: Loc, scope: _Scope) -> bool:
        if loc not in self._dumps:
            self._dumps[loc] = step.model_dump(exclude={"id", "when"})
            self._templates[loc] = names_inside(self._dumps[loc])
        return not self._templates[loc].isdisjoint(scope.values)

    def _filled(self, step: Leaf, loc: Loc, scope: _Scope) -> Leaf:
        """Return ``step`` with its id, and with the values of the loops in its texts and references."""
        new_id = step.id + scope.suffix
        if len(new_id) > 64:
            raise Wrong(f"the id '{new_id}' is longer than 64 characters; shorten those of its loops", loc, step.id)
        update: dict[str, Any] = {"id": new_id}
        if isinstance(step, Question) and step.isi is None and scope.isi is not None:
            update["isi"] = scope.isi
        if not self._is_template(step, loc, scope):
            return step.model_copy(update=update)
        try:
            data = substitute(self._dumps[loc], scope.values)
        except ValueError as error:
            raise Wrong(str(error), loc, step.id) from None
        self._characters += characters(data)
        if self._characters > MAX_CHARACTERS:
            raise Wrong(f"its texts have more than {MAX_CHARACTERS} characters once filled in", loc, step.id)
        try:
            return type(step).model_validate({**data, "when": step.when, **update})
        except ValidationError as error:
            first = error.errors()[0]
            message = f"{first['msg'].removeprefix('Value error, ')} once its loop has filled it in"
            raise Wrong(message, (*loc, *first["loc"]), first["input"]) from None


def _plain(values: Mapping[str, Any]) -> dict[str, Value]:
    """Return the values that a condition can use: a text by language in English, no lists."""
    return {
        name: in_language(value, FALLBACK) if isinstance(value, Mapping) else value
        for name, value in values.items()
        if not isinstance(value, list)
    }


def names_inside(data: Any) -> set[str]:  # noqa: ANN401 - any part of a dumped step
    """Return all names in braces in the strings of ``data``."""
    found: set[str] = set()
    for text in strings(data):
        found |= names(text)
    return found


def characters(data: Any) -> int:  # noqa: ANN401 - as above
    """Count the characters of all strings of ``data``."""
    return sum(map(len, strings(data)))


def strings(data: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    """Yield the strings of ``data``, but not the keys of its mappings."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for value in data.values():
            yield from strings(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from strings(value)
