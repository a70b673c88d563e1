"""A session on its way from a command to one that is ready, and how it is told of meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labcapture.core.cancelling import Cancellation
from labcapture.engine.check_messages import CANCELLING
from labcapture.engine.checkup import Looked
from labcapture.engine.messages import Prepare
from labcapture.engine.opening import Opened, open_session
from labcapture.engine.viewing import naming


class Preparing:
    """One session's. `run` is called beside the server's thread, all else from it.

    Parameters
    ----------
    command
        What was asked for.
    looked
        Rows of the preflight, which the session keeps.
    """

    def __init__(self, command: Prepare, looked: Sequence[Looked]) -> None:
        self._command, self._looked = command, looked
        self._cancelled = Cancellation()
        self._doing = "reading the files"

    def run(self) -> Opened:
        """Open the session; raises as `open_session`."""
        return open_session(self._command, self._looked, self._cancelled, self._tell)

    @property
    def is_cancelled(self) -> bool:
        """Whether it is not wanted any more, even if it is open by now."""
        return self._cancelled.is_asked

    def cancel(self) -> None:
        """End it; nothing of it is left on disk."""
        self._cancelled.ask()

    def facts(self) -> dict[str, Any]:
        """Return what a snapshot tells of it."""
        return {**naming(self._command), "doing": CANCELLING if self._cancelled.is_asked else self._doing}

    def _tell(self, what: str) -> None:
        self._doing = what
