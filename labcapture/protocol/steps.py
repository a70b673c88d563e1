"""The kinds of step that a protocol is made of, as typed data.

Every step is shown on the participant's screen, if only as a grey one; ``leave`` and the like say who ends it. A step
that is recorded is a trial of its own: its pictures are kept. Voice, signals and markers are kept all the time.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from labcapture.core.config import Model
from labcapture.protocol.texts import Text

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Placeholder = Annotated[str, Field(pattern=r"^\{[a-z][a-z0-9_]{0,63}\}$")]
"""Stands for a value of the loop around the step: ``"{expected}"``."""
Seconds = Annotated[float, Field(gt=0, le=7200)]
Leave = Literal["participant", "experimenter"]


class _Step(Model):
    id: Name = Field(description="Unique in the protocol")
    title: str = Field(default="", max_length=80, description="What the experimenter reads in the list of steps")
    when: str = Field(default="", max_length=500, description="Only run if this holds: outcome == 'taken'")


class Instruction(_Step):
    """A text that the participant reads, and leaves with the space bar."""

    kind: Literal["instruction"]
    text: Text
    leave: Leave = Field(default="participant", description="Who goes on")
    seconds: Seconds | None = Field(default=None, description="Go on by itself after this time")


class Consent(_Step):
    """What the participant agrees to. The session goes no further until the experimenter confirms the consent."""

    kind: Literal["consent"]
    text: Text


class Calibrate(_Step):
    """The head is brought to its place; ends when the position is good, or when the experimenter passes it."""

    kind: Literal["calibrate"]
    text: Text | None = Field(default=None, description="What the participant reads meanwhile")


class Fixation(_Step):
    """A cross to look at."""

    kind: Literal["fixation"]
    seconds: Seconds


class Baseline(_Step):
    """Rest, with or without a cross, for the signals' resting level."""

    kind: Literal["baseline"]
    seconds: Seconds
    cross: bool = Field(default=True, description="Whether a cross is shown")
    record: bool = Field(default=False, description="Whether its pictures are kept")


class Movie(_Step):
    """A clip of the stimuli manifest; a recorded trial unless ``record`` is false."""

    kind: Literal["movie"]
    clip: str = Field(description="id in the stimuli manifest")
    start: Literal["at once", "participant"] = Field(
        default="at once", description="participant: the space bar starts the clip"
    )
    record: bool = Field(default=True, description="Whether its pictures are kept: false for practice")


class Image(_Step):
    """A picture of the stimuli manifest, for some time or until somebody goes on."""

    kind: Literal["image"]
    image: str = Field(description="id in the stimuli manifest")
    text: Text | None = None
    leave: Leave = Field(default="experimenter", description="Who goes on")
    seconds: Seconds | None = Field(default=None, description="Go on by itself after this time")
    record: bool = Field(default=False, description="Whether its pictures are kept")


class Question(_Step):
    """A question that the interviewer speaks; the experimenter's keys mark its start, its end and the answer."""

    kind: Literal["question"]
    text: Text = Field(description="What the interviewer says; the participant does not see it")
    image: str | None = Field(default=None, description="Picture of the manifest that is on meanwhile")
    group: str = Field(default="", max_length=64, description="What it belongs to, for the table of responses")
    item: str = Field(default="", max_length=64, description="What is asked about, in one word")
    role: Literal["opening", "item", "probe", "target", "attention", "buffer", "free"] | Placeholder = "item"
    expected: Literal["yes", "no", ""] | Placeholder = Field(
        default="", description="Answer that the participant was told to give"
    )
    answers: tuple[str, ...] = Field(
        default=("yes", "no", "other"), description="Keys of the experimenter; empty: a written or a spoken answer"
    )
    isi: tuple[Seconds, Seconds] | None = Field(
        default=None, description="Paced: the next step begins so many seconds (drawn in between) after this one began"
    )
    record: bool = Field(default=False, description="Whether its pictures are kept")

    @model_validator(mode="after")
    def _usable(self) -> Question:
        if self.isi is not None and self.isi[1] < self.isi[0]:
            raise ValueError(f"isi: from {self.isi[0]:g} to {self.isi[1]:g} s runs backwards")
        return self


class Interview(_Step):
    """Free talk, ended by the experimenter."""

    kind: Literal["interview"]
    text: Text = Field(description="What the interviewer says or asks")
    image: str | None = Field(default=None, description="Picture of the manifest that is on meanwhile")
    writes: Literal["", "text", "number"] = Field(default="", description="What the experimenter writes down")
    unit: str = Field(default="", max_length=16, description="Of a number")
    seconds: Seconds | None = Field(default=None, description="Expected length, for the time left")
    record: bool = Field(default=False, description="Whether its pictures are kept")


class Rating(Model):
    """A question of a form: a point of a scale."""

    kind: Literal["rating"] = "rating"
    id: Name
    text: Text
    scale: tuple[int, int] = Field(default=(1, 5), description="First and last point of the scale")
    labels: tuple[Text, Text] | None = Field(default=None, description="Words at the two ends")

    @model_validator(mode="after")
    def _usable(self) -> Rating:
        first, last = self.scale
        if not 1 <= last - first <= 10:
            raise ValueError(f"a scale has 2 to 11 points, not {first} to {last}")
        return self


