"""Exposure and white balance of a colour sensor, held as they are or given back to the camera."""

from __future__ import annotations

from collections.abc import Mapping

from labcapture.devices._realsense_facts import set_options
from labcapture.devices._realsense_sdk import Sdk, rs

_AUTOMATIC = ("enable_auto_exposure", "enable_auto_white_balance")
_EXPOSURE_UNIT_US = 100  # of the colour sensor's option; the metadata tell microseconds


def hold(sensor: Sdk, metadata: Mapping[str, int], where: str) -> dict[str, float]:
    """Hold exposure, gain and white balance as ``metadata`` of a frame tell them; return the options that were set.

    A camera that turns its automatics off goes back to what was last set by hand, and so the values are set, too.

    Raises
    ------
    DeviceError
        The sensor refuses a value.
    """
    told = {
        "exposure": metadata["actual_exposure"] / _EXPOSURE_UNIT_US if "actual_exposure" in metadata else None,
        "gain": metadata.get("gain_level"),
        "white_balance": metadata.get("white_balance"),
    }
    options = {name: 0.0 for name in _AUTOMATIC if _has(sensor, name)}
    for name, value in told.items():
        if value is not None and _has(sensor, name):
            reach = sensor.get_option_range(getattr(rs.option, name))
            steps = round((value - reach.min) / (reach.step or 1))
            options[name] = float(min(max(reach.min + steps * (reach.step or 1), reach.min), reach.max))
    set_options(sensor, options, where)
    return options


def free(sensor: Sdk, where: str) -> dict[str, float]:
    """Give exposure and white balance back to the camera's automatics; return the options that were set."""
    options = {name: 1.0 for name in _AUTOMATIC if _has(sensor, name)}
    set_options(sensor, options, where)
    return options


def _has(sensor: Sdk, name: str) -> bool:
    option = getattr(rs.option, name)
    return bool(sensor.supports(option)) and not sensor.is_option_read_only(option)
