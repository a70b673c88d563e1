"""A microphone through PortAudio, counted by sample.

What a sound system says of time is not to be trusted: the capture time of a block is used where it could be true, else
NaN, and the fit of sample count to LSL time (`labcapture.core.fit`) rests on the entry of the callback. The stream's
attribute ``adc_time`` says which it was, and why.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from threading import Event
from typing import Any, Literal, Protocol

from pydantic import Field, model_validator

from labcapture.core.cancelling import NEVER, Cancellation
from labcapture.core.chunks import StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.core.errors import DeviceError
from labcapture.devices._blocks import Block, SampleCounter
from labcapture.devices._portaudio import InputInfo, PortAudioInput, list_inputs
from labcapture.devices.base import DeviceConfig, Emit
from labcapture.devices.simulated import pulse
from labcapture.devices.simulated.voice import GeneratedInput, SimulatedVoice

__all__ = ["Config", "InputInfo", "Microphone", "contract_config", "create", "list_inputs", "plugged_in"]


class Config(DeviceConfig):
    """A microphone in a rig file."""

    kind: Literal["microphone"] = "microphone"
    source: Literal["portaudio", "simulated"] = Field(
        default="portaudio", description="A real input or a made-up voice"
    )
    device: str | int | None = Field(
        default=None,
        description="Name of the input, a part of it, or its index ('labcapture devices'); else the default",
    )
    rate_hz: int = Field(default=48000, ge=8000, le=192000, description="Samples per second")
    channels: int = Field(default=1, ge=1, le=2, description="1 or 2")
    block_frames: int = Field(default=960, ge=64, le=16384, description="Samples per block; 960 is 20 ms at 48 kHz")
    simulated: SimulatedVoice | None = Field(default=None, description="The voice, where source is simulated")

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if self.simulated is not None and self.source != "simulated":
            raise ValueError("'simulated:' needs 'source: simulated'")
        if self.device is not None and self.source == "simulated":
            raise ValueError("'device' names a real input; remove it where 'source' is simulated")
        return self

    @property
    def is_simulated(self) -> bool:
        """Whether the voice is nobody's."""
        return self.source == "simulated"

    @property
    def perceives_stage(self) -> bool:
        """Whether it hears what the stage plays."""
        return self.simulated is not None and self.simulated.hears == "stage"


class _Source(Protocol):
    """Where blocks come from: `PortAudioInput` or `GeneratedInput`."""

    @property
    def facts(self) -> Mapping[str, Any]: ...

    @property
    def is_active(self) -> bool: ...

    def start(self) -> None: ...

    def read(self, timeout: float) -> Block | None: ...

    def stop(self) -> None: ...

    def close(self) -> None: ...


class Microphone:
    """The device; see `labcapture.devices.base.Device`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._source: _Source | None = None
        self._closing = contextlib.ExitStack()
        self._facts: dict[str, Any] = {}
        self._stage_environment: Mapping[str, str] = {}

    @property
    def stage_environment(self) -> Mapping[str, str]:
        """See `labcapture.devices.base.HearsStage`."""
        return self._stage_environment

    def open(self, cancelled: Cancellation = NEVER) -> None:
        """Find the input, open it and let it run for a moment: see `PortAudioInput`.

        Raises
        ------
        Cancelled
            By ``cancelled``.
        DeviceError
            There is no such input, it refuses the format, or it delivers nothing.
        """
        with contextlib.ExitStack() as stack:
            self._source = (self._simulated if self._config.is_simulated else self._real)(stack, cancelled)
            self._closing = stack.pop_all()
        self._facts |= self._source.facts

    def _real(
        self,
        stack: contextlib.ExitStack,
        cancelled: Cancellation,
        surroundings: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> _Source:
        c = self._config
        source = PortAudioInput(c.device, c.rate_hz, c.channels, c.block_frames, c.name, surroundings, cancelled)
        stack.callback(source.close)
        return source

    def _simulated(self, stack: contextlib.ExitStack, cancelled: Cancellation) -> _Source:
        """Play the voice into a private sound server and record it there; where that cannot be, make it here."""
        c = self._config
        settings = c.simulated or SimulatedVoice()
        lacking = "asked for in the rig" if settings.prefer_generated else pulse.missing()
        if lacking and c.perceives_stage:
            raise DeviceError(f"to hear the stage it needs {lacking}", c.name, "Install it, or use 'hears: voice'.")
        if lacking:
            why = lacking if settings.prefer_generated else f"no {lacking}"
            self._facts = {"simulated_by": f"a thread of this process ({why})"}
            source = GeneratedInput(settings, c.rate_hz, c.channels, c.block_frames)
            stack.callback(source.close)
            return source
        self._facts = {"simulated_by": "PortAudio on a PulseAudio null sink"}
        server = stack.enter_context(pulse.PulseServer(c.rate_hz, c.channels, cancelled))
        if c.perceives_stage:
            self._facts["simulated_by"] += ", into which the stage plays"
            self._stage_environment = server.player_environment
            return self._real(stack, cancelled, server.as_default)
        command = [sys.executable, "-m", "labcapture.devices.simulated.voice", "--server", server.address]
        command += ["--settings", settings.model_dump_json(), "--rate", str(c.rate_hz), "--channels", str(c.channels)]
        stack.callback(server.play(command).end)
        return self._real(stack, cancelled, server.as_default)

    def describe(self) -> Sequence[StreamSpec]:
        """Return the one stream, named like the device."""
        c = self._config
        return [
            StreamSpec(
                name=c.name,
                kind="audio",
                dtype="int16",
                shape=(c.channels,),
                units="",  # full scale is ± 32768; no microphone here is calibrated to pascal
                rate_hz=float(c.rate_hz),
                channels=("left", "right") if c.channels == 2 else ("mono",),
                clock=c.name,
                simulated=c.is_simulated,
                attributes=self._facts | {"block_frames": c.block_frames},
            )
        ]

    def run(self, emit: Emit, stop: Event) -> None:
        """Emit blocks and gaps until ``stop``.

        Raises
        ------
        DeviceError
            The input ended by itself: it was unplugged, or its sound system died.
        """
        source = self._source
        if source is None:
            raise DeviceError("is not open", self._config.name)
        source.start()
        counter = SampleCounter(self._config.name, self._config.rate_hz, lsl_time())
        try:
            while not stop.is_set():
                block = source.read(0.1)
                for chunk in counter.add(block) if block else counter.tick(lsl_time()):
                    emit(chunk)
                if block is None and not source.is_active:
                    for chunk in counter.lost():
                        emit(chunk)
                    raise DeviceError("the sound input ended by itself", self._config.name, "Was it unplugged?")
        finally:
            source.stop()
            while block := source.read(0):
                for chunk in counter.add(block):
                    emit(chunk)
            for chunk in counter.finish(lsl_time()):
                emit(chunk)

    def close(self) -> None:
        """Give the input back, and end what simulated it. May be called twice."""
        self._source = None
        self._closing.close()


def create(config: Config) -> Microphone:
    """Make the microphone that ``config`` describes; nothing is opened yet."""
    return Microphone(config)


def plugged_in() -> list[dict[str, Any]]:
    """Return the sound inputs that PortAudio sees now."""
    return [asdict(found) for found in list_inputs()]


def contract_config() -> Config:
    """Return a simulated microphone that opens on any machine."""
    return Config(name="voice", source="simulated")
