"""A short interview as the recorder writes it: a simulated face, voice and skin whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.core.chunks import AudioBlock, ClockOffset, Frame, Samples, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.devices.simulated.d415 import COLOR_FROM_DEPTH_MM, DEPTH_UNITS, Optics, color_optics, depth_optics
from labcapture.devices.simulated.eda import SimulatedEda, Skin
from labcapture.devices.simulated.scene import Scene
from labcapture.protocol.rule import QualityRule
from labcapture.recording.recorder import Recorder, SessionHeader, create_folder

SECONDS = 58
RATE_HZ = 10.0
QUESTIONS_S = tuple(float(at) for at in range(6, 50, 7))
ROLES = ("buffer", "item", "probe", "attention", "item", "item", "probe")
MOVED_S, REST_MM, NEAR_MM = 25.0, 520.0, 514.0  # when the face comes nearer, at once; a marker says so
_COLOR, _DEPTH = color_optics(320, 180), depth_optics(320, 180)
_NOISES = 6  # pictures of each place, shown in turn


@dataclass(frozen=True)
class Interview:
    """A recorded interview and its truth.

    Parameters
    ----------
    folder
        Of the session.
    begin
        LSL time (s) of its first samples.
    responses
        (onset in s after ``begin``, height in microsiemens) of each skin-conductance response, one a question.
    """

    folder: Path
    begin: float
    responses: tuple[tuple[float, float], ...]


def _lens(optics: Optics) -> dict[str, Any]:
    x, y = optics.centre_px
    size = {"intrinsics_width": optics.width, "intrinsics_height": optics.height}
    focal = {"intrinsics_fx": optics.focal_px, "intrinsics_fy": optics.focal_px}
    model = {"intrinsics_model": "brown_conrady", "intrinsics_coeffs": [0.0] * 5}
    return {**size, **focal, "intrinsics_ppx": x, "intrinsics_ppy": y, **model}


def _pose(other: str, x_mm: float) -> dict[str, Any]:
    turned = {f"extrinsics_to_{other}_rotation": np.eye(3).ravel().tolist()}
    return {**turned, f"extrinsics_to_{other}_translation": [x_mm / 1000, 0.0, 0.0]}


def _specs() -> tuple[StreamSpec, ...]:
    color = {**_lens(_COLOR), **_pose("depth", COLOR_FROM_DEPTH_MM)}
    depth = {**_lens(_DEPTH), **_pose("color", -COLOR_FROM_DEPTH_MM), "depth_units": DEPTH_UNITS}
    return (
        StreamSpec(
            "color", "frames", "uint8", (180, 320, 3), "", RATE_HZ, clock="camera", simulated=True, attributes=color
        ),
        StreamSpec(
            "depth", "frames", "uint16", (180, 320), "", RATE_HZ, clock="camera", simulated=True, attributes=depth
        ),
        StreamSpec("voice", "audio", "int16", (1,), "", 48000.0, ("mono",), simulated=True),
        StreamSpec("eda", "samples", "float32", (1,), "microsiemens", 100.0, ("EDA",), simulated=True),
    )


def record_interview(out: Path) -> Interview:
    """Record an interview of `SECONDS` below ``out``, at once."""
    header = SessionHeader(
        participant="P031",
        session="01",
        protocol="interview",
        paradigm="mock_crime",
        protocol_text="name: interview\n",
        rig="simulated",
        rig_text="name: simulated\n",
        language="en",
        simulated=True,
        autopilot=5,
        software={"labcapture": "0.1.0"},
        rule=QualityRule(),
        started_utc=datetime.now(UTC),
    )
    specs = _specs()
    recorder = Recorder(create_folder(out, header), header, specs)
    begin = lsl_time() - SECONDS - 10
    recorder.open_trial("01_interview", start=begin, step="interview", clip="", emotion="", take=1)
    _ask(recorder, begin)
    recorder.marker(begin + MOVED_S, "moved", "experimenter", "interview")
    _picture(recorder, begin, specs)
    recorder.close_trial(begin + SECONDS - 0.5, outcome="done")
    assert recorder.wait_trials(60)
    _speak(recorder, begin)
    truth = _sweat(recorder, begin)
    summary = recorder.close(completed=True)
    assert not summary["error"], summary["error"]
    return Interview(recorder.folder, begin, truth)


def _ask(recorder: Recorder, begin: float) -> None:
    for number, (at, role) in enumerate(zip(QUESTIONS_S, ROLES, strict=True)):
        step, start = f"ask_{number}", begin + at
        answer = "yes" if role == "attention" else "no"
        recorder.marker(start, f"question_start/{step}", "experimenter", step)
        recorder.response(
            step,
            group="table",
            item=f"alternative {number}",
            role=role,
            expected=answer,
            answer=answer,
            question_start=start,
            question_end=start + 1.4,
            answer_time=start + 2.5,
        )


def _picture(recorder: Recorder, begin: float, specs: tuple[StreamSpec, ...]) -> None:
    pictures: dict[tuple[str, float], list[NDArray[Any]]] = {}
    for distance in (REST_MM, NEAR_MM):
        scene = Scene(_COLOR, _DEPTH, distance)
        pictures["color", distance] = [scene.color() for _ in range(_NOISES)]
        pictures["depth", distance] = [scene.depth() for _ in range(_NOISES)]
    for index in range(round(SECONDS * RATE_HZ)):
        at = index / RATE_HZ
        distance = REST_MM if at < MOVED_S else NEAR_MM
        for spec in specs[:2]:
            pixels = pictures[spec.name, distance][index % _NOISES]
            arrival = begin + at + 0.004 + 0.001 * (index % 3)
            assert recorder.offer(Frame(spec.name, pixels, 1000 + index, 50.0 + at, arrival, {}))


def _speak(recorder: Recorder, begin: float) -> None:
    noise = np.random.default_rng(1).normal(0, 30, (4800, 1)).astype(np.int16)
    tone = (4000 * np.sin(2 * np.pi * 180 * np.arange(4800) / 48000)).astype(np.int16)[:, None]
    for block in range(SECONDS * 10):
        at = block / 10
        speaks = any(start + 1.8 <= at < start + 2.4 for start in QUESTIONS_S)
        arrival = begin + at + 0.104
        assert recorder.offer(AudioBlock("voice", noise + tone * speaks, 4800 * block, begin + at, arrival))


def _sweat(recorder: Recorder, begin: float) -> tuple[tuple[float, float], ...]:
    skin = Skin(SimulatedEda(seed=2, spontaneous_per_minute=0))
    for at in QUESTIONS_S:
        skin.respond(at)
    truth = tuple(skin._responses)
    for second in range(SECONDS):
        if second % 5 == 0:
            assert recorder.offer(ClockOffset("eda", begin + second, 0.0, 1e-5))
        raw = begin + second + np.arange(100) / 100
        values = skin.read(100).astype(np.float32)[:, None]
        assert recorder.offer(Samples("eda", values, raw, begin + second + 1.0))
    return truth
