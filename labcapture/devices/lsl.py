"""Any numeric LSL stream, as it was stamped by its sender; electrodermal activity (EDA) is a preset.

Raw stamps go into the file as they came, and measurements of the sender's clock beside them; correction comes later
(`labcapture.core.fit.correct_lsl`). When an outlet went away and came back, its clock may have another epoch: `segment`
grows, with a `Gap` on record.
"""

from __future__ import annotations

import contextlib
import math
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from labcapture.core.cancelling import NEVER, Cancellation
from labcapture.core.chunks import Cause, ClockOffset, Gap, Samples, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.core.errors import DeviceError
from labcapture.devices._channels import factor_to_microsiemens, pick
from labcapture.devices._inlet import (
    Inlet,
    LostError,
    StreamInfo,
    channels_of,
    describe,
    list_streams,
    resolve,
)
from labcapture.devices.base import DeviceConfig, Emit
from labcapture.devices.simulated.eda import SimulatedEda
from labcapture.devices.simulated.leash import Leashed

__all__ = ["Config", "LslStream", "StreamInfo", "contract_config", "create", "list_streams", "plugged_in"]

OFFSET_PERIOD_S = 5.0
SILENT_S = 2.0
PULL_S = 0.05


class Config(DeviceConfig):
    """An LSL stream in a rig file."""

    kind: Literal["lsl"] = "lsl"
    stream_type: str | None = Field(
        default=None, min_length=1, description="Type of the LSL stream, such as EDA or EEG"
    )
    stream_name: str | None = Field(default=None, min_length=1, description="Name of the LSL stream")
    source_id: str | None = Field(default=None, min_length=1, description="source_id of the LSL stream: surest of all")
    preset: Literal["eda"] | None = Field(default=None, description="eda: one channel, in microsiemens")
    channels: tuple[str, ...] = Field(
        default=(), description="Labels of the channels to keep; else all (eda: found by label)"
    )
    unit: str | None = Field(default=None, min_length=1, description="Unit of the values, where the outlet states none")
    timeout_s: float = Field(
        default=5.0, gt=0, le=120, description="How long to wait for the stream to appear and flow"
    )
    simulated: SimulatedEda | None = Field(default=None, description="A made-up EDA outlet, started for this rig")

    @model_validator(mode="after")
    def _findable(self) -> Config:
        given = [v for v in (self.stream_type, self.stream_name, self.source_id) if v is not None]
        if not given and self.simulated is None:
            raise ValueError("one of 'stream_type', 'stream_name', 'source_id' must say which stream is meant")
        if any("'" in v and '"' in v for v in given):
            raise ValueError("a name with both kinds of quotes cannot be searched for")
        if self.source_id is not None and self.simulated is not None:
            raise ValueError("'simulated:' makes its own source_id; remove 'source_id'")
        return self

    @property
    def is_simulated(self) -> bool:
        """Whether the stream is made up."""
        return self.simulated is not None


