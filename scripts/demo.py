"""A whole session on the simulated rig, with the console: what ``make demo`` runs.

On a machine without a screen it starts a virtual one and leaves a picture of the running session.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from labcapture import reading
from labcapture.core.errors import EngineError
from labcapture.engine.client import Client
from labcapture.engine.messages import SessionResult
from scripts.screen import screen

OUT = Path("demo")
PROTOCOL = "protocols/rehearsal.yaml"
LABCAPTURE = [sys.executable, "-m", "labcapture.cli"]
SESSION_LIMIT_S = 240
SIZE = (1920, 800)


def is_seen() -> bool:
    """Return whether there is a screen."""
    return not sys.platform.startswith("linux") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def watch(window: subprocess.Popen[bytes], picture: Path | None) -> SessionResult:
    """Follow the session from beside the console; take ``picture`` when a clip is being recorded."""
    client: Client | None = None
    deadline = time.monotonic() + SESSION_LIMIT_S
    while time.monotonic() < deadline:
        if client is None:
            if window.poll() is not None:
                raise SystemExit(window.returncode or 1)
            with contextlib.suppress(EngineError):
                client = Client.attach()
            time.sleep(0.2)
            continue
        snapshot = client.snapshots(timeout=2.0)
        if snapshot is not None and snapshot.result is not None:
            client.close()
            return snapshot.result
        if picture and snapshot and snapshot.trial and snapshot.step_elapsed_s > 3.0:
            from PIL import ImageGrab

            ImageGrab.grab(xdisplay=os.environ["DISPLAY"]).save(picture)
            print(f"screenshot of the running session: {picture.resolve()}")
            picture = None
    raise SystemExit(f"demo: the session did not end within {SESSION_LIMIT_S} s")


def main() -> None:
    """Make the films, run the session, show what came of it."""
    OUT.mkdir(exist_ok=True)
    subprocess.run([*LABCAPTURE, "stimuli", "placeholders", "--protocol", PROTOCOL], check=True)
    os.environ["LABCAPTURE_RUNTIME_DIR"] = str(OUT.resolve() / "run")  # an engine of its own, whatever else runs here
    virtual = not is_seen()
    with screen(SIZE) if virtual else contextlib.nullcontext():
        picture = OUT / time.strftime("screenshot-%Y%m%dT%H%M%S.png") if virtual else None
        command = ["run", PROTOCOL, "--rig", "rigs/simulated.yaml", "--participant", "DEMO"]
        window = subprocess.Popen([*LABCAPTURE, *command, "--session", "01", "--out", str(OUT), "--autopilot", "1"])
        try:
            result = watch(window, picture)
            if virtual:
                window.send_signal(signal.SIGINT)
            else:
                print("The session is over; close the window to end the demo.")
            window.wait()
        finally:
            if window.poll() is None:
                window.terminate()
                window.wait()
    for command in ("verify", "inspect"):
        subprocess.run([*LABCAPTURE, command, result.folder], check=True)
    with reading.open(Path(result.folder)) as session:
        trial = next(iter(session.trials))
    print(f"session: {result.folder}\nverdict: part {result.part} ({result.verdict}): {result.reason}\nopen it:")
    python = (
        Path(sys.executable).relative_to(Path.cwd()) if Path(sys.executable).is_relative_to(Path.cwd()) else "python"
    )
    code = (
        f"import h5py, labcapture; clip = h5py.File('{result.folder}/session.h5')['trials/{trial}']; "
        "print(clip['color/frames'][0].shape, clip['depth/frames'][0].shape)"
    )
    print(f'  {python} -c "{code}"')


if __name__ == "__main__":
    main()
