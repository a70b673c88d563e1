"""What comes in before there is a recorder, and what the recorder gets of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np

from labcapture.core.chunks import ClockOffset, Samples, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.engine.intake import Intake
from labcapture.engine.previewer import Previewer
from labcapture.protocol.rule import QualityRule
from labcapture.recording.recorder import Recorder, SessionHeader, create_folder

EDA = StreamSpec("eda", "samples", "float64", (1,), "microsiemens", 100.0, channels=("EDA",), simulated=True)
HEADER = SessionHeader("P1", "1", "p", "none", "", "r", "", "en", True, None, {}, QualityRule(), datetime.now(UTC))


def test_a_clock_that_was_measured_before_the_recorder_was_there_corrects_the_first_samples(tmp_path: Path) -> None:
    previewer = Previewer([EDA])
    intake = Intake([EDA], previewer)
    begin = lsl_time()
    for second in (0.0, 0.5):
        intake.emit(ClockOffset("eda", begin + second, 100.0 + second, 0.001, 0))
    recorder = Recorder(create_folder(tmp_path, HEADER), HEADER, [EDA])
    intake.recorder = recorder
    for index in range(5):
        stamp = begin + 1 + index / 100
        intake.emit(Samples("eda", np.zeros((1, 1)), np.array([stamp - 100.5]), stamp, 0))
    recorder.close()
    previewer.close()
    with h5py.File(recorder.folder / "session.h5") as file:
        offsets = file["eda/clock_offsets"][()]
        assert list(offsets["offset"]) == [100.5]  # once, and the newest
        np.testing.assert_allclose(file["eda/time"][()], begin + 1 + np.arange(5) / 100, atol=1e-6)
