"""Before other programs: a lab's machine runs more than us, and what is late by a moment is lost for good."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import psutil

ENGINE = -10
"""Nice value wanted for what records: it comes first."""
STAGE = -5
"""For the participant's screen: before everyone else."""


def take_precedence(wanted: int) -> None:
    """Ask the system to let this process run before others, with the nice value ``wanted``, `ENGINE` or `STAGE`.

    Where the user has no right to it everything stays as it is. Linux grants it by a line such as ``@lab - nice -10``
    in /etc/security/limits.conf; Windows needs no right.
    """
    process = psutil.Process()
    with suppress(psutil.AccessDenied, OSError):
        if sys.platform == "win32":
            process.nice(psutil.HIGH_PRIORITY_CLASS if wanted == ENGINE else psutil.ABOVE_NORMAL_PRIORITY_CLASS)
        else:
            nice = max(wanted, _least())
            if nice >= 0:
                return
            if process.nice() != nice:
                os.setpriority(os.PRIO_PROCESS, 0, nice)
            # Linux may share out the cores by session first, and by niceness only among the programs of each.
            Path("/proc/self/autogroup").write_text(str(nice), encoding="ascii")


def niceness() -> int:
    """Return the nice value of this process; on Windows its priority class."""
    return int(psutil.Process().nice())


def _least() -> int:
    """Return the least nice value that the user may have."""
    if sys.platform.startswith("linux") and os.geteuid() != 0:
        import resource  # noqa: PLC0415 - not on Windows

        return max(-20, 20 - resource.getrlimit(resource.RLIMIT_NICE)[0])  # 0, the usual limit, grants nothing
    return -20
