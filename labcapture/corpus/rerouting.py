"""A corpus held against another quality rule: which session would belong to which part. No session is touched.

The answer is a table beside the corpus, and if wanted a folder of links per part.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from labcapture.core.errors import BadInput
from labcapture.protocol.rule import QualityRule
from labcapture.reading import open_session
from labcapture.reading.reevaluate import reevaluate

FIELDS = (
    *("folder", "participant", "session", "simulated", "part", "verdict", "reason"),
    *(
        "had_part",
        "had_verdict",
        "had_reason",
        "annotatable",
        "had_annotatable",
        "trials",
        "fingerprint",
        "rule_sha256",
    ),
)


def reroute(folder: Path, rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``rule`` says of the session in ``folder``: a row with `FIELDS`, but for its ``folder``.

    Raises
    ------
    RecordingError
        It cannot be read.
    """
    with open_session(folder) as session:
        facts = reevaluate(session, QualityRule.model_validate(rule))
        counts = [trial for trial in facts["trials"] if not _is_superseded(session.trials, trial["id"])]
        return {
            **{name: getattr(session, name) for name in ("participant", "session", "simulated", "fingerprint")},
            **{name: facts[name] for name in FIELDS if name in facts and name != "trials"},
            "annotatable": sum(bool(trial["annotatable"]) for trial in counts),
            "had_annotatable": sum(bool(trial["was_annotatable"]) for trial in counts),
            "trials": len(counts),
            "rule_sha256": rule_digest(rule),
        }


def _is_superseded(trials: Mapping[str, Any], name: str) -> bool:
    return name in trials and trials[name].superseded


def rule_digest(rule: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a rule as JSON."""
    return hashlib.sha256(json.dumps(rule, sort_keys=True).encode()).hexdigest()


def read_routing(file: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of a routing by ``folder``; none if there is no such file.

    Raises
    ------
    BadInput
        It is something else.
    """
    if not file.exists():
        return {}
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            if tuple(reader.fieldnames or ()) != FIELDS:
                raise BadInput("is something else; nothing was changed", str(file), "Name another file by --out.")
            return {row["folder"]: dict(row) for row in reader}
    except (OSError, ValueError, csv.Error) as error:
        raise BadInput(f"cannot be read ({error})", str(file), "Name another file by --out.") from error


def write_routing(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Replace the routing in ``file`` by ``rows``.

    Raises
    ------
    BadInput
        It cannot be written.
    """
    draft = file.with_name(f"{file.name}.{os.getpid()}.draft")
    try:
        with draft.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, FIELDS)
            writer.writeheader()
            writer.writerows(sorted(rows, key=lambda row: str(row["folder"])))
        draft.replace(file)
    except OSError as error:
        raise BadInput(f"cannot be written ({error.strerror})", str(file), "Name another file by --out.") from error


def link(root: Path, target: Path, rows: Sequence[Mapping[str, Any]]) -> int:
    """Make ``target/<part>/<session>``, a link to each session; return how many are new.

    A link that leads to another part's folder from an earlier routing is taken away. Nothing but links is touched.

    Raises
    ------
    BadInput
        A link cannot be made.
    """
    made = 0
    for row in rows:
        session, name = root / row["folder"], str(row["folder"]).replace("/", "__")
        place = target / str(row["part"]) / name
        try:
            for old in target.glob(f"*/{name}"):
                if old.is_symlink() and old != place:
                    old.unlink()
            if not place.is_symlink():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(session.resolve(), target_is_directory=True)
                made += 1
        except OSError as error:
            mend = (
                "Windows allows links to administrators and developers." if os.name == "nt" else "Name another folder."
            )
            raise BadInput(f"a link cannot be made ({error.strerror})", str(place), mend) from error
    return made
