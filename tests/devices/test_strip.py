"""The index in the pixels is read back exactly, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcapture.devices.simulated.strip import ROWS, Strip, StripError, read_index, read_strip, write_strip

INDEX = st.integers(0, 2**32 - 1)
STREAM = st.integers(0, 255)
SIZE = st.tuples(st.integers(ROWS, 40), st.integers(64, 700).map(lambda half: 2 * half))


def picture(size: tuple[int, int], dtype: str, seed: int = 0) -> np.ndarray:
    shape = size if dtype == "uint16" else (*size, 3)
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@given(SIZE, STREAM, INDEX, st.sampled_from(["uint8", "uint16"]))
def test_what_was_written_is_read(size: tuple[int, int], stream: int, index: int, dtype: str) -> None:
    pixels = picture(size, dtype)
    below = pixels[ROWS:].copy()
    write_strip(pixels, Strip(stream, index))
    assert read_strip(pixels) == Strip(stream, index)
    assert read_strip(pixels[::2, ::2]) == Strip(stream, index)  # as previews are made
    assert read_index(pixels) == index
    assert (pixels[ROWS:] == below).all()


@given(STREAM, INDEX, st.integers(0, 63))
def test_one_wrong_cell_is_noticed(stream: int, index: int, cell: int) -> None:
    pixels = picture((ROWS, 640), "uint8")
    write_strip(pixels, Strip(stream, index))
    cells = pixels[:, cell * 10 : (cell + 1) * 10]
    cells[...] = 255 - cells
    with pytest.raises(StripError):
        read_strip(pixels)


def test_a_later_strip_replaces_the_earlier_one() -> None:
    pixels = picture((20, 640), "uint16")
    write_strip(pixels, Strip(1, 2**32 - 1))
    write_strip(pixels, Strip(2, 0))
    assert read_strip(pixels) == Strip(2, 0)


@pytest.mark.parametrize("pixels", [np.zeros((8, 60), np.uint16), np.zeros((8, 640)), np.zeros((8, 640, 3), np.uint8)])
def test_no_strip(pixels: np.ndarray) -> None:
    with pytest.raises(StripError):
        read_strip(pixels)


@pytest.mark.parametrize("strip", [Strip(256, 0), Strip(0, 2**32), Strip(0, -1)])
def test_a_number_that_does_not_fit(strip: Strip) -> None:
    with pytest.raises(OverflowError):
        write_strip(np.zeros((8, 640), np.uint16), strip)
