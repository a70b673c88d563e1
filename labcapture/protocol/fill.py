"""Texts with ``{names}`` in them: only a name in braces is replaced, ``{{`` and ``}}`` stand for braces."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from labcapture.protocol.texts import ANY, FALLBACK, in_language

Value = str | float | int | bool
"""What a variable holds."""
Words = Mapping[str, str]
"""A text by language."""

MAX_TEXT = 100_000  # characters; a screen holds some thousands
UNKNOWN = "–"
"""What is shown for a variable that has no value yet."""
_PART = re.compile(r"\{\{|\}\}|\{([a-z][a-z0-9_]*)\}")
_LANGUAGE = re.compile(r"([a-z]{2}(-[A-Za-z]+)?)?")


def fill(text: str, variables: Mapping[str, Value]) -> str:
    """Return ``text`` with its variables in place, as it is shown or said."""

    def word(match: re.Match[str]) -> str:
        name = match.group(1)
        return match.group()[0] if name is None else written(variables.get(name, UNKNOWN))

    return _replace(text, word)[:MAX_TEXT]


def written(value: Value) -> str:
    """Return ``value`` as a person writes it: ``85``, not ``85.0``."""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def names(text: str) -> set[str]:
    """Return the names in braces of ``text``."""
    return {match.group(1) for match in _PART.finditer(text) if match.group(1)}


def stray_brace(text: str) -> bool:
    """Tell whether ``text`` has a brace that is neither doubled nor part of a name in braces."""
    rest = _PART.sub("", text)
    return "{" in rest or "}" in rest


def substitute(data: Any, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any part of a dumped step
    """Return ``data`` with the names of ``values`` replaced in all of its strings; other names stay for later.

    A value that is a text by language gives each language its own word.

    Raises
    ------
    ValueError
        A text has grown beyond all measure.
    """
    if isinstance(data, str):
        return _put(data, values, FALLBACK)
    if isinstance(data, dict):
        if _is_text(data):
            return _by_language(data, values)
        return {key: substitute(value, values) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [substitute(value, values) for value in data]
    return data


def _is_text(data: Mapping[Any, Any]) -> bool:
    return bool(data) and all(isinstance(v, str) and _LANGUAGE.fullmatch(str(k)) for k, v in data.items())


def _by_language(text: Words, values: Mapping[str, Any]) -> dict[str, str]:
    used = [values[n] for t in text.values() for n in names(t) if isinstance(values.get(n), Mapping)]
    languages = list(text)
    if languages == [ANY] and used:  # one text for all languages, with a word in each of some
        shared = [language for language in used[0] if all(language in word or ANY in word for word in used)]
        languages = shared or languages
    return {language: _put(in_language(text, language), values, language) for language in languages}


def _put(text: str, values: Mapping[str, Any], language: str) -> str:
    if "{" not in text:
        return text

    def word(match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None or name not in values or isinstance(values[name], list | tuple):
            return match.group()
        value = values[name]
        return in_language(value, language) if isinstance(value, Mapping) else written(value)

    out = _replace(text, word)
    if len(out) > MAX_TEXT:
        raise ValueError(f"a text grows beyond {MAX_TEXT} characters")
    return out


def _replace(text: str, word: Any) -> str:  # noqa: ANN401 - a function of a match
    """Replace each part of ``text``, and stop soon after it has grown too long."""
    out: list[str] = []
    length = last = 0
    for match in _PART.finditer(text):
        out += (text[last : match.start()], word(match))
        last = match.end()
        length += len(out[-1]) + len(out[-2])
        if length > MAX_TEXT:
            break
    else:
        out.append(text[last:])
    return "".join(out)
