"""Sessions as CAS(ME)3 knows them: lenses and poses, two channels of voice, a take that was repeated, lost pictures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from labcapture.core.chunks import AudioBlock, Cause, ClockOffset, Gap, Samples, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.protocol.rule import QualityRule
from labcapture.recording.quality import GapTracker
from labcapture.recording.recorder import Recorder, SessionHeader, create_folder
from tests.reading import recorded_world as world

LENS = {"width": 64, "height": 48, "fx": 50.0, "fy": 50.0, "ppx": 31.5, "ppy": 23.5}
FRAMES = 60
LOST_COLOR = (20, 21, 22)  # of the second trial that counts
LOST_DEPTH = (40,)


def _lens(**other: Any) -> dict[str, Any]:  # noqa: ANN401 - any attribute
    lens = {f"intrinsics_{name}": value for name, value in LENS.items()}
    return {**lens, "intrinsics_model": "brown_conrady", "intrinsics_coeffs": [0.0] * 5, **other}


def _pose(to: str, x_m: float) -> dict[str, Any]:
    return {
        f"extrinsics_to_{to}_rotation": np.eye(3).ravel().tolist(),
        f"extrinsics_to_{to}_translation": [x_m, 0.0, 0.0],
    }


COLOR = replace(world.COLOR, attributes=_lens(**_pose("depth", -0.015)))
DEPTH = replace(world.DEPTH, attributes=_lens(depth_units=0.001, stereo_baseline_mm=55.0, **_pose("color", 0.015)))
VOICE = StreamSpec("voice", "audio", "int16", (2,), "", 48000.0, ("left", "right"), simulated=True)
EDA = replace(world.EDA)


def record(out: Path, paradigm: str = "neutralization", *, rule: QualityRule | None = None, name: str = "P012") -> Path:
    """Record a session of a clip, the same again, and another with lost pictures; return its folder."""
    header = SessionHeader(
        participant=name,
        session="01",
        protocol="short",
        paradigm=paradigm,
        protocol_text="name: short\n",
        rig="simulated",
        rig_text="name: simulated\n",
        language="en",
        simulated=True,
        autopilot=7,
        software={"labcapture": "0.1.0"},
        rule=rule or QualityRule(max_lost_fraction=0.2, max_lost_run=5),
        started_utc=datetime.now(UTC),
    )
    recorder = Recorder(create_folder(out, header), header, [COLOR, DEPTH, VOICE, EDA])
    begin = lsl_time() - 60
    index = _trials(recorder, begin)
    _signals(recorder, begin, index / 30)
    for question, value in (("fear", 4), ("anger", 1), ("fear", 5)):
        recorder.answer("report", question, float(value), begin + 1, 0.5, trial="02_a", self_report=True)
    summary = recorder.close(completed=True)
    assert not summary["error"], summary["error"]
    return recorder.folder


def _trials(recorder: Recorder, begin: float) -> int:
    trackers = {spec.name: GapTracker(spec) for spec in (COLOR, DEPTH)}
    lost = {"03_b": {"color": LOST_COLOR, "depth": LOST_DEPTH}}
    index = 0
    for trial in ("01_a", "02_a", "03_b"):
        start = begin + index / 30 - 0.01
        recorder.open_trial(trial, start=start, step="film", clip=f"clip_{trial[-1]}", emotion="fear", take=1)
        recorder.marker(start, "clip-onset", "stage", step="film")
        for place in range(FRAMES + 2):
            if place == FRAMES:
                recorder.close_trial(begin + index / 30 - 0.001, outcome="done")
            for spec in (COLOR, DEPTH):
                if place in lost.get(trial, {}).get(spec.name, ()):
                    continue
                frame = world.frame(spec, index, begin)
                if spec is DEPTH:
                    frame = replace(frame, pixels=(500 + frame.pixels).astype(np.uint16))
                gap = trackers[spec.name].update(frame)
                assert gap is None or recorder.offer(gap)
                assert recorder.offer(frame)
            index += 1
        assert recorder.wait_trials(60)
    recorder.step(begin, "supersede", "film", 1, "01_a", "done", "")
    return index


def voice_of(first: int, n: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Return samples ``first`` on of the voice, (n, 2): a sine, and a count."""
    count = np.arange(first, first + n)
    sine = 8000 * np.sin(2 * np.pi * 440 * count / 48000)
    return np.stack([sine, count % 30000], axis=1).astype(np.int16)


def _signals(recorder: Recorder, begin: float, seconds: float) -> None:
    lost = range(350, 370)  # blocks: a fifth of a second of voice
    span = begin + lost.start / 100 + 0.004, begin + (lost.stop + 1) / 100 + 0.004
    assert recorder.offer(Gap("voice", Cause.DROPPED, 480 * lost.start, 480 * lost.stop - 1, 480 * len(lost), *span))
    for block in range(round(seconds * 100)):
        if block not in lost:
            arrival = begin + (block + 1) / 100 + 0.004
            samples = voice_of(480 * block, 480)
            assert recorder.offer(AudioBlock("voice", samples, 480 * block, begin + block / 100, arrival))
    for second in range(0, int(seconds), 2):
        assert recorder.offer(ClockOffset("eda", begin + second, begin - 10.0, 1e-4))
    for tenth in range(int(seconds * 10)):
        if tenth not in (30, 31):
            raw = 10 + tenth / 10 + np.arange(10) / 100
            values = (2 + np.sin(raw))[:, None].astype(np.float32)
            assert recorder.offer(Samples("eda", values, raw, begin + tenth / 10 + 0.1))
