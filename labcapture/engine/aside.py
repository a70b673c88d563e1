"""Calls that may take long and cannot all be interrupted: each in a thread of its own, so that nobody has to wait.

A call that is left alone before it returns is told so (its `Cancellation`), and what it brings is undone by its own
thread as soon as it is back. Until then it counts as leaving: another call of its kind waits for it, because two of
them would fight for one instrument.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from labcapture.core.cancelling import Cancellation
from labcapture.core.errors import DeviceError

T = TypeVar("T")

LEAVING_S = 30.0
"""For so long a call waits for an earlier one of its kind that was left alone."""
_POLL_S = 0.05  # so that Ctrl-C is heard, on Windows too
_EXIT_S = 15.0  # for what is left alone when the process ends; the system takes the rest back
_changed = threading.Condition()
_leaving: list[Aside[object]] = []  # guarded by _changed


class Aside(Generic[T]):
    """A call under way.

    Parameters
    ----------
    kind
        Of what: calls of one kind wait until those that were left alone are back.
    name
        For errors.
    call
        What is called; it is to end soon once its cancellation asks for it, where it can.
    undo
        Called in this thread after ``call``, however that ended, if nobody wants it any more.
    """

    def __init__(self, kind: str, name: str, call: Callable[[Cancellation], T], undo: Callable[[], None]) -> None:
        self.kind, self._name, self._call, self._undo = kind, name, call, undo
        self._cancellation = Cancellation()
        self._result: list[T] = []
        self._error: BaseException | None = None
        self._is_over = False
        self._is_left = False
        self._thread = threading.Thread(target=self._run, name=f"open {name}", daemon=True)
        self._thread.start()

    def result(self, cancelled: Cancellation) -> T:
        """Wait for the call and return its result, or raise what it raised.

        Raises
        ------
        Cancelled
            By ``cancelled``; the call goes on until it is left alone.
        """
        while self._thread.is_alive():
            cancelled.check()
            self._thread.join(_POLL_S)
        if self._error is not None:
            raise self._error
        return self._result[0]

    def leave(self) -> bool:
        """Have it undone as soon as it is back; False if it is back already, and undoing is up to the caller."""
        with _changed:
            if self._is_over or self._is_left:
                return self._is_left
            self._is_left = True
            _leaving.append(self)  # type: ignore[arg-type]  # nobody asks these for their result
        self._cancellation.ask()
        return True

    def close(self) -> None:
        """Leave it alone, or undo it now if it is back."""
        if not self.leave():
            self._undo()

    def _run(self) -> None:
        try:
            wait_left(self.kind, self._name, self._cancellation)
            self._result.append(self._call(self._cancellation))
        except BaseException as error:  # noqa: BLE001 - `result` raises it
            self._error = error
        with _changed:
            self._is_over = True
            if not self._is_left:
                return
        try:
            self._undo()
        finally:
            with _changed:
                _leaving.remove(self)  # type: ignore[arg-type]  # as above
                _changed.notify_all()


def leaving() -> tuple[str, ...]:
    """Return the kinds of the calls that were left alone and are not back."""
    with _changed:
        return tuple(it.kind for it in _leaving)


def wait_left(kind: str, name: str, cancelled: Cancellation) -> None:
    """Wait until the calls of ``kind`` that were left alone are back and undone.

    Raises
    ------
    DeviceError
        They are not within `LEAVING_S`.
    Cancelled
        By ``cancelled``.
    """
    deadline = time.monotonic() + LEAVING_S
    while kind in leaving():
        cancelled.check()
        if time.monotonic() > deadline:
            what = f"is still being opened by an attempt that was cancelled {LEAVING_S:.0f} s ago"
            raise DeviceError(what, name, "Wait a moment; if that does not help, replug it and start labcapture anew.")
        with _changed:
            _changed.wait(_POLL_S)


@atexit.register
def _wait_all() -> None:
    """Let nothing stay behind half closed when the process ends."""
    deadline = time.monotonic() + _EXIT_S
    with _changed:
        while _leaving and (left := deadline - time.monotonic()) > 0:
            _changed.wait(min(left, _POLL_S))
