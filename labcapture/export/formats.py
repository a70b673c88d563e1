"""The formats that a session can be exported to, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import cast

from labcapture.core.errors import BadInput
from labcapture.export.draft import Exported, Progress
from labcapture.reading.session import Session

Export = Callable[[Session, Path, Mapping[str, str], Progress], Exported]
"""(session, folder that receives the result, options by name, progress) -> what was made."""

MODULES: Mapping[str, str] = {}
"""Module of each format, by name; it has a function ``export`` of the type `Export`, and `OPTIONS`: name -> help."""


def exporter(format: str) -> Export:
    """Return what exports to ``format``.

    Raises
    ------
    BadInput
        There is no such format, or a library that it needs is not installed.
    """
    if format not in MODULES:
        raise BadInput("is no format of export", f"--to {format}", f"There are: {', '.join(MODULES)}.")
    try:
        return cast(Export, import_module(MODULES[format]).export)
    except ModuleNotFoundError as error:
        mend = "Run: pip install 'labcapture[analysis]'"
        raise BadInput(f"needs {error.name}, which is not installed", f"--to {format}", mend) from error
