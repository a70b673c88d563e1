"""Steps made of steps: blocks, and loops over items, in an order of choice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, model_validator

from labcapture.core.config import Model
from labcapture.protocol.order import Order
from labcapture.protocol.steps import (
    Leaf,
    Name,
    Placeholder,
    Seconds,
    no_twins,
)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ID = re.compile(r"[a-z0-9][a-z0-9_]{0,31}")

Scalar = StrictBool | StrictInt | StrictFloat | str
ItemValue = Scalar | dict[str, str] | list[Any]


class Item(BaseModel):
    """One thing that a loop runs its steps for: an ``id``, and values that stand in braces in the steps.

    A plain word or number is short for an item of that id, whose value is ``{item}``.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, ItemValue]

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_]{0,31}$", description="Ends the ids of the steps: clip_<id>")

    @model_validator(mode="after")
    def _named(self) -> Item:
        for name in self.values:
            if not _NAME.fullmatch(name):
                raise ValueError(f"'{name}' cannot be a name; use small letters, digits and _")
        return self

    @property
    def values(self) -> dict[str, Any]:
        """What the item gives to the steps, by name; ``item`` is its id unless it says otherwise."""
        return {"item": self.id} | (self.__pydantic_extra__ or {})


def _item(value: Any) -> Any:  # noqa: ANN401 - raw YAML
    if isinstance(value, bool | int | float | str):
        slug = re.sub(r"[^a-z0-9]+", "_", str(value).lower()).strip("_")
        if not _ID.fullmatch(slug):
            raise ValueError("no id can be made of this item; write {id: ..., item: ...}")
        return {"id": slug, "item": value}
    return value


class _Group(Model):
    id: Name = Field(description="Unique in the protocol")
    title: str = Field(default="", max_length=80, description="What the experimenter reads")
    when: str = Field(default="", max_length=500, description="Its steps are only run if this holds")
    order: Order = Field(default="fixed", description="Of the steps of a block, or of the items of a loop")
    apart: Name = Field(default="emotion", description="With order spread: what is never the same twice in a row")
    buffer: str = Field(default="", max_length=64, description="id of the step or item that always comes first")
    roam: tuple[Name, ...] = Field(default=(), description="ids of steps that take a random place among the others")
    roam_first: bool = Field(default=True, description="false: a roaming step never comes first")
    record: bool = Field(default=False, description="All steps together are one recorded trial")
    isi: tuple[Seconds, Seconds] | None = Field(default=None, description="Pace of the questions inside that name none")

    @model_validator(mode="after")
    def _forward(self) -> _Group:
        if self.isi is not None and self.isi[1] < self.isi[0]:
            raise ValueError(f"isi: from {self.isi[0]:g} to {self.isi[1]:g} s runs backwards")
        return self

    def _check_members(self, steps: tuple[Step, ...]) -> None:
        inside = [step.id for step in steps]
        for name in self.roam:
            if name not in inside:
                raise ValueError(f"roam: '{name}' is no step of {self.id}")
        no_twins(list(self.roam), "roaming steps")
        if all(name in self.roam for name in inside):
            raise ValueError(f"every step of {self.id} roams; one must stay, or use order: shuffled")


class Block(_Group):
    """Steps that belong together, in an order of choice."""

    kind: Literal["block"]
    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _usable(self) -> Block:
        self._check_members(self.steps)
        if self.buffer and self.buffer not in {step.id for step in self.steps if step.id not in self.roam}:
            raise ValueError(f"buffer: '{self.buffer}' is no step of {self.id} that stays")
        return self


class Loop(_Group):
    """Steps that are run for each of some items, in an order of choice, once or several times.

    A roaming step is run once in each repetition, between the items.
    """

    kind: Literal["loop"]
    items: tuple[Annotated[Item, BeforeValidator(_item, json_schema_input_type=Item | Scalar)], ...] | Placeholder = (
        Field(description="Items, or the name in braces of a list that an item of the loop around has")
    )
    repeat: int = Field(default=1, ge=1, le=1000, description="How often all items are run")
    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _usable(self) -> Loop:
        self._check_members(self.steps)
        if isinstance(self.items, tuple):
            check_items(self.items, self.buffer)
        return self


def check_items(items: tuple[Item, ...], buffer: str) -> None:
    """Check that a loop can run over ``items``.

    Raises
    ------
    ValueError
        There are none, two have one id, or ``buffer`` is none of them.
    """
    if not items:
        raise ValueError("a loop needs one item at least")
    no_twins([item.id for item in items], "items")
    if buffer and buffer not in {item.id for item in items}:
        raise ValueError(f"buffer: '{buffer}' is none of the items")


Step = Annotated[Leaf | Block | Loop, Field(discriminator="kind")]
"""Anything that may stand under ``steps``."""

Block.model_rebuild()
Loop.model_rebuild()


def leaves(steps: tuple[Step, ...]) -> Iterator[Leaf]:
    """Yield the steps of the file that are no groups, as they stand there."""
    for step in steps:
        if isinstance(step, Block | Loop):
            yield from leaves(step.steps)
        else:
            yield step
