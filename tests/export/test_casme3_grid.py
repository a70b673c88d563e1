"""Numbers of a clip are a clock: whatever was lost, number i is i periods after number 0."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labcapture.export.casme3_grid import lay

RATE = 30.0


@given(
    n=st.integers(3, 400),
    ppm=st.floats(-500, 500),
    lost=st.sets(st.integers(1, 399)),
    phase=st.floats(-0.3, 0.3),
    lost_depth=st.sets(st.integers(0, 399)),
    seed=st.integers(0, 99),
)
def test_losses_leave_numbers_out(
    n: int, ppm: float, lost: set[int], phase: float, lost_depth: set[int], seed: int
) -> None:
    random = np.random.default_rng(seed)
    beats = np.arange(n) * (1 + ppm * 1e-6) / RATE
    jitter = random.uniform(-0.002, 0.002, (2, n))
    color = np.array([i for i in range(n) if i not in lost or i < 3])  # three to tell the period by
    depth = np.array([i for i in range(n) if i not in lost_depth], int)
    color_time = (beats + jitter[0])[color]
    grid = lay(color_time, (beats + phase / RATE + jitter[1])[depth], RATE)
    if not lost:
        np.testing.assert_array_equal(grid.numbers, color)
    assert (np.diff(grid.numbers) > 0).all()
    assert np.abs(color_time - grid.zero - grid.numbers * grid.period_s).max() < 0.5001 / RATE + 0.01 * len(lost)
    paired = grid.depth >= 0
    np.testing.assert_array_equal(depth[grid.depth[paired]], color[paired])  # the same moment, and no other
    np.testing.assert_array_equal(paired, np.isin(color, depth))
    assert sorted([*grid.depth[paired], *grid.alone]) == list(range(len(depth)))


@given(st.integers(2, 200), st.integers(0, 99))
def test_streams_half_a_period_apart_stay_in_step(n: int, seed: int) -> None:
    jitter = np.random.default_rng(seed).uniform(-0.0005, 0.0005, (2, n))
    beats = np.arange(n) / RATE
    grid = lay(beats + jitter[0], beats + 0.5 / RATE + jitter[1], RATE)
    assert (grid.depth >= 0).sum() >= n - 1
    assert (np.diff(grid.depth[grid.depth >= 0]) == 1).all()


def test_one_picture_and_no_depth() -> None:
    grid = lay(np.array([5.0]), np.empty(0), RATE)
    assert (grid.numbers.tolist(), grid.depth.tolist(), grid.period_s) == ([0], [-1], 1 / RATE)


def test_a_camera_at_half_its_rate_keeps_to_the_clock() -> None:
    grid = lay(np.arange(10) / 15, np.empty(0), RATE)
    assert grid.numbers.tolist() == list(range(0, 20, 2))
