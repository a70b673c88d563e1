"""PsychoPy's side: a window that runs one step after the other as the engine tells it.

Started by `labcapture.stage.process.StageProcess`; it ends when told to. When the engine is gone, it ends where nobody
sees it, and else asks the participant to wait.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version

from labcapture.core.errors import LabcaptureError
from labcapture.core.precedence import STAGE, take_precedence
from labcapture.stage.connection import Connection
from labcapture.stage.display import Display
from labcapture.stage.link import EngineGone, Link
from labcapture.stage.markers import Markers
from labcapture.stage.messages import Failed, Hello
from labcapture.stage.sound import Speaker


@contextlib.contextmanager
def _own_preferences() -> Iterator[None]:
    """Let PsychoPy read and write its preferences in a folder of this run, not in the user's.

    It asks for the folder once, while it is imported; everything else needs the user's real home.
    """
    variable = "APPDATA" if sys.platform == "win32" else "HOME"
    before = os.environ.get(variable)
    with tempfile.TemporaryDirectory(prefix="labcapture-psychopy-", ignore_cleanup_errors=True) as folder:
        os.environ[variable] = folder
        try:
            import psychopy.visual  # noqa: PLC0415 - the folder must be set first

            psychopy.logging.console.setLevel(psychopy.logging.ERROR)
        finally:
            if before is None:
                del os.environ[variable]
            else:
                os.environ[variable] = before
        yield


def _run(connection: Connection, link: Link) -> None:
    settings = connection.settings
    with contextlib.ExitStack() as cleanup:
        display = Display(settings.display, settings.size)
        cleanup.callback(display.close)
        cleanup.enter_context(_own_preferences())
        # Only now may PsychoPy be imported: it looks for the display and its preferences while it is.
        from labcapture.stage.alone import Succession, wait_alone  # noqa: PLC0415 - as said above
        from labcapture.stage.canvas import Canvas  # noqa: PLC0415 - as said above
        from labcapture.stage.player import Stage  # noqa: PLC0415 - as said above

        if display.is_own:
            settings = settings.model_copy(update={"screen": 0})  # it has no other
        canvas = Canvas(settings, connection.language)
        cleanup.callback(canvas.close)
        speaker = Speaker()
        cleanup.callback(speaker.close)
        markers = Markers(link)
        link.send(
            Hello(
                pid=os.getpid(),
                psychopy=version("psychopy"),
                backend=canvas.backend,
                size=canvas.size,
                rate_hz=canvas.rate_hz,
                paced=canvas.paced,
                display=display.name,
                markers=markers.source_id,
                place=canvas.place,
                mirror=canvas.mirror_size,
            )
        )
        stage = Stage(link, canvas, speaker, markers, connection.autopilot, connection.speed)
        if display.is_own:
            stage.run()
            return
        succession = Succession(display.name)
        try:
            stage.run()
        except EngineGone:
            wait_alone(canvas, link, succession)


def main() -> int:
    """Run the stage; the connection stands in the first line of standard input."""
    connection = Connection.model_validate_json(sys.stdin.buffer.readline())
    take_precedence(STAGE)
    link = Link(connection)
    try:
        _run(connection, link)
    except EngineGone:
        return 0
    except LabcaptureError as error:
        link.send(Failed(message=str(error)))
        return 1
    except Exception as error:  # whatever it is, the engine must hear of it
        link.send(Failed(message=f"{type(error).__name__}: {error}"))
        raise
    finally:
        link.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
