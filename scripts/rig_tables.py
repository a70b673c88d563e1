"""Write the tables of docs/rig.md from the models of a rig file: ``python scripts/rig_tables.py``."""

from __future__ import annotations

import importlib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from labcapture.core.head import HeadTargets
from labcapture.devices.base import DeviceConfig
from labcapture.devices.rig import Rig, StageSettings, kinds

PAGE = Path(__file__).parents[1] / "docs" / "rig.md"
BEGIN = "<!-- tables: written by scripts/rig_tables.py from the models of a rig file -->"
END = "<!-- end of tables -->"


def tables() -> str:
    """Return the tables as Markdown."""
    parts = ["### The file", _table(Rig), "### `stage`", _table(StageSettings)]
    for path, model in _below(StageSettings, ""):
        parts += [f"#### stage: `{path}`", _table(model)]
    parts += ["### `head`", _table(HeadTargets)]
    for kind in kinds():
        config = importlib.import_module(f"labcapture.devices.{kind}").Config
        parts += [f"### `devices`: an entry of kind `{kind}`", _table(config)]
        for path, model in _below(config, ""):
            parts += [f"#### {kind}: `{path}`", _table(model)]
    return "\n\n".join(parts)


def _below(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield every model below ``model`` with the path of keys that leads to it."""
    for name, field in model.model_fields.items():
        nested = _model(field.annotation)
        if nested is not None:
            many = "[]" if "list" in _type(field.annotation) else ""
            yield f"{path}{name}{many}", nested
            yield from _below(nested, f"{path}{name}{many}.")


def _model(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any annotation
    """Return the model that stands in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model(part))), None)


def _table(model: type[BaseModel]) -> str:
    head = ("key", "value", "default", "meaning")
    rows = [(f"`{n}`", _type(f.annotation), _default(f), _meaning(n, f)) for n, f in model.model_fields.items()]
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _type(annotation: Any) -> str:  # noqa: ANN401, PLR0911 - any annotation; one return per sort
    """Return an annotation in the words of someone who writes YAML."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(parts[0])
    if origin is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(part) for part in parts if part is not type(None)))
    if origin is tuple:
        return f"list of {_type(parts[0])}" if Ellipsis in parts else f"list of {len(parts)} {_type(parts[0])}s"
    if origin is dict:
        return "name: number pairs"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "keys below"
    names = {bool: "`true` or `false`", int: "whole number", float: "number", str: "text", Path: "path"}
    return names[annotation]


def _meaning(name: str, field: FieldInfo) -> str:
    common = DeviceConfig.model_fields.get(name)  # a kind that narrows a common key need not describe it again
    return field.description or (common.description if common else None) or ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}):
        return ""
    if isinstance(value, BaseModel) or (isinstance(value, tuple) and isinstance(value[0], BaseModel)):
        return "as below"
    if isinstance(value, tuple):
        return f"`{list(value)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def page(text: str) -> str:
    """Return the page's ``text`` with its tables as of now."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
