"""The engine's hold on its devices: opens them side by side, gives each a thread, closes them whatever happened."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from labcapture.core.chunks import StreamSpec
from labcapture.core.errors import DeviceError, LabcaptureError
from labcapture.devices.base import Device, DeviceConfig, Emit
from labcapture.devices.rig import create
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

    def open(self) -> None:
        """Open the device and learn its streams."""
        self.device.open()
        self.streams = tuple(self.device.describe())

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
        """Wait for the thread and release the device."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_JOIN_S)
            if self._thread.is_alive():
                log.error("device does not stop", device=self.config.name, waited_s=_JOIN_S)
        try:
            self.device.close()
        except Exception as error:  # the other devices must still be closed
            log.error("device does not close", device=self.config.name, exc_info=error)


def open_all(configs: Sequence[DeviceConfig], log: SessionLog) -> list[Driver]:
    """Open the devices of a rig side by side; leave out those that may be missing and are.

    Raises
    ------
    LabcaptureError
        A required device could not be opened (the first one in the rig's order); all are closed again.
    """
    drivers = [Driver(config) for config in configs]
    with ThreadPoolExecutor(len(drivers), "open") as pool:
        futures = [pool.submit(driver.open) for driver in drivers]
    failed = [(driver, future.exception()) for driver, future in zip(drivers, futures, strict=True)]
    for driver, error in failed:
        if error is None:
            continue
        driver.close(log)
        drivers.remove(driver)
        if driver.config.required:
            close_all(drivers, log)
            raise as_device_error(error, driver.config) from error
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


def wait_delivering(drivers: Sequence[Driver], monitors: Mapping[str, StreamMonitor], seconds: float) -> None:
    """Wait until every stream has delivered.

    Raises
    ------
    LabcaptureError
        A device failed, or a stream stayed silent for ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while silent := [name for name, monitor in monitors.items() if monitor.last_arrival is None]:
        for driver in drivers:
            if driver.error is not None:
                raise as_device_error(driver.error, driver.config) from driver.error
        if time.monotonic() > deadline:
            raise DeviceError(
                f"{', '.join(silent)} delivered nothing for {seconds:g} s",
                "rig",
                "Is the instrument switched on and connected?",
            )
        time.sleep(0.02)


def as_device_error(error: BaseException, config: DeviceConfig) -> LabcaptureError:
    """Return a driver's failure as one that a person can be told."""
    if isinstance(error, LabcaptureError):
        return error
    return DeviceError(f"{type(error).__name__}: {error}", f"device {config.name}")
