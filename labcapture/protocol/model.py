"""A protocol file as typed steps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from labcapture.core.config import Model, load_yaml
from labcapture.protocol.rule import QualityRule

ANY = ""
"""Key of a text that is meant for every language."""
FALLBACK = "en"
READING_CHARACTERS_PER_S = 15.0  # a calm reader of Latin script; only used to estimate how long a run takes
READING_IDEOGRAMS_PER_S = 4.0
ANSWER_S = 4.0  # per question of a form, for the same purpose


def _by_language(value: Any) -> Any:  # noqa: ANN401 - raw YAML
    return {ANY: value} if isinstance(value, str) else value


_Language = Annotated[str, Field(pattern=r"^([a-z]{2}(-[A-Za-z]+)?)?$")]
Text = Annotated[
    dict[_Language, str],
    Field(min_length=1),
    BeforeValidator(_by_language, json_schema_input_type=str | dict[str, str]),
]
"""A text by language (``en``, ``zh``, ...); a plain string in the file is one text for all."""


def in_language(text: Mapping[str, str], language: str) -> str:
    """Return ``text`` in ``language``, else the text for all, else English, else what there is."""
    for key in (language, ANY, FALLBACK):
        if key in text:
            return text[key]
    return next(iter(text.values()))


class _Step(Model):
    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$", description="Unique in the protocol")
    title: str = Field(default="", max_length=80, description="What the experimenter reads in the list of steps")


class Instruction(_Step):
    """A text that the participant reads, and leaves with the space bar."""

    kind: Literal["instruction"]
    text: Text
    seconds: float | None = Field(default=None, gt=0, le=3600, description="Go on by itself after this time")


class Fixation(_Step):
    """A cross to look at."""

    kind: Literal["fixation"]
    seconds: float = Field(gt=0, le=600)


class Movie(_Step):
    """A clip of the stimuli manifest; a recorded trial unless ``record`` is false."""

    kind: Literal["movie"]
    clip: str = Field(description="id in the stimuli manifest")
    record: bool = True


class Question(Model):
    """One question of a form: a rating scale."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    text: Text
    scale: tuple[int, int] = Field(default=(1, 5), description="First and last point of the scale")
    labels: tuple[Text, Text] | None = Field(default=None, description="Words at the two ends")

    @model_validator(mode="after")
    def _usable(self) -> Question:
        first, last = self.scale
        if not 1 <= last - first <= 10:
            raise ValueError(f"a scale has 2 to 11 points, not {first} to {last}")
        return self


class Form(_Step):
    """Questions that the participant answers one after the other."""

    kind: Literal["form"]
    about: str | None = Field(
        default=None, description="id of the movie step that it reports on: its answers are the clip's self-report"
    )
    questions: tuple[Question, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> Form:
        _no_twins([question.id for question in self.questions], "questions")
        return self


Step = Annotated[Instruction | Fixation | Movie | Form, Field(discriminator="kind")]


class Protocol(Model):
    """All of a protocol file."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    title: str
    paradigm: Literal["neutralization", "mock_crime", "perception", "none"]
    rule: QualityRule = QualityRule()
    steps: tuple[Step, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> Protocol:
        _no_twins([step.id for step in self.steps], "steps")
        films = {step.id for step in self.steps if isinstance(step, Movie)}
        for step in self.steps:
            if isinstance(step, Form) and step.about is not None and step.about not in films:
                raise ValueError(f"form '{step.id}' is about '{step.about}', which is no movie step")
        return self

    @property
    def clips(self) -> tuple[str, ...]:
        """Ids of the clips that are shown, each once, in order."""
        return tuple(dict.fromkeys(step.clip for step in self.steps if isinstance(step, Movie)))

    def speaks(self, language: str) -> bool:
        """Tell whether every text of the protocol exists in ``language``."""
        return all(language in text or ANY in text for step in self.steps for text in texts(step))


def texts(step: Step) -> Iterator[Mapping[str, str]]:
    """Yield every text that the participant sees in ``step``."""
    if isinstance(step, Instruction):
        yield step.text
    elif isinstance(step, Form):
        for question in step.questions:
            yield question.text
            yield from question.labels or ()


def expected_seconds(step: Step, clip_seconds: Mapping[str, float]) -> float:
    """Estimate how long ``step`` takes (s), for "time left"; ``clip_seconds`` gives the length of each clip."""
    match step:
        case Movie():
            return clip_seconds.get(step.clip, 0.0)
        case Fixation():
            return step.seconds
        case Form():
            return ANSWER_S * len(step.questions)
        case Instruction():
            text = in_language(step.text, FALLBACK)
            ideograms = sum(1 for character in text if "\u3400" <= character <= "\u9fff")
            reading = ideograms / READING_IDEOGRAMS_PER_S + (len(text) - ideograms) / READING_CHARACTERS_PER_S
            return reading if step.seconds is None else min(reading, step.seconds)


def letters(position: int) -> str:
    """Name the clips of a protocol as CAS(ME)3 does: 0 is a, 12 is m, 25 is z, 26 is aa."""
    for length in itertools.count(1):
        if position < 26**length:
            break
        position -= 26**length
    return "".join(chr(ord("a") + position // 26**power % 26) for power in reversed(range(length)))


def _no_twins(ids: list[str], what: str) -> None:
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise ValueError(f"two {what} have the id {', '.join(twice)}; give each its own")


def load_protocol(path: Path) -> Protocol:
    """Read and check a protocol file.

    Raises
    ------
    BadInput
        The file is missing or wrong; the message names the line.
    """
    return load_yaml(path, Protocol)
