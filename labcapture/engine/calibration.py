"""Bringing a head to its place without a session: one camera, its pictures, and what is measured of the head."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from labcapture.core.cancelling import Cancellation, Cancelled
from labcapture.core.chunks import AudioBlock, Chunk, Frame, Samples, StreamSpec
from labcapture.core.errors import DeviceError, EngineError, LabcaptureError
from labcapture.devices.base import HoldsExposure
from labcapture.devices.rig import load_rig
from labcapture.engine.check_messages import CANCELLING, SHOWING, Calibrate, CalibrationView
from labcapture.engine.driving import Driver, as_device_error, opening_words
from labcapture.engine.head import HeadWatch
from labcapture.engine.head_messages import HeadView
from labcapture.engine.log import SessionLog
from labcapture.engine.messages import PreviewLayout
from labcapture.engine.previewer import Previewer

_TICK_S = 0.05
_FIRST_S = 15.0  # for the first pictures to come


class Calibration:
    """One at a time. `run` is called beside the server's thread, all else from it.

    Once all limits have held, exposure and white balance are held as they are; it goes on until `cancel`.
    """

    def __init__(self) -> None:
        self._view: CalibrationView | None = None
        self._head: HeadView | None = None
        self._layout: PreviewLayout | None = None
        self._cancelled = Cancellation()

    @property
    def is_busy(self) -> bool:
        """Whether one goes on."""
        return self._view is not None and bool(self._view.doing)

    def facts(self) -> dict[str, Any]:
        """Return what a snapshot tells of it."""
        return {"calibration": self._view, "head": self._head, "preview": self._layout}

    def begin(self, command: Calibrate) -> Calibrate:
        """Take note that one begins."""
        self._cancelled = Cancellation()
        self._view = CalibrationView(rig=command.rig, doing=opening_words("realsense"))
        self._head = self._layout = None
        return command

    def cancel(self) -> None:
        """End it; the view says so until all is released."""
        if self.is_busy:
            self._tell(doing=CANCELLING)
            self._cancelled.ask()

    def forget(self) -> None:
        """Tell no more of the last one."""
        self._view = self._head = self._layout = None

    def end(self, work: Future[None]) -> None:
        """Take in that it is over."""
        error = work.exception()
        self._head = self._layout = None
        if error is None or isinstance(error, Cancelled):
            self._tell(doing="")
            return
        told = error if isinstance(error, LabcaptureError) else EngineError(f"{type(error).__name__}: {error}")
        self._tell(doing="", error=str(told))

    def run(self, command: Calibrate) -> None:
        """Show and measure until `cancel`.

        Raises
        ------
        Cancelled
            By `cancel`.
        LabcaptureError
            The rig file is wrong, or the camera cannot be opened, fails, or delivers nothing.
        """
        cancelled = self._cancelled
        rig = load_rig(Path(command.rig))
        config = next((config for config in rig.devices if config.kind == "realsense"), None)
        if config is None:
            raise DeviceError("has no camera", command.rig, "Add a device of kind realsense.")
        driver, log = Driver(config), SessionLog()
        with ExitStack() as stack:
            stack.callback(driver.close, log)
            driver.open(cancelled)
            streams: list[StreamSpec] = [spec for spec in driver.streams if spec.kind == "frames"]
            previewer = Previewer(streams)
            stack.callback(previewer.close)
            stack.callback(self._hide)
            watch = HeadWatch(driver.streams, rig.head)
            stack.callback(watch.close)

            def emit(chunk: Chunk) -> None:
                if isinstance(chunk, Frame):
                    watch.offer(chunk)
                if isinstance(chunk, Frame | AudioBlock | Samples):
                    previewer.offer(chunk, 0.0)

            camera = driver.device if isinstance(driver.device, HoldsExposure) else None
            if camera is not None:
                camera.hold_exposure(None)
            driver.start(emit)
            self._tell(doing=SHOWING, simulated=any(spec.simulated for spec in streams))
            self._layout = previewer.board.layout
            self._follow(driver, watch, camera, cancelled)

    def _follow(self, driver: Driver, watch: HeadWatch, camera: HoldsExposure | None, cancelled: Cancellation) -> None:
        waited, is_held = 0.0, False
        while True:
            cancelled.sleep(_TICK_S)
            for failure in (watch.error, driver.error):
                if failure is not None:
                    raise as_device_error(failure, driver.config) from failure
            view = watch.view()
            waited += _TICK_S
            if not view.pictures and waited > _FIRST_S:
                raise DeviceError(f"delivered no pictures for {_FIRST_S:g} s", driver.config.name, "Replug the camera.")
            self._head = view
            if view.green and not is_held:
                is_held = True
                locked = camera.hold_exposure(watch.metadata()) if camera is not None else {}
                self._tell(good=True, locked=locked)

    def _hide(self) -> None:
        """Let no client look into a memory that is about to go."""
        self._head = self._layout = None

    def _tell(self, **changes: Any) -> None:  # noqa: ANN401 - any field of the view
        if self._cancelled.is_asked and changes.get("doing"):  # it says that it is being cancelled, until it is over
            return
        if self._view is not None:
            self._view = self._view.model_copy(update=changes)
