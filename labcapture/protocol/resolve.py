"""What the steps of a session say of each other and of variables: every name finds what it means."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from labcapture.protocol.conditions import Condition
from labcapture.protocol.expand import MAX_CHARACTERS, Instance, Loc, Wrong, characters, names_inside, strings
from labcapture.protocol.fill import stray_brace, substitute
from labcapture.protocol.steps import Assign, Form, Interview, Leaf, Movie, Question, Review

BUILT_IN = ("participant", "session", "language", "protocol")
"""Variables that every session has."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A step whose references lead to other steps of the session, and its conditions."""

    instance: Instance
    step: Leaf
    when: tuple[Condition, ...]


def written_by(step: Leaf, source: str | None = None) -> Iterable[str]:
    """Return the variables that ``step`` sets; with ``source`` as they are called next to it in the file."""
    name = source or step.id
    if isinstance(step, Assign):
        return (step.variable,)
    if isinstance(step, Question) or (isinstance(step, Interview) and step.writes):
        return (name,)
    if isinstance(step, Form):
        return tuple(f"{name}_{question.id}" for question in step.questions)
    return ()


class Resolver:
    """Knows all steps of a session and all variables.

    Raises
    ------
    Wrong
        Two steps have one id.
    """

    def __init__(self, instances: Sequence[Instance], variables: Iterable[str]) -> None:
        self._places: dict[tuple[str, str], int] = {}
        self._variables = {*variables, *BUILT_IN}
        self._aliases: dict[tuple[str, str], str] = {}
        owners: dict[str, str] = {}
        ids: set[str] = set()
        for place, instance in enumerate(instances):
            if instance.step.id in ids:
                raise Wrong(
                    f"two steps have the id {instance.step.id}; give each its own",
                    (*instance.loc, "id"),
                    instance.source,
                )
            ids.add(instance.step.id)
            self._places[instance.source, instance.suffixes[-1]] = place
            near = written_by(instance.step, instance.source)
            for short, full in zip(near, written_by(instance.step), strict=True):
                self._aliases[short, instance.suffixes[-1]] = full
                owner = owners.setdefault(full, instance.step.id)
                if owner != instance.step.id and not isinstance(instance.step, Assign):
                    raise Wrong(f"'{owner}' and '{instance.step.id}' both answer to {{{full}}}", instance.loc, full)
        self._variables |= owners.keys()
        self._instances = instances
        self._seen: dict[Loc, list[str]] = {}  # names in the texts of a step of the file
        self._characters = 0

    def resolve(self, place: int) -> Resolved:
        """Return the step at ``place`` with all its names resolved.

        Raises
        ------
        Wrong
            A name means nothing, or not what it should.
        """
        instance = self._instances[place]
        update = self._references(instance, place)
        step = self._texts(instance, instance.step.model_copy(update=update) if update else instance.step)
        return Resolved(instance, step, tuple(self._condition(instance, *when) for when in instance.when))

    def _references(self, instance: Instance, place: int) -> dict[str, Any]:
        step, update = instance.step, {}
        if isinstance(step, Form | Review) and step.about is not None:
            found = self._find(instance, step.about, "about")
            target = self._instances[found]
            if not isinstance(target.step, Movie):
                raise Wrong(f"'{step.about}' is no movie step", (*instance.loc, "about"), step.about)
            if isinstance(step, Review) and target.recording is None:
                raise Wrong(f"'{step.about}' is not recorded", (*instance.loc, "about"), step.about)
            if found > place:
                raise Wrong(
                    f"'{step.about}' comes after the step that is about it", (*instance.loc, "about"), step.about
                )
            update["about"] = target.step.id
        if isinstance(step, Assign) and step.hidden_until is not None:
            found = self._find(instance, step.hidden_until, "hidden_until")
            if found < place:
                loc = (*instance.loc, "hidden_until")
                raise Wrong(f"'{step.hidden_until}' comes before the value that it shows", loc, step.hidden_until)
            update["hidden_until"] = self._instances[found].step.id
        if isinstance(step, Assign):
            for name in step.within:
                self._check_name(instance, name, (*instance.loc, "within"))
            if step.variable in BUILT_IN:
                raise Wrong(f"'{step.variable}' is not to be assigned", (*instance.loc, "variable"), step.variable)
        return update

    def _find(self, instance: Instance, name: str, key: str) -> int:
        for suffix in reversed(instance.suffixes):
            if (name, suffix) in self._places:
                return self._places[name, suffix]
        hint = _near(name, {source for source, suffix in self._places if suffix in instance.suffixes})
        raise Wrong(f"there is no step '{name}' here{hint}", (*instance.loc, key), name)

    def _full(self, instance: Instance, name: str) -> str | None:
        """Return the full name of a variable that a step of the same turn of a loop sets, None if there is none."""
        for suffix in reversed(instance.suffixes):
            full = self._aliases.get((name, suffix))
            if full is not None:
                return full
        return None

    def _check_name(self, instance: Instance, name: str, loc: Loc) -> str:
        if name in instance.values:
            return name
        full = self._full(instance, name)
        if full is None and name not in self._variables:
            known = self._variables | instance.values.keys()
            raise Wrong(f"'{name}' is no variable{_near(name, known)}", loc, name)
        return full or name

    def _condition(self, instance: Instance, text: str, loc: Loc) -> Condition:
        try:
            condition = Condition(text)
        except ValueError as error:
            raise Wrong(str(error), loc, text) from None
        full = {name: self._check_name(instance, name, loc) for name in condition.names}
        aliases = {name: other for name, other in full.items() if name != other}
        return Condition(text, aliases) if aliases else condition

    def _texts(self, instance: Instance, step: Leaf) -> Leaf:
        full: dict[str, str] = {}
        for name in self._names(instance, step):
            try:
                other = self._check_name(instance, name, ())
            except Wrong as error:
                raise Wrong(error.message, _where(instance, step, f"{{{name}}}"), name) from None
            if other != name:
                full[name] = f"{{{other}}}"
        if not full:
            return step
        data = substitute(step.model_dump(exclude={"id", "when", "kind"}), full)
        self._characters += characters(data)
        if self._characters > MAX_CHARACTERS:
            raise Wrong(
                f"its texts have more than {MAX_CHARACTERS} characters once filled in", instance.loc, instance.source
            )
        try:
            return type(step).model_validate({**data, **step.model_dump(include={"id", "when", "kind"})})
        except ValidationError as error:
            raise Wrong(error.errors()[0]["msg"], instance.loc, instance.source) from None

    def _names(self, instance: Instance, step: Leaf) -> list[str]:
        """Return the names in the texts of ``step``; those of a step that is as in the file are looked for once."""
        if not instance.filled and instance.loc in self._seen:
            return self._seen[instance.loc]
        data = step.model_dump(exclude={"id", "when", "kind"})
        bad = next((text for text in strings(data) if stray_brace(text)), None)
        if bad is not None:
            raise Wrong("a brace that is part of no {name}; write it twice", _where(instance, step, bad), bad)
        self._seen[instance.loc] = sorted(names_inside(data))
        return self._seen[instance.loc]


def _where(instance: Instance, step: Leaf, part: str) -> Loc:
    """Return the place of the key whose value has ``part`` in it."""
    loc = list(instance.loc)
    node: Any = step.model_dump(exclude={"id", "when", "kind"})
    while isinstance(node, dict | list | tuple):
        pairs: Iterable[tuple[Any, Any]] = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in pairs:
            if any(part in text for text in strings(value)):
                loc.append(key)
                node = value
                break
        else:
            break
    return tuple(loc)


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
