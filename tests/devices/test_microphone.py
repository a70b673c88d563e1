"""The microphone, through the real PortAudio on a private PulseAudio server."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from labcapture.core.chunks import AudioBlock, Cause, Gap
from labcapture.core.errors import DeviceError
from labcapture.devices import microphone
from labcapture.devices._portaudio import InputInfo, choose
from labcapture.devices.simulated import pulse
from labcapture.devices.simulated.voice import CLICK, SimulatedVoice, Voice
from tests.devices.sound_cases import children, running

RATE = 48000
PERIOD = RATE // 4
CLICKS = SimulatedVoice(seed=3, click_period_s=0.25)

with_sound = pytest.mark.skipif(bool(pulse.missing()), reason=f"no private sound server here: {pulse.missing()}")


def simulated(**keys: object) -> microphone.Config:
    return microphone.Config.model_validate({"name": "voice", "source": "simulated", "simulated": CLICKS, **keys})


def assert_contiguous(chunks: list[object]) -> None:
    due = 0
    for chunk in chunks:
        if isinstance(chunk, AudioBlock):
            assert chunk.first_sample == due
            due += len(chunk.samples)
        elif isinstance(chunk, Gap):
            assert chunk.first == due
            due += chunk.count


def heard_in(blocks: list[AudioBlock]) -> NDArray[np.int16]:
    return np.concatenate([np.empty(0, np.int16), *(block.samples[:, 0] for block in blocks)])


def clicks_in(blocks: list[AudioBlock]) -> list[int]:
    return [int(i) for i in np.flatnonzero(heard_in(blocks) == CLICK)]


def between_clicks(blocks: list[AudioBlock]) -> list[NDArray[np.int16]]:
    """Return what was heard from each click to the next; a starved machine may tear the player, never the record."""
    heard = heard_in(blocks)
    return [heard[a:b] for a, b in itertools.pairwise(clicks_in(blocks)) if b - a == PERIOD]


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files that is ours alone, with a path short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="lc-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


@with_sound
def test_the_voice_arrives_whole_to_the_sample(temporary: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = children()
    device = microphone.create(simulated())
    with running(device) as run:
        (spec,) = device.describe()
        run.until(lambda: len(run.of(AudioBlock)) > 200 and len(between_clicks(run.of(AudioBlock))) > 8)
    assert run.error is None
    assert_contiguous(list(run.chunks))
    assert spec.simulated
    assert spec.attributes["simulated_by"] == "PortAudio on a PulseAudio null sink"
    blocks = run.of(AudioBlock)
    assert {block.samples.dtype for block in blocks} == {np.dtype(np.int16)}
    if spec.attributes["adc_time"] != "used":
        assert np.isnan([block.adc_time for block in blocks]).all()

    # What was played in the time between two clicks came out unchanged, and nothing beside it.
    spoken = Voice(CLICKS, RATE, 1).read(16 * RATE)[:, 0]
    syllables = {spoken[i : i + PERIOD].tobytes() for i in range(0, len(spoken), PERIOD)}
    assert {part.tobytes() for part in between_clicks(blocks)} <= syllables

    assert children() == before
    assert list(temporary.iterdir()) == []
    assert "ALSA" not in capfd.readouterr().err


@with_sound
def test_two_microphones_hear_their_own_voices() -> None:
    one = microphone.create(simulated(name="one"))
    two = microphone.create(simulated(name="two", channels=2, simulated=SimulatedVoice(seed=4), rate_hz=44100))
    with running(one) as first, running(two) as second:
        first.until(lambda: len(clicks_in(first.of(AudioBlock))) > 2)
        second.until(lambda: len(second.of(AudioBlock)) > 50)
    assert {block.samples.shape[1] for block in second.of(AudioBlock)} == {2}
    assert not len(clicks_in(second.of(AudioBlock)))
    assert {chunk.stream for chunk in second.chunks} == {"two"}


@with_sound
def test_a_sound_system_that_hangs_and_dies_leaves_gaps_on_record() -> None:
    before = children()
    device = microphone.create(simulated())
    with running(device) as run:
        run.until(lambda: len(run.of(AudioBlock)) > 100)
        (server,) = (p for p in psutil.Process().children(recursive=True) if p.name() == "pulseaudio")
        server.suspend()
        run.until(lambda: run.of(Gap))
        server.resume()
        count = len(run.of(AudioBlock))
        run.until(lambda: len(run.of(AudioBlock)) > count + 50 and len(run.of(Gap)) > 1)
        server.kill()
        run.until(run.ended)
    assert isinstance(run.error, DeviceError)
    assert "ended by itself" in str(run.error)
    assert run.of(Gap)[-1].note == "the sound input ended by itself"
    assert_contiguous(list(run.chunks))
    silent, back = run.of(Gap)[:2]
    assert (silent.cause, silent.count, np.isnan(silent.stop)) == (Cause.DISCONNECT, 0, True)
    assert (back.cause, back.stop > back.start + 2.0) == (Cause.DISCONNECT, True)
    assert children() == before


def test_without_a_sound_system_the_voice_is_generated() -> None:
    device = microphone.create(simulated(simulated=CLICKS.model_copy(update={"prefer_generated": True})))
    with running(device) as run:
        run.until(lambda: len(clicks_in(run.of(AudioBlock))) > 3)
    assert_contiguous(list(run.chunks))
    blocks = run.of(AudioBlock)
    heard = np.concatenate([block.samples for block in blocks])
    assert np.array_equal(heard, Voice(CLICKS, RATE, 1).read(len(heard)))
    assert "thread of this process" in device.describe()[0].attributes["simulated_by"]


def test_the_voice_does_not_depend_on_how_it_is_cut() -> None:
    whole = Voice(CLICKS, RATE, 2).read(9 * RATE)
    cut = Voice(CLICKS, RATE, 2)
    parts = [cut.read(n) for n in (1, 959, 48000, 9 * RATE - 48960)]
    assert np.array_equal(np.concatenate(parts), whole)
    assert np.abs(whole[whole != CLICK]).max() < CLICK / 2
    assert not np.array_equal(whole, Voice(CLICKS.model_copy(update={"seed": 5}), RATE, 2).read(9 * RATE))


@with_sound
def test_a_missing_microphone_is_told_with_the_inputs_there_are(capfd: pytest.CaptureFixture[str]) -> None:
    with pulse.PulseServer() as server, server.as_default():
        assert "default" in [i.name for i in microphone.list_inputs()]
        device = microphone.create(microphone.Config(name="voice", device="Røde NT1"))
        with pytest.raises(DeviceError, match=r"voice: there is no sound input 'Røde NT1'; found: 0: default \(ALSA"):
            device.open()
        device.close()
    assert capfd.readouterr().err == ""


INPUTS = (
    InputInfo(0, "HDA Intel", "ALSA", 2, 48000.0, False),
    InputInfo(2, "USB Microphone", "MME", 1, 44100.0, True),
    InputInfo(5, "USB Microphone", "WASAPI", 1, 48000.0, False),
    InputInfo(7, "USB Microphone 2", "WASAPI", 1, 48000.0, False),
)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [(None, 2), (5, 5), ("intel", 0), ("usb microphone (wasapi)", 5), ("microphone 2", 7)],
)
def test_an_input_is_chosen_by_index_or_name(wanted: str | int | None, index: int) -> None:
    assert choose(INPUTS, wanted, "voice").index == index


@pytest.mark.parametrize(("wanted", "said"), [("usb", "several inputs"), (1, "no sound input 1"), ("x", "HDA Intel")])
def test_a_choice_that_is_not_clear_is_refused(wanted: str | int, said: str) -> None:
    with pytest.raises(DeviceError, match=said):
        choose(INPUTS, wanted, "voice")


def test_no_input_at_all() -> None:
    with pytest.raises(DeviceError, match="no default sound input; found: none at all"):
        choose((), None, "voice")


@pytest.mark.parametrize(
    "keys", [{"source": "portaudio"}, {"device": "USB"}, {"channels": 3}, {"rate_khz": 48}, {"block_frames": 1}]
)
def test_a_wrong_rig_entry_is_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        simulated(**keys)


ORPHAN = """
import sys, psutil, time
from labcapture.devices import lsl, microphone
devices = [microphone.create(microphone.contract_config()), lsl.create(lsl.contract_config())]
for device in devices:
    device.open()
print(*[child.pid for child in psutil.Process().children(recursive=True)], flush=True)
time.sleep(600)
"""


@with_sound
def test_no_child_outlives_a_process_that_was_killed(temporary: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout is not None
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        assert len(pids) >= 6  # two leashes of the sound, one of the EDA, and what they hold
        assert list(temporary.iterdir())
    finally:
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        assert owner.stdout is not None
        owner.stdout.close()
    deadline = time.monotonic() + 30
    while left := [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]:
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.05)
    while list(temporary.iterdir()):
        assert time.monotonic() < deadline, "a folder was left behind"
        time.sleep(0.05)
