"""Texts in several languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

ANY = ""
"""Key of a text that is meant for every language."""
FALLBACK = "en"


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
