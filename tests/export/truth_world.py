"""A session whose truth is known: a click while a white picture is taken, lost sound, a drifting sender."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from labcapture.core.chunks import AudioBlock, Cause, ClockOffset, Frame, Gap, Samples, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.recording.recorder import Recorder
from tests.reading.recorded_world import CAMERA_EPOCH, COLOR, DEPTH, EDA, PULSE, begun, picture

TRIAL = "01_a"
FRAMES = 120
WHITE = 75
"""The picture during which the click sounds."""
LOST_FRAMES = (30, 31, 32, 33)
LOST_BLOCKS = range(120, 132)
"""Blocks of 10 ms of the voice."""
DRIFT_PPM = 80.0
RATE_HZ = 48000


def record_truth(out: Path) -> tuple[Path, float]:
    """Record a session of one trial; return its folder, and the LSL time (s) of the click."""
    recorder = begun(out)
    begin = lsl_time() - 60
    recorder.open_trial(TRIAL, start=begin - 0.01, step="film", clip="a", emotion="fear", take=1)
    recorder.marker(begin, "clip-onset", "stage", step="film")
    for place in range(FRAMES + 2):
        if place == FRAMES:
            recorder.close_trial(begin + place / 30 - 0.001, outcome="done")
        for spec in (COLOR, DEPTH):
            if place not in LOST_FRAMES:
                pixels = picture(spec, place)
                if place == WHITE and spec is COLOR:
                    pixels = np.full_like(pixels, 255)
                arrival = begin + place / 30 + 0.005
                assert recorder.offer(Frame(spec.name, pixels, place, CAMERA_EPOCH + place / 30, arrival))
    assert recorder.wait_trials(60)
    click = begin + WHITE / 30
    _voice(recorder, begin, click)
    for spec in (EDA, PULSE):
        _drifting(recorder, spec, begin)
    recorder.note(begin + 1, "the participant – 王 – sneezed, “twice”")
    summary = recorder.close(completed=True)
    assert not summary["error"], summary["error"]
    return recorder.folder, click


def _voice(recorder: Recorder, begin: float, click: float) -> None:
    sound = np.zeros(5 * RATE_HZ, np.int16)
    sound[round((click - begin) * RATE_HZ)] = 30000
    for number in LOST_BLOCKS:
        span = begin + number / 100 + 0.004, begin + (number + 1) / 100 + 0.014
        assert recorder.offer(Gap("voice", Cause.DROPPED, 480 * number, 480 * (number + 1) - 1, 480, *span))
    for block in range(len(sound) // 480):
        if block not in LOST_BLOCKS:
            time = begin + block / 100
            samples = sound[480 * block : 480 * (block + 1), None]
            assert recorder.offer(AudioBlock("voice", samples, 480 * block, time, time + 0.014))


def _drifting(recorder: Recorder, spec: StreamSpec, begin: float) -> None:
    """Send 40 s by a clock of another epoch that runs too fast; after 20 s the sender starts anew."""
    n = round(spec.rate_hz)
    for second in range(40):
        segment, epoch = (0, 1000.0) if second < 20 else (1, 77.0)
        true = begin + second + np.arange(n) / n
        raw = epoch + (true - begin) * (1 + DRIFT_PPM * 1e-6)
        if second % 5 == 0:
            assert recorder.offer(ClockOffset(spec.name, true[0], true[0] - raw[0], 1e-4, segment))
        values = np.tile(np.arange(n)[:, None] + second, (1, spec.shape[0])).astype(spec.dtype)
        assert recorder.offer(Samples(spec.name, values, raw, begin + second + 1.0, segment))
