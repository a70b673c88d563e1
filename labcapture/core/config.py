"""YAML files checked against a typed model; what is wrong is told with file, line and how to mend it."""

from __future__ import annotations

import difflib
import io
import math
import unicodedata
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from labcapture.core.errors import BadInput
from labcapture.core.yaml_limits import check_structure

MAX_BYTES = 300_000  # a rig or protocol is a page or two; anything larger is a mistake or an attack
_OVERRIDES = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # they make a text read as another one
_LARGEST = 2**53  # whole numbers up to here are exact as floats, too; JSON and HDF5 hold them


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
        if not path.is_file() and path.exists():  # reading a pipe or a terminal would never end
            raise BadInput("is no file", str(path), "Check the path.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise BadInput(f"larger than {MAX_BYTES} bytes", str(path), "Is it the right file?")
        return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8").read()
    except FileNotFoundError:
        raise BadInput("no such file", str(path), "Check the path.") from None
    except UnicodeDecodeError as error:
        raise BadInput("not UTF-8 text", str(path), "Save it as UTF-8.") from error
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror})", str(path)) from error
    except ValueError as error:  # a path with a NUL in it
        raise BadInput(f"cannot be read ({error})", str(path)) from error


def parse_yaml(text: str, model: type[M], name: str) -> M:
    """Check YAML ``text`` against ``model``; ``name`` stands for the file in errors.

    Raises
    ------
    BadInput
        As `load_yaml`.
    """
    try:
        check_structure(text, name)
        tree = YAML(typ="rt").load(io.StringIO(text))  # "rt" builds plain containers only, and keeps line numbers
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise BadInput(f"not valid YAML: {error.problem}", f"{name}:{line}") from None
    except BadInput:
        raise
    except Exception as error:  # noqa: BLE001 - on odd input ruamel raises ValueError, KeyError, AttributeError and more
        raise BadInput(f"not valid YAML: {error}", name) from None
    if not isinstance(tree, CommentedMap):
        raise BadInput("holds no mapping of keys to values", name, "See docs/ for an example.")
    try:
        return model.model_validate(_plain(tree, name, 1))
    except ValidationError as error:
        first = error.errors()[0]
        line, keys = _place(tree, first["loc"])
        raise BadInput(_what(first, keys), f"{name}:{line}", _mend(first, model)) from None


def _plain(node: Any, name: str, line: int) -> Any:  # noqa: ANN401 - YAML is any tree
    """Return the tree as dicts, lists and scalars; ``line`` (from 1) is that of the nearest key or entry above.

    Raises
    ------
    BadInput
        A key is no text, a number is not finite or too large, or a text has characters that cannot be printed.
    """
    if isinstance(node, CommentedMap):
        plain = {}
        for key, value in node.items():
            here = node.lc.key(key)[0] + 1 if key in (node.lc.data or ()) else line  # merged keys have no line
            if not isinstance(key, str):
                raise BadInput("a key that is no text", f"{name}:{here}", "Write it in quotes, or remove it.")
            plain[_scalar(key, name, here)] = _plain(value, name, here)
        return plain
    if isinstance(node, CommentedSeq):
        return [_plain(value, name, line) for value in node]
    return _scalar(node, name, line)


def _scalar(value: Any, name: str, line: int) -> Any:  # noqa: ANN401 - any scalar of YAML
    """Return ``value`` if a session, a screen and JSON can hold it."""
    where = f"{name}:{line}"
    if isinstance(value, str) and (bad := next((c for c in value if not _is_printable(c)), None)):
        raise BadInput(f"the character U+{ord(bad):04X} cannot be printed", where, "Remove it.")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"{float(value)} is no number to work with", where, "Write a finite one.")
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise BadInput("a whole number of more than 15 digits", where, "Write a smaller one, or put it in quotes.")
    return value


def _is_printable(character: str) -> bool:
    """Return whether a character is fit for a screen: no control, no surrogate, no override of direction."""
    return character in "\n\t" or (unicodedata.category(character) not in {"Cc", "Cs"} and character not in _OVERRIDES)


def line_of(text: str, loc: tuple[int | str, ...]) -> int:
    """Return the line (from 1) of YAML ``text``, read before without an error, to which ``loc`` leads."""
    return _place(YAML(typ="rt").load(io.StringIO(text)), loc)[0]


def _place(tree: CommentedMap, loc: tuple[int | str, ...]) -> tuple[int, list[str]]:
    """Return the line (from 1) of the deepest part of ``loc`` that stands in the file, and the keys that lead there.

    Other parts are pydantic's names of union members; that of a ``kind`` is not taken for a key of the same name.
    """
    node: Any = tree
    line = 0
    keys: list[str] = []
    named = False  # whether the kind of this mapping has been passed
    for part in loc:
        if isinstance(node, CommentedMap) and part == node.get("kind") and not named:
            named = True
        elif isinstance(node, CommentedMap) and part in node:
            line = node.lc.key(part)[0] if part in (node.lc.data or ()) else line  # merged keys have no line
            node, named = node[part], False
            keys.append(str(part))
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            line = node.lc.item(part)[0]
            node, named = node[part], False
            keys.append(str(part))
    return int(line) + 1, keys


def _what(error: ErrorDetails, keys: list[str]) -> str:
    if error["type"] == "missing":
        return f"key '{'.'.join([*keys, str(error['loc'][-1])])}' is missing"
    key = ".".join(keys) or "file"
    if error["type"] == "extra_forbidden":
        return f"unknown key '{key}'"
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
