"""The wish that something end before its time: one thread utters it, the one that works heeds it where it can."""

from __future__ import annotations

import threading


class Cancelled(Exception):  # noqa: N818 - no error: it was wished for
    """Something was ended before its time."""


class Cancellation:
    """Made by whoever may change their mind, handed down to what may take long; from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def is_asked(self) -> bool:
        """Whether the end is wished for."""
        return self._event.is_set()

    def ask(self) -> None:
        """Wish for the end."""
        self._event.set()

    def check(self) -> None:
        """Go on only if nobody wishes for the end.

        Raises
        ------
        Cancelled
            Somebody does.
        """
        if self._event.is_set():
            raise Cancelled

    def sleep(self, seconds: float) -> None:
        """Wait.

        Raises
        ------
        Cancelled
            Somebody wishes for the end, before or meanwhile.
        """
        if self._event.wait(seconds):
            raise Cancelled


NEVER = Cancellation()
"""For what nobody can cancel."""
