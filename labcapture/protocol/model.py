"""A protocol file as typed steps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from labcapture.core.config import Model, load_yaml
from labcapture.protocol.rule import QualityRule
from labcapture.protocol.steps import Fixation, Form, Instruction, Movie, Rating, no_twins
from labcapture.protocol.texts import ANY, FALLBACK, in_language

READING_CHARACTERS_PER_S = 15.0  # a calm reader of Latin script; only used to estimate how long a run takes
READING_IDEOGRAMS_PER_S = 4.0
ANSWER_S = 4.0  # per question of a form, for the same purpose

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
        no_twins([step.id for step in self.steps], "steps")
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
            if isinstance(question, Rating):
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


def load_protocol(path: Path) -> Protocol:
    """Read and check a protocol file.

    Raises
    ------
    BadInput
        The file is missing or wrong; the message names the line.
    """
    return load_yaml(path, Protocol)