class LslStream:
    """The device; see `labcapture.devices.base.Device`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._closing = contextlib.ExitStack()
        self._outlet: Leashed | None = None
        self._inlet: Inlet | None = None
        self._spec: StreamSpec | None = None
        self._columns: list[int] = []
        self._factor = 1.0
        self._segment = 0
        self._segment_start = -math.inf
        self._lock = threading.Lock()
        self._clock_failure: Exception | None = None

    def open(self, cancelled: Cancellation = NEVER) -> None:
        """Find the stream, connect, and see that its clock answers and, where its rate is regular, that it flows.

        Raises
        ------
        Cancelled
            By ``cancelled``.
        DeviceError
            There is no such stream, several fit, it carries text, or it delivers nothing.
        """
        c = self._config
        with contextlib.ExitStack() as stack:
            wanted = {"type": c.stream_type, "name": c.stream_name, "source_id": c.source_id}
            timeout_s = c.timeout_s
            if c.simulated is not None:
                wanted = {"source_id": self._simulate(c.simulated, stack)}
                timeout_s += 20.0  # its process starts first, perhaps on a busy machine
            try:
                info = resolve({k: v for k, v in wanted.items() if v is not None}, timeout_s, c.name, cancelled)
            except DeviceError:
                self._check_outlet()
                raise
            self._spec, inlet = self._connect(info, cancelled)
            stack.callback(self._drop_inlet)
            self._inlet = inlet
            self._see_it_flow(inlet, describe(info), cancelled)
            self._closing = stack.pop_all()

    def _simulate(self, settings: SimulatedEda, stack: contextlib.ExitStack) -> str:
        """Start the simulated outlet; return its source_id, which no other run on this network has."""
        source_id = f"labcapture-simulated-eda-{uuid.uuid4().hex}"
        command = [sys.executable, "-m", "labcapture.devices.simulated.eda", "--source-id", source_id]
        command += ["--settings", settings.model_dump_json()]
        self._outlet = Leashed(command, Path(tempfile.mkdtemp(prefix="labcapture-eda-")))
        stack.callback(self._outlet.end)
        return source_id

    def _check_outlet(self) -> None:
        if self._outlet is not None and not self._outlet.is_running:
            raise DeviceError(f"the simulated outlet ended ({self._outlet.last_words()})", self._config.name)

    def _connect(
        self,
        info: Any,  # noqa: ANN401 - pylsl has no types
        cancelled: Cancellation,
    ) -> tuple[StreamSpec, Inlet]:
        c, stream = self._config, describe(info)
        if stream.dtype == "string":
            raise DeviceError(
                f"{stream} carries text, not numbers", c.name, "Markers of the stage are recorded anyway."
            )
        inlet = Inlet(info)
        full = inlet.full_info(c.timeout_s, cancelled)
        if full is None or not inlet.open(c.timeout_s, cancelled):
            raise DeviceError(f"{stream} announces itself, but cannot be reached", c.name, "Check the firewall.")
        channels = channels_of(full)
        self._columns = pick(channels, c.channels, c.preset == "eda", f"{c.name}: {stream}")
        kept = [channels[i] for i in self._columns]
        stated = [channel.unit or c.unit or "" for channel in kept]
        unit, dtype = stated[0] if len(set(stated)) == 1 else "", stream.dtype
        if c.preset == "eda":
            self._factor = factor_to_microsiemens(stated[0], c.name)
            unit = "microsiemens"
            dtype = dtype if self._factor == 1.0 else "float64"
        spec = StreamSpec(
            name=c.name,
            kind="samples",
            dtype=dtype,
            shape=(len(kept),),
            units=unit,
            rate_hz=stream.rate_hz,
            channels=tuple(ch.label or f"channel_{i}" for i, ch in zip(self._columns, kept, strict=True)),
            clock=c.name,
            simulated=c.is_simulated,
            attributes={
                "lsl_name": stream.name,
                "lsl_type": stream.type,
                "source_id": stream.source_id,
                "host": stream.host,
                "channel_units": stated,
                "scale": self._factor,
                "lsl_description": full.as_xml(),
            },
        )
        return spec, inlet

    def _see_it_flow(self, inlet: Inlet, stream: StreamInfo, cancelled: Cancellation) -> None:
        """See that the clock answers, and that a sample comes; an irregular stream may have nothing to say yet."""
        c = self._config
        if inlet.offset(max(c.timeout_s, 5.0), cancelled) is None:
            raise DeviceError(f"{stream} does not answer for its clock", c.name, "Does the firewall let UDP through?")
        deadline = lsl_time() + c.timeout_s
        while stream.rate_hz > 0 and not len(inlet.pull(PULL_S)[1]):
            cancelled.check()
            if lsl_time() > deadline:
                raise DeviceError(f"{stream} delivered nothing within {c.timeout_s:g} s", c.name, "Is its sensor on?")

    def describe(self) -> Sequence[StreamSpec]:
        """Return the one stream, named like the device."""
        return [self._spec] if self._spec else []

    def run(self, emit: Emit, stop: threading.Event) -> None:
        """Emit samples, offsets of the sender's clock, and gaps until ``stop``.

        Raises
        ------
        DeviceError
            The outlet is gone, and nothing by which it could be found again.
        """
        inlet = self._inlet
        if inlet is None:
            raise DeviceError("is not open", self._config.name)
        inlet.flush()  # what came before the start is no part of the recording
        over, again = threading.Event(), threading.Event()
        helper = threading.Thread(
            target=self._measure, args=(inlet, emit, over, again), name=f"{self._config.name} clock"
        )
        helper.start()
        flow = _Flow(self._config.name, self._spec.rate_hz if self._spec else 0.0, lsl_time(), self._segment)
        try:
            while not stop.is_set():
                if self._clock_failure is not None:
                    raise DeviceError(f"its clock cannot be measured: {self._clock_failure!r}", self._config.name)
                values, stamps = inlet.pull(PULL_S)
                arrival = lsl_time()
                if self._note_restart(inlet):
                    again.set()
                for chunk in flow.take(self._shape(values), stamps, arrival, self._segment):
                    emit(chunk)
        except LostError:
            for gap in flow.lost():
                emit(gap)
            mend = "Its outlet has no source_id, by which it could be found again."
            raise DeviceError("the LSL stream is gone", self._config.name, mend) from None
        finally:
            over.set()
            again.set()
            helper.join()
            for chunk in flow.finish(lsl_time()):
                emit(chunk)

    def _shape(self, values: NDArray[Any]) -> NDArray[Any]:
        kept = values[:, self._columns]
        return kept if self._factor == 1.0 else kept.astype(np.float64) * self._factor

    def _note_restart(self, inlet: Inlet) -> bool:
        """Begin a new segment if the outlet was restarted; either thread may be the first to see it."""
        with self._lock:
            restarted = inlet.was_restarted()
            if restarted:
                self._segment += 1
                self._segment_start = lsl_time()
            return restarted

    def _measure(self, inlet: Inlet, emit: Emit, over: threading.Event, again: threading.Event) -> None:
        """Emit the sender's clock offset at once, every `OFFSET_PERIOD_S`, and anew after a restart."""
        last = -math.inf
        while not over.is_set():
            again.clear()
            try:
                measured = inlet.offset(1.0)
            except LostError:
                return  # the thread that pulls the data sees it too, and tells
            except Exception as error:  # noqa: BLE001 - whatever liblsl has to say, `run` raises it
                self._clock_failure = error
                return
            self._note_restart(inlet)
            with self._lock:
                segment, start = self._segment, self._segment_start
            # What was measured before the restart was seen may belong to the outlet that is gone.
            if measured is None or measured[0] <= max(start, last):
                again.wait(0.5)
                continue
            last = measured[0]
            emit(ClockOffset(self._config.name, *measured, segment))
            again.wait(OFFSET_PERIOD_S)

    def _drop_inlet(self) -> None:
        self._inlet = None  # liblsl ends its threads with the last reference

    def close(self) -> None:
        """Disconnect, and end the simulated outlet. May be called twice."""
        self._closing.close()


