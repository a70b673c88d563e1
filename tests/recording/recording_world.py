"""A small world for tests of the recorder: streams, and frames that carry their own index in their pixels."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from labcapture.core.chunks import Frame, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.protocol.rule import QualityRule
from labcapture.recording.encodings import DEFAULT
from labcapture.recording.recorder import Recorder, SessionHeader, create_folder

HEIGHT, WIDTH = 48, 64
RATE_HZ = 30.0
HALF = 0.5 / RATE_HZ
EPOCH_S = 1000.0  # device time = LSL time - this
COLOR = StreamSpec(
    "color",
    "frames",
    "uint8",
    (HEIGHT, WIDTH, 3),
    "",
    RATE_HZ,
    clock="d415",
    simulated=True,
    attributes={"intrinsics": np.array([600.0, 600.0, 32.0, 24.0]), "firmware": "5.16"},
)
DEPTH = StreamSpec("depth", "frames", "uint16", (HEIGHT, WIDTH), "mm", RATE_HZ, clock="d415", simulated=True)
VOICE = StreamSpec("voice", "audio", "int16", (2,), "", 48000.0, ("left", "right"), simulated=True)
EDA = StreamSpec("eda", "samples", "float64", (1,), "uS", 200.0, ("EDA",), simulated=True)
RSP = StreamSpec("breath", "samples", "float32", (2,), "a.u.", 0.0, ("a", "b"), simulated=True)
STREAMS = (COLOR, DEPTH, VOICE, EDA, RSP)


def header(**changes: Any) -> SessionHeader:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "participant": "P007",
        "session": "1",
        "protocol": "rehearsal",
        "paradigm": "neutralization",
        "protocol_text": "name: rehearsal # 试\n",
        "rig": "simulated",
        "rig_text": "name: simulated\n",
        "language": "en",
        "simulated": True,
        "autopilot": 7,
        "software": {"labcapture": "0.1.0"},
        "rule": QualityRule(),
        "started_utc": datetime.now(UTC),
    }
    return SessionHeader(**{**fields, **changes})


def make(
    out: Path,
    streams: tuple[StreamSpec, ...] = (COLOR, DEPTH),
    *,
    codec: str = DEFAULT,
    **options: Any,  # noqa: ANN401 - of the recorder
) -> Recorder:
    who = header(codec=codec)
    return Recorder(create_folder(out, who), who, streams, **options)


def pixels(spec: StreamSpec, index: int) -> Any:  # noqa: ANN401 - array of the stream's dtype
    """Return noise that depends on ``index``, with the index itself in the first two values."""
    noise = np.random.default_rng(index).integers(100, 108, spec.shape).astype(spec.dtype)
    noise[0, 0] = 0
    noise.reshape(-1)[:2] = index % 250, index // 250
    return noise


def index_of(picture: Any) -> int:  # noqa: ANN401 - array
    first, second = (int(value) for value in picture.reshape(-1)[:2])
    return first + 250 * second


class Camera:
    """Offers frames whose times run as if 30 a second had come, however fast they are offered."""

    def __init__(self, recorder: Recorder, spec: StreamSpec, start: float | None = None) -> None:
        self.recorder, self.spec = recorder, spec
        self.start = lsl_time() if start is None else start

    def time(self, index: int) -> float:
        return self.start + index / RATE_HZ

    def frame(self, index: int) -> Frame:
        arrival = self.time(index)
        metadata = {"sensor_timestamp": int(arrival * 1e6), "actual_exposure": 8000}
        picture = pixels(self.spec, index)
        return Frame(self.spec.name, picture, index, arrival - EPOCH_S - 0.004, arrival, metadata)

    def offer(self, first: int, last: int, skip: frozenset[int] | set[int] = frozenset()) -> list[bool]:
        return [self.recorder.offer(self.frame(i)) for i in range(first, last) if i not in skip]


def record_trial(
    recorder: Recorder, cameras: list[Camera], first: int, stop: int, name: str = "01_a", **skip: set[int]
) -> None:
    """Offer frames from ten before the trial to three after it."""
    for i in range(first - 10, first):
        for camera in cameras:
            recorder.offer(camera.frame(i))
    recorder.open_trial(name, start=cameras[0].time(first) - HALF, step="a", clip="x", take=1)
    for i in range(first, stop):
        for camera in cameras:
            if i not in skip.get(camera.spec.name, set()):
                recorder.offer(camera.frame(i))
    recorder.close_trial(cameras[0].time(stop) - HALF, outcome="done")
    for i in range(stop, stop + 3):
        for camera in cameras:
            recorder.offer(camera.frame(i))
    assert recorder.wait_trials(60)


def two_cameras(recorder: Recorder) -> list[Camera]:
    color = Camera(recorder, COLOR)
    return [color, Camera(recorder, DEPTH, color.start)]


def gaps_of(group: Any) -> list[tuple[str, int, int, int]]:  # noqa: ANN401 - h5py is untyped
    return [(row["cause"].decode(), int(row["first"]), int(row["last"]), int(row["count"])) for row in group["gaps"]]
