"""The X display of the participant's screen: the one there is, a named one, or a virtual one of our own (Xvfb)."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import subprocess
import sys

from labcapture.core.errors import StageError

_LEAST = (1280, 720)  # pixels of a virtual screen


class Display:
    """Makes sure that there is a display before a window is opened, and ends what it started.

    A virtual display ends by itself with the process that opened it, also when that is killed: it is told to terminate
    with its last client, and this object is its first.

    Parameters
    ----------
    wanted
        ``auto``, ``virtual`` or an X display such as ``:1``.
    size
        Pixels of the window that it must hold.

    Raises
    ------
    StageError
        There is no such display, or a virtual one cannot be had.
    """

    def __init__(self, wanted: str, size: tuple[int, int]) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._connection: int | None = None
        if wanted not in {"auto", "virtual"}:
            os.environ["DISPLAY"] = wanted
        elif wanted == "virtual" or (sys.platform.startswith("linux") and not os.environ.get("DISPLAY")):
            os.environ["DISPLAY"] = self._start_virtual(size)
        if self.name:
            try:
                self._connection = _connect(self.name)
            except StageError:
                self.close()
                raise

    @property
    def name(self) -> str:
        """The X display, empty where the system has none of that kind."""
        return os.environ.get("DISPLAY", "") if sys.platform.startswith("linux") else ""

    @property
    def is_own(self) -> bool:
        """Whether it is a virtual one that was started here, which nobody sees."""
        return self._server is not None

    def _start_virtual(self, size: tuple[int, int]) -> str:
        if sys.platform == "win32":
            raise StageError("no virtual display on this system", "stage.display", "Use 'auto' in the rig file.")
        width, height = max(size[0], _LEAST[0]), max(size[1], _LEAST[1])
        reading, writing = os.pipe()
        command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{width}x{height}x24", "-terminate"]
        try:
            self._server = subprocess.Popen(
                [*command, "-nolisten", "tcp"], pass_fds=(writing,), stdin=subprocess.DEVNULL
            )
        except OSError as error:
            raise StageError(
                f"no display, and Xvfb does not start ({error.strerror})",
                "stage.display",
                "Install xvfb, or set DISPLAY.",
            ) from error
        finally:
            os.close(writing)
        with os.fdopen(reading, "r") as pipe:
            number = pipe.readline().strip()  # empty when Xvfb ends without a display
        if not number:
            raise StageError("Xvfb ended without a display", "stage.display", "See the log for its words.")
        return f":{number}"

    def close(self) -> None:
        """End the virtual display, if there is one."""
        if self._server is not None:
            self._server.terminate()
            try:
                self._server.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
            self._server = None


def _connect(name: str) -> int:
    """Open a connection to an X display that lasts as long as this process."""
    xlib = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
    xlib.XOpenDisplay.restype = ctypes.c_void_p
    connection = xlib.XOpenDisplay(name.encode())
    if not connection:
        raise StageError("no X display answers", f"display {name}", "Check DISPLAY, or 'display' in the rig file.")
    return int(connection)
