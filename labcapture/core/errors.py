"""Errors that a person can act on.

::

    LabcaptureError            what went wrong, where, how to mend it; one line
    ├── BadInput               a file, argument or identifier is wrong            exit 2
    ├── DeviceError            a device is missing, or failed                     exit 2
    ├── RecordingError         the session cannot be written or read              exit 2
    ├── StageError             the participant's screen cannot run                exit 2
    └── EngineError            the engine cannot be reached, or refused           exit 2
"""

from __future__ import annotations


def printable(text: str) -> str:
    """Return ``text`` on one line, fit for a terminal: a file's words must not move its cursor or forge its output."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))


class LabcaptureError(Exception):
    """An error with one clear line: what, where, how to mend it.

    Parameters
    ----------
    what
        What went wrong, without a final full stop.
    where
        The file and line, the device, or the argument.
    mend
        What the reader can do about it.
    """

    exit_code = 2

    def __init__(self, what: str, where: str = "", mend: str = "") -> None:
        super().__init__(what, where, mend)
        self.what = what
        self.where = where
        self.mend = mend

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        line = f"{line}. {self.mend}" if self.mend else line
        return printable(line)  # what a library said may have several lines, and what a file says anything


class BadInput(LabcaptureError):  # noqa: N818 - "BadInputError" says no more
    """A rig, protocol or manifest file, an argument or an identifier is wrong."""


class DeviceError(LabcaptureError):
    """A device is missing, cannot be opened, or failed while it ran."""


class RecordingError(LabcaptureError):
    """A session cannot be created, written or read."""


class StageError(LabcaptureError):
    """The participant's screen cannot be started, or failed while it ran."""


class EngineError(LabcaptureError):
    """The engine cannot be reached, or refuses a command in its present state."""
