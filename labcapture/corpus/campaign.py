"""The same work on every session of a corpus: what fails for a cause that may pass is tried again after all others."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from labcapture.corpus.jobs import Job, Outcome, do, passes
from labcapture.corpus.team import Team

TRIES = 3
PAUSE_S = 2.0
"""Before the second try of whatever failed; twice as long before each further one."""

Tell = Callable[[Outcome, int, int], None]
"""Told (what became of a session, how many are settled, how many there are)."""


def carry_out(
    jobs: Sequence[Job], team: Team, tell: Tell | None = None, tries: int = TRIES, pause_s: float = PAUSE_S
) -> list[Outcome]:
    """Do all jobs; return their outcomes in the order of ``jobs``.

    Parameters
    ----------
    jobs, team
        What, and by whom.
    tell
        Called in this thread for every session that is settled: done, skipped, or failed for good.
    tries
        How often a session is tried in all, if it fails for a cause that may pass: an error of the disk, the network
        or the memory, or a worker that died.
    pause_s
        Before the second round.
    """
    settled: dict[str, Outcome] = {}
    waiting = list(jobs)
    for number in range(1, tries + 1):
        again = []
        for job, found in team.each(do, waiting):
            outcome = replace(found if isinstance(found, Outcome) else _broke(job, found), tries=number)
            if outcome.state == "failed" and outcome.passing and number < tries:
                again.append(job)
                continue
            settled[job.name] = outcome
            if tell is not None:
                tell(outcome, len(settled), len(jobs))
        waiting = again
        if not waiting:
            break
        time.sleep(pause_s * 2 ** (number - 1))
    return [settled[job.name] for job in jobs]


def _broke(job: Job, error: BaseException) -> Outcome:
    """Return the outcome of a job whose worker broke."""
    died = type(error).__name__ == "KilledWorker"
    what = "its worker died, again and again" if died else f"{type(error).__name__}: {error}"[:300]
    return Outcome(job.name, "failed", what, died or passes(error))
