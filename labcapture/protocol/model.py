"""A protocol file as typed steps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from labcapture.core.config import Model, load_yaml
from labcapture.protocol.rule import QualityRule

Text = str | dict[str, str]
"""One text for all, or one per language (``en``, ``zh``, ...)."""


class _Step(Model):
    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$", description="Unique in the protocol")
    title: str = Field(default="", max_length=80, description="What the experimenter reads in the list of steps")


class Instruction(_Step):
    """A text that the participant reads, and leaves with the space bar."""

    kind: Literal["instruction"]
    text: Text
    seconds: float | None = Field(default=None, gt=0, description="Go on by itself after this time")


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
    """One question of a form: a rating scale or a choice."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    text: Text
    scale: tuple[int, int] = Field(default=(1, 5), description="First and last point of the scale")
    labels: tuple[Text, Text] | None = Field(default=None, description="Words at the two ends")


class Form(_Step):
    """Questions that the participant answers one after the other."""

    kind: Literal["form"]
    questions: tuple[Question, ...] = Field(min_length=1)


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
        ids = [step.id for step in self.steps]
        twice = {i for i in ids if ids.count(i) > 1}
        if twice:
            raise ValueError(f"two steps have the id {', '.join(sorted(twice))}; give each its own")
        return self


def load_protocol(path: Path) -> Protocol:
    """Read and check a protocol file.

    Raises
    ------
    BadInput
        The file is missing or wrong; the message names the line.
    """
    return load_yaml(path, Protocol)
