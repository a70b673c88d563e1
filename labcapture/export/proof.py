"""Before pictures are handed on the session is proven whole: a damaged picture decodes to another one, in silence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from labcapture.core.errors import RecordingError
from labcapture.export.draft import Progress
from labcapture.export.tables import choice
from labcapture.reading.session import Session
from labcapture.recording.verify import verify

OPTION: Mapping[str, str] = {"verify": "yes (default): pictures of a damaged session are not exported; or no"}
"""Of every format that has pictures."""


def check_option(options: Mapping[str, str]) -> None:
    """Refuse another value of the option.

    Raises
    ------
    BadInput
        It has one.
    """
    choice(options, "verify", ("yes", "no"))


def prove(session: Session, options: Mapping[str, str], progress: Progress) -> None:
    """Verify a session, unless the options say no.

    Raises
    ------
    RecordingError
        It is not whole.
    """
    if options.get("verify", "yes") == "no":
        return
    path = Path(session.h5.filename) if session.is_packed else session.folder
    problems = verify(path, lambda _, done, total: progress("verify", done, total)).problems
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        mend = f"See: labcapture verify {path}. With --set verify=no it is exported as it is."
        raise RecordingError(f"is not whole: {problems[0]}{more}", str(path), mend)
