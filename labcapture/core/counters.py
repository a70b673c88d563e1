"""Counters of an instrument that begin again at zero: counts that go on rising."""

from __future__ import annotations


class CounterUnwrapper:
    """Undoes the wraps of a ``bits`` wide counter, one value at a time, from the first one on.

    A step is taken the short way round, so that a value that comes a little out of order steps back.
    """

    def __init__(self, bits: int = 32) -> None:
        self._half, self._full = 1 << (bits - 1), 1 << bits
        self._last: int | None = None

    def __call__(self, raw: int) -> int:
        """Return the unwrapped count of the next ``raw`` value."""
        if self._last is None:
            self._last = raw
        else:
            self._last += (raw - self._last + self._half) % self._full - self._half
        return self._last
