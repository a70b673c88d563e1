"""labcapture: elicit, record and safeguard RGB-D, voice and electrodermal sessions on one LSL clock.

Importing it teaches h5py to read the pictures of a session; `open` opens one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from labcapture.recording.codecs import register as _register

if TYPE_CHECKING:
    from labcapture.reading import Session

__version__ = "0.1.0"

_register()


def open(path: str | os.PathLike[str]) -> Session:
    """Open a session for reading: its folder, or the ``session.h5`` in it.

    Raises
    ------
    RecordingError
        It is no session, was not closed, is damaged, or of a newer version of the format.
    """
    from labcapture.reading import open_session  # noqa: PLC0415 - late: a recording process never reads sessions

    return open_session(path)
