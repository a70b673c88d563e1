"""Programs that end with us, however we end.

A program is started through this very file, run as a script by a bare interpreter: it starts the program, and reads a
pipe of which we hold the other end. When we close it, or die (kill -9 too), the pipe ends, and so does the program.
That works on every system, unlike a parent-death signal, which besides fires when the *thread* that started it ends.

Only the standard library, so that the script starts in a few milliseconds.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

GRACE_S = 3.0


class Leashed:
    """A program that runs until `end`, or until this process is gone.

    Parameters
    ----------
    command
        Program and arguments.
    folder
        A folder of its own; removed when the program has ended. What it prints goes to ``log`` in there.
    environment
        All of its environment; ours by default.
    """

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._log = folder / "log"
        leash = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(folder)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*leash, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=None if environment is None else dict(environment),
                # Out of the terminal's group: Ctrl-C is for us, and we end the session in order.
                start_new_session=os.name == "posix",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )

    @property
    def pid(self) -> int:
        """Process id of the leash; the program is its only child."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the program has not ended."""
        return self._process.poll() is None

    def last_words(self) -> str:
        """Return the last line that the program printed, empty if it printed none."""
        try:
            lines = self._log.read_text(errors="replace").split("\n")
        except FileNotFoundError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def end(self) -> None:
        """End the program and remove its folder. May be called twice."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(2 * GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)  # the leash did it already where open files may be removed


def _hold(folder: str, command: Sequence[str]) -> int:
    """Run ``command`` until it ends or our standard input does; return its exit code."""
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def end(*_: object) -> None:
        program.terminate()
        # A program that does not listen is killed; the timer is no reason to live on.
        timer = threading.Timer(GRACE_S, program.kill)
        timer.daemon = True
        timer.start()

    def watch() -> None:
        while sys.stdin.buffer.read(1):
            pass
        end()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=watch, daemon=True).start()
    code = program.wait()
    shutil.rmtree(folder, ignore_errors=True)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.stdout.flush()
    os._exit(_hold(sys.argv[1], sys.argv[2:]))  # at once: the watching thread sits in a read that nothing can interrupt
