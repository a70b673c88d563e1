"""Many sessions at once: an index of them, tables over them, and the same work on each.

>>> import labcapture.corpus
>>> corpus = labcapture.corpus.open("sessions")  # doctest: +SKIP
>>> corpus.table()[["participant", "part", "clip", "color_rate_hz"]]  # doctest: +SKIP
"""

from __future__ import annotations

import os
from pathlib import Path

from labcapture.corpus.campaign import carry_out
from labcapture.corpus.corpus import Corpus
from labcapture.corpus.counting import ReportRule
from labcapture.corpus.jobs import Outcome
from labcapture.corpus.team import Team


def open(root: str | os.PathLike[str], index: str | os.PathLike[str] | None = None) -> Corpus:
    """Open the corpus of all sessions below ``root``.

    Parameters
    ----------
    root
        Folder with sessions.
    index
        File that keeps the table; ``labcapture-index.parquet`` in ``root`` unless given.

    Raises
    ------
    BadInput
        There is no such folder, or ``index`` is something else.
    """
    return Corpus(Path(root), None if index is None else Path(index))


__all__ = ["Corpus", "Outcome", "ReportRule", "Team", "carry_out", "open"]
