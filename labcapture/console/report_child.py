"""A process that verifies, recovers or reports on a session, so that the window never waits for it.

``python -m labcapture.console.report_child verify|recover|report|overview SESSION [FILE]`` prints a JSON object a line:
how far it is, ``{"what": ..., "done": ..., "total": ...}``, and at last ``{"result": ...}`` or ``{"error": ...}``.
``report`` reads from its standard input what verification said. No Qt here.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labcapture import reading
from labcapture.console.report_facts import report_facts
from labcapture.core.errors import LabcaptureError
from labcapture.reading.catalogue import row
from labcapture.reading.html import Verification
from labcapture.reading.html_file import free_name, verified, write_report
from labcapture.reading.overview import overview
from labcapture.recording.recover import recover

_EVERY_S = 0.1


def main(chore: str, session: str, file: str = "") -> int:
    """Do ``chore`` and return the exit code."""
    with suppress(OSError, AttributeError):  # Windows has no nice
        os.nice(10)  # the next session may be recorded meanwhile
    work: dict[str, Callable[[Path, str], Any]] = {
        "verify": _verify,
        "recover": _recover,
        "report": _report,
        "overview": _overview,
    }
    try:
        result = work[chore](Path(session), file)
    except LabcaptureError as error:
        _say({"error": str(error)})
        return error.exit_code
    _say({"result": result})
    return 0


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def _progress() -> Callable[[str, int, int], None]:
    said = 0.0

    def tell(what: str, done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said > _EVERY_S:
            said = time.monotonic()
            _say({"what": what, "done": done, "total": total})

    return tell


def _verify(session: Path, _: str) -> dict[str, Any]:
    fingerprint = row(session).fingerprint  # of what is verified now, not of what may be there afterwards
    return {**asdict(verified(session, _progress())), "fingerprint": fingerprint}


def _recover(session: Path, _: str) -> dict[str, Any]:
    found = recover(session, _progress())
    return {**asdict(found), "complete": found.is_complete}


def _overview(session: Path, _: str) -> dict[str, Any]:
    with reading.open(session) as opened:
        return report_facts(overview(opened))


def _report(session: Path, file: str) -> dict[str, Any]:
    given = json.loads(sys.stdin.read() or "null")
    if given is not None:
        given.pop("fingerprint", None)
    target = Path(file) if file else free_name(session)
    write_report(session, target, None if given is None else Verification(**given))
    return {"file": str(target)}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
