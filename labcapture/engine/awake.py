"""Keeps this machine awake, and its screens lit, for as long as something is recorded or looked at."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import threading
from types import TracebackType
from typing import Self

_REPLY_S = 3.0  # for the system to say that it agrees
_END_S = 2.0
_WHY = "a session is recorded"
_HELD = b"held\n"


class Awake:
    """Holds off sleep from its making until `release`; the system lets go by itself when this process ends.

    Linux: an inhibitor of logind, by systemd-inhibit. Windows: the execution state of a thread. macOS: caffeinate.
    """

    def __init__(self) -> None:
        self._over = threading.Event()
        self._known = threading.Event()
        self._holds = False
        self._thread = threading.Thread(target=self._hold, daemon=True, name="awake")
        self._thread.start()

    @property
    def holds(self) -> bool:
        """Whether sleep is held off by us; waits a moment for the system's answer."""
        self._known.wait(_REPLY_S)
        return self._holds

    def release(self) -> None:
        """Let the machine sleep again; may be called more than once."""
        self._over.set()
        self._thread.join(_REPLY_S + _END_S)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let go."""
        self.release()

    def _hold(self) -> None:
        try:
            if sys.platform == "win32":
                self._hold_windows()
            elif command := _command():
                self._hold_by(command)
        finally:
            self._holds = False
            self._known.set()

    def _hold_windows(self) -> None:
        if sys.platform == "win32":  # for the type checker on other systems
            import ctypes  # noqa: PLC0415 - there only

            continuous, system, display = 0x80000000, 0x1, 0x2
            state = ctypes.windll.kernel32.SetThreadExecutionState
            self._holds = bool(state(continuous | system | display))
            self._known.set()
            self._over.wait()
            state(continuous)

    def _hold_by(self, command: list[str]) -> None:
        """Hold for as long as ``command`` runs; it answers what it is told, and ends with its input."""
        try:
            program = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            return
        with contextlib.suppress(OSError), program:
            assert program.stdin is not None and program.stdout is not None  # noqa: S101, PT018 - asked for above
            watch = threading.Timer(_REPLY_S, program.kill)  # one that waits for a password, say
            watch.start()
            program.stdin.write(_HELD)
            program.stdin.flush()
            self._holds = program.stdout.readline() == _HELD
            watch.cancel()
            self._known.set()
            if self._holds:
                self._over.wait()
            program.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(_END_S)
            program.kill()


def _command() -> list[str]:
    """Return what holds off sleep while it runs; empty where there is no such program."""
    if sys.platform == "darwin":
        return ["caffeinate", "-d", "-i", "-s", "cat"] if shutil.which("caffeinate") else []
    if shutil.which("systemd-inhibit") is None:
        return []
    return ["systemd-inhibit", "--what=sleep:idle", "--who=labcapture", f"--why={_WHY}", "--mode=block", "cat"]
