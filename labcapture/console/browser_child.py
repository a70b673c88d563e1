"""A process that looks through a folder for sessions, or exports one, so that the window never waits for it.

``python -m labcapture.console.browser_child scan ROOT`` prints a JSON object a line: ``{"rows": [[...], ...]}`` with
the fields of `SessionRow` in order, first what the corpus' index has, then what it lacks or has otherwise; ``{"gone":
[...]}`` with folders that the index still has; at last ``{"result": ...}`` or ``{"error": ...}``.
``... export SESSION FORMAT DIR`` prints ``{"what": ..., "done": ..., "total": ...}`` and the same end. No Qt here.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, astuple, fields
from pathlib import Path
from typing import Any

from labcapture.core.errors import LabcaptureError
from labcapture.reading import open_session
from labcapture.reading.catalogue import SessionRow, folders, row, stamp

_BATCH = 100
_PIECE = 400  # rows a line: each line is one turn of the window's event loop, some 10 ms
_EVERY_S = 0.2
_INDEX = "labcapture-index.parquet"
_OTHERWISE = {"nbytes": "bytes", "length_s": "session_length_s"}  # fields that the index calls otherwise


def main(chore: str, *given: str) -> int:
    """Do ``chore`` and return the exit code."""
    with suppress(OSError, AttributeError):  # Windows has no nice
        os.nice(10)  # a session may be recorded meanwhile
    try:
        result = _scan(Path(given[0])) if chore == "scan" else _export(Path(given[0]), given[1], Path(given[2]))
    except (LabcaptureError, OSError) as error:
        _say({"error": str(error)})
        return 2
    _say({"result": result})
    return 0


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def _scan(root: Path) -> dict[str, Any]:
    known = dict(_indexed(root))
    _tell([told for _, told in known.values()])
    changed: list[SessionRow] = []
    last = time.monotonic()
    found = set()
    for folder in folders(root):
        name = str(folder)
        found.add(name)
        if name not in known or known[name][0] != stamp(folder):
            changed.append(row(folder))
        if len(changed) >= _BATCH or (changed and time.monotonic() - last > _EVERY_S):
            _tell(changed)
            changed, last = [], time.monotonic()
    _tell(changed)
    _say({"gone": sorted(known.keys() - found)})
    return {"sessions": len(found)}


def _tell(rows: Sequence[SessionRow]) -> None:
    for first in range(0, len(rows), _PIECE):
        _say({"rows": [[str(told.folder), *astuple(told)[1:]] for told in rows[first : first + _PIECE]]})


def _indexed(root: Path) -> Iterator[tuple[str, tuple[str, SessionRow]]]:
    """Yield (folder, (stamp, row)) of what the index of the corpus has; nothing where none can be read."""
    names = [field.name for field in fields(SessionRow)]
    columns = [_OTHERWISE.get(name, name) for name in names]
    if not (root / _INDEX).is_file():
        return
    try:
        import pyarrow.parquet as pq  # noqa: PLC0415 - not part of a rig's install

        table = pq.read_table(root / _INDEX, columns=[*columns, "stamp"]).to_pydict()
    except (ImportError, OSError, ValueError, KeyError):  # pyarrow's own errors are among them
        return
    seen = set()
    for stamped, *values in zip(table["stamp"], *(table[column] for column in columns), strict=True):
        if values[0] not in seen:
            seen.add(values[0])
            facts = {name: value for name, value in zip(names, values, strict=True) if value is not None}
            folder = root / facts.pop("folder")
            yield str(folder), (stamped, SessionRow(folder, **facts))


def _export(session: Path, format: str, out: Path) -> dict[str, Any]:
    from labcapture.export.formats import exporter  # noqa: PLC0415 - only for this

    said = 0.0

    def tell(what: str, done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said > _EVERY_S:
            said = time.monotonic()
            _say({"what": what, "done": done, "total": total})

    with open_session(session) as opened:
        return asdict(exporter(format)(opened, out, {}, tell))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
