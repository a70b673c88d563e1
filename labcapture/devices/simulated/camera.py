"""A D415 made of software: the SDK's own software device, fed with a `scene` on a schedule of scripted `faults`.

To the host it is a camera like any other: sensors with profiles, options, intrinsics and metadata. Each picture carries
the index of its frame (`strip`), and the feeder keeps a record of the truth: what was captured when, and what became of
it.
"""

from __future__ import annotations

import heapq
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from labcapture.core.clock import lsl_time
from labcapture.core.config import Model
from labcapture.core.errors import DeviceError
from labcapture.devices._realsense_sdk import Sdk, rs
from labcapture.devices.simulated import d415
from labcapture.devices.simulated.d415 import Size, Stream
from labcapture.devices.simulated.faults import Faults, Loss, Planned, plan
from labcapture.devices.simulated.scene import Scene, SimulatedHead
from labcapture.devices.simulated.screen import Eye
from labcapture.devices.simulated.strip import Strip, write_strip
from labcapture.devices.simulated.truth import Truth, Truths

STRIP_STREAM: dict[Stream, int] = {"color": 1, "depth": 2}
"""What the index strip says of the stream."""

_MAX_PICTURES = 400  # 1.8 GB at 1280 x 720
_COLOR_PHASE_S = 0.004  # the two sensors of a D415 are not synchronised
_WRAP_US = 1 << 32
_EXPOSURE_US: dict[Stream, int] = {"color": 9_800, "depth": 8_500}
_EXPOSURE_UNIT_US: dict[Stream, int] = {"color": 100, "depth": 1}  # of the sensors' option
_READOUT_US = 11_000  # from mid-exposure to the start of the transfer

_ECHOED = {  # options that the camera repeats in the metadata of its colour frames
    rs.frame_metadata_value.power_line_frequency: rs.option.power_line_frequency,
    rs.frame_metadata_value.exposure_priority: rs.option.auto_exposure_priority,
}


class Waypoint(Model):
    """The face is ``distance_mm`` away at ``at_s``; between two waypoints it moves evenly."""

    at_s: float = Field(ge=0, description="Seconds after the camera's start")
    distance_mm: float = Field(ge=200, le=1200, description="From the camera to the tip of the nose (mm)")


class SimulatedCamera(Model):
    """Section ``simulated`` of a RealSense: the scene and what goes wrong."""

    seed: int = Field(default=0, ge=0, description="Of noise and jitter; the same seed gives the same run")
    distance: tuple[Waypoint, ...] = Field(
        default=(Waypoint(at_s=0, distance_mm=520),), min_length=1, description="Script of the face's distance"
    )
    head: SimulatedHead = Field(default=SimulatedHead(), description="How the person holds the head")
    distance_step_mm: float = Field(default=10.0, ge=1, description="Grain of the distance: pictures are made per step")
    pictures: int = Field(default=6, ge=1, le=60, description="Pictures per step, each with noise of its own, in turn")
    latency_ms: float = Field(default=22.0, ge=0, le=500, description="Least delay from mid-exposure to the host")
    clock_start_us: int = Field(
        default=1_000_000_000, ge=0, description="What the device clock shows at the start; it wraps at 2**32 us"
    )
    usb_type: Literal["3.2", "2.1"] = Field(default="3.2", description="USB port that the camera claims to be on")
    films: Literal["scene", "stage"] = Field(
        default="scene",
        description="What its colour pictures show: the person, or the participant's screen (an X display, pixel by "
        "pixel); depth is always that of the person",
    )
    faults: Faults = Field(default=Faults(), description="What goes wrong, and when")
    truth_path: Path | None = Field(
        default=None, description="New file for the truth: one line of JSON per frame captured"
    )

    @model_validator(mode="after")
    def _possible(self) -> SimulatedCamera:
        times = [point.at_s for point in self.distance]
        if times != sorted(set(times)):
            raise ValueError("the waypoints of 'distance' must be in order of at_s, each at its own time")
        if len(self.steps()) * self.pictures > _MAX_PICTURES:
            raise ValueError(
                f"{len(self.steps())} steps of distance with {self.pictures} pictures each need too much memory; "
                f"keep their product within {_MAX_PICTURES}: raise distance_step_mm or lower pictures"
            )
        if self.truth_path is not None and self.truth_path.suffix != ".jsonl":
            raise ValueError(
                "'truth_path' must end in .jsonl"
            )  # a rig file may not make a file that anything would run
        return self

    def step_at(self, seconds: float) -> int:
        """Return the step of distance (multiple of ``distance_step_mm``) at ``seconds`` after the start."""
        times = [point.at_s for point in self.distance]
        place = float(np.interp(seconds, times, [point.distance_mm for point in self.distance]))
        return round(place / self.distance_step_mm)

    def steps(self) -> range:
        """Return every step of distance that the script passes."""
        ends = [round(point.distance_mm / self.distance_step_mm) for point in self.distance]
        return range(min(ends), max(ends) + 1)


