"""A session while another process records it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import labcapture
from labcapture.core.errors import RecordingError
from labcapture.reading import LiveSession
from tests.reading import recorded_world as world

ROOT = Path(__file__).parents[2]

# One trial is finished, a second one stands open until a line comes in; then all is closed in order.
RECORDER = """
import sys
from pathlib import Path
from labcapture.core.clock import lsl_time
from tests.reading import recorded_world as world

recorder = world.begun(Path(sys.argv[1]))
begin = lsl_time() - 20
print(recorder.folder, flush=True)

def show(first, count):
    for index in range(first, first + count):
        for spec in (world.COLOR, world.DEPTH):
            assert recorder.offer(world.frame(spec, index, begin))

recorder.open_trial("01_a", start=begin - 0.01, step="film", clip="a", emotion="fear", take=1)
show(0, 30)
recorder.close_trial(begin + 30 / 30 - 0.001, outcome="done")
show(30, 2)
assert recorder.wait_trials(60)
recorder.open_trial("02_b", start=begin + 32 / 30 - 0.01, step="film", clip="b", emotion="anger", take=1)
show(32, 10)
print("one", flush=True)
sys.stdin.readline()
show(42, 5)
recorder.close_trial(begin + 45 / 30 - 0.001, outcome="done")
assert recorder.wait_trials(60)
print("two", flush=True)
sys.stdin.readline()
world.signals(recorder, begin, 2.0)
summary = recorder.close(completed=True)
assert not summary["error"], summary["error"]
print("closed", flush=True)
"""


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield a process that records; it ends with the test."""
    process = subprocess.Popen(
        [sys.executable, "-c", RECORDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_finished_trials_of_a_session_that_is_being_recorded(child: subprocess.Popen[str]) -> None:
    folder = Path(_line(child))
    assert _line(child) == "one"
    with pytest.raises(RecordingError, match=r"is being recorded just now\. .*LiveSession"):
        labcapture.open(folder)
    with LiveSession(folder) as live:
        assert list(live.trials) == ["01_a"]  # not the one that is open
        trial = live.trials["01_a"]
        assert trial.attributes["emotion"] == "fear"
        assert len(trial.color) == len(trial.depth) == 30
        np.testing.assert_array_equal(trial.color[7], world.picture(world.COLOR, 7))
        assert len(trial.color.time) == 30
        pairs = list(trial.frames())
        np.testing.assert_array_equal(pairs[29].color, world.picture(world.COLOR, 29))
        assert trial.depth_mm[3].shape == (48, 64)
        _go_on(child)
        assert _line(child) == "two"  # the recorder was not in the way of the reader, nor the reader in its
        live.refresh()
        assert list(live.trials) == ["01_a", "02_b"]
        _go_on(child)
        assert _line(child) == "closed"
        assert child.wait(60) == 0
    with labcapture.open(folder) as session:
        assert list(session.trials) == ["01_a", "02_b"]
        assert len(session.trials["01_a"].color) == 30
    with pytest.raises(RecordingError, match="is not being recorded"):
        LiveSession(folder)


def test_after_a_crash_the_way_out_is_named(child: subprocess.Popen[str]) -> None:
    folder = Path(_line(child))
    assert _line(child) == "one"
    child.kill()
    child.wait(60)
    with pytest.raises(RecordingError, match="labcapture recover"):
        labcapture.open(folder)
