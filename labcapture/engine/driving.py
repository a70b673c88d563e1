"""The engine's hold on its devices: opens them side by side, gives each a thread, closes them whatever happened."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence

from labcapture.core.cancelling import NEVER, Cancellation, Cancelled
from labcapture.core.chunks import StreamSpec
from labcapture.core.errors import DeviceError, LabcaptureError
from labcapture.devices.base import Device, DeviceConfig, Emit
from labcapture.devices.rig import create
from labcapture.engine.aside import Aside, leaving
from labcapture.engine.health import StreamMonitor
from labcapture.engine.log import SessionLog

_JOIN_S = 10.0


class Driver:
    """One opened device and its thread."""

    def __init__(self, config: DeviceConfig) -> None:
        self.config = config
        self.device: Device = create(config)
        self.streams: tuple[StreamSpec, ...] = ()
        self.error: BaseException | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._opening: Aside[None] | None = None

    def begin_opening(self) -> None:
        """Begin to open the device, once those of its kind that were cancelled are closed; `wait_open` waits for it."""
        config = self.config
        self._opening = Aside(config.kind, f"device {config.name}", self.device.open, self.device.close)

    def wait_open(self, cancelled: Cancellation = NEVER) -> None:
        """Wait until the device is open, and learn its streams.

        Raises
        ------
        Cancelled
            By ``cancelled``: the device may still be opening, and is closed by itself after `close`.
        """
        if self._opening is not None:
            self._opening.result(cancelled)
        self.streams = tuple(self.device.describe())

    def open(self, cancelled: Cancellation = NEVER) -> None:
        """Open the device and learn its streams; raises what `wait_open` does."""
        self.begin_opening()
        self.wait_open(cancelled)

    def start(self, emit: Emit) -> None:
        """Run the device in a thread of its own; a failure is kept in ``error``."""

        def run() -> None:
            try:
                self.device.run(emit, self._stop)
            except Exception as error:  # noqa: BLE001 - whatever a driver throws becomes an alarm, in the engine's tick
                self.error = error

        self._thread = threading.Thread(target=run, name=f"device {self.config.name}")
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether the device's thread has ended without being told to."""
        return self._thread is not None and not self._thread.is_alive() and not self._stop.is_set()

    def stop(self) -> None:
        """Ask the device to end its run."""
        self._stop.set()

    def close(self, log: SessionLog) -> None:
        """Wait for the thread and release the device; one that is still opening is released when that is over."""
        if self._opening is not None and self._opening.leave():
            return
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_JOIN_S)
            if self._thread.is_alive():
                log.error("device does not stop", device=self.config.name, waited_s=_JOIN_S)
        try:
            self.device.close()
        except Exception as error:  # the other devices must still be closed
            log.error("device does not close", device=self.config.name, exc_info=error)


def opening_words(*kinds: str) -> str:
    """Return what is being done when what is of ``kinds`` begins to open."""
    left = ", ".join(sorted(set(leaving()).intersection(kinds)))
    return f"waiting until a cancelled opening is over ({left})" if left else "opening the rig"


def try_open(drivers: Sequence[Driver], cancelled: Cancellation = NEVER) -> list[LabcaptureError | None]:
    """Open devices side by side; return what went wrong with each.

    Raises
    ------
    Cancelled
        By ``cancelled``; the caller closes them all.
    """
    for driver in drivers:
        driver.begin_opening()
    errors: list[LabcaptureError | None] = []
    for driver in drivers:
        try:
            driver.wait_open(cancelled)
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a driver throws is told of its device
            errors.append(as_device_error(error, driver.config))
        else:
            errors.append(None)
    return errors


def open_all(configs: Sequence[DeviceConfig], log: SessionLog, cancelled: Cancellation = NEVER) -> list[Driver]:
    """Open the devices of a rig side by side; leave out those that may be missing and are.

    Raises
    ------
    LabcaptureError
        A required device could not be opened (the first one in the rig's order); all are closed again.
    Cancelled
        By ``cancelled``; likewise.
    """
    drivers = [Driver(config) for config in configs]
    try:
        errors = try_open(drivers, cancelled)
    except BaseException:  # Ctrl-C among them
        close_all(drivers, log)
        raise
    for driver, error in zip(tuple(drivers), errors, strict=True):
        if error is None:
            continue
        driver.close(log)
        drivers.remove(driver)
        if driver.config.required:
            close_all(drivers, log)
            raise error
        log.warning("optional device left out", device=driver.config.name, cause=str(error))
    names = [spec.name for driver in drivers for spec in driver.streams]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        close_all(drivers, log)
        raise DeviceError(f"two devices deliver a stream named {twice[0]}", mend="Rename one of them in the rig file.")
    return drivers


def close_all(drivers: Sequence[Driver], log: SessionLog) -> None:
    """Stop all devices, then release them."""
    for driver in drivers:
        driver.stop()
    for driver in drivers:
        driver.close(log)


def wait_delivering(
    drivers: Sequence[Driver],
    monitors: Mapping[str, StreamMonitor],
    seconds: float,
    cancelled: Cancellation = NEVER,
) -> None:
    """Wait until every stream that has a rate has delivered; others may have nothing to say yet.

    Raises
    ------
    Cancelled
        By ``cancelled``.
    LabcaptureError
        A device failed, or a stream stayed silent for ``seconds``.
    """
    deadline = time.monotonic() + seconds
    awaited = {name: monitor for name, monitor in monitors.items() if monitor.spec.rate_hz > 0}
    while silent := [name for name, monitor in awaited.items() if monitor.last_arrival is None]:
        for driver in drivers:
            if driver.error is not None:
                raise as_device_error(driver.error, driver.config) from driver.error
        if time.monotonic() > deadline:
            raise DeviceError(
                f"{', '.join(silent)} delivered nothing for {seconds:g} s",
                "rig",
                "Is the instrument switched on and connected?",
            )
        cancelled.sleep(0.02)


def as_device_error(error: BaseException, config: DeviceConfig) -> LabcaptureError:
    """Return a driver's failure as one that a person can be told."""
    if isinstance(error, LabcaptureError):
        return error
    told = DeviceError(f"{type(error).__name__}: {error}", f"device {config.name}")
    told.__cause__ = error
    return told
