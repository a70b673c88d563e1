"""One finished trial file, opened by itself: while its session is still being recorded, its own trials can be seen."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

import h5py

from labcapture.core.errors import RecordingError
from labcapture.reading.streams import FrameStream, read_attributes
from labcapture.reading.trial_pictures import TrialPictures
from labcapture.recording.conformity import plainly
from labcapture.recording.guard import check_file


class TrialFile(TrialPictures):
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
        self.id = self.path.stem
        try:
            self._h5 = h5py.File(self.path, "r", locking=False)
        except OSError as error:
            raise RecordingError(f"cannot be opened: {plainly(error)}", str(path), "Is the trial finished?") from error
        try:
            check_file(self._h5, str(path))
            self.attributes = read_attributes(self._h5)
        except BaseException:
            self._h5.close()
            raise

    def __repr__(self) -> str:
        return f"<TrialFile {self.id}: {', '.join(self)}>"

    def __iter__(self) -> Iterator[str]:
        return iter(self._h5)

    def __getitem__(self, stream: str) -> FrameStream:
        """Return a camera stream.

        Raises
        ------
        RecordingError
            The file has no such stream.
        """
        if stream not in self._h5:
            raise RecordingError(f"has no stream '{stream}'", str(self.path), f"It has: {', '.join(self._h5)}.")
        return self.streams[stream]

    @cached_property
    def streams(self) -> Mapping[str, FrameStream]:
        """Its camera streams by name."""
        return {name: FrameStream(name, self._h5[name]) for name in self}

    @property
    def finished(self) -> bool:
        """Whether the trial was closed in order."""
        return bool(self.attributes.get("closed", False))

    def close(self) -> None:
        """Close the file."""
        self._h5.close()