@dataclass
class _Port:
    """Where frames of one stream are handed to the SDK."""

    sensor: Sdk
    profile: Sdk
    format: d415.Format


class SoftwareD415:
    """The simulated camera, as a source of `labcapture.devices.realsense`.

    Parameters
    ----------
    config
        The section ``simulated``.
    color, depth
        (width, height, frames per second) that the host is going to ask for.
    serial
        Serial number that it claims; None for one of its own.
    where
        Name of the device in errors.
    """

    lossless_queue = False

    def __init__(
        self,
        config: SimulatedCamera,
        color: Size,
        depth: Size,
        serial: str | None = None,
        where: str = "camera",
    ) -> None:
        self._config = config
        self._sizes: dict[Stream, Size] = {"color": color, "depth": depth}
        self._serial = serial or d415.SERIAL
        self._where = where
        self._pictures: dict[Stream, dict[int, list[NDArray[Any]]]] = {}
        self._device: Sdk = None
        self._ports: dict[Stream, _Port] = {}
        self._truth = Truths()
        self._truth_file: TextIO | None = None
        self._stop = threading.Event()
        self._feeder: threading.Thread | None = None
        self._failure: Exception | None = None
        self._lock = threading.Lock()  # of what follows: the host's thread and the feeder meet here
        self._life = 0
        self._unplugged = False
        self._streaming = False
        self._start = 0.0
        self._exposure_us = dict(_EXPOSURE_US)
        self._eye: Eye | None = None
        if config.films == "stage":
            self._eye = Eye(color[:2], where)
            self._exposure_us["color"] = 1  # a screen is read out at one moment

    def film(self, display: str) -> None:
        """Let colour pictures show X ``display`` from now on, where the camera films the stage."""
        if self._eye is not None:
            self._eye.open(display)

    def truth(self) -> list[Truth]:
        """Return what became of every frame so far, in order of delivery."""
        return self._truth.all()

    def picture(self, stream: Stream, index: int, captured_s: float) -> NDArray[Any]:
        """Return frame ``index``, captured ``captured_s`` seconds after the start; valid until the next call.

        The same configuration gives the same pictures, unless it films the stage; they are there from `find` on.
        """
        if self._eye is not None and stream == "color":
            pixels: NDArray[Any] = self._eye.pixels(index)
        else:
            pictures = self._pictures[stream][self._config.step_at(captured_s)]
            pixels = pictures[index % len(pictures)]
        write_strip(pixels, Strip(STRIP_STREAM[stream], index))
        return pixels

    # What the host's side asks of a source -------------------------------------------------------------------------

    def find(self) -> Sdk:
        """Return the device; the first call renders the pictures (1 s per step of distance at 1280 x 720).

        Raises
        ------
        DeviceError
            The script has the cable pulled just now, or the truth would overwrite a file.
        """
        with self._lock:
            if self._unplugged:
                raise DeviceError("the simulated camera is unplugged by its script", self._where)
            if self._device is None:
                self._check_truth()
                if all(size in d415.PROFILES[stream] for stream, size in self._sizes.items()):
                    self._render()  # else the host is going to find that there is no such profile
                self._device = self._build()
            return self._device

    def started(self) -> None:
        """Begin to feed; the host calls it when its sensors are started."""
        with self._lock:
            if "color" in self._ports:
                sensor = self._ports["color"].sensor
                for value, option in _ECHOED.items():
                    sensor.set_metadata(value, int(sensor.get_option(option)))
            self._streaming = True
        if self._feeder is None:
            self._open_truth()
            self._start = lsl_time()
            self._feeder = threading.Thread(target=self._feed, name="simulated-d415", daemon=True)
            self._feeder.start()

    def is_gone(self) -> bool:
        """Return whether the device that `find` gave is no longer there."""
        if self._failure is not None:
            raise DeviceError(f"the simulated camera failed: {self._failure}", self._where) from self._failure
        with self._lock:
            return not self._streaming

    def has_ended(self) -> bool:
        """Return False: a camera has no end."""
        return False

    def stop(self) -> None:
        """Stop feeding. May be called twice."""
        self._stop.set()
        if self._feeder is not None:
            self._feeder.join()
        if self._truth_file is not None:
            self._truth_file.close()
            self._truth_file = None

    def close(self) -> None:
        """Stop, and let go of the device. May be called twice."""
        self.stop()
        if self._eye is not None:
            self._eye.close()
        self._ports.clear()
        self._device = None

    # The feeder ------------------------------------------------------------------------------------------------------

    def _build(self) -> Sdk:
        device, offered = d415.build(self._serial, self._config.usb_type)
        for stream, size in self._sizes.items():
            sensor, profiles = offered[stream]
            if size in profiles:
                sensor.set_metadata(rs.frame_metadata_value.actual_fps, size[2] * 1000)
                self._ports[stream] = _Port(sensor, profiles[size].as_video_stream_profile(), d415.FORMATS[stream])
        return device

    def _render(self) -> None:
        (cw, ch, _), (dw, dh, _) = self._sizes["color"], self._sizes["depth"]
        color: dict[int, list[NDArray[Any]]] = {}
        depth: dict[int, list[NDArray[Any]]] = {}
        for step in self._config.steps():
            distance = step * self._config.distance_step_mm
            optics = d415.color_optics(cw, ch), d415.depth_optics(dw, dh)
            scene = Scene(*optics, distance, self._config.seed, self._config.head)
            color[step] = [scene.color() for _ in range(self._config.pictures if self._eye is None else 0)]
            depth[step] = [scene.depth() for _ in range(self._config.pictures)]
        self._pictures = {"color": color, "depth": depth}

    def _check_truth(self) -> None:
        path = self._config.truth_path
        if path is not None and path.exists():
            raise DeviceError(f"the truth would overwrite {path}", self._where, "Name a new file, or move that one.")

    def _open_truth(self) -> None:
        path = self._config.truth_path
        if path is None:
            return
        try:
            self._truth_file = path.open("x", encoding="utf-8", buffering=1)
        except OSError as error:
            raise DeviceError(
                f"the truth cannot be written to {path} ({error.strerror})", self._where, "Name a new file."
            ) from error

    def _plan(self, stream: Stream) -> Iterator[Planned]:
        return plan(
            self._config.faults,
            stream,
            rate_hz=self._sizes[stream][2],
            start_us=self._config.clock_start_us,
            latency_s=self._config.latency_ms / 1e3,
            phase_s=_COLOR_PHASE_S if stream == "color" else 0.0,
            seed=self._config.seed,
        )

    def _feed(self) -> None:
        deliveries = ((f.delivered_s, f, False) for f in self._in_order_of_delivery())
        exposures = ((f.captured_s, f, True) for f in (self._plan("color") if self._eye is not None else ()))
        try:
            for due, frame, is_exposure in heapq.merge(deliveries, exposures, key=lambda event: event[0]):
                event = frame if self._eye is None or is_exposure else self._eye.as_taken(frame, self._start)
                late_s = event.captured_s - frame.captured_s  # what is taken late comes late
                if self._stop.wait(max(0.0, self._start + due + late_s - lsl_time())):
                    return
                if self._eye is not None and is_exposure:
                    self._eye.expose(frame.index)
                else:
                    self._hand_on(event)
        except Exception as error:  # noqa: BLE001 - it is raised to the host by is_gone
            self._failure = error

    def _in_order_of_delivery(self) -> Iterator[Planned]:
        return heapq.merge(self._plan("depth"), self._plan("color"), key=lambda frame: frame.delivered_s)

    def _hand_on(self, frame: Planned) -> None:
        self._follow_cable(frame)
        lost = frame.lost
        if lost is None:
            lost = self._deliver(frame)
        self._note(frame, None if lost else lsl_time(), lost)

    def _follow_cable(self, frame: Planned) -> None:
        """Pull and put back the cable as the plan has it; the device that comes back is a new one."""
        with self._lock:
            if frame.life > self._life:
                self._life = frame.life
                self._unplugged, self._streaming = False, False
                self._device = self._build()
            elif frame.lost == "disconnect" and frame.life == self._life:  # not a straggler of the life before
                self._unplugged, self._streaming = True, False

    def _deliver(self, planned: Planned) -> Loss | None:
        """Hand one frame to the SDK; return why not where the host does not listen."""
        port = self._ports[planned.stream]
        pixels = self.picture(planned.stream, planned.index, planned.captured_s)
        frame = rs.software_video_frame()  # a new one each time: the SDK takes its memory away
        frame.bpp = port.format.bytes_per_pixel
        frame.stride = pixels.shape[1] * frame.bpp
        frame.profile = port.profile
        frame.pixels = pixels
        frame.depth_units = d415.DEPTH_UNITS if planned.stream == "depth" else 0.0
        frame.frame_number = planned.number
        frame.domain = rs.timestamp_domain.hardware_clock
        sensor_us = planned.device_us % _WRAP_US
        transfer_us = (planned.device_us + _READOUT_US) % _WRAP_US
        frame.timestamp = transfer_us / 1e3
        now_ms = time.time() * 1e3
        late_ms = (lsl_time() - self._start - planned.delivered_s) * 1e3
        with self._lock:
            if not self._streaming:
                return "disconnect"
            for value, number in (
                (rs.frame_metadata_value.frame_counter, planned.number),
                (rs.frame_metadata_value.sensor_timestamp, sensor_us),
                (rs.frame_metadata_value.frame_timestamp, transfer_us),
                (rs.frame_metadata_value.backend_timestamp, int(now_ms - late_ms)),
                (rs.frame_metadata_value.time_of_arrival, int(now_ms)),
                (rs.frame_metadata_value.actual_exposure, self._exposed_us(planned.stream, port.sensor)),
            ):
                port.sensor.set_metadata(value, number)
            port.sensor.on_video_frame(frame)
        return None

    def _exposed_us(self, stream: Stream, sensor: Sdk) -> int:
        """Return how long a picture was exposed: as set by hand, where the automatics are off."""
        if self._eye is not None or sensor.get_option(rs.option.enable_auto_exposure):
            return self._exposure_us[stream]
        return round(float(sensor.get_option(rs.option.exposure)) * _EXPOSURE_UNIT_US[stream])

    def _note(self, frame: Planned, delivered: float | None, lost: Loss | None) -> None:
        captured = self._start + frame.captured_s
        truth = Truth(frame.stream, frame.index, frame.number, frame.life, captured, delivered, lost)
        self._truth.add(truth)
        if self._truth_file is not None:
            self._truth_file.write(json.dumps(asdict(truth)) + "\n")
