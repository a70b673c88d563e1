"""The LSL inlet against real outlets, in this process and in others."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pylsl
import pytest
from pydantic import ValidationError

from labcapture.core.chunks import Cause, ClockOffset, Gap, Samples
from labcapture.core.clock import lsl_time
from labcapture.core.errors import DeviceError
from labcapture.core.fit import correct_lsl
from labcapture.devices import lsl
from labcapture.devices.simulated.eda import EdaFault, SimulatedEda
from tests.devices.lsl_outlet import kernel_time
from tests.devices.sound_cases import Running, children, running

OUTLET = Path(__file__).with_name("lsl_outlet.py")


def config(**keys: Any) -> lsl.Config:  # noqa: ANN401 - keys of a rig file
    return lsl.Config.model_validate({"name": "signal", **keys})


def values(chunks: list[Samples]) -> Any:  # noqa: ANN401 - an array of any type
    return np.concatenate([chunk.values for chunk in chunks])


def stamps(chunks: list[Samples]) -> Any:  # noqa: ANN401 - an array
    return np.concatenate([chunk.raw_time for chunk in chunks])


@contextmanager
def outlet(source_id: str, rate_hz: float, channels: int, *under: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the counting outlet in a process of its own, under another program if one is given."""
    command = [*under, sys.executable, str(OUTLET), source_id, str(rate_hz), str(channels)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    whole = [process.pid]
    try:
        yield process
    finally:
        whole += [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        process.communicate()  # closes its standard input, upon which it ends
    deadline = time.monotonic() + 30
    while any(psutil.pid_exists(pid) for pid in whole):
        assert time.monotonic() < deadline, "an outlet is still there"
        time.sleep(0.05)


def open_outlet(channels: list[tuple[str, str]], *, rate_hz: float = 100.0, kind: str = "Bio") -> pylsl.StreamOutlet:
    """Make an outlet of this process with described channels (label, unit)."""
    source_id = uuid.uuid4().hex
    info = pylsl.StreamInfo("Amplifier", kind, len(channels), rate_hz, pylsl.cf_float32, source_id)
    node = info.desc().append_child("channels")
    for label, unit in channels:
        channel = node.append_child("channel")
        channel.append_child_value("label", label)
        channel.append_child_value("unit", unit)
    return pylsl.StreamOutlet(info)


def feed(made: pylsl.StreamOutlet, rows: list[list[float]]) -> None:
    """Push rows now, as long as someone listens."""
    made.push_chunk(np.array(rows, np.float32))


def test_nothing_is_lost_and_no_stamp_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lsl, "OFFSET_PERIOD_S", 0.2)
    source_id = uuid.uuid4().hex
    with outlet(source_id, 500, 32), running(lsl.create(config(source_id=source_id, timeout_s=60))) as run:
        run.until(lambda: len(run.of(ClockOffset)) >= 3 and sum(len(s.raw_time) for s in run.of(Samples)) > 1500)
    assert run.error is None
    rows, raw = values(run.of(Samples)), stamps(run.of(Samples))
    assert rows.shape[1] == 32
    assert (np.diff(rows[:, 0]) == 1).all()
    assert (raw == rows[:, 1]).all()
    assert not run.of(Gap)
    arrivals = [chunk.arrival_time for chunk in run.of(Samples)]
    assert arrivals == sorted(arrivals)
    # One machine, one clock: what was measured must hold zero. And no measurement is told twice.
    offsets = run.of(ClockOffset)
    assert all(abs(offset.offset) <= offset.uncertainty + 1e-4 for offset in offsets)
    assert len({offset.time for offset in offsets}) == len(offsets)
    assert all(lsl_time() - 60 < offset.time < lsl_time() for offset in offsets)


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
@pytest.mark.skipif(math.isnan(kernel_time()), reason="the kernel's clock cannot be asked directly here")
def test_a_sender_with_another_epoch_and_drift_is_brought_to_our_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lsl, "OFFSET_PERIOD_S", 0.2)
    source_id = uuid.uuid4().hex
    with (
        outlet(source_id, 200, 3, "faketime", "-f", "+100s x1.00005"),
        running(lsl.create(config(source_id=source_id, timeout_s=60))) as run,
    ):
        run.until(lambda: len(run.of(ClockOffset)) >= 4)
    rows, raw, offsets = values(run.of(Samples)), stamps(run.of(Samples)), run.of(ClockOffset)
    assert abs(offsets[0].offset) > 50
    time, uncertainty = correct_lsl(
        raw, [o.time for o in offsets], [o.offset for o in offsets], [o.uncertainty for o in offsets]
    )
    # The sender may be interrupted between asking for the two times, so not every sample is fit to judge by.
    assert np.median(np.abs(time - rows[:, 2])) < 1e-3
    assert np.median(uncertainty) < 1e-3


