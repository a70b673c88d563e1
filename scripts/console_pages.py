"""What the pages of the console show that stand before and after a session, for `scripts.console_screens`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from labcapture.console import dialogs
from labcapture.console.window import ConsoleWindow
from labcapture.engine.check_messages import SHOWING, CalibrationView, CheckView
from labcapture.engine.head_messages import HeadView
from labcapture.engine.messages import EngineState, Prepare, PreviewLayout, Snapshot
from labcapture.engine.preflight_rows import Row, row

RIG, PROTOCOL = "rigs/d415.yaml", "protocols/neutralization_casme3.yaml"

Show = Callable[[ConsoleWindow, PreviewLayout], None]


def rows(*, flat: bool) -> tuple[Row, ...]:
    """Return the rows of a preflight; with ``flat`` skin it is a no-go."""
    skin = "2.310 microsiemens for 5 s, it does not move at all" if flat else "moves by 0.4 microsiemens"
    return (
        row(
            "camera", "present", True, "Intel RealSense D415, serial 902512070139, firmware 05.15.1.55", "as in the rig"
        ),
        row("camera", "USB", True, "3.2", "3.0 or newer"),
        row("camera", "color: rate", True, "29.99 pictures/s for 5 s", "30 ± 0.3"),
        row("camera", "color: priority", "warn", "on: the sensor may slow down in the dark", "off", "Lock the rate."),
        row("camera", "color: exposure", True, "8.3 ms", "at most 33.3 ms"),
        row("voice", "level", True, "-31 dB", "-45 to -10 dB"),
        row("eda", "signal", not flat, skin, "moving", "Look whether the electrodes are on the skin; then F6."),
        row("stage", "flips", True, "0 of 180 late", "at most 1 %"),
        row("films", "present and hashed", True, "13 of 13", "all"),
        row("disk", "room", True, "174 minutes", "at least 38"),
        row("machine", "encoding", True, "every picture came back as it was", "without loss"),
        row("machine", "sleep", True, "inhibited", "inhibited"),
    )


def idle(**changes: object) -> Snapshot:
    """Return the snapshot of an engine without a session."""
    facts = {"version": "", "pid": 1, "time": 5000.0, "state": EngineState.IDLE, "memory_bytes": 1 << 28}
    return Snapshot.model_validate({**facts, "cpu_percent": 4.0, **changes})


def form(window: ConsoleWindow, _: PreviewLayout) -> None:
    """Fill the form of a new session; run in the project's folder."""
    window.show_snapshot(idle())
    window.form.fill({"participant": "P007", "session": "01", "rig": RIG, "protocol": PROTOCOL, "out": "sessions"})


def preflight(window: ConsoleWindow, _: PreviewLayout, *, flat: bool = True) -> None:
    """Show a look at the rig."""
    window.show_snapshot(idle())
    names = {"rig": RIG, "protocol": PROTOCOL}
    window.form.check_wanted.emit(Prepare(participant="P007", session="01", out="sessions", **names))
    window.show_snapshot(idle(check=CheckView(number=1, rows=rows(flat=flat), **names)))


def go(window: ConsoleWindow, layout: PreviewLayout) -> None:
    """Show a look that found nothing wrong."""
    preflight(window, layout, flat=False)


def head(view: HeadView) -> Show:
    """Return what shows a head that is brought to its place without a session."""

    def show(window: ConsoleWindow, layout: PreviewLayout) -> None:
        window.show_snapshot(idle())
        window.form.head_wanted.emit(RIG)
        calibration = CalibrationView(rig=RIG, doing=SHOWING, simulated=True)
        for _ in range(2):  # the page waits for the first one that is its own
            window.show_snapshot(idle(calibration=calibration, head=view, preview=layout))

    return show


def pages(good: HeadView, bad: HeadView) -> Iterator[tuple[str, Show]]:
    """Yield the name of each page, and what shows it."""
    yield "form", form
    yield "preflight_no_go", preflight
    yield "preflight_go", go
    yield "headpage_bad", head(bad)
    yield "headpage_good", head(good)


def questions() -> Iterator[tuple[str, Callable[[ConsoleWindow], object]]]:
    """Yield what is asked during a session."""
    yield "note", lambda window: window._ask(dialogs.note(window))
    yield "abort", lambda window: window._ask(dialogs.abort(window))
