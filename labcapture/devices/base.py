"""The contract between the engine and an instrument.

A kind of device is one module of this package that defines

- ``Config``, a `DeviceConfig` whose ``kind`` is the module's name,
- ``create(config) -> Device``,
- ``plugged_in() -> list[dict]``, what there is to be found now and what it says of itself, for ``labcapture devices``,
- ``contract_config() -> Config``, a simulated one that opens on any machine: small, fast, and flowing within seconds.
  ``tests/devices/test_contract.py`` runs the contract of `Device` over it.

Nothing else has to be touched to add one: `rig` finds it by its module name. See docs/adding_a_device.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import Protocol, runtime_checkable

from pydantic import Field

from labcapture.core.cancelling import NEVER, Cancellation
from labcapture.core.chunks import Chunk, StreamSpec
from labcapture.core.config import Model

Emit = Callable[[Chunk], None]
"""Hands a chunk on; never blocks and never raises. May be called from any thread."""


class DeviceConfig(Model):
    """What every device's part of a rig file has."""

    kind: str = Field(description="Module of labcapture.devices that drives it")
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$", description="Name of the device in this rig")
    required: bool = Field(default=True, description="False: a session may start without it")

    @property
    def is_simulated(self) -> bool:
        """Whether no real instrument stands behind this device."""
        return False

    @property
    def perceives_stage(self) -> bool:
        """Whether it films or hears the participant's screen itself: it is then opened before the stage.

        Such a device has the method of `FilmsStage` or the property of `HearsStage`.
        """
        return False


class Device(Protocol):
    """An instrument. Every method may raise `labcapture.core.errors.DeviceError`."""

    def describe(self) -> Sequence[StreamSpec]:
        """Return the streams, in a fixed order. Valid from the end of `open` on."""

    def open(self, cancelled: Cancellation = NEVER) -> None:
        """Find and claim the instrument, set its options and read them back. Nothing flows yet.

        Called in a thread of its own. Whatever waits in here ends soon once ``cancelled`` asks for it, with
        `labcapture.core.cancelling.Cancelled`; a call into a driver that nothing can interrupt is waited for.
        """

    def run(self, emit: Emit, stop: Event) -> None:
        """Start the flow, emit chunks until ``stop`` is set, stop the flow, return. Called once, in its own thread.

        A loss that the device itself can see (overflow, disconnect) is emitted as a `Gap`. Frames are counted by the
        engine from their numbers and metadata (see `Frame`): a camera that falls silent emits an open `Gap` (count 0,
        stop NaN) and marks its next frame, no more. An instrument that cannot go on raises.
        """

    def close(self) -> None:
        """Release everything. Always called, also when `open` or `run` failed; may be called twice."""


@runtime_checkable
class FilmsStage(Protocol):
    """A device that shows the participant's screen from its pixels."""

    def film(self, display: str) -> None:
        """Look at X ``display`` from now on.

        Called when the stage's window is open, before `Device.run`; and, if that broke down, again from another thread.
        """


@runtime_checkable
class HoldsExposure(Protocol):
    """A camera that can keep its pictures as bright as they are."""

    def hold_exposure(self, metadata: Mapping[str, int] | None) -> dict[str, float]:
        """Hold exposure and white balance as a colour frame tells them (None: automatic); return what was set."""


@runtime_checkable
class HearsStage(Protocol):
    """A device that records what the stage plays."""

    @property
    def stage_environment(self) -> Mapping[str, str]:
        """Environment in which the stage's sound reaches it. Valid from the end of `Device.open` on; may be empty."""
