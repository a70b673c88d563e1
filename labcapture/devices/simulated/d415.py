"""What a D415 says of itself: nominal optics, profiles, options and a software device that offers them all.

Source of the optics: the maker's data sheet of the D400 series (baseline 55 mm, horizontal field of view 65 deg for
depth and 69 deg for colour at 16:9). Narrower profiles are cut out of the same sensor: the focal length goes with the
height.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from labcapture.devices._realsense_sdk import Sdk, rs

NAME = "Intel RealSense D415 (simulated)"
SERIAL = "SIMULATED"

BASELINE_MM = 55.0
COLOR_FROM_DEPTH_MM = -15.0
"""Place of the colour sensor on the x axis (to the right) of the left imager, from where depth is seen."""
DISPARITY_LEVELS = 126
"""Largest disparity (pixels) that the stereo matcher searches; nearer than it reaches, depth is 0."""
DEPTH_UNITS = 0.001
"""Metres per count of Z16."""

_DEPTH_FOV_DEG, _COLOR_FOV_DEG = 65.0, 69.0

Stream = Literal["color", "depth"]

Size = tuple[int, int, int]
"""(width, height, frames per second)"""

PROFILES: dict[Stream, tuple[Size, ...]] = {
    "color": (
        *((w, h, hz) for w, h in ((1920, 1080), (1280, 720)) for hz in (6, 15, 30)),
        *(
            (w, h, hz)
            for w, h in ((960, 540), (848, 480), (640, 480), (640, 360), (424, 240))
            for hz in (6, 15, 30, 60)
        ),
    ),
    "depth": (
        *((1280, 720, hz) for hz in (6, 15, 30)),
        *((w, h, hz) for w, h in ((848, 480), (640, 480), (640, 360), (424, 240)) for hz in (6, 15, 30, 60, 90)),
    ),
}
"""What the camera offers on USB 3."""


@dataclass(frozen=True, slots=True)
class Format:
    """How pixels of one stream lie in memory."""

    stream: Sdk
    format: Sdk
    bytes_per_pixel: int


FORMATS: dict[Stream, Format] = {
    "color": Format(rs.stream.color, rs.format.rgb8, 3),
    "depth": Format(rs.stream.depth, rs.format.z16, 2),
}

_Option = tuple[str, float, float, float, float]  # name, least, most, step, default
_OPTIONS: dict[Stream, tuple[_Option, ...]] = {
    "color": (
        ("backlight_compensation", 0, 1, 1, 0),
        ("brightness", -64, 64, 1, 0),
        ("contrast", 0, 100, 1, 50),
        ("exposure", 1, 10000, 1, 156),
        ("gain", 0, 128, 1, 64),
        ("gamma", 100, 500, 1, 300),
        ("hue", -180, 180, 1, 0),
        ("saturation", 0, 100, 1, 64),
        ("sharpness", 0, 100, 1, 50),
        ("white_balance", 2800, 6500, 10, 4600),
        ("enable_auto_exposure", 0, 1, 1, 1),
        ("enable_auto_white_balance", 0, 1, 1, 1),
        ("power_line_frequency", 0, 3, 1, 3),
        ("auto_exposure_priority", 0, 1, 1, 1),
        ("global_time_enabled", 0, 1, 1, 1),
    ),
    "depth": (
        ("exposure", 1, 165000, 1, 8500),
        ("gain", 16, 248, 1, 16),
        ("enable_auto_exposure", 0, 1, 1, 1),
        ("visual_preset", 0, 6, 1, 0),
        ("laser_power", 0, 360, 30, 150),
        ("emitter_enabled", 0, 2, 1, 1),
        ("global_time_enabled", 0, 1, 1, 1),
    ),
}
_READINGS: dict[Stream, dict[str, float]] = {
    "color": {},
    "depth": {
        "depth_units": DEPTH_UNITS,
        "stereo_baseline": BASELINE_MM,
        "asic_temperature": 38.0,
        "projector_temperature": 33.0,
    },
}
_METADATA: dict[Stream, dict[str, int]] = {  # what no frame changes
    "color": {
        "gain_level": 64,
        "auto_exposure": 1,
        "white_balance": 4600,
        "brightness": 0,
        "contrast": 50,
        "saturation": 64,
        "sharpness": 50,
        "backlight_compensation": 0,
        "hue": 0,
        "gamma": 300,
    },
    "depth": {"gain_level": 16, "auto_exposure": 1, "frame_laser_power": 150, "frame_laser_power_mode": 1},
}


@dataclass(frozen=True, slots=True)
class Optics:
    """A pinhole camera: size and focal length in pixels, and its place in mm to the right of the left imager."""

    width: int
    height: int
    focal_px: float
    x_mm: float = 0.0

    @property
    def centre_px(self) -> tuple[float, float]:
        """Principal point (x, y): the middle of the picture, counted from the middle of the first pixel."""
        return (self.width - 1) / 2, (self.height - 1) / 2


def depth_optics(width: int, height: int) -> Optics:
    """Return the optics of a depth profile; 1280 x 720 has a focal length of 1004.6 pixels."""
    return Optics(width, height, _focal(height, _DEPTH_FOV_DEG))


def color_optics(width: int, height: int) -> Optics:
    """Return the optics of a colour profile; 1280 x 720 has a focal length of 931.2 pixels."""
    return Optics(width, height, _focal(height, _COLOR_FOV_DEG), COLOR_FROM_DEPTH_MM)


def min_z_mm(optics: Optics) -> float:
    """Return the least distance (mm) that a depth profile can measure: focal length * baseline / disparities."""
    return optics.focal_px * BASELINE_MM / DISPARITY_LEVELS


def build(serial: str, usb_type: str = "3.2") -> tuple[Sdk, dict[Stream, tuple[Sdk, dict[Size, Sdk]]]]:
    """Return a software device, and for each stream its sensor and its profiles by size."""
    device = rs.software_device()
    for key, text in {
        "name": NAME,
        "serial_number": serial,
        "firmware_version": "5.16.0.1",
        "usb_type_descriptor": usb_type,
        "product_line": "D400",
        "product_id": "0AD3",
        "physical_port": "simulated",
    }.items():
        device.register_info(getattr(rs.camera_info, key), text)
    offered: dict[Stream, tuple[Sdk, dict[Size, Sdk]]] = {}
    titles: dict[Stream, str] = {"depth": "Stereo Module", "color": "RGB Camera"}
    for stream, title in titles.items():
        sensor = device.add_sensor(title)
        profiles = {size: sensor.add_video_stream(_video(stream, size)) for size in PROFILES[stream]}
        for name, least, most, step, default in _OPTIONS[stream]:
            reach = rs.option_range()  # its constructor takes step and default in the other order than it says
            reach.min, reach.max, reach.step, reach.default = least, most, step, default
            sensor.add_option(getattr(rs.option, name), reach, True)
        for name, reading in _READINGS[stream].items():
            sensor.add_read_only_option(getattr(rs.option, name), reading)
        for name, value in _METADATA[stream].items():
            sensor.set_metadata(getattr(rs.frame_metadata_value, name), value)
        offered[stream] = sensor, profiles
    across = rs.extrinsics()
    across.rotation = [1, 0, 0, 0, 1, 0, 0, 0, 1]
    across.translation = [-COLOR_FROM_DEPTH_MM / 1000, 0, 0]
    for depth in offered["depth"][1].values():
        for color in offered["color"][1].values():
            depth.register_extrinsics_to(color, across)
    return device, offered


def _video(stream: Stream, size: Size) -> Sdk:
    width, height, rate_hz = size
    optics = color_optics(width, height) if stream == "color" else depth_optics(width, height)
    lens = rs.intrinsics()
    lens.width, lens.height = width, height
    lens.fx = lens.fy = optics.focal_px
    lens.ppx, lens.ppy = optics.centre_px
    lens.model = rs.distortion.inverse_brown_conrady if stream == "color" else rs.distortion.brown_conrady
    lens.coeffs = [0.0] * 5
    video = rs.video_stream()
    video.type, video.fmt, video.bpp = FORMATS[stream].stream, FORMATS[stream].format, FORMATS[stream].bytes_per_pixel
    video.index, video.uid = 0, 1 if stream == "depth" else 2
    video.width, video.height, video.fps = width, height, rate_hz
    video.intrinsics = lens
    return video


def _focal(height: int, fov_deg: float) -> float:
    return (height * 16 / 9 / 2) / math.tan(math.radians(fov_deg) / 2)
