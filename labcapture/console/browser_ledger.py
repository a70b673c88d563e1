"""When which session was verified on this machine. A session itself says nothing of it: nothing is added to one."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from labcapture.engine.connection import new_path


@dataclass(frozen=True)
class Verified:
    """A verification: when (ISO 8601, UTC), and how many problems it found."""

    utc: str
    problems: int


class VerifiedLedger:
    """Verifications by the fingerprint of the session's checksums: a session that changed counts as not verified.

    Parameters
    ----------
    file
        Where they are kept, a JSON object a line; by default beside the connection files of the engines.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or new_path().with_name("verified.jsonl")
        self._known: dict[str, Verified] = {}
        with suppress(OSError):
            for line in self._file.read_text("utf-8", "replace").splitlines():
                with suppress(ValueError, TypeError, KeyError):
                    entry = json.loads(line)
                    self._known[entry["fingerprint"]] = Verified(str(entry["utc"]), int(entry["problems"]))

    def get(self, fingerprint: str) -> Verified | None:
        """Return the newest verification of a session."""
        return self._known.get(fingerprint) if fingerprint else None

    def add(self, fingerprint: str, problems: int, utc: str | None = None) -> None:
        """Keep a verification. One that cannot be kept on disk is known until the program ends."""
        if not fingerprint:
            return
        made = Verified(utc or datetime.now(UTC).isoformat(), problems)
        self._known[fingerprint] = made
        line = json.dumps({"fingerprint": fingerprint, "utc": made.utc, "problems": problems}) + "\n"
        with suppress(OSError), self._file.open("a", encoding="utf-8") as file:
            file.write(line)
