"""Write the tables of docs/protocols.md from the models of a protocol file: ``python scripts/protocol_tables.py``.

The JSON schema beside it is written by ``labcapture protocol schema > docs/protocol.schema.json``.
"""

from __future__ import annotations

import inspect
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from labcapture.protocol import steps as s
from labcapture.protocol.model import Ledger, Protocol
from labcapture.protocol.tree import Block, Item, Loop

PAGE = Path(__file__).parents[1] / "docs" / "protocols.md"
BEGIN = "<!-- tables: written by scripts/protocol_tables.py from labcapture/protocol -->"
END = "<!-- end of tables -->"
QUESTIONS = (s.Rating, s.Choice, s.Option, s.WrittenText, s.Number)
COMMON = ("id", "title", "when")
TEXT = s.Instruction.model_fields["text"].annotation


def tables() -> str:
    """Return the tables as Markdown."""
    parts = ["### The file", _table(Protocol, ()), "### `ledger`", _table(Ledger, ())]
    parts += ["### Every step", _table(s.Note, ("kind", "text"))]
    for model in (*get_args(s.Leaf), Block, Loop):
        kind = get_args(model.model_fields["kind"].annotation)[0]
        parts += [f"### `{kind}`", _says(model), _table(model, (*COMMON, "kind"))]
    parts += ["### Items of a loop", _says(Item), _table(Item, ())]
    parts.append("### Questions of a form")
    for model in QUESTIONS:
        kind = model.model_fields.get("kind")
        name = f"`kind: {get_args(kind.annotation)[0]}`" if kind else "An entry of `options`"
        parts += [f"#### {name}", _says(model), _table(model, ("kind",))]
    return "\n\n".join(part for part in parts if part)


def _says(model: type[BaseModel]) -> str:
    return (inspect.getdoc(model) or "").replace("``", "`")


def _table(model: type[BaseModel], without: tuple[str, ...]) -> str:
    head = ("key", "value", "default", "meaning")
    fields = {name: field for name, field in model.model_fields.items() if name not in without}
    if not fields:
        return ""
    rows = [(f"`{n}`", _type(f.annotation), _default(f), f.description or "") for n, f in fields.items()]
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("<", "\\<") for cell in line) + " |" for line in lines
    )


def _type(annotation: Any) -> str:  # noqa: ANN401, PLR0911 - any annotation; one return per sort
    """Return an annotation in the words of someone who writes YAML."""
    if annotation == TEXT:
        return "text, or one in each language"
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        if annotation == s.Placeholder:
            return 'a value of the loop, as in `"{name}"`'
        return "a question" if annotation == s.FormQuestion else _type(parts[0])
    if origin is Literal:
        return " or ".join(f"`{part or chr(34) * 2}`" for part in parts)
    if origin in (Union, types.UnionType):
        models = [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
        if len(models) > 2:
            return "steps"
        return " or ".join(dict.fromkeys(_type(part) for part in parts if part is not type(None)))
    if origin is tuple:
        return f"list: {_type(parts[0])}" if Ellipsis in parts else f"two: {_type(parts[0])}"
    if origin is dict:
        return "names with their values"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (
            "keys below"
            if annotation in (Ledger, s.Option)
            else "items"
            if annotation is Item
            else "see docs/quality.md"
        )
    return {bool: "`true` or `false`", int: "whole number", float: "number", str: "text"}[annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}, "") or isinstance(value, BaseModel):
        return ""
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def page(text: str) -> str:
    """Return the page's ``text`` with its tables as of now."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
