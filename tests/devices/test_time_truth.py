"""From a camera with a drifting clock that wraps, jitter and spikes, to times in a file that can be believed."""

from __future__ import annotations

from pathlib import Path

from tests.recording.test_split import load

time_truth = load(Path(__file__).parents[2] / "benchmarks" / "time_truth.py")


def test_times_in_the_file_hold_the_truth_of_the_camera(tmp_path: Path) -> None:
    found = time_truth.camera(7.0, tmp_path)
    for stream in ("color", "depth"):
        assert found[stream]["wrapped"]
        assert found[stream]["coverage"] >= 0.95
        assert found[stream]["p50_ms"] < 1.0  # the median: a starved machine may make the tail longer
        assert found[stream]["smallest_delay_ms"] > 20
    assert found["wall_step_s"] < 1


def test_the_fit_meets_its_targets() -> None:
    found = time_truth.fit(30.0)
    assert found["met"]
    assert found["n"] == 40 * 28 * 30
