"""The made-up skin: the same for the same seed, and it answers the stage's markers."""

from __future__ import annotations

import uuid

import numpy as np
import pylsl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcapture.core.chunks import Samples
from labcapture.core.clock import lsl_time
from labcapture.devices import lsl
from labcapture.devices.simulated.eda import SimulatedEda, Skin, response
from tests.devices.sound_cases import running


@given(seed=st.integers(0, 2**31), cuts=st.lists(st.integers(1, 700), min_size=1, max_size=20))
def test_the_skin_does_not_depend_on_how_it_is_cut(seed: int, cuts: list[int]) -> None:
    settings = SimulatedEda(seed=seed, spontaneous_per_minute=20)
    parts = Skin(settings)
    cut = np.concatenate([parts.read(count) for count in cuts])
    assert np.allclose(cut, Skin(settings).read(sum(cuts)), atol=1e-6)
    assert (cut > 0).all()


def test_another_seed_is_another_skin() -> None:
    assert not np.allclose(Skin(SimulatedEda(seed=1)).read(1000), Skin(SimulatedEda(seed=2)).read(1000), atol=1e-3)


def test_a_response_rises_to_one_and_falls() -> None:
    t = np.linspace(-5, 40, 4501)
    shape = response(t)
    assert (shape[t <= 0] == 0).all()
    assert shape.max() == pytest.approx(1.0, abs=1e-4)
    assert 1.0 < t[shape.argmax()] < 1.5
    assert shape[-1] < 1e-6


@given(at=st.floats(1.0, 60.0))
def test_a_response_begins_one_to_three_seconds_after_its_stimulus(at: float) -> None:
    quiet = SimulatedEda(spontaneous_per_minute=0, noise_microsiemens=0)
    stirred, calm = Skin(quiet), Skin(quiet)
    stirred.respond(at)
    stirred.respond(at + 0.5)  # too soon for another one
    rise = stirred.read(7000) - calm.read(7000)
    onset = np.flatnonzero(rise > 1e-9)[0] / quiet.rate_hz
    assert at + 1.0 - 0.02 <= onset <= at + 3.0 + 0.02


def test_a_marker_of_the_stage_is_answered() -> None:
    stage = f"labcapture-stage-{uuid.uuid4().hex}"
    markers = pylsl.StreamOutlet(pylsl.StreamInfo("Stage", "Markers", 1, 0.0, pylsl.cf_string, f"{stage}-1"))
    skin = SimulatedEda(spontaneous_per_minute=0, response_microsiemens=3.0, responds_to=stage)
    config = lsl.Config(name="eda", preset="eda", simulated=skin)
    with running(lsl.create(config)) as run:
        assert markers.wait_for_consumers(60.0)
        run.until(lambda: len(run.of(Samples)) > 5)
        shown = lsl_time()
        markers.push_sample(["clip onset"], shown)

        def level(first: float, last: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
            times = np.concatenate([chunk.raw_time for chunk in run.of(Samples)])
            values = np.concatenate([chunk.values[:, 0] for chunk in run.of(Samples)])
            return np.asarray(values[(times >= first) & (times < last)], np.float64)

        run.until(lambda: run.of(Samples)[-1].raw_time[-1] > shown + 4.5)
    assert np.ptp(level(shown - 1.0, shown + 0.9)) < 0.1
    assert level(shown + 1.0, shown + 4.5).max() - level(shown - 1.0, shown).mean() > 0.5
