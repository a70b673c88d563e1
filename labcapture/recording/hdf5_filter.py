"""Encodings of pictures as filters of HDF5 itself, so that plain h5py reads and writes such datasets.

A filter is a C function of HDF5 (``H5Z_func_t``). Ours is a ctypes callback, so an exception must never leave it: it
returns 0, which HDF5 reports as a failed read or write. Memory changes hands with HDF5's own allocator.
"""

from __future__ import annotations

import ctypes
import logging
import sys
from collections.abc import Callable, Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import RecordingError

Shape = tuple[int, ...]
Pixels = NDArray[Any]

_log = logging.getLogger(__name__)
_VERSION = 1
_REVERSE = 0x0100  # H5Z_FLAG_REVERSE: read

_allocate: Any = None  # H5allocate_memory and H5free_memory of the libhdf5 that h5py uses
_free: Any = None


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


class PictureFilter:
    """A filter whose chunks are one picture each. To be kept as long as the process: HDF5 has pointers into it.

    Parameters
    ----------
    number
        Of the filter in the file, from the range that HDF5 leaves to private use (32768 to 65535).
    name
        What HDF5 calls it.
    encode
        Of a picture: its bytes.
    decode
        Of such bytes, and the picture that they are to be put into.
    """

    def __init__(
        self,
        number: int,
        name: str,
        encode: Callable[[Pixels], bytes],
        decode: Callable[[memoryview, Pixels], Pixels],
    ) -> None:
        self.number, self.name = number, name
        self._encode, self._decode = encode, decode
        self._function = _FUNCTION(self._filter)
        function = ctypes.cast(self._function, ctypes.c_void_p)
        self._class = _FilterClass(1, number, 1, 1, name.encode(), None, None, function)
        self._is_registered = False

    def dataset_options(self, dtype: str, shape: Shape) -> Mapping[str, Any]:
        """Return the arguments of h5py's ``create_dataset`` for pictures of ``shape`` (height, width[, 3])."""
        return {"chunks": (1, *shape), "compression": self.number, "compression_opts": values_of(dtype, shape)}

    def register(self) -> None:
        """Make h5py know the filter, in this process. May be called again.

        Raises
        ------
        RecordingError
            h5py's HDF5 library cannot be reached.
        """
        if not self._is_registered:
            _find_memory()
            h5py.h5z.register_filter(ctypes.addressof(self._class))
            self._is_registered = True

    def _filter(self, flags: int, count: int, values: Any, nbytes: int, size: Any, buffer: Any) -> int:  # noqa: ANN401 - ctypes
        """Replace ``buffer`` by its encoded or decoded contents; return their length, 0 on failure."""
        try:
            shape, dtype = _layout(values[:count])
            source = _view(buffer[0], nbytes)
            if flags & _REVERSE:
                length = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
                target = _memory(length)
                try:
                    self._decode(source, np.frombuffer(_view(target, length), dtype).reshape(shape))
                except BaseException:
                    _free(target)
                    raise
            else:
                data = self._encode(np.frombuffer(source, dtype).reshape(shape))
                length = len(data)
                target = _memory(length)
                ctypes.memmove(target, data, length)
            _free(buffer[0])
            buffer[0] = target
            size[0] = length
        except BaseException as error:  # noqa: BLE001 - nothing may pass through C; HDF5 turns 0 into its own error
            _log.error("%s: %s: %s", self.name, type(error).__name__, error)
            return 0
        return length


def values_of(dtype: str, shape: Shape) -> tuple[int, ...]:
    """Return what a dataset of such pictures says of them to its filter: version, height, width, channels, bytes."""
    channels = shape[2] if len(shape) == 3 else 1
    return _VERSION, shape[0], shape[1], channels, np.dtype(dtype).itemsize


def _layout(values: list[int]) -> tuple[Shape, np.dtype[Any]]:
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


def _find_memory() -> None:
    global _allocate, _free
    if _free is not None:
        return
    try:
        # Symbols of h5py's own libhdf5 are found through the extension that is linked to it; Windows wants the library.
        library = ctypes.CDLL("hdf5.dll" if sys.platform == "win32" else h5py.h5z.__file__)
        _allocate, _free = library.H5allocate_memory, library.H5free_memory
    except (OSError, AttributeError) as error:
        raise RecordingError(f"h5py's HDF5 library cannot be reached ({error})", "h5py", "Reinstall h5py.") from error
    _allocate.argtypes, _allocate.restype = (ctypes.c_size_t, ctypes.c_bool), ctypes.c_void_p
    _free.argtypes, _free.restype = (ctypes.c_void_p,), ctypes.c_int
