"""A session that is still being recorded: who, and the trials that are finished. Read only, and in nobody's way."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from labcapture.core.errors import RecordingError
from labcapture.reading.trial_file import TrialFile
from labcapture.recording.guard import check_inside, reading
from labcapture.recording.hold import is_held
from labcapture.recording.schema import TRIALS_FOLDER


class LiveSession:
    """The finished trials of a session that is being recorded just now.

    Their pictures, times and gaps are whole. Voice, EDA, events, part and verdict are written at the end: for those the
    session has to be closed. Use it in a ``with`` statement, or call `close`; ask `refresh` for the trials that were
    finished since.

    Parameters
    ----------
    folder
        Of the session.

    Raises
    ------
    RecordingError
        Nobody is recording it.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._trials: dict[str, TrialFile] = {}
        if not is_held(self.folder):
            raise RecordingError("is not being recorded", str(folder), "Open it with labcapture.open.")
        self.refresh()

    def __enter__(self) -> LiveSession:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<LiveSession {self.folder.name}: {len(self._trials)} trials so far>"

    def __iter__(self) -> Iterator[str]:
        return iter(self._trials)

    @property
    def trials(self) -> Mapping[str, TrialFile]:
        """The finished trials by id, in order of their start."""
        return self._trials

    def refresh(self) -> None:
        """Look for trials that were finished since."""
        folder = self.folder / TRIALS_FOLDER
        with reading(folder):
            files = sorted(folder.glob("*.h5")) if folder.is_dir() else []
        for path in files:
            if path.stem in self._trials:
                continue
            check_inside(self.folder, path)
            try:
                found = TrialFile(path)
            except RecordingError:  # being written just now
                continue
            if found.finished:
                self._trials[path.stem] = found
            else:
                found.close()
        self._trials = dict(sorted(self._trials.items(), key=lambda item: item[1].start))

    def close(self) -> None:
        """Close their files."""
        for trial in self._trials.values():
            trial.close()
