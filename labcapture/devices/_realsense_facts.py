"""Options and other facts of a RealSense: set, read back, and told in the form that a session file keeps."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

from labcapture.core.errors import DeviceError
from labcapture.devices._realsense_sdk import Sdk, rs

OPTION_NAMES = frozenset(rs.option.__members__) - {"unknown"}


def check_names(options: Mapping[str, float]) -> None:
    """Check that the SDK knows every option by its name.

    Raises
    ------
    ValueError
        It does not know one; the message names a similar one.
    """
    for name in options:
        if name not in OPTION_NAMES:
            near = difflib.get_close_matches(name, OPTION_NAMES, n=1)
            raise ValueError(f"the RealSense SDK has no option '{name}'" + (f"; is it '{near[0]}'?" if near else ""))


def set_options(sensor: Sdk, options: Mapping[str, float], where: str) -> None:
    """Set options in their order and read each back.

    Raises
    ------
    DeviceError
        The sensor has no such option, only reads it, refuses the value or keeps another.
    """
    for name, value in options.items():
        option = getattr(rs.option, name)
        if not sensor.supports(option):
            has = ", ".join(sorted(o.name for o in sensor.get_supported_options() if not sensor.is_option_read_only(o)))
            raise DeviceError(
                f"{_title(sensor)} has no option '{name}'", where, f"Remove it from the rig file; it has: {has}."
            )
        if sensor.is_option_read_only(option):
            raise DeviceError(
                f"option '{name}' of {_title(sensor)} can only be read", where, "Remove it from the rig file."
            )
        reach = sensor.get_option_range(option)
        limits = f"{reach.min:g} to {reach.max:g} in steps of {reach.step:g}"
        try:
            sensor.set_option(option, value)
            kept = sensor.get_option(option)
        except RuntimeError as error:
            raise DeviceError(
                f"option '{name}' of {_title(sensor)} refuses {value:g} ({error})", where, f"It takes {limits}."
            ) from error
        if not math.isclose(kept, value, rel_tol=1e-4, abs_tol=1e-4):
            raise DeviceError(
                f"option '{name}' of {_title(sensor)} was set to {value:g} and stays at {kept:g}",
                where,
                f"It takes {limits}.",
            )


def read_options(sensor: Sdk) -> dict[str, Any]:
    """Return every option as ``option_<name>``, and the names of those that cannot be read just now."""
    read: dict[str, Any] = {}
    unreadable = []
    for option in sensor.get_supported_options():
        try:
            read[f"option_{option.name}"] = float(sensor.get_option(option))
        except RuntimeError:
            unreadable.append(option.name)
    if unreadable:
        read["options_unreadable"] = ", ".join(unreadable)
    return read


def lens(profile: Sdk) -> dict[str, Any]:
    """Return the intrinsics of a profile: pixels, and the SDK's model and coefficients of distortion."""
    it = profile.as_video_stream_profile().get_intrinsics()
    return {
        "intrinsics_width": it.width,
        "intrinsics_height": it.height,
        "intrinsics_fx": it.fx,
        "intrinsics_fy": it.fy,
        "intrinsics_ppx": it.ppx,
        "intrinsics_ppy": it.ppy,
        "intrinsics_model": it.model.name,
        "intrinsics_coeffs": list(it.coeffs),
    }


def pose(profile: Sdk, other: Sdk, name: str) -> dict[str, Any]:
    """Return rotation (3 x 3, column by column as the SDK has it) and translation (m) from ``profile`` to ``other``."""
    it = profile.get_extrinsics_to(other)
    return {
        f"extrinsics_to_{name}_rotation": list(it.rotation),
        f"extrinsics_to_{name}_translation": list(it.translation),
    }


def stereo(device: Sdk, sensor: Sdk, where: str) -> dict[str, Any]:
    """Return what turns counts of Z16 into metres, and disparities into distances.

    Raises
    ------
    DeviceError
        The sensor does not say how long a count is: its depth could not be read by anyone.
    """
    if not sensor.supports(rs.option.depth_units):
        raise DeviceError(f"{_title(sensor)} does not tell its depth units", where, "Update the camera's firmware.")
    # Options are single precision: 0.001 m comes as 0.0010000000475.
    facts: dict[str, Any] = {"depth_units": float(f"{sensor.get_option(rs.option.depth_units):.7g}")}
    if sensor.supports(rs.option.stereo_baseline):
        facts["stereo_baseline_mm"] = float(f"{sensor.get_option(rs.option.stereo_baseline):.7g}")
    if device.supports(rs.camera_info.advanced_mode) and device.get_info(rs.camera_info.advanced_mode) == "YES":
        facts["disparity_shift"] = int(rs.rs400_advanced_mode(device).get_depth_table().disparityShift)
    return facts


def _title(sensor: Sdk) -> str:
    return str(sensor.get_info(rs.camera_info.name)) if sensor.supports(rs.camera_info.name) else "the sensor"
