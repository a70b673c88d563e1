"""What the preflight page says, without Qt."""

from __future__ import annotations

from typing import Literal

from labcapture.engine.check_messages import CheckView
from labcapture.engine.preflight_rows import Row

Tone = Literal["busy", "ok", "fail"]
COLUMNS = ("", "of", "what", "reading", "limit", "how to mend it")
ORDER = {"fail": 0, "warn": 1, "ok": 2}
_MARKS = {"fail": "✖", "warn": "▲", "ok": "●"}


def verdict(view: CheckView | None) -> tuple[str, Tone, str]:
    """Return the large word, its tone, and a sentence; None: the engine has not answered yet."""
    if view is None:
        return "LOOKING", "busy", "asking the engine"
    if view.doing:
        return "LOOKING", "busy", view.doing
    if view.error:
        return "NO LOOK", "fail", view.error
    warnings = sum(row.verdict == "warn" for row in view.rows)
    rest = f"{warnings} to keep in mind" if warnings else "nothing to keep in mind"
    kind = "  ·  simulated instruments" if view.simulated else ""
    if view.failed:
        hinder = "1 row hinders" if len(view.failed) == 1 else f"{len(view.failed)} rows hinder"
        return "NO-GO", "fail", f"{hinder} a session, {rest}, {len(view.rows)} in all{kind}"
    return "GO", "ok", f"{len(view.rows)} rows, {rest}{kind}"


def cells(row: Row) -> tuple[str, ...]:
    """Return the row as the table has it."""
    return (_MARKS[row.verdict], row.group, row.name, row.reading, row.limit, row.mend)


def details(row: Row) -> str:
    """Return all of the row."""
    limit = f" (limit: {row.limit})" if row.limit else ""
    return f"{row.group}, {row.name}: {row.reading}{limit}. {row.mend}".strip()
