"""Write the tables of docs/format.md from the schema: ``python scripts/format_tables.py``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labcapture.recording.schema import REGISTRY, Entry, File

PAGE = Path(__file__).parents[1] / "docs" / "format.md"
BEGIN = "<!-- tables: written by scripts/format_tables.py from labcapture/recording/schema.py -->"
END = "<!-- end of tables -->"


def tables() -> str:
    """Return the tables as Markdown."""
    parts = ["### session.h5", _paths("session"), "### trials/\\<trial>.h5", _paths("trial")]
    parts.append("### Columns of the tables")
    shown: set[tuple[str, ...]] = set()
    for entry in REGISTRY:
        names = tuple(column.name for column in entry.columns)
        if not names or names in shown:
            continue
        shown.add(names)
        same = [e.path for e in REGISTRY if tuple(c.name for c in e.columns) == names]
        parts.append(", ".join(f"`{path}`" for path in dict.fromkeys(same)))
        rows = [(f"`{c.name}`", c.dtype, c.units, c.description) for c in entry.columns]
        parts.append(_markdown(("column", "type", "unit", "meaning"), rows))
    return "\n\n".join(parts)


def _paths(file: File) -> str:
    rows = [(f"`{e.path}`", _type(e), e.units, _meaning(e)) for e in REGISTRY if e.file == file]
    return _markdown(("path", "type", "unit", "meaning"), rows)


def _type(entry: Entry) -> str:
    words = [entry.kind if entry.kind in {"group", "link", "table"} else "", entry.dtype, entry.shape]
    return " ".join(word for word in words if word)


def _meaning(entry: Entry) -> str:
    notes = ["optional"] * entry.optional + [f"since version {entry.since}"] * (entry.since > 1)
    return entry.description + (f" ({', '.join(notes)})" if notes else "")


def _markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def page(text: str) -> str:
    """Return the page's ``text`` with its tables as of now."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
