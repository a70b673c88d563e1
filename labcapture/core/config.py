"""YAML files checked against a typed model; what is wrong is told with file, line and how to mend it."""

from __future__ import annotations

import difflib
import io
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from labcapture.core.errors import BadInput

MAX_BYTES = 1_000_000  # a rig or protocol is a page or two; anything larger is a mistake or an attack


class Model(BaseModel):
    """Base of everything read from a file or a socket: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


M = TypeVar("M", bound=BaseModel)


def load_yaml(path: Path, model: type[M]) -> M:
    """Read ``path`` and check it against ``model``.

    Raises
    ------
    BadInput
        The file is missing, is not YAML, or does not fit the model; the line says where and how to mend it.
    """
    return parse_yaml(read_text(path), model, str(path))


def read_text(path: Path) -> str:
    """Return the text of a small UTF-8 file.

    Raises
    ------
    BadInput
        The file is missing, unreadable, too large or not UTF-8.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"larger than {MAX_BYTES} bytes", str(path), "Is it the right file?")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput("no such file", str(path), "Check the path.") from None
    except UnicodeDecodeError as error:
        raise BadInput("not UTF-8 text", str(path), "Save it as UTF-8.") from error
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror})", str(path)) from error


def parse_yaml(text: str, model: type[M], name: str) -> M:
    """Check YAML ``text`` against ``model``; ``name`` stands for the file in errors.

    Raises
    ------
    BadInput
        As `load_yaml`.
    """
    try:
        tree = YAML(typ="rt").load(io.StringIO(text))  # "rt" builds plain containers only, and keeps line numbers
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise BadInput(f"not valid YAML: {error.problem}", f"{name}:{line}") from None
    except (YAMLError, RecursionError, ValueError) as error:
        raise BadInput(f"not valid YAML: {error}", name) from None
    if not isinstance(tree, CommentedMap):
        raise BadInput("holds no mapping of keys to values", name, "See docs/ for an example.")
    try:
        return model.model_validate(_plain(tree))
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(_what(first), f"{name}:{_line(tree, first['loc'])}", _mend(first, model)) from None


def _plain(node: Any) -> Any:  # noqa: ANN401 - YAML is any tree
    """Return the tree as dicts, lists and scalars."""
    if isinstance(node, CommentedMap):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value) for value in node]
    return node


def _line(tree: CommentedMap, loc: tuple[int | str, ...]) -> int:
    """Return the line (from 1) of the deepest part of ``loc`` that stands in the file.

    Other parts are pydantic's names of union members.
    """
    node: Any = tree
    line = 0
    for part in loc:
        if isinstance(node, CommentedMap) and part in node:
            line = node.lc.key(part)[0]
            node = node[part]
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            line = node.lc.item(part)[0]
            node = node[part]
    return int(line) + 1


def _what(error: ErrorDetails) -> str:
    key = ".".join(str(part) for part in error["loc"]) or "file"
    if error["type"] == "extra_forbidden":
        return f"unknown key '{key}'"
    if error["type"] == "missing":
        return f"key '{key}' is missing"
    message = error["msg"].removeprefix("Value error, ")
    shown = repr(error["input"])
    return f"'{key}': {message} (got {shown if len(shown) < 60 else shown[:57] + '...'})"


def _mend(error: ErrorDetails, model: type[BaseModel]) -> str:
    """Suggest the key that was probably meant."""
    if error["type"] != "extra_forbidden":
        return ""
    known = _keys(model.model_json_schema())
    near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1, cutoff=0.5)
    return f"Did you mean '{near[0]}'? (a unit is part of its key)" if near else "Remove it."


def _keys(schema: Any) -> set[str]:  # noqa: ANN401 - JSON schema is any tree
    found: set[str] = set()
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            found.update(properties)
        for value in schema.values():
            found |= _keys(value)
    elif isinstance(schema, list):
        for value in schema:
            found |= _keys(value)
    return found
