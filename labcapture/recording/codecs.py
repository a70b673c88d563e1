"""The two encodings of pictures that we teach HDF5: lossless JPEG XL, and MagicYUV for colour.

`register` makes plain h5py read and write such datasets; ``import labcapture`` does it. The recorder encodes outside of
HDF5, in threads, and stores the result as a ready chunk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from labcapture.core.errors import RecordingError
from labcapture.recording import jxl_encoder, magicyuv
from labcapture.recording.hdf5_filter import PictureFilter, Pixels, Shape


def imagecodecs() -> Any:  # noqa: ANN401 - its types say less than it does
    """Return the library of codecs."""
    import imagecodecs as library  # noqa: PLC0415 - late: most processes import labcapture and never see a picture

    return library


def is_supported(dtype: str, shape: Shape) -> bool:
    """Return whether pictures of this dtype and shape (height, width[, 3]) can be encoded."""
    sizes = all(0 < n < 2**24 for n in shape)
    return dtype in {"uint8", "uint16"} and sizes and (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3))


def is_color(dtype: str | np.dtype[Any], shape: Shape) -> bool:
    """Return whether these are colour pictures, (height, width, 3) uint8, which MagicYUV can encode."""
    return np.dtype(dtype) == np.uint8 and len(shape) == 3


def dataset_options(dtype: str, shape: Shape) -> Mapping[str, Any]:
    """Return the arguments of h5py's ``create_dataset`` for JPEG XL of ``shape`` (height, width[, 3]).

    Raises
    ------
    RecordingError
        There is no lossless encoding for such pictures.
    """
    if not is_supported(dtype, shape):
        raise RecordingError(
            f"pictures of {dtype} {shape} have no lossless encoding", "", "uint8 or uint16, one or three channels."
        )
    return JPEG_XL.dataset_options(dtype, shape)


def encode(pixels: Pixels) -> bytes:
    """Return the picture (height, width[, 3]), uint8 or uint16, as lossless JPEG XL. Needs no lock, holds no GIL."""
    return jxl_encoder.encode(np.ascontiguousarray(pixels))


def decode(data: bytes | memoryview, out: Pixels | None = None, threads: int = 1) -> Pixels:
    """Return the picture that `encode` was given.

    Data from others are decoded into ``out``: what says that it is larger is refused before it takes the memory.
    ``threads`` is how many work on it: one where several pictures are decoded at a time.

    Raises
    ------
    ValueError
        They are no picture of the shape and type of ``out``. (The library's own error is a RuntimeError.)
    """
    pixels: Pixels = imagecodecs().jpegxl_decode(data, numthreads=threads, out=out)
    if out is not None and (pixels.shape != out.shape or pixels.dtype != out.dtype):
        raise ValueError(f"a picture of {pixels.dtype} {pixels.shape} where {out.dtype} {out.shape} should be")
    return pixels


JPEG_XL = PictureFilter(47110, "labcapture lossless JPEG XL", encode, decode)
MAGICYUV = PictureFilter(47111, "labcapture MagicYUV", magicyuv.encode, magicyuv.decode)
FILTERS = frozenset({JPEG_XL.number, MAGICYUV.number})


def register() -> None:
    """Make h5py know the filters, in this process. May be called again.

    Raises
    ------
    RecordingError
        h5py's HDF5 library cannot be reached.
    """
    JPEG_XL.register()
    MAGICYUV.register()
