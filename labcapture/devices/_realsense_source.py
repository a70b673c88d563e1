"""Where a RealSense comes from: a live camera or a recorded file (a simulated one is in `simulated.camera`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any, Protocol

from labcapture.core.errors import DeviceError
from labcapture.devices._realsense_sdk import Sdk, rs


class Source(Protocol):
    """Finds the SDK's device, and knows whether it is still there."""

    lossless_queue: bool
    """True where the source waits for room in our queue instead of losing frames."""

    def find(self) -> Sdk:
        """Return the device. Raises `DeviceError` when it is not there."""

    def started(self) -> None:
        """Take note that all sensors of the device are started."""

    def is_gone(self) -> bool:
        """Return whether the device that `find` gave has left; `find` may give a new one."""

    def has_ended(self) -> bool:
        """Return whether there is nothing more to come, as at the end of a file."""

    def stop(self) -> None:
        """Let nothing more come. May be called twice."""

    def close(self) -> None:
        """Let go of the device. May be called twice."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a device says of itself; empty text where it says nothing."""

    name: str
    serial: str
    firmware: str
    usb_type: str
    product_line: str
    physical_port: str

    @classmethod
    def of(cls, device: Sdk) -> Facts:
        """Read them from an SDK device."""

        def info(key: Sdk) -> str:
            return str(device.get_info(key)) if device.supports(key) else ""

        return cls(
            info(rs.camera_info.name),
            info(rs.camera_info.serial_number),
            info(rs.camera_info.firmware_version),
            info(rs.camera_info.usb_type_descriptor),
            info(rs.camera_info.product_line),
            info(rs.camera_info.physical_port),
        )


def plugged_in() -> list[dict[str, Any]]:
    """Return what every RealSense that is plugged in says of itself.

    Each has the keys of `Facts`, and ``profiles``: texts such as ``"color 1280x720 rgb8 30 Hz"``; ``error`` instead
    where another program holds the camera.
    """
    return [facts_and_profiles(device) for device in rs.context().query_devices()]


def facts_and_profiles(device: Sdk) -> dict[str, Any]:
    """Return one entry of `plugged_in`."""
    try:
        facts: dict[str, Any] = asdict(Facts.of(device))
        facts["profiles"] = [
            profile_text(profile)
            for sensor in device.query_sensors()
            for profile in sensor.get_stream_profiles()
            if profile.is_video_stream_profile()
        ]
    except RuntimeError as error:
        return {"name": "Intel RealSense", "error": str(error)}
    return facts


def profile_text(profile: Sdk) -> str:
    """Return a profile as ``"color 1280x720 rgb8 30 Hz"``."""
    video = profile.as_video_stream_profile()
    size = f"{video.width()}x{video.height()}"
    return f"{profile.stream_type().name} {size} {profile.format().name} {profile.fps()} Hz"


class LiveCamera:
    """A camera on a cable, by serial number, or the only one there is."""

    lossless_queue = False

    def __init__(self, serial: str | None, where: str) -> None:
        self._serial = serial
        self._where = where
        self._context: Sdk = None  # it watches the ports for as long as it lives
        self._device: Sdk = None

    def find(self) -> Sdk:
        """Return the device that is plugged in.

        Raises
        ------
        DeviceError
            It is not there, or there are several and no serial number says which one.
        """
        self._context = self._context or rs.context()
        found = {Facts.of(device).serial: device for device in self._context.query_devices()}
        listed = ", ".join(f"{Facts.of(device).name} {serial}" for serial, device in found.items()) or "none"
        if self._serial is not None and self._serial not in found:
            raise DeviceError(
                f"no RealSense camera with serial {self._serial}; found: {listed}",
                self._where,
                "Check its cable and power, and the serial in the rig file.",
            )
        if not found:
            raise DeviceError("no RealSense camera found", self._where, "Plug it into a USB 3 port.")
        if self._serial is None and len(found) > 1:
            raise DeviceError(
                f"several RealSense cameras found: {listed}", self._where, "Say which one by 'serial' in the rig file."
            )
        self._device = found[self._serial] if self._serial is not None else next(iter(found.values()))
        # From now on this very camera: one that comes back after a disconnect must not be another.
        self._serial = Facts.of(self._device).serial or self._serial
        return self._device

    def started(self) -> None:
        """Do nothing: a camera flows by itself."""

    def is_gone(self) -> bool:
        """Return whether the cable was pulled or the camera reset itself."""
        return self._device is not None and not self._device.is_connected()

    def has_ended(self) -> bool:
        """Return False: a camera has no end."""
        return False

    def stop(self) -> None:
        """Do nothing: stopping the sensors is all it takes."""

    def close(self) -> None:
        """Let go of the device."""
        self._device = None
        self._context = None


class RecordedFile:
    """A file of the SDK's recorder (``.db3``, ``.bag``), played from its start.

    Parameters
    ----------
    path
        The file.
    real_time
        True: at the pace at which it was recorded. False: as fast as we take it; times of arrival then mean nothing.
    where
        Name of the device in errors.
    """

    def __init__(self, path: Path, real_time: bool, where: str) -> None:
        self._path = path
        self._real_time = real_time
        self._where = where
        self._context: Sdk = None
        self._device: Sdk = None
        self._playing = False
        self.lossless_queue = not real_time

    def find(self) -> Sdk:
        """Return the file as a device, held at its first frame.

        Raises
        ------
        DeviceError
            There is no such file, or the SDK cannot read it.
        """
        if not self._path.is_file():
            raise DeviceError(f"no recording {self._path}", self._where, "Check 'path' in the rig file.")
        try:
            self._context = rs.context()
            self._device = self._context.load_device(str(self._path))
            self._device.set_real_time(self._real_time)
            self._device.pause()  # else it runs on while only the first of its sensors is started
        except RuntimeError as error:
            raise DeviceError(
                f"{self._path} cannot be read ({error})", self._where, "Is it a recording of the RealSense SDK?"
            ) from error
        return self._device

    def started(self) -> None:
        """Let the file play."""
        self._device.resume()
        self._playing = True

    def is_gone(self) -> bool:
        """Return False: a file stays."""
        return False

    def has_ended(self) -> bool:
        """Return whether the last frame was read."""
        return self._playing and self._device.current_status() == rs.playback_status.stopped

    def stop(self) -> None:
        """Do nothing: stopping the sensors is all it takes."""

    def close(self) -> None:
        """Let go of the file."""
        self._playing = False
        self._device = None
        self._context = None


@contextmanager
def drained(queue: Sdk) -> Iterator[None]:
    """Throw away what is in ``queue`` and comes into it: a playback that waits for room in it cannot be stopped.

    It is empty afterwards: what is left of it would follow on a gap that the recording does not have.
    """
    done = Event()

    def drain() -> None:
        while not done.is_set():
            queue.try_wait_for_frame(20)
        while queue.poll_for_frame():
            pass

    thread = Thread(target=drain, name="realsense-drain")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
