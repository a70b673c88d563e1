"""A private PulseAudio server with one silent output, whose monitor is a real sound input for PortAudio.

Linux only. The server has its own folder and socket, listens to nobody else, touches nothing of the user's sound
set-up, and ends with us.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from labcapture.core.cancelling import NEVER, Cancellation
from labcapture.core.errors import DeviceError
from labcapture.devices.simulated.leash import Leashed

SINK = "voice"
START_S = 15.0
LONGEST = 70  # the path of a socket may have 107 bytes
_PLUGIN_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
_environ = threading.RLock()


def missing() -> str:
    """Return what this machine lacks for a `PulseServer`; empty where it has all."""
    if not sys.platform.startswith("linux"):
        return "Linux"
    for program in ("pulseaudio", "pacat"):
        if shutil.which(program) is None:
            return program
    plugin = "alsa-lib/libasound_module_pcm_pulse.so"
    if not any(any(Path(folder).glob(f"{where}{plugin}")) for folder in _PLUGIN_FOLDERS for where in ("", "*/")):
        return "libasound2-plugins"
    return ""


class PulseServer:
    """The server, as a context manager.

    PortAudio of this process meets it within ``with server.as_default():`` as the sound input ``default``; other
    programs with `environment`.

    Parameters
    ----------
    rate_hz, channels
        Of the output and its monitor, 16 bit. What is played in this very format arrives unchanged, to the bit.
    cancelled
        Ends the wait for its start.
    """

    def __init__(self, rate_hz: int = 48000, channels: int = 1, cancelled: Cancellation = NEVER) -> None:
        self._cancelled = cancelled
        self.rate_hz = rate_hz
        self.channels = channels
        self._folder: Path | None = None
        self._server: Leashed | None = None

    def __enter__(self) -> PulseServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Start the server and wait until it listens.

        Raises
        ------
        Cancelled
            It is not wanted any more.
        DeviceError
            The machine lacks a part, or the server does not start.
        """
        lacking = missing()
        if lacking:
            raise DeviceError(f"a simulated sound input needs {lacking}", "pulseaudio", "Install it.")
        base = tempfile.gettempdir()
        short = base if len(base) < LONGEST else "/tmp"  # noqa: S108 - a new folder in it, 0700: for this user alone
        self._folder = folder = Path(tempfile.mkdtemp(prefix="labcapture-pulse-", dir=short))
        (folder / "server.pa").write_text(
            f"load-module module-null-sink sink_name={SINK} format=s16le rate={self.rate_hz}"
            f" channels={self.channels} norewinds=1\n"
            f"load-module module-native-protocol-unix socket={folder}/native auth-anonymous=1\n"
        )
        (folder / "client.conf").write_text("autospawn = no\nenable-shm = no\n")
        (folder / "asoundrc").write_text(
            f'pcm.!default {{ type pulse server "{self.address}" device "{SINK}.monitor" }}\n'
        )
        (folder / "playerrc").write_text(f'pcm.!default {{ type pulse server "{self.address}" device "{SINK}" }}\n')
        command = ["pulseaudio", "--daemonize=no", "-n", "-F", str(folder / "server.pa"), "--use-pid-file=no"]
        command += ["--exit-idle-time=-1", "--disable-shm=yes", "--realtime=no", "--high-priority=no"]
        # No display and no session bus: it must not announce itself to the user's desktop.
        keep = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        home = {name: str(folder) for name in ("HOME", "XDG_RUNTIME_DIR", "PULSE_RUNTIME_PATH", "PULSE_STATE_PATH")}
        self._server = Leashed(command, folder, {**keep, **home})
        deadline = time.monotonic() + START_S
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            while not self._listens():
                if not self._server.is_running or time.monotonic() > deadline:
                    words = self._server.last_words()
                    raise DeviceError(f"the private sound server does not start ({words})", "pulseaudio")
                self._cancelled.sleep(0.02)
            undo.pop_all()

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(self.address.removeprefix("unix:"))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            return True

    @property
    def address(self) -> str:
        """Address of the server, as ``PULSE_SERVER`` has it."""
        return f"unix:{self._folder}/native"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a client needs beside its own environment, for ALSA (PortAudio) and for libpulse."""
        return {
            "ALSA_CONFIG_PATH": f"{self._folder}/asoundrc",
            "PULSE_SERVER": self.address,
            "PULSE_COOKIE": f"{self._folder}/cookie",  # else libpulse makes one in the user's home
            "PULSE_CLIENTCONFIG": f"{self._folder}/client.conf",
        }

    @property
    def player_environment(self) -> Mapping[str, str]:
        """As `environment`, for a program whose sound output is to be heard here."""
        return {**self.environment, "ALSA_CONFIG_PATH": f"{self._folder}/playerrc"}

    @contextlib.contextmanager
    def as_default(self) -> Iterator[None]:
        """Make the monitor the default sound input of what this process opens meanwhile.

        ALSA and libpulse read these variables when a stream is opened, not later; so they are set for that moment only.
        """
        with _environ:
            before = {name: os.environ.get(name) for name in self.environment}
            os.environ.update(self.environment)
            try:
                yield
            finally:
                for name, value in before.items():
                    if value is None:
                        del os.environ[name]
                    else:
                        os.environ[name] = value

    def play(self, command: Sequence[str]) -> Leashed:
        """Start a program that plays into the server; the caller ends it, at the latest before the server."""
        folder = Path(f"{self._folder}/player")
        folder.mkdir()
        return Leashed(command, folder, {**os.environ, **self.environment})

    def close(self) -> None:
        """End the server. May be called twice."""
        if self._server is not None:
            self._server.end()
            self._server = None
        elif self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None
