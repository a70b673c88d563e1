"""The formats that a session can be exported to, by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import cast

from labcapture.core.errors import BadInput
from labcapture.export.draft import Exported, Progress
from labcapture.reading.session import Session

Export = Callable[[Session, Path, Mapping[str, str], Progress], Exported]
"""(session, folder that receives the result, options by name, progress) -> what was made."""

MODULES: Mapping[str, str] = {
    "casme3": "labcapture.export.casme3",
    "bids": "labcapture.export.bids",
    "video": "labcapture.export.video",
    "csv": "labcapture.export.csv_files",
    "xdf": "labcapture.export.xdf",
    "nwb": "labcapture.export.nwb",
}
"""Module of each format, by name; it has a function ``export`` of the type `Export`, and `OPTIONS`: name -> help."""


def exporter(format: str) -> Export:
    """Return what exports to ``format``; it refuses options that the format does not have.

    Raises
    ------
    BadInput
        There is no such format, or a library that it needs is not installed.
    """
    module = _module(format)

    def checked(session: Session, out: Path, options: Mapping[str, str], progress: Progress) -> Exported:
        check_names(format, options)
        return cast(Export, module.export)(session, out, options, progress)

    return checked


def check_names(format: str, options: Mapping[str, str]) -> None:
    """Refuse options that ``format`` does not have.

    Raises
    ------
    BadInput
        It has no such option; or as of `exporter`.
    """
    known = _module(format).OPTIONS
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            mend = f"Is it '{near[0]}'?" if near else f"It has: {', '.join(known) or 'none'}."
            raise BadInput(f"{format} has no such option", f"--set {name}", mend)


def options(format: str) -> Mapping[str, str]:
    """Return the options of ``format``: name -> help. Raises as `exporter`."""
    return cast(Mapping[str, str], _module(format).OPTIONS)


def summary(format: str) -> str:
    """Return the first line of what ``format`` says of itself. Raises as `exporter`."""
    return (_module(format).__doc__ or "").partition("\n")[0].rstrip(".")


def _module(format: str) -> ModuleType:
    if format not in MODULES:
        raise BadInput("is no format of export", f"--to {format}", f"There are: {', '.join(MODULES)}.")
    try:
        return import_module(MODULES[format])
    except ModuleNotFoundError as error:
        mend = "Run: pip install 'labcapture[analysis]'"
        raise BadInput(f"needs {error.name}, which is not installed", f"--to {format}", mend) from error