class _Flow:
    """Rows as they come, and what is missing between them."""

    def __init__(self, stream: str, rate_hz: float, start: float, segment: int) -> None:
        self._stream, self._rate, self._segment = stream, rate_hz, segment
        self._last_arrival = start
        self._last_stamp = math.nan
        self._told = False

    def take(
        self, values: NDArray[Any], stamps: NDArray[np.float64], arrival: float, segment: int
    ) -> Iterator[Samples | Gap]:
        """Take what was pulled: ``values`` (n, channels), ``stamps`` (n,); ``segment`` is the newest that is known."""
        if not len(stamps):
            if self._rate and not self._told and arrival - self._last_arrival > SILENT_S:
                self._told = True
                note = "fell silent; another row tells what was missing when it came back or ended"
                yield self._gap(0, math.nan, note)
            return
        steps = np.diff(stamps, prepend=stamps[0] if math.isnan(self._last_stamp) else self._last_stamp)
        begin = 0
        if segment != self._segment:
            # It takes liblsl a second to find an outlet again: the old rows, if any, lie before the longest step.
            cut = 0 if math.isnan(self._last_stamp) else int(np.abs(steps).argmax())
            yield from self._rows(values, stamps, arrival, 0, cut)
            self._segment, begin = segment, cut
            away = max(0.0, arrival - self._last_arrival - (len(stamps) - cut) / (self._rate or math.inf))
            note = "the outlet came back; counted by arrival times" if self._rate else "the outlet came back; uncounted"
            yield self._gap(round(away * self._rate), arrival, note)
        elif self._rate:
            for at in np.flatnonzero(steps > SILENT_S):
                yield from self._rows(values, stamps, arrival, begin, int(at))
                begin = int(at)
                missing = max(0, round(float(steps[at]) * self._rate) - 1)
                yield self._gap(missing, arrival, f"fell silent for {steps[at]:.3f} s; counted by the sender's stamps")
        yield from self._rows(values, stamps, arrival, begin, len(stamps))
        self._told = False

    def _rows(
        self, values: NDArray[Any], stamps: NDArray[np.float64], arrival: float, first: int, end: int
    ) -> Iterator[Samples]:
        if end > first:
            yield Samples(self._stream, values[first:end], stamps[first:end], arrival, self._segment)
            self._last_arrival, self._last_stamp = arrival, float(stamps[end - 1])

    def _gap(self, count: int, stop: float, note: str) -> Gap:
        return Gap(self._stream, Cause.DISCONNECT, -1, -1, count, self._last_arrival, stop, note)

    def lost(self) -> Iterator[Gap]:
        """Tell that the outlet is gone for good."""
        if not self._told:
            self._told = True
            yield self._gap(0, math.nan, "the outlet is gone, and cannot be found again")

    def finish(self, now: float) -> Iterator[Gap]:
        """End at LSL time ``now``."""
        silent = now - self._last_arrival
        if self._rate and silent > SILENT_S:
            note = f"silent for the last {silent:.1f} s; counted by time"
            yield self._gap(round(silent * self._rate), math.nan, note)


def create(config: Config) -> LslStream:
    """Make the device that ``config`` describes; nothing is opened yet."""
    return LslStream(config)


def plugged_in() -> list[dict[str, Any]]:
    """Return the streams that are announced on this network now."""
    return [asdict(found) for found in list_streams()]


def unrecorded(configs: Iterable[DeviceConfig], wait_s: float = 1.0) -> list[StreamInfo]:
    """Return the streams on this network that none of ``configs`` records; those of labcapture itself left out."""
    mine = [config for config in configs if isinstance(config, Config) and config.simulated is None]
    return [found for found in list_streams(wait_s) if not (_is_ours(found) or any(_is_meant(c, found) for c in mine))]


def _is_ours(found: StreamInfo) -> bool:
    return found.source_id.startswith("labcapture-")


def _is_meant(config: Config, found: StreamInfo) -> bool:
    given = ((config.stream_type, found.type), (config.stream_name, found.name), (config.source_id, found.source_id))
    return all(wanted in {None, told} for wanted, told in given)


def contract_config() -> Config:
    """Return a simulated stream that opens on any machine."""
    return Config(name="eda", preset="eda", simulated=SimulatedEda())
