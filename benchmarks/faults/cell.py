"""One cell of the fault matrix: what was done to a session how often, and what was lost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What came of one kind of fault.

    Attributes
    ----------
    cell
        The fault, in words.
    tries
        How often it was made to happen.
    passed
        In how many of these all that was expected held.
    expected
        What has to hold, in a sentence.
    lost
        What was lost, in words with counts: "0 frames", "the 1.2 s in which the camera was away".
    note
        How it was done or measured; with a failure, what did not hold.
    alarm_s
        Longest time from the fault to the snapshot that told of it (s); None where there is nobody to tell or no alarm
        is due.
    left_out
        True: the cell cannot run on this machine; ``note`` says why.
    """

    cell: str
    tries: int
    passed: int
    expected: str
    lost: str
    note: str = ""
    alarm_s: float | None = None
    left_out: bool = False

    @property
    def ok(self) -> bool:
        """Whether no try failed; a cell that was left out is not counted as a failure."""
        return self.passed == self.tries
