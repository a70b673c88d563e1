"""Tables and small files that several exports write: CSV, JSON, the session's tables with their units."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labcapture.core.errors import BadInput
from labcapture.reading.session import Session
from labcapture.reading.streams import Table, read_table
from labcapture.recording import schema
from labcapture.recording.tables import Column

EVENT_TABLES: Mapping[str, str] = {
    "markers": "time",
    "self_report": "time",
    "answers": "time",
    "steps": "time",
    "responses": "question_start",
    "ledger": "time",
    "review_flags": "start",
    "assignments": "time",
    "notes": "time",
    "calibration/results": "time",
    "sync_test": "flash_marker",
    "stimulus_flips": "time",
}
"""Tables of what happened, by path, with the column that says when (LSL s)."""

OTHER_TABLES = (
    "preflight",
    "calibration/limits",
    "quality/counts",
    "quality/windows",
    "quality/verdicts",
    "clock/wall",
)
"""Tables of what was found about the session."""


def choice(options: Mapping[str, str], name: str, values: tuple[str, ...]) -> str:
    """Return the value of an option; the first of ``values`` if it is not given.

    Raises
    ------
    BadInput
        It has another value.
    """
    value = options.get(name, values[0])
    if value not in values:
        raise BadInput("is no value of this option", f"--set {name}={value}", f"Give one of: {', '.join(values)}.")
    return value


def session_name(session: Session) -> str:
    """Return what a session's folder is called when it is recorded, wherever it lies now."""
    started = datetime.fromisoformat(str(session.attributes["started_utc"]))
    return f"{session.participant}_{session.session}_{started:%Y%m%dT%H%M%SZ}"


def result_name(session: Session, format: str) -> str:
    """Return the name of the folder that receives an export."""
    return f"{session_name(session)}_{format}"


def tables_of(session: Session, *paths: str) -> Iterator[tuple[str, Table, tuple[Column, ...]]]:
    """Yield (name, rows, columns) of the tables at ``paths`` that the session has; ``/`` is ``_`` in a name."""
    for path in paths:
        if path in session.h5:
            rows = read_table(session.h5[path])
            yield path.replace("/", "_"), rows, columns_of(f"/{path}", rows)


def columns_of(path: str, rows: Table) -> tuple[Column, ...]:
    """Return what the format says of the columns of the table at ``path``; nothing of those that it does not know."""
    entry = schema.find("session", path)
    known = {column.name: column for column in (entry.columns if entry else ())}
    names = rows.dtype.names or ()
    return tuple(known.get(name, Column(name, rows.dtype[name].name, "", "")) for name in names)


def records(rows: Table) -> list[dict[str, Any]]:
    """Return the rows of a table by name of column."""
    return [dict(zip(rows.dtype.names or (), row, strict=True)) for row in rows.tolist()]


def write_csv(path: Path, columns: Mapping[str, ArrayLike]) -> None:
    """Write columns of one length as UTF-8, comma, one header line; NaN as an empty field."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        fields = [_fields(np.asarray(column)) for column in columns.values()]
        writer.writerows(zip(*fields, strict=True))


def _fields(column: NDArray[Any]) -> list[Any]:
    values = column.tolist()
    if column.dtype.kind == "f":
        values = ["" if value != value else value for value in values]  # noqa: PLR0124 - NaN is what differs from itself
    return ["" if value is None else value for value in values]


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object; what JSON has no number for is null."""
    path.write_text(
        json.dumps(_finite(value), indent=1, ensure_ascii=False, allow_nan=False, default=jsonable) + "\n", "utf-8"
    )


def jsonable(value: Any) -> Any:  # noqa: ANN401 - whatever an attribute is
    """Return arrays and numpy's numbers as lists and numbers."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)


def _finite(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _finite(value.tolist())
    return None if isinstance(value, float) and not np.isfinite(value) else value
