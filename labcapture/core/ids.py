"""Identifiers that become names of files and groups."""

from __future__ import annotations

import re

from labcapture.core.errors import BadInput

_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")


def check_id(value: str, what: str) -> str:
    """Return ``value`` if it may name a participant or a session.

    Raises
    ------
    BadInput
        It has anything but letters, digits and dashes (a path separator, a space, ...) or is longer than 32.
    """
    if not _PATTERN.fullmatch(value):
        raise BadInput(f"{value!r} is no {what} id", f"--{what}", "Use 1 to 32 letters, digits and dashes, as in P007.")
    return value
