"""A session's folder belongs to one process at a time; the system itself gives it back when that process ends."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from labcapture.core.errors import RecordingError
from labcapture.recording.schema import HOLD_FILE

if sys.platform == "win32":
    import msvcrt

    _FAR = 2**40  # Windows forbids others to read what is locked: a byte where nothing stands

    def _lock(file: int) -> None:
        os.lseek(file, _FAR, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Hold:
    """The right to write into a session's folder, until `release` or the end of this process.

    A file that lies there without a lock on it says that the process that wrote the session ended before it was done.

    Raises
    ------
    RecordingError
        Another process has it.
    OSError
        The disk is full or read-only.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / HOLD_FILE
        while True:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o640)
            try:
                _lock(self._file)
            except (BlockingIOError, PermissionError) as error:
                os.close(self._file)
                raise RecordingError("is being written by another process", str(folder), "Wait for its end.") from error
            except OSError:
                pass  # a file system without locks: nothing can be told there, and nothing is refused
            if self._is_there():
                break
            os.close(self._file)  # its last holder removed it between our opening it and locking it

    def _is_there(self) -> bool:
        if sys.platform == "win32":
            return True  # an open file cannot be removed there
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Give it back. May be called again."""
        if self._file >= 0:
            if sys.platform == "win32":  # an open file cannot be removed there
                os.close(self._file)
                with contextlib.suppress(PermissionError):  # another process has it already
                    self._path.unlink(missing_ok=True)
            else:
                self._path.unlink(missing_ok=True)
                os.close(self._file)
            self._file = -1


def is_held(folder: Path) -> bool:
    """Return whether a process is writing into a session's folder. Changes nothing."""
    try:
        file = os.open(folder / HOLD_FILE, os.O_RDWR | getattr(os, "O_BINARY", 0))
    except OSError:
        return False
    try:
        _lock(file)
    except (BlockingIOError, PermissionError):
        return True
    except OSError:
        return False
    finally:
        os.close(file)
    return False
