"""Encoding of lossless JPEG XL by the build of libjxl that is fastest on this machine.

libjxl encodes four times as fast where it may use a processor's wide registers, and not every build may: that of
imagecodecs does with AVX-512 but not with AVX2, that of pillow-jxl-plugin does with AVX2. Which is faster is tried, not
derived from the processor's name: it depends as much on the compiler that made a package for a system.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from labcapture.recording.hdf5_filter import Pixels

Encoder = Callable[[Pixels], bytes]

_EFFORT = 1  # at higher effort colour shrinks by a few per cent more and takes several times as long
_MODES = {("|u1", 3): "RGB", ("|u1", 2): "L", ("<u2", 2): "I;16"}
"""Pillow's names of pictures, by dtype and number of dimensions."""
_TRIALS = 4


def with_imagecodecs(pixels: Pixels) -> bytes:
    """Return a contiguous picture (height, width[, 3]), uint8 or uint16, as lossless JPEG XL. Holds no GIL."""
    import imagecodecs  # noqa: PLC0415 - late: most processes import labcapture and never see a picture

    return bytes(imagecodecs.jpegxl_encode(pixels, effort=_EFFORT, lossless=True, numthreads=1))


def with_pillow_jxl(pixels: Pixels) -> bytes:
    """Return the same by pillow-jxl-plugin, but for the kinds of picture that it does not know. Holds no GIL.

    Raises
    ------
    ImportError
        It is not installed: an analyst's install has no need of it.
    """
    library: Any = importlib.import_module("pillow_jxl")
    mode = _MODES.get((pixels.dtype.str, pixels.ndim))
    if mode is None:
        return with_imagecodecs(pixels)
    encoder = library.Encoder(mode, lossless=True, effort=_EFFORT, use_original_profile=True, num_threads=0)
    encoded: bytes = encoder(pixels.tobytes(), pixels.shape[1], pixels.shape[0], jpeg_encode=False)
    return encoded


@cache
def fastest() -> Encoder:
    """Return the fastest of those that are installed, tried once on a noisy slope, which takes some 20 ms."""
    noise = np.random.default_rng(0).integers(0, 4, (240, 320, 3))
    picture = (noise + np.add.outer(np.arange(240), np.arange(320))[..., None]).astype(np.uint8)
    times = {}
    for encode in (with_imagecodecs, with_pillow_jxl):
        try:
            encode(picture)
        except ImportError:
            continue
        times[encode] = min(_time_of(encode, picture) for _ in range(_TRIALS))
    return min(times, key=times.__getitem__)


def _time_of(encode: Encoder, picture: Pixels) -> float:
    began = time.perf_counter()
    encode(picture)
    return time.perf_counter() - began
