"""A session as the recorder really writes it: small pictures, synthetic chunks, scripted losses."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.core.chunks import AudioBlock, ClockOffset, Frame, Samples, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.protocol.rule import QualityRule
from labcapture.recording.quality import GapTracker
from labcapture.recording.recorder import Recorder, SessionHeader, create_folder

COLOR = StreamSpec(
    "color",
    "frames",
    "uint8",
    (48, 64, 3),
    "",
    30.0,
    clock="camera",
    simulated=True,
    attributes={"serial": "sim-1", "intrinsics": {"fx": 50.2, "fy": 50.2}, "matrix": np.eye(3)},
)
DEPTH = StreamSpec(
    "depth", "frames", "uint16", (48, 64), "", 30.0, clock="camera", simulated=True, attributes={"depth_units": 0.001}
)
VOICE = StreamSpec("voice", "audio", "int16", (1,), "", 48000.0, ("mono",), simulated=True)
EDA = StreamSpec("eda", "samples", "float32", (1,), "uS", 100.0, ("EDA",), simulated=True)
PULSE = StreamSpec("pulse", "samples", "float64", (2,), "1", 50.0, ("left", "right"), simulated=True)

FRAMES = 90  # of each trial: three seconds
LOST = {"03_e": {"depth": (40, 41, 42)}}  # in the second trial, at these places
CAMERA_EPOCH = 55.0


def picture(stream: StreamSpec, index: int) -> NDArray[Any]:
    """Return the picture of frame ``index``: a slope with a little noise that no other frame has."""
    noise = np.random.default_rng(index).integers(0, 4, stream.shape)
    pixels: NDArray[Any] = (np.indices(stream.shape).sum(axis=0) + noise).astype(stream.dtype)
    return pixels


def frame(stream: StreamSpec, index: int, begin: float) -> Frame:
    """Return frame ``index`` of a stream that began at LSL time ``begin``."""
    delay = 0.005 + 0.001 * np.random.default_rng((index, len(stream.shape))).exponential()
    return Frame(
        stream.name,
        picture(stream, index),
        1000 + index,
        CAMERA_EPOCH + index / 30,
        begin + index / 30 + delay,
        {"actual_exposure": 8000 + index, "time_of_arrival": 10**12 + index},
    )


def begun(out: Path, paradigm: str = "neutralization") -> Recorder:
    """Return the recorder of a new session."""
    header = SessionHeader(
        participant="P007",
        session="01",
        protocol="rehearsal",
        paradigm=paradigm,
        protocol_text="name: rehearsal\n",
        rig="simulated",
        rig_text="name: simulated\n",
        language="en",
        simulated=True,
        autopilot=7,
        software={"labcapture": "0.1.0"},
        rule=QualityRule(),
        started_utc=datetime.now(UTC),
    )
    return Recorder(create_folder(out, header), header, [COLOR, DEPTH, VOICE, EDA, PULSE])


def record(out: Path) -> Path:
    """Record a session of two trials and return its folder; the second one loses three frames of depth in a row."""
    recorder = begun(out)
    begin = lsl_time() - 60
    trackers = {spec.name: GapTracker(spec) for spec in (COLOR, DEPTH)}
    index = 0
    for trial in ("01_a", "03_e"):
        start = begin + index / 30 - 0.01
        recorder.open_trial(trial, start=start, step="film", clip=trial[-1], emotion="fear", take=1)
        recorder.marker(start, "clip-onset", "stage", step="film")
        for place in range(FRAMES + 2):  # two after the end, so that the trial is known to be whole
            if place == FRAMES:
                recorder.close_trial(begin + index / 30 - 0.001, outcome="done")
            for spec in (COLOR, DEPTH):
                if place not in LOST.get(trial, {}).get(spec.name, ()):
                    picture_of = frame(spec, index, begin)
                    gap = trackers[spec.name].update(picture_of)
                    assert gap is None or recorder.offer(gap)
                    assert recorder.offer(picture_of)
            index += 1
        assert recorder.wait_trials(60)
    signals(recorder, begin, index / 30)
    recorder.note(begin + 1, "the participant – 王 – sneezed")
    summary = recorder.close(completed=True)
    assert not summary["error"], summary["error"]
    return recorder.folder


def signals(recorder: Recorder, begin: float, seconds: float) -> None:
    """Offer voice, EDA and pulse of ``seconds``."""
    for block in range(round(seconds * 100)):
        samples = np.full((480, 1), block, np.int16)
        arrival = begin + (block + 1) / 100 + 0.004
        assert recorder.offer(AudioBlock("voice", samples, 480 * block, begin + block / 100, arrival))
    for spec in (EDA, PULSE):
        for second in range(int(seconds)):
            if second % 5 == 0:
                when = begin + second
                assert recorder.offer(ClockOffset(spec.name, when, begin - 10.0, 1e-4))
            n = round(spec.rate_hz)
            raw = 10.0 + second + np.arange(n) / n
            values = np.tile(raw[:, None], (1, spec.shape[0])).astype(spec.dtype)
            assert recorder.offer(Samples(spec.name, values, raw, begin + second + 1.0))
