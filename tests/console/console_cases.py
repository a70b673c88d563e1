"""Snapshots of a session in every state, and previews in real shared memory, as the engine would publish them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.core.chunks import StreamSpec
from labcapture.engine.messages import (
    Alarm,
    EngineState,
    MarkerView,
    SessionResult,
    Snapshot,
    StepView,
    StreamHealth,
)
from labcapture.engine.preview import VOICE_BUCKET, PreviewBoard

NOW = 5000.0  # LSL time of every snapshot here (s)
GIB = 1 << 30

SPECS = (
    StreamSpec("color", "frames", "uint8", (720, 1280, 3), "", 30.0, simulated=True),
    StreamSpec("depth", "frames", "uint16", (720, 1280), "", 30.0, simulated=True, attributes={"depth_units": 0.001}),
    StreamSpec("voice", "audio", "int16", (1,), "", 48000.0, simulated=True),
    StreamSpec("eda", "samples", "float32", (1,), "microsiemens", 200.0, channels=("EDA",), simulated=True),
)

STEPS = (
    StepView(id="welcome", kind="instruction", title="Welcome and instruction", state="done"),
    StepView(id="cross_1", kind="fixation", title="Fixation", state="done"),
    StepView(id="calm", kind="movie", title="Clip: calm waves", state="done", trial="01_calm", verdict="annotatable"),
    StepView(id="rate_1", kind="form", title="How did you feel?", state="done"),
    StepView(id="cross_2", kind="fixation", title="Fixation", state="done"),
    StepView(id="storm", kind="movie", title="Clip: storm", state="running", trial="02_storm"),
    StepView(id="rate_2", kind="form", title="How did you feel?"),
    StepView(id="bye", kind="instruction", title="Goodbye"),
)

STREAMS = (
    StreamHealth(
        name="color", kind="frames", simulated=True, nominal_rate_hz=30, rate_hz=29.98, received=2810, recorded=2810,
        age_s=0.02, clock_offset_s=0.0, clock_uncertainty_s=0.0004, preview_skipped=3,
    ),
    StreamHealth(
        name="depth", kind="frames", simulated=True, nominal_rate_hz=30, rate_hz=30.01, received=2807, recorded=2807,
        lost_before_us=3, age_s=0.03, clock_offset_s=0.0, clock_uncertainty_s=0.0004,
    ),
    StreamHealth(
        name="voice", kind="audio", simulated=True, nominal_rate_hz=48000, rate_hz=48002.1, received=4496000,
        recorded=4496000, age_s=0.04, clock_offset_s=-0.0123, clock_uncertainty_s=0.0011,
    ),
    StreamHealth(
        name="eda", kind="samples", units="microsiemens", simulated=True, nominal_rate_hz=200, rate_hz=199.7,
        received=18730, recorded=18730, age_s=0.01, clock_offset_s=0.00012, clock_uncertainty_s=0.00004,
    ),
)  # fmt: skip

ALARM = Alarm(
    time=NOW - 12,
    source="depth",
    cause="No frame for 2 s",
    remedy="Check the camera's USB cable; the session goes on without depth until it is back.",
)
RESULT = SessionResult(
    folder="/data/sessions/p01_1_20261104T101500Z",
    part="B",
    verdict="not labelled",
    reason="1 of 2 clips is not annotatable: storm lost 41 of 1800 depth frames (2.3 %), at most 1 % is allowed",
    completed=True,
    trials=(
        {"trial": "01_calm", "clip": "calm", "annotatable": True, "reasons": []},
        {"trial": "02_storm", "clip": "storm", "annotatable": False, "reasons": ["depth lost 41 of 1800 frames"]},
    ),
    recorded={"color": 3600, "depth": 3559, "voice": 9600000, "eda": 40000},
    lost_before_us={"depth": 41},
    lost_by_us={},
)


def snapshot(state: EngineState, **changes: Any) -> Snapshot:  # noqa: ANN401 - any field of a snapshot
    """Return a snapshot of a rehearsal in ``state``; ``changes`` replace single fields."""
    facts: dict[str, Any] = {"version": "0.1.0", "pid": 1, "time": NOW, "state": state, "cpu_percent": 3.0}
    if state is not EngineState.IDLE:
        steps = STEPS if state in {EngineState.RUNNING, EngineState.PAUSED} else _pending()
        facts |= {
            "simulated": True,
            "participant": "p01",
            "session": "1",
            "protocol": "rehearsal",
            "paradigm": "neutralization",
            "rig": "simulated",
            "folder": RESULT.folder,
            "steps": steps,
            "streams": () if state is EngineState.PREPARING else STREAMS,
            "queue_bytes": 9 << 20,
            "queue_limit_bytes": 512 << 20,
            "encode_backlog": 2,
            "written_bytes": 3_271_000_000,
            "disk_free_bytes": 212 * GIB,
            "disk_minutes": 74.2,
            "cpu_percent": 112.0,
            "remaining_s": 161.0,
        }
    if state in {EngineState.RUNNING, EngineState.PAUSED}:
        facts |= {"step": 5, "trial": "02_storm", "elapsed_s": 94.3, "step_elapsed_s": 22.4, "markers": MARKERS}
    return Snapshot(**(facts | changes))


def _pending() -> tuple[StepView, ...]:
    return tuple(step.model_copy(update={"state": "pending", "verdict": None}) for step in STEPS)


MARKERS = (
    MarkerView(time=NOW - 27.5, label="fixation cross_2"),
    MarkerView(time=NOW - 22.4, label="clip onset storm"),
    MarkerView(time=NOW - 21.8, label="experimenter"),
    MarkerView(time=NOW - 8.0, label="experimenter"),
)


def filled_board() -> PreviewBoard:
    """Return a board with a picture of each stream, half a minute of voice and of EDA that ends at `NOW`."""
    board = PreviewBoard(SPECS)
    rng = np.random.default_rng(7)
    board.show("color", picture(), 2810, NOW)
    board.show("depth", distances(), 2807, NOW)
    times = NOW - 30 + np.arange(3000) * (VOICE_BUCKET / 48000)
    speech = (
        2600 * np.clip(np.sin(times / 1.7) + np.sin(times * 2.9) * 0.5, 0.02, None) * rng.uniform(0.4, 1, len(times))
    )
    board.trace("voice", np.asarray(times, np.float64), np.stack([-speech, speech * 0.9], axis=1))
    board.trace("eda", *skin_conductance())
    return board


def skin_conductance() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return LSL times (n,) and microsiemens (n, 1): a tonic level with two responses."""
    times = NOW - 30 + np.arange(6000) / 200
    level = 4.2 + 0.1 * np.sin((times - NOW) / 9)
    for onset, height in ((NOW - 20, 0.9), (NOW - 5.5, 0.5)):
        since = np.clip(times - onset, 0, None)
        level = level + height * (np.exp(-since / 4) - np.exp(-since / 0.8))
    return times, level[:, None]


def picture() -> NDArray[np.uint8]:
    """Return (720, 1280, 3) RGB whose red grows to the right and green downwards."""
    pixels = np.full((720, 1280, 3), 60, np.uint8)
    pixels[..., 0] = np.linspace(0, 255, 1280).astype(np.uint8)[None, :]
    pixels[..., 1] = np.linspace(0, 255, 720).astype(np.uint8)[:, None]
    return pixels


def distances() -> NDArray[np.uint16]:
    """Return (720, 1280) mm: nothing in the left tenth, then from 400 to 1600."""
    row = np.linspace(400, 1600, 1280).astype(np.uint16)
    row[:128] = 0
    return np.broadcast_to(row, (720, 1280)).copy()
