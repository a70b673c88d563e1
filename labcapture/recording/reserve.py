"""Room held back on the disk, so that a full disk still lets the files be closed in order."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path


class Reserve:
    """A file of some megabytes that is given up when the disk is full, or at the end.

    Parameters
    ----------
    folder
        The session's folder.
    """

    NAME = ".reserve"
    BYTES = 8 * 2**20

    def __init__(self, folder: Path) -> None:
        self._path = folder / self.NAME

    def hold(self) -> None:
        """Take the room.

        Raises
        ------
        OSError
            There is not even room for this.
        """
        with self._path.open("xb", buffering=0) as file:
            block = os.urandom(2**20)  # zeros might be stored as nothing
            for _ in range(self.BYTES // len(block)):
                if file.write(block) != len(block):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def check(self) -> None:
        """Notice a disk that is about to be full while there is still room to end in order.

        Raises
        ------
        OSError
            Less than twice the reserve is free.
        """
        if shutil.disk_usage(self._path.parent).free < 2 * self.BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def free(self) -> None:
        """Give the room back. May be called again."""
        self._path.unlink(missing_ok=True)
