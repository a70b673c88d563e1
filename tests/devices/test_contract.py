"""The contract of `labcapture.devices.base.Device`, over every kind of device that this installation has."""

from __future__ import annotations

import importlib
import json
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import psutil
import pytest

from labcapture.core.cancelling import Cancellation, Cancelled
from labcapture.core.chunks import AudioBlock, ClockOffset, Frame, Gap, Samples, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.core.errors import DeviceError, LabcaptureError
from labcapture.devices.base import Device, DeviceConfig
from labcapture.devices.rig import create, kinds
from tests.devices.flows import PATIENCE_S, Flow, flowing

CHUNK = {"frames": Frame, "audio": AudioBlock, "samples": Samples}


def contract_config(kind: str) -> DeviceConfig:
    config: DeviceConfig = importlib.import_module(f"labcapture.devices.{kind}").contract_config()
    return config


@pytest.fixture(params=kinds())
def config(request: pytest.FixtureRequest) -> DeviceConfig:
    return contract_config(request.param)


@pytest.fixture
def device(config: DeviceConfig) -> Iterator[Device]:
    made = create(config)
    try:
        yield made
    finally:
        made.close()


def test_kinds_are_the_modules() -> None:
    assert {"realsense", "microphone", "lsl"} <= set(kinds())


def test_config_names_its_module_and_is_simulated(config: DeviceConfig) -> None:
    assert config.kind in kinds()
    assert config.is_simulated
    assert type(config).model_validate(config.model_dump(mode="json")) == config  # it can stand in a rig file


def test_plugged_in_tells_facts_by_name(config: DeviceConfig) -> None:
    found = importlib.import_module(f"labcapture.devices.{config.kind}").plugged_in()
    assert json.loads(json.dumps(found)) == found
    assert all(next(iter(entry)) == "name" for entry in found)


def test_open_describe_run_stop_close(device: Device) -> None:
    opened = lsl_time()
    device.open()
    specs = list(device.describe())
    assert specs
    assert len({spec.name for spec in specs}) == len(specs)
    assert all(spec.simulated for spec in specs)
    assert list(device.describe()) == specs
    with flowing(device) as flow:
        for spec in specs:
            flow.wait_for(spec.name, 5)
        asked = time.monotonic()
        flow.stop()
        took = time.monotonic() - asked
    assert flow.error is None
    assert took < 10  # a second is meant; others may load this machine
    ended = lsl_time()
    for spec in specs:
        chunks = flow.data(spec.name)
        for chunk in chunks:
            assert_fits(chunk, spec)
        arrivals = [chunk.arrival_time for chunk in chunks]
        assert arrivals == sorted(arrivals)
        assert opened < arrivals[0] <= arrivals[-1] < ended
    named = {spec.name for spec in specs}
    assert {chunk.stream for chunk in flow.chunks} <= named
    assert not [c for c in flow.chunks if isinstance(c, Gap)], "a perfect source has no gaps"
    device.close()
    device.close()


def assert_fits(chunk: Frame | AudioBlock | Samples, spec: StreamSpec) -> None:
    """A chunk is what its stream's description promised."""
    assert type(chunk) is CHUNK[spec.kind]
    if isinstance(chunk, Frame):
        assert chunk.pixels.shape == spec.shape
        assert chunk.pixels.dtype == np.dtype(spec.dtype)
        assert chunk.pixels.flags.owndata  # nothing of the library's own memory
        assert all(type(value) is int for value in chunk.metadata.values())
    else:
        values = chunk.samples if isinstance(chunk, AudioBlock) else chunk.values
        assert values.ndim == 2
        assert values.shape[1:] == spec.shape
        assert values.dtype == np.dtype(spec.dtype)
        assert not spec.channels or len(spec.channels) == values.shape[1]
    assert chunk.nbytes > 0


def test_device_times_go_forward(device: Device) -> None:
    device.open()
    specs = list(device.describe())
    with flowing(device) as flow:
        for spec in specs:
            flow.wait_for(spec.name, 10)
    for spec in specs:
        for before, after in zip(flow.data(spec.name)[:-1], flow.data(spec.name)[1:], strict=True):
            if isinstance(before, Frame) and isinstance(after, Frame):
                assert after.device_time > before.device_time
                assert after.frame_number == before.frame_number + 1
            elif isinstance(before, AudioBlock) and isinstance(after, AudioBlock):
                assert after.first_sample == before.first_sample + len(before.samples)
            elif isinstance(before, Samples) and isinstance(after, Samples):
                assert after.raw_time[0] > before.raw_time[-1]


def measured(flow: Flow, stream: str) -> bool:
    return any(isinstance(c, ClockOffset) and c.stream == stream for c in flow.chunks)


def test_offsets_are_measured_where_a_stream_has_another_clock(device: Device) -> None:
    device.open()
    samples = [spec.name for spec in device.describe() if spec.kind == "samples"]
    with flowing(device) as flow:
        for name in samples:
            flow.wait_until(partial(measured, flow, name))
        for spec in device.describe():
            flow.wait_for(spec.name, 1)


def test_open_and_close_without_running(device: Device) -> None:
    device.open()
    device.close()
    device.close()


def test_an_open_that_is_not_wanted_claims_nothing(device: Device) -> None:
    cancelled = Cancellation()
    cancelled.ask()
    before = psutil.Process().children(recursive=True)
    with pytest.raises(Cancelled):
        device.open(cancelled)
    device.close()
    assert set(psutil.Process().children(recursive=True)) <= set(before)


def test_close_without_opening(device: Device) -> None:
    device.close()
    device.close()


def test_stop_that_is_already_set_ends_run_at_once(device: Device) -> None:
    device.open()
    stop = threading.Event()
    stop.set()
    thread = threading.Thread(target=device.run, args=(lambda _: None, stop))
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


UNOPENABLE: dict[str, dict[str, Any]] = {
    "realsense": {"source": "live", "simulated": None, "serial": "000000000000"},
    "microphone": {"source": "portaudio", "simulated": None, "device": "no such microphone"},
    "lsl": {"simulated": None, "source_id": "no-such-source", "timeout_s": 0.5},
}
"""What makes a device of each kind impossible to open; a kind that is not here is not tested for it."""


@pytest.mark.parametrize("kind", sorted(UNOPENABLE))
def test_close_after_failed_open(kind: str) -> None:
    values = contract_config(kind).model_dump() | UNOPENABLE[kind]
    device = create(type(contract_config(kind)).model_validate(values))
    with pytest.raises(DeviceError) as caught:
        device.open()
    assert isinstance(caught.value, LabcaptureError)
    line = str(caught.value)
    assert "\n" not in line
    assert caught.value.where
    assert caught.value.mend
    device.close()
    device.close()
