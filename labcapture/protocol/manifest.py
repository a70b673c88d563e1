"""The stimuli manifest: what each clip is, where its film lies, and what raters said of it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import Field, field_validator, model_validator

from labcapture.core.config import Model, load_yaml
from labcapture.core.errors import BadInput

NAME = "stimuli_manifest.yaml"
Emotion = Literal[
    "amusement", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "none"
]
"""What a clip is meant to elicit; ``none`` where its raters agreed on no word, or nobody has named one."""


class Rating(Model):
    """What raters said of a clip: the share that chose the word, and the mean intensity."""

    emotion: Emotion
    share: float = Field(ge=0, le=1)
    mean: float
    raters: int | None = Field(default=None, gt=0)
    scale: tuple[int, int] = Field(description="First and last point of the raters' scale")

    @model_validator(mode="after")
    def _within(self) -> Rating:
        if not self.scale[0] <= self.mean <= self.scale[1]:
            raise ValueError(f"a mean of {self.mean} lies outside the scale {self.scale[0]} to {self.scale[1]}")
        return self


class Clip(Model):
    """One clip, or one picture."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    kind: Literal["movie", "image"] = "movie"
    title: str = ""
    file: str = Field(description="Path of the film or picture below the stimuli folder, with forward slashes")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    duration_s: float = Field(default=0, ge=0, le=7200, description="Of a film; a picture has none")
    duration_is_placeholder: bool = Field(
        default=False, description="True while the length is invented and not that of a film"
    )
    layout: Literal["flat", "side_by_side"] = Field(
        default="flat",
        description="side_by_side: the left eye's view in the left half of each frame, the right eye's in the right",
    )
    emotion: Emotion = "none"
    ratings: tuple[Rating, ...] = Field(default=(), description="The clip's own emotion first")
    source: str = ""
    licence: str = ""

    @field_validator("file")
    @classmethod
    def _inside(cls, value: str) -> str:
        path = PurePosixPath(value)
        if not path.name or path.is_absolute() or ".." in path.parts or "\\" in value or ":" in value:
            raise ValueError("must be a path below the stimuli folder, with forward slashes")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Clip:
        if self.kind == "movie" and self.duration_s == 0:
            raise ValueError(f"film '{self.id}' has no duration_s; write its length in seconds")
        if self.kind == "movie" and "emotion" not in self.model_fields_set:
            raise ValueError(f"film '{self.id}' has no emotion; write 'none' where it is meant to elicit none")
        if self.kind == "image" and self.duration_s > 0:
            raise ValueError(f"'{self.id}' is a picture and has no duration_s; the protocol says how long it is shown")
        return self


class Manifest(Model):
    """All of a manifest file."""

    clips: tuple[Clip, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> Manifest:
        for what in ("id", "file"):
            values = [getattr(clip, what) for clip in self.clips]
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"two clips have the {what} {', '.join(twice)}; give each its own")
        return self

    def clip(self, clip_id: str) -> Clip:
        """Return the clip of that id.

        Raises
        ------
        BadInput
            There is none.
        """
        for clip in self.clips:
            if clip.id == clip_id:
                return clip
        near = difflib.get_close_matches(clip_id, [clip.id for clip in self.clips], n=1)
        mend = f"Did you mean '{near[0]}'?" if near else f"Add it to {NAME}."
        raise BadInput(f"clip '{clip_id}' is not in the stimuli manifest", "", mend)


def load_manifest(path: Path) -> Manifest:
    """Read and check a manifest file.

    Raises
    ------
    BadInput
        The file is missing or wrong; the message names the line.
    """
    return load_yaml(path, Manifest)


def find_manifest(folder: Path | None) -> Path:
    """Return the manifest that belongs to a stimuli ``folder``: in it, beside it, or in the working directory.

    Raises
    ------
    BadInput
        There is none in these places.
    """
    places = [folder, folder.absolute().parent] if folder else []
    places.append(Path.cwd())
    for place in places:
        if (place / NAME).is_file():
            return place / NAME
    looked = ", ".join(str(place) for place in places)
    raise BadInput(f"no {NAME} found", looked, "Name the folder of the films with --stimuli.")


def find_films(manifest: Manifest, folder: Path, clip_ids: Iterable[str]) -> dict[str, Path]:
    """Return the film of each clip, all of them there.

    Raises
    ------
    BadInput
        A clip is not in the manifest, or its film not in ``folder``.
    """
    films = {clip_id: folder / manifest.clip(clip_id).file for clip_id in clip_ids}
    missing = [f"{clip_id} ({film.name})" for clip_id, film in films.items() if not film.is_file()]
    if missing:
        raise BadInput(
            f"no film for {len(missing)} of {len(films)} clips: {', '.join(missing)}",
            str(folder),
            "Put the films there, or run `labcapture stimuli placeholders` for films to rehearse with.",
        )
    return films
