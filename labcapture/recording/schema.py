"""The session format as data: every path, dtype, shape, unit and version, in one registry.

The writer creates datasets from it, verification and the documentation are checked against it, and ``labcapture
schema`` prints it. It needs neither h5py nor any instrument's library.

A path is a pattern. ``<trial>`` stands for a trial's id, ``<frames>``, ``<audio>`` and ``<samples>`` for a stream of
that kind, ``<stream>`` for any stream, ``<clock>`` for a device clock, ``<key>`` for a name that the instrument chose,
``<any>`` for any path.
``path@name`` is an attribute. Times are LSL seconds unless the description says otherwise.
"""

from __future__ import annotations

import functools
import re

import numpy as np

from labcapture.core.chunks import StreamSpec
from labcapture.core.errors import RecordingError
from labcapture.recording.registry import FORMAT, REGISTRY, Entry, File, Kind
from labcapture.recording.tables import Column

__all__ = [
    "FORMAT",
    "REGISTRY",
    "Column",
    "Entry",
    "File",
    "Kind",
]

VERSION = 1
"""Raised whenever an older reader could misread a newer file."""

SESSION_FILE = "session.h5"
TRIALS_FOLDER = "trials"
JOURNAL_FOLDER = "journal"
SUMMARY_FILE = "summary.json"
CHECKSUMS_FILE = "checksums"
LOG_FILE = "log.jsonl"
HOLD_FILE = ".recording"
"""There while a session is written, locked by the process that does so; not part of the session."""

MISSING = -(2**63)
"""Stored where a frame came without a value for a key of its metadata."""

_ROOTS = {e.path.split("@")[0].split("/")[1] for e in REGISTRY if e.file == "session" and e.path.startswith("/")}
_RESERVED = {name for name in _ROOTS if name and not name.startswith("<")}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_TRIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_HOLDERS = {
    "<trial>": _TRIAL.pattern,
    "<frames>": _NAME.pattern,
    "<audio>": rf"(?!(?:{'|'.join(sorted(_RESERVED))}|eda)(?:/|@|$)){_NAME.pattern}",
    "<samples>": rf"(?:eda|lsl/{_NAME.pattern})",
    "<stream>": _NAME.pattern,
    "<clock>": rf"(?!wall(?:/|@|$)){_NAME.pattern}",
    "<key>": r"[^/@]+",
    "<any>": r"/[^@]*",
}


@functools.cache
def _compiled() -> tuple[tuple[Entry, re.Pattern[str]], ...]:
    """Return each entry with its expression, the free ones last."""
    pairs = []
    for entry in REGISTRY:
        parts = re.split(r"(<[a-z]+>)", entry.path)
        pairs.append((entry, re.compile("".join(_HOLDERS.get(p) or re.escape(p) for p in parts))))
    return tuple(sorted(pairs, key=lambda pair: ("<any>" in pair[0].path, "<key>" in pair[0].path)))


def find(file: File, path: str) -> Entry | None:
    """Return the entry that ``path`` (``/a/b`` or ``/a/b@attribute``) stands for, or None if it is not of the format.

    >>> find("trial", "/color/frame_number").dtype
    'int64'
    """
    for entry, pattern in _compiled():
        if entry.file == file and pattern.fullmatch(path):
            return entry
    return None


def entry(file: File, pattern: str) -> Entry:
    """Return the entry whose path is exactly ``pattern``."""
    for candidate in REGISTRY:
        if candidate.file == file and candidate.path == pattern:
            return candidate
    raise KeyError(f"{file}: {pattern}")


def signal_path(spec: StreamSpec) -> str:
    """Return where an audio or samples stream stands in session.h5: ``/voice``, ``/eda``, ``/lsl/<name>``."""
    return f"/{spec.name}" if spec.kind == "audio" or spec.name == "eda" else f"/lsl/{spec.name}"


def clock_name(spec: StreamSpec) -> str:
    """Return the name of the clock that stamps ``spec``; a stream without one has its own."""
    return spec.clock or spec.name


def trial_path(trial: str) -> str:
    """Return the path of a trial's file relative to the session's folder, as external links have it."""
    return f"{TRIALS_FOLDER}/{trial}.h5"


def journal_path(trial: str | None = None) -> str:
    """Return the path of the journal of a trial's file, or of session.h5, relative to the session's folder."""
    return f"{JOURNAL_FOLDER}/trials/{trial}.jsonl" if trial else f"{JOURNAL_FOLDER}/session.jsonl"


def check_trial(trial: str) -> None:
    """Refuse a trial id that cannot be a file name on every system.

    Raises
    ------
    RecordingError
        Letters, digits, ``_`` and ``-`` only, at most 64.
    """
    if not _TRIAL.fullmatch(trial):
        raise RecordingError("not a usable trial id", repr(trial), "Use letters, digits, _ and -.")


def check_stream(spec: StreamSpec) -> None:
    """Refuse a stream that has no place in the format.

    Raises
    ------
    RecordingError
        Its name or clock is reserved or unusable as a path, or its data cannot be stored.
    """
    if not _NAME.fullmatch(spec.name) or (spec.kind != "samples" and spec.name in _RESERVED | {"eda"}):
        raise RecordingError("not a usable stream name", repr(spec.name), "Use a-z, 0-9 and _, and no name of a table.")
    if spec.kind == "audio" and not spec.rate_hz > 0:
        raise RecordingError(f"sound cannot have a rate of {spec.rate_hz:g} Hz", spec.name)
    if spec.kind == "samples" and np.dtype(spec.dtype).kind not in "iuf":
        raise RecordingError(f"values of type {spec.dtype} have no place in a session", spec.name, "Send numbers.")
    if not _NAME.fullmatch(clock_name(spec)) or clock_name(spec) == "wall":
        raise RecordingError("not a usable clock name", f"{spec.name}: {spec.clock!r}", "Use a-z, 0-9 and _.")