class Option(Model):
    """One of the options of a choice."""

    id: Name
    text: Text


class Choice(Model):
    """A question of a form: one of some options, or several of them."""

    kind: Literal["choice"]
    id: Name
    text: Text
    options: tuple[Option, ...] = Field(min_length=2, max_length=12)
    several: bool = Field(default=False, description="Whether more than one may be chosen")


class WrittenText(Model):
    """A question of a form: words."""

    kind: Literal["text"]
    id: Name
    text: Text
    required: bool = Field(default=False, description="Whether it may not be left empty")


class Number(Model):
    """A question of a form: a number."""

    kind: Literal["number"]
    id: Name
    text: Text
    least: float = 0
    most: float = 1_000_000
    unit: str = Field(default="", max_length=16)


def _question_kind(value: Any) -> Any:  # noqa: ANN401 - raw YAML, or a question
    if isinstance(value, dict):
        return value.get("kind", "rating")
    return getattr(value, "kind", None)


FormQuestion = Annotated[
    Annotated[Rating, Tag("rating")]
    | Annotated[Choice, Tag("choice")]
    | Annotated[WrittenText, Tag("text")]
    | Annotated[Number, Tag("number")],
    Discriminator(_question_kind),
]
"""A question without a ``kind`` is a rating."""


class Form(_Step):
    """Questions that the participant answers one after the other, or ratings side by side in a grid."""

    kind: Literal["form"]
    about: Name | None = Field(
        default=None, description="id of the movie step that it reports on: its answers are the clip's self-report"
    )
    layout: Literal["pages", "grid"] = Field(default="pages", description="grid: all ratings on one screen")
    questions: tuple[FormQuestion, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _usable(self) -> Form:
        no_twins([question.id for question in self.questions], "questions")
        if self.layout == "grid":
            scales = {question.scale for question in self.questions if isinstance(question, Rating)}
            if len(scales) != 1 or not all(isinstance(question, Rating) for question in self.questions):
                raise ValueError("a grid holds ratings on one and the same scale")
        return self


class Review(_Step):
    """The participant watches the own face as just recorded, and flags movements that meant nothing."""

    kind: Literal["review"]
    about: Name = Field(description="id of the recorded movie step")
    text: Text | None = Field(default=None, description="What the participant reads before")
    speed: float = Field(default=1.0, ge=0.1, le=4, description="2 is twice as fast as life")


class Break(_Step):
    """A pause, for some time or until the experimenter goes on."""

    kind: Literal["break"]
    text: Text | None = None
    seconds: Seconds | None = Field(default=None, description="Its length; without, the experimenter goes on")


class Note(_Step):
    """Reminds the experimenter of something, who goes on with or without writing a note."""

    kind: Literal["note"]
    text: Text


class Assign(_Step):
    """Gives a variable its value: drawn evenly over the lab's sessions, at random, or entered by a person."""

    kind: Literal["assign"]
    variable: Name
    values: tuple[str, ...] = Field(min_length=2, max_length=24)
    how: Literal["balanced", "random", "entered"] = Field(
        default="balanced", description="Least used so far; drawn; or entered by a person"
    )
    within: tuple[Name, ...] = Field(default=(), description="Balanced separately for each value of these variables")
    by: Literal["experimenter", "assistant"] = Field(default="experimenter", description="Who enters it")
    hidden_until: Name | None = Field(default=None, description="id of the step before which no screen shows the value")
    text: Text | None = Field(default=None, description="What the person who enters it reads")


class SyncTest(_Step):
    """Flashes with tones, to measure picture and sound against their markers."""

    kind: Literal["sync_test"]
    pairs: int = Field(default=20, ge=1, le=500, description="Flashes with a tone each")
    every_s: tuple[Seconds, Seconds] = Field(
        default=(1.3, 1.9), description="From one pair to the next, drawn in between (s)"
    )
    flash_s: Seconds = Field(default=0.2, description="Length of a flash and of its tone (s)")
    record: bool = True

    @model_validator(mode="after")
    def _usable(self) -> SyncTest:
        if not self.flash_s < self.every_s[0] <= self.every_s[1]:
            raise ValueError("flash_s is shorter than every_s, and every_s runs from the shorter to the longer")
        return self


Leaf = (
    Instruction
    | Consent
    | Calibrate
    | Fixation
    | Baseline
    | Movie
    | Image
    | Question
    | Interview
    | Form
    | Review
    | Break
    | Note
    | Assign
    | SyncTest
)
"""A step that is run as it stands; blocks and loops are made of them."""


def no_twins(ids: list[str], what: str) -> None:
    """Check that all ``ids`` differ.

    Raises
    ------
    ValueError
        Two are the same.
    """
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise ValueError(f"two {what} have the id {', '.join(twice)}; give each its own")
