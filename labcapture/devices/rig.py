"""A rig file: which instruments stand in this lab, and how the participant's screen is set up."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, SerializeAsAny, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

import labcapture.devices as room
from labcapture.core.config import Model, load_yaml
from labcapture.core.head import HeadTargets
from labcapture.devices.base import Device, DeviceConfig

_NOT_DEVICES = {"base", "rig", "simulated"}


def kinds() -> list[str]:
    """Return the kinds of device that this installation knows, from the modules of `labcapture.devices`."""
    return sorted(
        m.name for m in pkgutil.iter_modules(room.__path__) if m.name not in _NOT_DEVICES and not m.name.startswith("_")
    )


def create(config: DeviceConfig) -> Device:
    """Make the device that ``config`` describes; nothing is opened yet."""
    module = importlib.import_module(f"{room.__name__}.{config.kind}")
    return cast(Device, module.create(config))


_Side = Annotated[int, Field(gt=0, le=16384)]
_Place = Annotated[int, Field(ge=-32768, le=32767)]


class Patch(Model):
    """A square in a corner of the participant's screen that flips with the onset, for a photodiode."""

    corner: Literal["lower_left", "lower_right", "upper_left", "upper_right"] = "lower_left"
    size_px: int = Field(default=60, ge=8, le=1000, description="Side of the square in pixels")


class StageSettings(Model):
    """The participant's screen."""

    display: str = Field(
        default="auto",
        description="auto: the display there is, else a virtual one; virtual; or an X display such as ':1'",
    )
    screen: int = Field(default=0, ge=0, description="Index of the monitor")
    fullscreen: bool = Field(default=False, description="True in a lab; a window is for trying things out")
    size: tuple[_Side, _Side] = Field(default=(800, 450), description="Window size in pixels when not full screen")
    position: tuple[_Place, _Place] | None = Field(default=None, description="Top left corner of the window in pixels")
    rate_hz: float = Field(
        default=60.0, gt=0, le=500, description="Refresh rate to pace to where there is no vertical blank"
    )
    mirror_hz: float = Field(
        default=5.0, ge=0, le=5, description="How often the console sees what is on the screen, at most; 0: never"
    )
    patch: Patch | None = Field(
        default=None, description="Square for a photodiode: white while a film's first picture is on, black otherwise"
    )


def _config(entry: Any) -> DeviceConfig:  # noqa: ANN401 - raw YAML
    """Check an entry against the ``Config`` of its kind."""
    if isinstance(entry, DeviceConfig):
        return entry
    kind = entry.get("kind") if isinstance(entry, dict) else None
    if kind not in kinds():
        raise ValueError(f"kind must be one of {', '.join(kinds())}, not {kind!r}")
    return _config_model(kind).model_validate(entry)


def _config_model(kind: str) -> type[DeviceConfig]:
    return cast(type[DeviceConfig], importlib.import_module(f"{room.__name__}.{kind}").Config)


class _AnyKind:
    """Lets the JSON schema show every kind of device; errors take their suggestions from it."""

    @classmethod
    def __get_pydantic_json_schema__(cls, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(_config_model(kind).__pydantic_core_schema__) for kind in kinds()]}


class Rig(Model):
    """All of a rig file."""

    name: str = Field(min_length=1, max_length=80, description="Name of the rig; it stands in every session")
    devices: tuple[Annotated[SerializeAsAny[DeviceConfig], BeforeValidator(_config), _AnyKind], ...] = Field(
        min_length=1, description="The instruments"
    )
    stage: StageSettings = Field(default=StageSettings(), description="The participant's screen")
    codec: Literal["magicyuv", "jxl", "blosc2"] = Field(
        default="magicyuv",
        description="Encoding of the pictures. magicyuv: small, fast to read; jxl: small, slow to read; blosc2: larger",
    )
    head: HeadTargets = Field(default=HeadTargets(), description="Where the participant's head is to be")

    @model_validator(mode="after")
    def _distinct(self) -> Rig:
        names = [device.name for device in self.devices]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"two devices are named {', '.join(sorted(twice))}; give each its own name")
        return self

    @property
    def is_simulated(self) -> bool:
        """Whether any device of the rig is simulated."""
        return any(device.is_simulated for device in self.devices)


def load_rig(path: Path) -> Rig:
    """Read and check a rig file.

    Raises
    ------
    BadInput
        The file is missing or wrong; the message names the line.
    """
    return load_yaml(path, Rig)
