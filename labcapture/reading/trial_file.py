"""One finished trial file, opened by itself: while its session is still being recorded, its own trials can be seen."""

from __future__ import annotations

import os
from pathlib import Path

import h5py

from labcapture.core.errors import RecordingError
from labcapture.reading.streams import FrameStream
from labcapture.recording.conformity import plainly
from labcapture.recording.guard import check_file


class TrialFile:
    """A trial's file, read only and without a lock: the recorder may open it again at any time.

    Parameters
    ----------
    path
        Such as ``<session>/trials/03_e.h5``; the recorder has closed it.

    Raises
    ------
    RecordingError
        It is missing, still being written, or damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            self._h5 = h5py.File(self.path, "r", locking=False)
        except OSError as error:
            raise RecordingError(f"cannot be opened: {plainly(error)}", str(path), "Is the trial finished?") from error
        try:
            check_file(self._h5, str(path))
        except BaseException:
            self._h5.close()
            raise

    def __getitem__(self, stream: str) -> FrameStream:
        """Return a camera stream.

        Raises
        ------
        RecordingError
            The file has no such stream.
        """
        if stream not in self._h5:
            raise RecordingError(f"has no stream '{stream}'", str(self.path), f"It has: {', '.join(self._h5)}.")
        return FrameStream(stream, self._h5[stream])

    def close(self) -> None:
        """Close the file."""
        self._h5.close()
