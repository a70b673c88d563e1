"""Room held back on the disk, so that a full disk still lets the files be closed in order."""

from __future__ import annotations

import os
from pathlib import Path


class Reserve:
    """A file of some megabytes that is given up when the disk is full, or at the end.

    Parameters
    ----------
    folder
        The session's folder.

    Raises
    ------
    OSError
        There is not even room for this.
    """

    NAME = ".reserve"
    BYTES = 8 * 2**20

    def __init__(self, folder: Path) -> None:
        self._path = folder / self.NAME
        with self._path.open("xb", buffering=0) as file:
            block = os.urandom(2**20)  # zeros might be stored as nothing
            for _ in range(self.BYTES // len(block)):
                if file.write(block) != len(block):
                    raise OSError(28, "No space left on device")

    def free(self) -> None:
        """Give the room back. May be called again."""
        self._path.unlink(missing_ok=True)
