"""``labcapture calibrate``: brings the head to its place, tells what the camera measures, holds its exposure."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from labcapture.core.chunks import Chunk, Frame
from labcapture.core.errors import DeviceError
from labcapture.devices.realsense import Camera
from labcapture.devices.rig import load_rig
from labcapture.engine.driving import Driver, as_device_error
from labcapture.engine.head import HeadWatch
from labcapture.engine.head_messages import HeadLimit, HeadView
from labcapture.engine.log import SessionLog

_FIRST_S = 15.0  # for the first pictures to come
_BAR = 24  # characters of a gauge


def calibrate_head(rig_path: Path, seconds: float, terminal: Console) -> dict[str, Any]:
    """Open the rig's camera and measure until the head is in its place, at most for ``seconds``.

    Raises
    ------
    LabcaptureError
        The rig file is wrong, or the camera cannot be opened or delivers nothing.
    """
    rig = load_rig(rig_path)
    configs = [config for config in rig.devices if config.kind == "realsense"]
    if not configs:
        raise DeviceError("has no camera", str(rig_path), "Add a device of kind realsense.")
    driver, log = Driver(configs[0]), SessionLog()
    with ExitStack() as stack:
        stack.callback(driver.close, log)
        with terminal.status("opening the camera"):
            driver.open()
        watch = HeadWatch(driver.streams, rig.head)
        stack.callback(watch.close)

        def emit(chunk: Chunk) -> None:
            if isinstance(chunk, Frame):
                watch.offer(chunk)

        camera = driver.device if isinstance(driver.device, Camera) else None
        if camera is not None:
            camera.hold_exposure(None)
        driver.start(emit)
        view = _follow(watch, driver, seconds, terminal)
        locked = camera.hold_exposure(watch.metadata()) if camera is not None and view.green else {}
    return {**view.model_dump(mode="json"), "verdict": "good" if view.green else "not good", "locked": locked}


def _follow(watch: HeadWatch, driver: Driver, seconds: float, terminal: Console) -> HeadView:
    """Show how the head stands until it is good or the time is over; the time counts from the first picture on."""
    deadline = time.monotonic() + _FIRST_S
    first = True
    with Live(console=terminal, refresh_per_second=8, transient=True) as live:
        while True:
            view = watch.view()
            if first and view.pictures:
                first, deadline = False, time.monotonic() + seconds
            live.update(render_view(view))
            for failure in (watch.error, driver.error):
                if failure is not None:
                    raise as_device_error(failure, driver.config) from failure
            if view.green or time.monotonic() > deadline:
                break
            time.sleep(0.05)
    if first:
        raise DeviceError(f"delivered no pictures for {_FIRST_S:g} s", driver.config.name, "Replug the camera.")
    return view


def render_view(view: HeadView) -> RenderableType:
    """Draw the head's measures and limits for the terminal."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for column in ("", "limit", "reading", "gauge", "range"):
        table.add_column(column, justify="right" if column == "reading" else "left")
    for limit in view.limits:
        mark = Text("●", style="green" if limit.ok else "red")
        told = f"{_number(limit.least, limit)} to {_number(limit.most, limit)} {limit.units}".strip()
        if limit.least is None or limit.most is None:
            bound = limit.most if limit.least is None else limit.least
            told = f"at {'most' if limit.least is None else 'least'} {_number(bound, limit)}"
        reading = "-" if limit.reading is None else f"{_number(limit.reading, limit)} {limit.units}".strip()
        table.add_row(mark, limit.label, reading, _gauge(limit), Text(told, style="dim"))
    style = "bold green" if view.green else "bold yellow"
    least = f"minZ {view.min_z_mm:.0f} mm, maxZ {'none' if view.max_z_mm is None else f'{view.max_z_mm:.0f} mm'}"
    far = "" if view.median_mm is None else f", middle of the face at {view.median_mm:.0f} mm"
    return Group(
        Text(view.sentence or "Wait for the first picture.", style=style), table, Text(least + far, style="dim")
    )


def _number(value: float | None, limit: HeadLimit) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if limit.units or limit.name == "brightness" else f"{value:.2f}"


def _gauge(limit: HeadLimit) -> Text:
    """Draw where the reading lies: the good range is the middle half of the bar."""
    if limit.reading is None:
        return Text("·" * _BAR, style="dim")
    least = 0.0 if limit.least is None else limit.least
    most = max(1.0, least) if limit.most is None else limit.most
    span = (most - least) or 1.0
    place = round((0.25 + 0.5 * (limit.reading - least) / span) * (_BAR - 1))
    bar = Text("─" * (_BAR // 4) + "━" * (_BAR // 2) + "─" * (_BAR // 4), style="dim")
    bar.stylize("green", _BAR // 4, _BAR * 3 // 4)
    at = min(max(place, 0), _BAR - 1)
    return bar[:at] + Text("●", style="bold green" if limit.ok else "bold red") + bar[at + 1 :]


def tell(result: dict[str, Any], terminal: Console) -> None:
    """Print the outcome on a few lines."""
    terminal.print(
        render_view(HeadView.model_validate({k: v for k, v in result.items() if k in HeadView.model_fields}))
    )
    if result["locked"]:
        held = ", ".join(f"{name} {value:g}" for name, value in result["locked"].items())
        terminal.print(f"held: {held}", style="green", markup=False, soft_wrap=True)
