"""Every picture comes back bit for bit, through plain h5py."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import labcapture  # noqa: F401 - registers the filter
from labcapture.core.errors import RecordingError
from labcapture.recording import codecs, encodings, jxl_encoder, magicyuv

_SIDE = st.integers(1, 40)
_ENCODERS = (jxl_encoder.with_imagecodecs, jxl_encoder.with_pillow_jxl)
_PICTURES = st.one_of(
    st.tuples(_SIDE, _SIDE, st.just(3)).flatmap(lambda shape: hnp.arrays(np.uint8, shape)),
    st.tuples(_SIDE, _SIDE, st.just(3)).flatmap(lambda shape: hnp.arrays(np.uint16, shape)),
    st.tuples(_SIDE, _SIDE).flatmap(lambda shape: hnp.arrays(np.uint16, shape)),
    st.tuples(_SIDE, _SIDE).flatmap(lambda shape: hnp.arrays(np.uint8, shape)),
)


def _dataset(file: h5py.File, pixels: NDArray[Any], count: int = 1) -> Any:  # noqa: ANN401 - h5py is untyped
    options = codecs.dataset_options(pixels.dtype.name, pixels.shape)
    return file.create_dataset("frames", (count, *pixels.shape), dtype=pixels.dtype, **options)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pixels=_PICTURES)
def test_any_picture_comes_back_from_h5py(pixels: NDArray[Any]) -> None:
    with h5py.File("memory.h5", "w", driver="core", backing_store=False) as file:
        dataset = _dataset(file, pixels, 3)
        origin = (0,) * pixels.ndim
        dataset.id.write_direct_chunk((0, *origin), codecs.encode(pixels))
        dataset.id.write_direct_chunk((1, *origin), pixels.tobytes(), 1)  # raw, as under pressure
        dataset[2] = pixels  # encoded by HDF5 itself
        for i in range(3):
            np.testing.assert_array_equal(dataset[i], pixels)
    np.testing.assert_array_equal(codecs.decode(codecs.encode(pixels)), pixels)


@pytest.mark.parametrize("encode", _ENCODERS)
@settings(max_examples=100, deadline=None)
@given(pixels=_PICTURES)
def test_any_picture_comes_back_whoever_encoded_it(
    encode: Callable[[NDArray[Any]], bytes], pixels: NDArray[Any]
) -> None:
    decoded = codecs.decode(encode(pixels))
    assert (decoded.dtype, decoded.shape) == (pixels.dtype, pixels.shape)
    np.testing.assert_array_equal(decoded, pixels)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pixels=st.tuples(_SIDE, _SIDE, st.just(3)).flatmap(lambda shape: hnp.arrays(np.uint8, shape)))
def test_any_colour_comes_back_from_h5py(pixels: NDArray[Any]) -> None:
    with h5py.File("memory.h5", "w", driver="core", backing_store=False) as file:
        options = codecs.MAGICYUV.dataset_options("uint8", pixels.shape)
        dataset = file.create_dataset("frames", (3, *pixels.shape), dtype="uint8", **options)
        dataset.id.write_direct_chunk((0, 0, 0, 0), magicyuv.encode(pixels))
        dataset.id.write_direct_chunk((1, 0, 0, 0), pixels.tobytes(), 1)  # raw, as under pressure
        dataset[2] = pixels  # encoded by HDF5 itself
        for i in range(3):
            np.testing.assert_array_equal(dataset[i], pixels)


@pytest.mark.parametrize(
    "damage", [lambda data: b"junk", lambda data: data[:-3], lambda data: data[:40], lambda _: b""]
)
def test_colour_that_is_not_the_picture_is_an_error_not_a_crash(damage: Callable[[bytes], bytes]) -> None:
    rng = np.random.default_rng(0)
    right, small, big = (rng.integers(0, 256, (n, n, 3), np.uint8) for n in (8, 4, 600))
    for chunk in (damage(magicyuv.encode(right)), magicyuv.encode(small), magicyuv.encode(big)):
        with pytest.raises(ValueError, match="picture"):
            magicyuv.decode(chunk, np.empty_like(right))
        np.testing.assert_array_equal(magicyuv.decode(magicyuv.encode(right), np.empty_like(right)), right)


def _colour(code: int) -> list[int]:
    return [code & 255, code >> 8 & 255, code >> 16]


@pytest.mark.parametrize("encode", _ENCODERS)
def test_two_colours_that_share_a_hash_stay_two(encode: Callable[[NDArray[Any]], bytes]) -> None:
    """Before 0.12, libjxl took them for one where they first met within eight pixels (issue 4291)."""
    every = np.arange(2**24, dtype=np.uint32)
    hashes = (every * np.uint32(2654435761)) >> np.uint32(16)
    one, other, *_ = every[hashes == hashes[0x2040C8]]
    pixels = np.full((8, 16, 3), (90, 20, 10), np.uint8)
    pixels[2, 1], pixels[2, 5] = _colour(one), _colour(other)
    np.testing.assert_array_equal(codecs.decode(encode(pixels)), pixels)


def test_an_install_without_the_faster_library_encodes_by_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    assert jxl_encoder.encode(pixels) == jxl_encoder.with_pillow_jxl(pixels)
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)  # as where it is not installed
    monkeypatch.setattr(jxl_encoder, "_has_pillow_jxl", jxl_encoder._has_pillow_jxl.__wrapped__)
    assert jxl_encoder.encode(pixels) == jxl_encoder.with_imagecodecs(pixels) != b""


@pytest.mark.parametrize("value", [0, 1, 32768, 65535])
def test_flat_depth_at_full_size(tmp_path: Path, value: int) -> None:
    pixels = np.full((720, 1280), value, np.uint16)
    with h5py.File(tmp_path / "a.h5", "w", libver="v110") as file:
        _dataset(file, pixels).id.write_direct_chunk((0, 0, 0), codecs.encode(pixels))
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["frames"][0], pixels)
        assert file["frames"].id.get_chunk_info(0).size < 1000


def test_a_strided_view_is_encoded_as_it_looks() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 48, 3), np.uint8)[::2, ::-1]
    np.testing.assert_array_equal(codecs.decode(codecs.encode(pixels)), pixels)


def _small(size: int) -> bytes:
    return codecs.encode(np.zeros((size, size), np.uint16))


@pytest.mark.parametrize(
    "chunk", [b"junk", _small(4), _small(600), _small(8)[:-3]], ids=["junk", "small", "big", "cut"]
)
def test_a_chunk_that_is_not_the_picture_is_an_error_not_a_crash(chunk: bytes) -> None:
    pixels = np.zeros((8, 8), np.uint16)
    with h5py.File("memory.h5", "w", driver="core", backing_store=False) as file:
        dataset = _dataset(file, pixels, 2)
        dataset.id.write_direct_chunk((0, 0, 0), chunk)
        dataset.id.write_direct_chunk((1, 0, 0), codecs.encode(pixels))
        with pytest.raises(OSError, match="filter"):
            dataset[0]
        np.testing.assert_array_equal(dataset[1], pixels)


@pytest.mark.parametrize(("dtype", "shape"), [("float32", (4, 4)), ("uint8", (4, 4, 2)), ("uint8", (4,))])
def test_pictures_without_an_encoding_are_refused(dtype: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(RecordingError, match="no lossless encoding"):
        codecs.dataset_options(dtype, shape)


def test_one_import_is_enough_and_stays_light(tmp_path: Path) -> None:
    pixels = np.arange(48, dtype=np.uint16).reshape(6, 8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        _dataset(file, pixels)[0] = pixels
    script = (
        "import sys, h5py, labcapture; before = set(sys.modules); "
        f"total = int(h5py.File({str(tmp_path / 'a.h5')!r})['frames'][0].sum()); "
        "print(total, *(m for m in ('imagecodecs', 'pydantic', 'pylsl', 'PySide6') if m in before))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(pixels.sum())]


@pytest.mark.parametrize("name", encodings.RECORDED)
def test_a_recorder_tries_its_encoding_first(name: str) -> None:
    assert encodings.ready(name) is encodings.of(name)


def _other(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    return np.zeros(shape, dtype)


def _junk(pixels: NDArray[Any]) -> bytes:
    return magicyuv.encode(pixels)[:40]


@pytest.mark.parametrize(
    ("fault", "told"), [({"decode": _other}, "came back as another one"), ({"encode": _junk}, "checksum")]
)
def test_an_encoding_that_fails_here_is_told_before_a_session(
    fault: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = dataclasses.replace(encodings.of("magicyuv"), **fault)
    monkeypatch.setattr(encodings, "CODECS", [broken])
    with pytest.raises(RecordingError, match=rf"uint8 \(64, 64, 3\) cannot be encoded here: .*{told}"):
        encodings.ready("magicyuv")
