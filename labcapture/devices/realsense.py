"""Colour and depth of an Intel RealSense: one path for a live camera, a recorded file and a simulated camera.

Sensors are opened one by one, not through the SDK's pipeline, which may drop, repeat or pair frames. Both deliver into
one bounded queue of the SDK; `Camera.run` copies each frame out at once and stamps its arrival. No Python runs on
the SDK's threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from threading import Event
from typing import Any

from labcapture.core.cancelling import NEVER, Cancellation
from labcapture.core.chunks import Cause, Gap, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.core.errors import DeviceError
from labcapture.devices._realsense_config import ColorStream, Config, DepthStream, PictureStream
from labcapture.devices._realsense_facts import lens, pose, read_options, set_options, stereo
from labcapture.devices._realsense_frames import DeviceClock, FrameReader
from labcapture.devices._realsense_lock import free, hold
from labcapture.devices._realsense_sdk import Sdk, rs
from labcapture.devices._realsense_source import (
    Facts,
    LiveCamera,
    RecordedFile,
    Source,
    drained,
    plugged_in,
    profile_text,
)
from labcapture.devices.base import Emit
from labcapture.devices.simulated.camera import SimulatedCamera, SoftwareD415

__all__ = ["Camera", "Config", "contract_config", "create", "plugged_in"]

QUEUE_FRAMES = 60
"""Frames of both streams that the SDK keeps for us: one second at 30 frames per second."""

_FIRST_FRAME_S = 5.0  # a camera takes a while to begin
_AWAY_CHECK_S = 0.5
_RETURN_TRIALS = 20  # a camera that was just plugged in may refuse for some seconds
_THERMOMETERS = ("asic_temperature", "projector_temperature")
_THERMOMETER_S = 10.0
_MAINS = {50: 1.0, 60: 2.0}  # values of power_line_frequency


def create(config: Config) -> Camera:
    """Make the device; nothing is opened yet."""
    return Camera(config)


def contract_config() -> Config:
    """Return a small simulated camera for the contract test."""
    return Config(
        name="camera",
        source="simulated",
        color=ColorStream(width_px=424, height_px=240),
        depth=DepthStream(width_px=424, height_px=240),
        simulated=SimulatedCamera(pictures=2),
    )


class _Stream:
    """What the device keeps of one of its streams."""

    def __init__(self, wanted: PictureStream, kind: Sdk, picture_format: Sdk) -> None:
        self.wanted = wanted
        self.kind = kind
        self.format = picture_format
        self.sensor: Sdk = None
        self.profile: Sdk = None
        self.spec: StreamSpec | None = None
        self.reader: FrameReader | None = None
        self.last_arrival: float | None = None
        self.is_silent = False
        self.is_overrun = False
        self.is_anew = False


class Camera:
    """A RealSense under the contract of `labcapture.devices.base.Device`.

    Besides what the SDK gives, a frame's metadata holds ``timestamp_domain`` (0 device clock, 1 system, 2 global time),
    ``sdk_frame_number``, ``queue_waiting`` (frames that waited behind it), the evidence ``host_overflow`` and
    ``after_disconnect`` (see `labcapture.core.chunks.Frame`), and for depth the last reading of the thermometers.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._source: Source = _source(config)
        self._streams = (
            _Stream(config.color, rs.stream.color, rs.format.rgb8),
            _Stream(config.depth, rs.stream.depth, rs.format.z16),
        )
        self._queue: Sdk = None
        self._sensors: list[Sdk] = []  # opened ones
        self._started: list[Sdk] = []
        self._temperatures: dict[str, int] = {}
        self._next_reading = 0.0
        self._next_search = 0.0
        self._refusals = 0

    @property
    def source(self) -> Source:
        """Where the camera comes from; a simulated one can be asked for the truth."""
        return self._source

    def film(self, display: str) -> None:
        """See `labcapture.devices.base.FilmsStage`."""
        if isinstance(self._source, SoftwareD415):
            self._source.film(display)

    def hold_exposure(self, metadata: Mapping[str, int] | None) -> dict[str, float]:
        """Hold exposure and white balance as a colour frame tells them (None: automatic); return what was set."""
        sensor = self._streams[0].sensor
        if sensor is None or self._config.source == "file":
            return {}
        return free(sensor, self._config.name) if metadata is None else hold(sensor, metadata, self._config.name)

    def describe(self) -> Sequence[StreamSpec]:
        """Return the specs of colour and depth, with all that the camera says of itself."""
        return [stream.spec for stream in self._streams if stream.spec is not None]

    def open(self, cancelled: Cancellation = NEVER) -> None:
        """Find the camera, set its options, read them back and claim its sensors.

        Raises
        ------
        DeviceError
            It is missing, on a USB 2 port, lacks a profile or an option, or another program holds it.
        """
        with self._told("the camera cannot be opened", "Close other programs that use it, or replug it."):
            self._open(cancelled)

    def _open(self, cancelled: Cancellation) -> None:
        device = self._source.find()
        cancelled.check()
        facts = Facts.of(device)
        if facts.usb_type.startswith("2") and not self._config.allow_usb2:
            raise DeviceError(
                f"{facts.name} {facts.serial} is on a USB {facts.usb_type} port, too slow for full rate",
                self._config.name,
                "Use a USB 3 port and cable, or set allow_usb2: true with small profiles.",
            )
        self._claim(device)
        for stream in self._streams:
            stream.spec = self._spec(device, facts, stream)

    def run(self, emit: Emit, stop: Event) -> None:
        """Emit frames until ``stop`` is set or a recording ends.

        Raises
        ------
        DeviceError
            The sensors do not start, or a camera that came back no longer takes its options.
        """
        began = lsl_time()
        with self._told("the camera failed", "Replug it."):
            try:
                self._start()
                while not stop.is_set():
                    if self._take(emit, 100):
                        self._read_temperatures()
                    elif self._source.has_ended() and not self._take(emit, 500):  # the SDK may still hand some on
                        break
                    self._watch(emit, began)
            finally:
                self._source.stop()
                self._halt()
            while self._take(emit, 1):  # delivered before the stop
                pass

    def close(self) -> None:
        """Release the sensors and the device."""
        self._source.stop()
        self._halt()
        self._release()
        self._queue = None
        for stream in self._streams:
            stream.sensor = stream.profile = None
        self._source.close()

    @contextmanager
    def _told(self, what: str, mend: str) -> Iterator[None]:
        """Turn what the SDK raises into our one clear line."""
        try:
            yield
        except RuntimeError as error:
            raise DeviceError(f"{what} ({error})", self._config.name, mend) from error

    # Sensors ---------------------------------------------------------------------------------------------------------

    def _claim(self, device: Sdk) -> None:
        """Find the profile of each stream, set options and open the sensors."""
        sensors = list(device.query_sensors())
        chosen: list[tuple[Sdk, list[Sdk]]] = []
        for sensor in sensors:
            if profiles := [s.profile for s in self._streams if self._choose(sensor, s)]:
                chosen.append((sensor, profiles))
        for stream in self._streams:
            if stream.sensor is None:
                self._no_profile(sensors, stream)
        if self._config.source != "file":
            for stream in self._streams:
                set_options(stream.sensor, self._defaults(stream) | stream.wanted.options, self._config.name)
        for sensor, profiles in chosen:
            sensor.open(profiles)
            self._sensors.append(sensor)

    def _choose(self, sensor: Sdk, stream: _Stream) -> bool:
        """Take the stream's profile from ``sensor`` if it offers it."""
        for profile in sensor.get_stream_profiles():
            if profile.stream_type() == stream.kind and profile.format() == stream.format:
                video = profile.as_video_stream_profile()
                if (video.width(), video.height(), video.fps()) == stream.wanted.size:
                    stream.sensor, stream.profile = sensor, profile
                    return True
        return False

    def _no_profile(self, sensors: Sequence[Sdk], stream: _Stream) -> None:
        offered = [
            profile_text(profile)
            for sensor in sensors
            for profile in sensor.get_stream_profiles()
            if profile.stream_type() == stream.kind and profile.format() == stream.format
        ]
        width, height, rate = stream.wanted.size
        raise DeviceError(
            f"the camera offers no {stream.kind.name} of {width}x{height} at {rate} Hz",
            self._config.name,
            f"It offers: {', '.join(offered) or 'none of this kind'}.",
        )

    def _defaults(self, stream: _Stream) -> dict[str, float]:
        """Return the options that matter for recording faces, as far as the sensor has them."""
        wanted = {"global_time_enabled": 0.0}  # 1 would fit the stamps to the wall clock, which may step
        if stream.kind == rs.stream.color:
            # Priority 1 would let the sensor halve its rate in dim light.
            wanted |= {"auto_exposure_priority": 0.0, "power_line_frequency": _MAINS[self._config.line_frequency_hz]}
        else:
            wanted["emitter_enabled"] = 1.0
        return {name: value for name, value in wanted.items() if stream.sensor.supports(getattr(rs.option, name))}

    def _spec(self, device: Sdk, facts: Facts, stream: _Stream) -> StreamSpec:
        is_depth = stream.kind == rs.stream.depth
        width, height, rate = stream.wanted.size
        attributes: dict[str, Any] = {
            "source": self._config.source,
            "camera": facts.name,
            "serial": facts.serial,
            "firmware": facts.firmware,
            "usb_type": facts.usb_type,
            "product_line": facts.product_line,
            "physical_port": facts.physical_port,
            "sdk": rs.__version__,
            "profile": profile_text(stream.profile),
            **lens(stream.profile),
            **read_options(stream.sensor),
        }
        other = next(s for s in self._streams if s is not stream)
        attributes |= pose(stream.profile, other.profile, other.kind.name)
        if is_depth:
            attributes |= stereo(device, stream.sensor, self._config.name)
        return StreamSpec(
            name=stream.wanted.name,
            kind="frames",
            dtype="uint16" if is_depth else "uint8",
            shape=(height, width) if is_depth else (height, width, 3),
            units="",
            rate_hz=float(rate),
            clock=self._config.name,
            simulated=self._config.is_simulated or "simulated" in facts.name.lower(),  # also a recording of one
            attributes=attributes,
        )

    def _start(self) -> None:
        clock = DeviceClock()
        if self._queue is None:
            self._queue = rs.frame_queue(QUEUE_FRAMES, True)  # True: these frames do not count as held by us
        for stream in self._streams:
            stream.reader = FrameReader(stream.wanted.name, clock)
        for sensor in self._sensors:
            # By its name: given by position, the queue is taken for a Python callback on the SDK's own thread.
            sensor.start(queue=self._queue)
            self._started.append(sensor)
        self._source.started()

    def _halt(self) -> None:
        with drained(self._queue) if self._started and self._source.lossless_queue else nullcontext():
            for sensor in self._started:
                with suppress(RuntimeError):  # a camera whose cable was pulled has nothing left to stop
                    sensor.stop()
        self._started.clear()

    def _release(self) -> None:
        for sensor in self._sensors:
            with suppress(RuntimeError):  # likewise
                sensor.close()
        self._sensors.clear()

    # Frames ----------------------------------------------------------------------------------------------------------

    def _take(self, emit: Emit, timeout_ms: int) -> bool:
        """Fetch one frame and emit it; return False when none came."""
        came, frame = self._queue.try_wait_for_frame(timeout_ms)
        arrival = lsl_time()
        if not came:
            return False
        waiting = self._queue.size()
        if waiting >= QUEUE_FRAMES - 1 and not self._source.lossless_queue:
            for stream in self._streams:  # it ran full and may have lost the oldest frames of either
                stream.is_overrun = True
        kind = frame.get_profile().stream_type()
        stream = next(s for s in self._streams if s.kind == kind)
        evidence = {
            "queue_waiting": waiting,
            "host_overflow": int(stream.is_overrun),
            "after_disconnect": 2 if stream.is_anew else int(stream.is_silent),
        }
        if kind == rs.stream.depth:
            evidence |= self._temperatures
        assert stream.reader is not None  # noqa: S101 - set in _start, before any frame can come
        chunk = stream.reader.read(frame, arrival, evidence)
        del frame  # the SDK gets its memory back before anyone works on the copy
        stream.is_overrun = stream.is_silent = stream.is_anew = False
        stream.last_arrival = arrival
        emit(chunk)
        return True

    def _watch(self, emit: Emit, began: float) -> None:
        """Announce streams that fell silent, and bring back a camera that went away."""
        if self._queue.size():
            return  # if it was silent, then on our side
        now = lsl_time()
        for stream in self._streams:
            patience = self._config.silence_s + (0 if stream.last_arrival is not None else _FIRST_FRAME_S)
            if now - (stream.last_arrival or began) > patience:
                self._fall_silent(emit, stream, began, f"no frame for {patience:g} s")
        newest = max(stream.last_arrival or began for stream in self._streams)
        if now - newest < _AWAY_CHECK_S or now < self._next_search or not self._source.is_gone():
            return
        self._next_search = now + _AWAY_CHECK_S
        for stream in self._streams:
            self._fall_silent(emit, stream, began, "the camera was disconnected")
        self._come_back()

    def _come_back(self) -> None:
        """Look for a camera that went away, and use it again as before."""
        self._halt()
        self._release()
        try:
            device = self._source.find()
        except (DeviceError, RuntimeError):
            return  # still away: the open gap says so
        for stream in self._streams:
            stream.sensor = stream.profile = None
        try:
            self._claim(device)
            self._start()
        except (DeviceError, RuntimeError):  # perhaps it is not ready yet
            self._refusals += 1
            if self._refusals >= _RETURN_TRIALS:
                raise
        else:
            self._refusals = 0
            for stream in self._streams:
                stream.is_anew = True

    def _fall_silent(self, emit: Emit, stream: _Stream, began: float, why: str) -> None:
        if stream.is_silent or self._source.has_ended():
            return
        stream.is_silent = True
        start = began if stream.last_arrival is None else stream.last_arrival
        emit(Gap(stream.wanted.name, Cause.DISCONNECT, -1, -1, 0, start, float("nan"), why))

    def _read_temperatures(self) -> None:
        """Read the thermometers now and then, when no frame is waiting."""
        now = lsl_time()
        if now < self._next_reading or self._queue.size():
            return
        self._next_reading = now + _THERMOMETER_S
        sensor = next(s.sensor for s in self._streams if s.kind == rs.stream.depth)
        readings: dict[str, int] = {}
        for name in _THERMOMETERS:
            with suppress(RuntimeError):  # no reading, and so no value
                if sensor.supports(getattr(rs.option, name)):
                    readings[f"{name}_millicelsius"] = round(sensor.get_option(getattr(rs.option, name)) * 1000)
        self._temperatures = readings


def _source(config: Config) -> Source:
    if config.source == "simulated":
        settings = config.simulated or SimulatedCamera()
        return SoftwareD415(settings, config.color.size, config.depth.size, config.serial, config.name)
    if config.path is not None:
        return RecordedFile(config.path, config.real_time, config.name)
    return LiveCamera(config.serial, config.name)
