"""The voice is heard as it was recorded, through the real PortAudio on a private PulseAudio server."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

import labcapture.reading
from labcapture.core.chunks import AudioBlock
from labcapture.core.clock import lsl_time
from labcapture.devices.simulated import pulse
from labcapture.view.sound import STALLED, Player, Voice
from tests.reading import recorded_world as world

RATE = 48000
SECONDS = 6
PATIENCE_S = 60.0

pytestmark = pytest.mark.skipif(bool(pulse.missing()), reason=f"no private sound server here: {pulse.missing()}")


def pitch(second: int) -> int:
    """Return the tone (Hz) of a second of the voice."""
    return 1000 + 200 * second


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a session whose voice is a tone, another one in each second."""
    recorder = world.begun(tmp_path_factory.mktemp("spoken"))
    begin = lsl_time() - 60
    at = np.arange(RATE) / RATE
    tones = np.concatenate([8000 * np.sin(2 * np.pi * pitch(second) * at) for second in range(SECONDS)])
    for block, samples in enumerate(tones.astype(np.int16).reshape(-1, 480, 1)):
        time_of = begin + block / 100
        assert recorder.offer(AudioBlock("voice", samples, 480 * block, time_of, time_of + 0.014))
    summary = recorder.close(completed=True)
    assert not summary["error"], summary["error"]
    return recorder.folder


@pytest.fixture
def voice(spoken: Path) -> Iterator[tuple[Voice, float, float]]:
    """Return the voice, and when it begins and ends (LSL s)."""
    with labcapture.reading.open(spoken) as session:
        assert session.voice is not None
        first, last = session.voice.time_of([0, len(session.voice) - 1])
        yield Voice(session.voice), float(first), float(last)


class Listener:
    """All that a sink of a server plays."""

    def __init__(self, server: pulse.PulseServer, sink: str, file: Path) -> None:
        self._file = file
        self._environment = {**os.environ, **server.environment}
        command = ["pacat", "--record", "--raw", f"--device={sink}.monitor"]
        command += ["--format=s16le", f"--rate={RATE}", "--channels=1"]  # in no hurry, else the sink would be quick
        with file.open("wb") as out:
            self._program = subprocess.Popen(command, stdout=out, env=self._environment)

    def streams(self) -> list[str]:
        """Return the numbers of all that plays on the server."""
        command = ["pactl", "list", "short", "sink-inputs"]
        answer = subprocess.run(command, env=self._environment, check=True, capture_output=True, text=True)
        return [line.split()[0] for line in answer.stdout.splitlines()]

    def sound(self) -> NDArray[np.int16]:
        """Return what was heard so far."""
        return np.fromfile(self._file, np.int16)

    def seconds_of(self, pitch_hz: float) -> float:
        """Return for how long a tone was heard (s)."""
        sound = self.sound()
        pieces = sound[: len(sound) // 2400 * 2400].reshape(-1, 2400).astype(float)  # 20 Hz apart
        power = np.abs(np.fft.rfft(pieces * np.hanning(2400), axis=1))
        loud = np.abs(pieces).max(axis=1) > 1000
        return float(0.05 * np.count_nonzero(loud & (np.abs(20 * power.argmax(axis=1) - pitch_hz) <= 20)))

    def end(self) -> None:
        self._program.terminate()
        self._program.wait()


@pytest.fixture(params=["prompt", "lazy"])
def listener(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Listener]]:
    """Give PortAudio a sound card; the "lazy" one pauses for 2 s after it has begun. Return what listens to it."""
    listeners: list[Listener] = []
    with pulse.PulseServer() as server:
        sink = pulse.SINK
        for name, value in server.player_environment.items():
            monkeypatch.setenv(name, value)
        if request.param == "lazy":
            sink = "lazy"
            load = ["pactl", "load-module", "module-null-sink", f"sink_name={sink}", "format=s16le", "channels=1"]
            subprocess.run([*load, f"rate={RATE}"], check=True, stdout=subprocess.DEVNULL)
            rc = tmp_path / "asoundrc"
            rc.write_text(f'pcm.!default {{ type pulse server "{server.address}" device "{sink}" }}\n')
            monkeypatch.setenv("ALSA_CONFIG_PATH", str(rc))

        def listen() -> Listener:
            listeners.append(Listener(server, sink, tmp_path / f"heard{len(listeners)}"))
            until(lambda: len(listeners[-1].sound()) > 0)
            return listeners[-1]

        yield listen
        for one in listeners:
            one.end()


def until(condition: Callable[[], object]) -> None:
    """Wait until ``condition()`` holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s"
        time.sleep(0.02)


@pytest.mark.parametrize("speed", [1, 2])
def test_the_whole_voice_is_heard(
    speed: int, voice: tuple[Voice, float, float], listener: Callable[[], Listener]
) -> None:
    sound, begin, end = voice
    ears = listener()
    player = Player(sound)
    player.play(begin, speed)
    try:
        places = [begin]
        while places[-1] < end + 0.1:
            until(lambda: player.position() > places[-1])
            places.append(player.position())
            assert player.note != STALLED
            time.sleep(0.01)
        assert player.audible
        assert (np.diff(places) >= 0).all()
        # The monitor tells what the sink played a while ago.
        until(lambda: ears.seconds_of(speed * pitch(SECONDS - 1)) > 0.5 / speed)
    finally:
        player.close()
    for second in range(SECONDS):
        assert ears.seconds_of(speed * pitch(second)) > 0.5 / speed


def test_the_card_stays_open_when_one_goes_elsewhere(
    voice: tuple[Voice, float, float], listener: Callable[[], Listener]
) -> None:
    sound, begin, _ = voice
    ears = listener()
    player = Player(sound)
    player.play(begin, 1)
    try:
        until(lambda: player.position() > begin + 0.5)
        before = ears.streams()
        assert len(before) == 1
        player.play(begin + 4, 1)
        places = [player.position()]
        assert places[0] == pytest.approx(begin + 4, abs=1e-6)
        while places[-1] < begin + 5.5:
            until(lambda: player.position() > places[-1])
            places.append(player.position())
        assert ears.streams() == before
        player.play(begin + 1, 2)
        until(lambda: player.position() > begin + 2.2)
        assert ears.streams() == before
        until(lambda: ears.seconds_of(2 * pitch(1)) > 0.25)
        # Heard when the time line says so, but for what the sink plays late.
        assert ears.seconds_of(pitch(4)) == pytest.approx(1, abs=0.3)
        assert ears.seconds_of(pitch(2)) + ears.seconds_of(pitch(3)) < 0.2
    finally:
        player.close()


@pytest.mark.parametrize("listener", ["prompt"], indirect=True)
def test_a_card_that_stops_is_given_up_and_stays_silent(
    voice: tuple[Voice, float, float], listener: Callable[[], Listener]
) -> None:
    sound, begin, _ = voice
    ears = listener()
    player = Player(sound)
    player.play(begin, 0.25)
    (server,) = (p for p in psutil.Process().children(recursive=True) if p.name() == "pulseaudio")
    try:
        until(lambda: player.position() > begin + 0.1)
        assert player.audible
        server.suspend()
        until(lambda: player.position() and not player.audible)
        until(lambda: player.position() and player.note == STALLED)
        stopped = player.position()
        until(lambda: player.position() > stopped + 0.1)
        assert player.note == STALLED
        server.resume()
        before = len(ears.sound())
        until(lambda: len(ears.sound()) > before + 3 * RATE)
        assert not np.any(ears.sound()[-RATE:])
    finally:
        server.resume()
        player.close()
