"""A protocol file as typed steps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from labcapture.core.config import Model, load_yaml
from labcapture.protocol.durations import expected_seconds
from labcapture.protocol.expand import Instance, Loc, Wrong, expand
from labcapture.protocol.resolve import BUILT_IN, Resolver
from labcapture.protocol.rule import QualityRule
from labcapture.protocol.steps import (
    Assign,
    Break,
    Calibrate,
    Consent,
    Form,
    Image,
    Instruction,
    Interview,
    Leaf,
    Movie,
    Name,
    Note,
    Question,
    Rating,
    Review,
)
from labcapture.protocol.texts import ANY, FALLBACK, in_language
from labcapture.protocol.tree import Block, Loop, Step, leaves

__all__ = ["Block", "Form", "Instruction", "Ledger", "Loop", "Protocol", "Step", "expected_seconds", "in_language"]
__all__ += ["letters", "load_protocol", "texts"]

Language = Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Za-z]+)?$")]


class Ledger(Model):
    """An amount that a key of the experimenter changes: the pay from which every expression is deducted."""

    variable: Name = Field(description="Holds the amount, for texts: {pay}")
    start: float = Field(ge=-1e9, le=1e9)
    currency: str = Field(max_length=16)
    mark: str = Field(default="expression", min_length=1, max_length=64, description="Label of the marker that counts")
    change: float = Field(ge=-1e9, le=1e9, description="Added at each mark; less than zero deducts")


class Protocol(Model):
    """All of a protocol file."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    title: str
    paradigm: Literal["neutralization", "mock_crime", "perception", "none"]
    rule: QualityRule = Field(default=QualityRule(), description="When a clip is annotatable")
    languages: tuple[Language, ...] = Field(
        default=(), max_length=32, description="In which every text of the participant is written; checked"
    )
    variables: dict[Name, StrictBool | StrictInt | StrictFloat | str] = Field(
        default_factory=dict, description="With their first values; `labcapture run --set` gives others"
    )
    ledger: Ledger | None = Field(default=None, description="An amount that a key of the experimenter changes")
    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> Protocol:
        try:
            self._check_variables()
            resolver = Resolver(self.instances, self.known_variables)
            for place in range(len(self.instances)):
                resolver.resolve(place)
            self._check_languages()
        except Wrong as error:
            raise _at(error) from None
        return self

    @cached_property
    def instances(self) -> tuple[Instance, ...]:
        """The single steps in the file's order, its loops written out."""
        return tuple(expand(self.steps))

    @property
    def known_variables(self) -> set[str]:
        """Names of the variables that the file declares."""
        return set(self.variables) | ({self.ledger.variable} if self.ledger else set())

    @property
    def clips(self) -> tuple[str, ...]:
        """Ids of the clips that are shown, each once, in order."""
        return tuple(dict.fromkeys(i.step.clip for i in self.instances if isinstance(i.step, Movie)))

    @property
    def images(self) -> tuple[str, ...]:
        """Ids of the pictures that are shown, each once, in order."""
        shown = (i.step.image for i in self.instances if isinstance(i.step, Image | Question | Interview))
        return tuple(dict.fromkeys(image for image in shown if image))

    @property
    def labels(self) -> dict[str, str]:
        """What a recorded movie is called in the id of its trial: a letter, by its place in the file."""
        own = [i.step.id for i in self.instances if isinstance(i.step, Movie) and i.recording == i.step.id]
        return {step: letters(position) for position, step in enumerate(own)}

    def speaks(self, language: str) -> bool:
        """Tell whether every text of the protocol exists in ``language``."""
        return all(language in text or ANY in text for step in leaves(self.steps) for text in texts(step))

    def _check_variables(self) -> None:
        for name in self.known_variables & set(BUILT_IN):
            loc = ("ledger", "variable") if name not in self.variables else ("variables", name)
            raise Wrong(f"'{name}' is a variable that every session has; choose another name", loc, name)

    def _check_languages(self) -> None:
        seen: set[Loc] = set()
        for instance in self.instances:
            if instance.loc in seen and not instance.filled:
                continue
            seen.add(instance.loc)
            for text in texts(instance.step):
                missing = [language for language in self.languages if language not in text and ANY not in text]
                if missing:
                    shown = in_language(text, FALLBACK)
                    raise Wrong(f"step '{instance.source}' has a text without '{missing[0]}'", instance.loc, shown)


def _at(error: Wrong) -> ValidationError:
    """Return ``error`` as pydantic's, so that the reader of the file finds its line."""
    kind = PydanticCustomError("protocol", "{message}", {"message": error.message})
    return ValidationError.from_exception_data(
        "Protocol", [InitErrorDetails(type=kind, loc=error.loc, input=error.value)]
    )


def texts(step: Leaf) -> Iterator[Mapping[str, str]]:
    """Yield every text by language of ``step``, those of the interviewer and the assistant, too."""
    if isinstance(
        step, Instruction | Consent | Calibrate | Image | Question | Interview | Review | Break | Note | Assign
    ):
        if step.text is not None:
            yield step.text
    elif isinstance(step, Form):
        for question in step.questions:
            yield question.text
            if isinstance(question, Rating):
                yield from question.labels or ()
            elif question.kind == "choice":
                yield from (option.text for option in question.options)


def letters(position: int) -> str:
    """Name the clips of a protocol as CAS(ME)3 does: 0 is a, 12 is m, 25 is z, 26 is aa."""
    for length in itertools.count(1):
        if position < 26**length:
            break
        position -= 26**length
    return "".join(chr(ord("a") + position // 26**power % 26) for power in reversed(range(length)))


def load_protocol(path: Path) -> Protocol:
    """Read and check a protocol file.

    Raises
    ------
    BadInput
        The file is missing or wrong; the message names the line.
    """
    return load_yaml(path, Protocol)
