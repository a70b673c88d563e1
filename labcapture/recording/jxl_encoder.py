"""Encoding of lossless JPEG XL, by a library that changes nothing.

libjxl's fast mode (effort 1) is four times as fast as the next one, but before version 0.12 it could give a pixel the
colour of another, in 8-bit pictures of at most 512 colours: two colours that its palette's hash does not tell apart
were taken for one if they first met within the same eight pixels (libjxl 4291). pillow-jxl-plugin brings 0.12, which
also uses a processor's AVX2. imagecodecs brings 0.11; where it has to do, it encodes by the next mode, other code.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from labcapture.recording.hdf5_filter import Pixels

_EFFORT = 1  # at higher effort colour shrinks by a few per cent more and takes several times as long
_EFFORT_BEFORE_0_12 = 2
_MODES = {("|u1", 3): "RGB", ("|u1", 2): "L", ("<u2", 2): "I;16"}
"""Pillow's names of pictures, by dtype and number of dimensions."""


def encode(pixels: Pixels) -> bytes:
    """Return a contiguous picture (height, width[, 3]), uint8 or uint16, as lossless JPEG XL. Holds no GIL.

    pillow-jxl-plugin encodes where it is installed; an analyst's install has no need of it.
    """
    return with_pillow_jxl(pixels) if _has_pillow_jxl() else with_imagecodecs(pixels)


def with_imagecodecs(pixels: Pixels) -> bytes:
    """Return the same by imagecodecs: slower, a little smaller."""
    import imagecodecs  # noqa: PLC0415 - late: most processes import labcapture and never see a picture

    return bytes(imagecodecs.jpegxl_encode(pixels, effort=_EFFORT_BEFORE_0_12, lossless=True, numthreads=1))


def with_pillow_jxl(pixels: Pixels) -> bytes:
    """Return the same by pillow-jxl-plugin, but for the kinds of picture that it does not know.

    Raises
    ------
    ImportError
        It is not installed.
    """
    library: Any = importlib.import_module("pillow_jxl")
    mode = _MODES.get((pixels.dtype.str, pixels.ndim))
    if mode is None:
        return with_imagecodecs(pixels)
    encoder = library.Encoder(mode, lossless=True, effort=_EFFORT, use_original_profile=True, num_threads=0)
    encoded: bytes = encoder(pixels.tobytes(), pixels.shape[1], pixels.shape[0], jpeg_encode=False)
    return encoded


@cache
def _has_pillow_jxl() -> bool:
    try:
        importlib.import_module("pillow_jxl")
    except ImportError:
        return False
    return True