def test_an_outlet_that_comes_back_begins_a_new_segment() -> None:
    faults = (EdaFault(kind="silent", at_s=2.0, seconds=2.5), EdaFault(kind="restart", at_s=6.0, seconds=0.5))
    before = children()
    with running(lsl.create(config(simulated=SimulatedEda(faults=faults)))) as run:
        run.until(lambda: any(offset.segment == 1 for offset in run.of(ClockOffset)))
        run.until(lambda: run.of(Samples)[-1].segment == 1)
    assert run.error is None
    assert [s.segment for s in run.of(Samples)] == sorted(s.segment for s in run.of(Samples))
    counter = values(run.of(Samples))[:, 1]
    jumps = np.diff(counter)[np.diff(counter) != 1] - 1  # the outlet's own count of what was lost
    closed = [gap for gap in run.of(Gap) if math.isfinite(gap.stop)]
    assert [gap.cause for gap in closed] == [Cause.DISCONNECT, Cause.DISCONNECT]
    assert len(jumps) == 2
    assert closed[0].count == jumps[0]  # by the sender's stamps: exact
    assert closed[1].count == pytest.approx(jumps[1], abs=100)  # by arrival times
    # Where the gap stands in the flow, there the rows skip, and nowhere else.
    expected: list[float] = []
    for chunk in run.chunks:
        if isinstance(chunk, Samples):
            assert not expected or chunk.values[0, 1] == expected[-1] + 1
            expected = [float(chunk.values[-1, 1])]
        elif isinstance(chunk, Gap) and math.isfinite(chunk.stop):
            expected = []
    assert children() == before


def test_an_outlet_that_cannot_be_found_again_is_an_error_on_record() -> None:
    name = uuid.uuid4().hex
    info = pylsl.StreamInfo(name, "Test", 1, 50.0, pylsl.cf_float32, "")
    made = pylsl.StreamOutlet(info)
    run = Running(lsl.create(config(stream_name=name)))
    with feeding(made):
        run.device.open()
        run.start()
        run.until(lambda: run.of(Samples))
    del made
    run.until(run.ended)
    run.device.close()
    assert isinstance(run.error, DeviceError)
    assert "no source_id" in str(run.error)
    gap = run.of(Gap)[0]
    assert (gap.cause, gap.count, math.isnan(gap.stop)) == (Cause.DISCONNECT, 0, True)


@contextmanager
def feeding(*made: pylsl.StreamOutlet) -> Iterator[None]:
    """Push samples into outlets of this process in a thread."""
    stop = threading.Event()

    def push() -> None:
        count = 0
        while not stop.wait(0.02):
            for one in made:
                one.push_sample([float(count + i) for i in range(one.channel_count)])
            count += 1

    thread = threading.Thread(target=push)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def source_of(made: pylsl.StreamOutlet) -> str:
    return str(made.get_info().source_id())


@pytest.mark.parametrize(
    ("unit", "factor"), [("microsiemens", 1.0), ("µS", 1.0), ("uS", 1.0), ("nS", 1e-3), ("Siemens", 1e6)]
)
def test_skin_conductance_is_found_by_label_and_brought_to_microsiemens(unit: str, factor: float) -> None:
    made = open_outlet([("ECG", "mV"), ("GSR_left", unit)])
    with feeding(made), running(lsl.create(config(source_id=source_of(made), preset="eda"))) as run:
        run.until(lambda: run.of(Samples))
        (spec,) = run.device.describe()
    assert (spec.units, spec.channels, spec.shape) == ("microsiemens", ("GSR_left",), (1,))
    assert spec.attributes["scale"] == factor
    rows = values(run.of(Samples))
    assert rows.dtype == np.dtype(spec.dtype)
    plain = rows[:, 0] / factor
    assert np.allclose(plain, np.round(plain))  # whole numbers went in
    assert (np.diff(np.round(plain)) == 1).all()


