"""Lossless JPEG XL for pictures, as a filter of HDF5 itself.

`register` makes plain h5py read and write such datasets; ``import labcapture`` does it. The recorder encodes outside of
HDF5, in threads, with `encode`, and stores the result as a ready chunk.

A filter is a C function of HDF5 (``H5Z_func_t``). Ours is a ctypes callback, so an exception must never leave it: it
returns 0, which HDF5 reports as a failed read or write. Memory changes hands with HDF5's own allocator.
"""

from __future__ import annotations

import ctypes
import logging
import sys
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import RecordingError
from labcapture.recording import jxl_encoder

FILTER_ID = 47110
"""Number of the filter in the file, from the range that HDF5 leaves to private use (32768 to 65535)."""

_log = logging.getLogger(__name__)
_VERSION = 1
_NAME = b"labcapture lossless JPEG XL"
_REVERSE = 0x0100  # H5Z_FLAG_REVERSE: read

_allocate: Any = None  # H5allocate_memory and H5free_memory of the libhdf5 that h5py uses
_free: Any = None
_class: _FilterClass | None = None  # HDF5 keeps pointers into it: it must live as long as the process


def imagecodecs() -> Any:  # noqa: ANN401 - untyped library
    """Return the library of codecs."""
    import imagecodecs as library  # noqa: PLC0415 - late: most processes import labcapture and never see a picture

    return library


def is_supported(dtype: str, shape: tuple[int, ...]) -> bool:
    """Return whether pictures of this dtype and shape (height, width[, 3]) can be encoded."""
    sizes = all(0 < n < 2**24 for n in shape)
    return dtype in {"uint8", "uint16"} and sizes and (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3))


def dataset_options(dtype: str, shape: tuple[int, ...]) -> Mapping[str, Any]:
    """Return the arguments of h5py's ``create_dataset`` for pictures of ``shape`` (height, width[, 3]).

    Raises
    ------
    RecordingError
        There is no lossless encoding for such pictures.
    """
    if not is_supported(dtype, shape):
        raise RecordingError(
            f"pictures of {dtype} {shape} have no lossless encoding", "", "uint8 or uint16, one or three channels."
        )
    channels = shape[2] if len(shape) == 3 else 1
    options = (_VERSION, shape[0], shape[1], channels, np.dtype(dtype).itemsize)
    return {"chunks": (1, *shape), "compression": FILTER_ID, "compression_opts": options}


def encode(pixels: NDArray[Any]) -> bytes:
    """Return the picture (height, width[, 3]), uint8 or uint16, as lossless JPEG XL. Needs no lock, holds no GIL."""
    return jxl_encoder.fastest()(np.ascontiguousarray(pixels))


def decode(data: bytes | memoryview, out: NDArray[Any] | None = None, threads: int = 1) -> NDArray[Any]:
    """Return the picture that `encode` was given.

    Data from others are decoded into ``out``: what says that it is larger is refused before it takes the memory.
    ``threads`` is how many work on it: one where several pictures are decoded at a time.

    Raises
    ------
    ValueError
        They are no picture of the shape and type of ``out``. (The library's own error is a RuntimeError.)
    """
    pixels: NDArray[Any] = imagecodecs().jpegxl_decode(data, numthreads=threads, out=out)
    if out is not None and (pixels.shape != out.shape or pixels.dtype != out.dtype):
        raise ValueError(f"a picture of {pixels.dtype} {pixels.shape} where {out.dtype} {out.shape} should be")
    return pixels


class _FilterClass(ctypes.Structure):
    """H5Z_class2_t of H5Zdevelop.h."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("id", ctypes.c_int),
        ("encoder_present", ctypes.c_uint),
        ("decoder_present", ctypes.c_uint),
        ("name", ctypes.c_char_p),
        ("can_apply", ctypes.c_void_p),
        ("set_local", ctypes.c_void_p),
        ("filter", ctypes.c_void_p),
    )


_FUNCTION = ctypes.CFUNCTYPE(
    ctypes.c_size_t,
    ctypes.c_uint,
    ctypes.c_size_t,
    ctypes.POINTER(ctypes.c_uint),
    ctypes.c_size_t,
    ctypes.POINTER(ctypes.c_size_t),
    ctypes.POINTER(ctypes.c_void_p),
)


def _filter(flags: int, count: int, values: Any, nbytes: int, size: Any, buffer: Any) -> int:  # noqa: ANN401 - ctypes
    """Replace ``buffer`` by its encoded or decoded contents; return their length, 0 on failure."""
    try:
        shape, dtype = _layout(values[:count])
        source = _view(buffer[0], nbytes)
        if flags & _REVERSE:
            length = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
            target = _memory(length)
            try:
                decode(source, np.frombuffer(_view(target, length), dtype).reshape(shape))
            except BaseException:
                _free(target)
                raise
        else:
            data = encode(np.frombuffer(source, dtype).reshape(shape))
            length = len(data)
            target = _memory(length)
            ctypes.memmove(target, data, length)
        _free(buffer[0])
        buffer[0] = target
        size[0] = length
    except BaseException as error:  # noqa: BLE001 - nothing may pass through C; HDF5 turns 0 into its own error
        _log.error("JPEG XL filter: %s: %s", type(error).__name__, error)
        return 0
    return length


_filter_function = _FUNCTION(_filter)  # as long-lived as the process, like the class that points to it


def _layout(values: list[int]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version, height, width, channels, itemsize = values
    if version != _VERSION:
        raise ValueError(f"chunk of version {version}; update labcapture")
    dtype = np.dtype({1: "u1", 2: "u2"}[itemsize])
    return ((height, width, channels) if channels > 1 else (height, width)), dtype


def _view(address: int, length: int) -> memoryview:
    return memoryview((ctypes.c_char * length).from_address(address)).cast("B")


def _memory(length: int) -> int:
    address = _allocate(length, False)
    if not address:
        raise MemoryError(f"{length} bytes")
    return int(address)


def register() -> None:
    """Make h5py know the filter, in this process. May be called again.

    Raises
    ------
    RecordingError
        h5py's HDF5 library cannot be reached.
    """
    global _allocate, _free, _class  # noqa: PLW0603 - HDF5's registry of filters is one per process, too
    if _class is not None:
        return
    try:
        # Symbols of h5py's own libhdf5 are found through the extension that is linked to it; Windows wants the library.
        library = ctypes.CDLL("hdf5.dll" if sys.platform == "win32" else h5py.h5z.__file__)
        _allocate, _free = library.H5allocate_memory, library.H5free_memory
    except (OSError, AttributeError) as error:
        raise RecordingError(f"h5py's HDF5 library cannot be reached ({error})", "h5py", "Reinstall h5py.") from error
    _allocate.argtypes, _allocate.restype = (ctypes.c_size_t, ctypes.c_bool), ctypes.c_void_p
    _free.argtypes, _free.restype = (ctypes.c_void_p,), ctypes.c_int
    function = ctypes.cast(_filter_function, ctypes.c_void_p)
    filter_class = _FilterClass(1, FILTER_ID, 1, 1, _NAME, None, None, function)
    h5py.h5z.register_filter(ctypes.addressof(filter_class))
    _class = filter_class