@pytest.mark.parametrize(
    ("channels", "keys", "said"),
    [
        ([("EDA", "uS"), ("GSR", "uS")], {}, "2 of the channels could be EDA: EDA, GSR"),
        ([("ECG", "mV"), ("", "")], {}, r"0 of the channels could be EDA: ECG, \(no label\)"),
        ([("EDA", "kOhm")], {}, "unit 'kOhm'"),
        ([("EDA", "")], {}, "states no unit"),
        ([("EDA", "uS")], {"channels": ["SC"]}, "0 channels labelled 'SC', but EDA"),
    ],
)
def test_skin_conductance_that_is_not_clear_is_refused(
    channels: list[tuple[str, str]], keys: dict[str, object], said: str
) -> None:
    made = open_outlet(channels)
    device = lsl.create(config(source_id=source_of(made), preset="eda", **keys))
    with feeding(made), pytest.raises(DeviceError, match=said):
        device.open()
    device.close()


def test_a_unit_of_the_rig_stands_in_for_a_missing_one() -> None:
    made = open_outlet([("", "")])
    device = lsl.create(config(source_id=source_of(made), preset="eda", unit="nS"))
    with feeding(made):
        device.open()
        (spec,) = device.describe()
        device.close()
    assert (spec.attributes["scale"], spec.channels) == (1e-3, ("channel_0",))


def test_a_stream_that_does_not_flow_is_not_present() -> None:
    made = open_outlet([("EDA", "uS")])
    device = lsl.create(config(source_id=source_of(made), timeout_s=2))
    with pytest.raises(DeviceError, match="delivered nothing within 2 s"):
        device.open()
    device.close()


def test_an_irregular_stream_may_be_silent() -> None:
    made = open_outlet([("button", "")], rate_hz=0.0)
    with running(lsl.create(config(source_id=source_of(made)))) as run:
        run.until(lambda: run.of(ClockOffset))
        feed(made, [[7.0]])
        run.until(lambda: run.of(Samples))
    assert values(run.of(Samples)).tolist() == [[7.0]]
    assert not run.of(Gap)


def test_a_missing_stream_is_told_with_those_there_are() -> None:
    made = open_outlet([("EDA", "uS")], kind="Skin")
    device = lsl.create(config(stream_type="EEG", stream_name=uuid.uuid4().hex, timeout_s=0.5))
    with pytest.raises(
        DeviceError, match=rf"no LSL stream .* seen: .*Amplifier \(type Skin, source_id {source_of(made)}"
    ):
        device.open()
    device.close()


def test_two_streams_that_fit_are_told() -> None:
    kind = uuid.uuid4().hex
    made = [open_outlet([("EDA", "uS")], kind=kind) for _ in range(2)]
    device = lsl.create(config(stream_type=kind))
    with pytest.raises(DeviceError, match=f"several LSL streams have type '{kind}'.*source_id"):
        device.open()
    assert len(made) == 2
    device.close()


def test_text_is_refused() -> None:
    source_id = uuid.uuid4().hex
    made = pylsl.StreamOutlet(pylsl.StreamInfo("Markers", "Markers", 1, 0.0, pylsl.cf_string, source_id))
    device = lsl.create(config(source_id=source_id))
    with pytest.raises(DeviceError, match="carries text"):
        device.open()
    assert made
    device.close()


def test_streams_are_listed() -> None:
    made = open_outlet([("EDA", "uS")])
    (mine,) = [stream for stream in lsl.list_streams() if stream.source_id == source_of(made)]
    assert (mine.channels, mine.rate_hz, mine.dtype) == (1, 100.0, "float32")


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"source_id": "x", "simulated": {}},
        {"stream_name": "a'b\"c"},
        {"stream_type": "EDA", "simulated": {"responds_to": "' or '1'='1"}},
        {"stream_type": "EDA", "timeout": 3},
    ],
)
def test_a_wrong_rig_entry_is_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        config(**keys)
