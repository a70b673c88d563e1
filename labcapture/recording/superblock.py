"""An HDF5 file that was never closed, read as if it had been: its superblock is mended in memory, the file untouched.

While HDF5 writes a file of version 3 it holds a flag in the superblock, and after a crash refuses to open it; the
superblock's end of file is that of the last flush at best. (HDF5 file format specification 4.0, section II.A.)
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SIZE = 48
_FLAGS, _END, _CHECKSUM = 11, slice(28, 36), slice(44, 48)
_MASK = 0xFFFFFFFF
# What stands in every file that labcapture made, but for the end of the file: the extension of the superblock follows
# it at once, and the root group follows that.
_OURS = _SIGNATURE + bytes((3, 8, 8, 0)) + struct.pack("<QQQQ", 0, 0x30, 0, 0x6C)


def mended(data: bytes, size: int) -> bytes:
    """Return the superblock of a closed file of ``size`` bytes, from the 48 bytes that stand there.

    One that is damaged is written as labcapture's files have it.
    """
    is_sound = (
        data.startswith(_SIGNATURE)
        and data[8] in {2, 3}
        and data[_CHECKSUM] == struct.pack("<I", lookup3(data[: _CHECKSUM.start]))
    )
    block = bytearray(data[: _CHECKSUM.start] if is_sound else _OURS)
    block[_FLAGS] = 0
    block[_END] = struct.pack("<Q", size)
    return bytes(block) + struct.pack("<I", lookup3(bytes(block)))


class Mended(io.RawIOBase):
    """The bytes of an HDF5 file with its superblock mended; give it to ``h5py.File``. Read only."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._size = path.stat().st_size
        self._head = mended(self._file.read(_SIZE), self._size)
        self._place = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = base + offset
        return self._place

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        """Fill ``buffer`` from the present place; return the number of bytes."""
        self._file.seek(self._place)
        data = bytearray(self._file.read(len(buffer)))
        covered = self._head[self._place : self._place + len(data)]
        data[: len(covered)] = covered
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file. May be called again."""
        self._file.close()
        super().close()


def lookup3(data: bytes) -> int:
    """Return Bob Jenkins' lookup3 (``hashlittle``, initial value 0), with which HDF5 checks its metadata."""
    a = b = c = (0xDEADBEEF + len(data)) & _MASK
    whole = max(0, (len(data) - 1) // 12 * 12)  # the last 1 to 12 bytes are mixed otherwise
    for place in range(0, whole, 12):
        x, y, z = struct.unpack_from("<III", data, place)
        a, b, c = _mix((a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK)
    if not data:
        return c
    x, y, z = struct.unpack("<III", data[whole:].ljust(12, b"\0"))
    return _final((a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK)


def _rotated(value: int, by: int) -> int:
    return ((value << by) | (value >> (32 - by))) & _MASK


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    a = ((a - c) & _MASK) ^ _rotated(c, 4)
    c = (c + b) & _MASK
    b = ((b - a) & _MASK) ^ _rotated(a, 6)
    a = (a + c) & _MASK
    c = ((c - b) & _MASK) ^ _rotated(b, 8)
    b = (b + a) & _MASK
    a = ((a - c) & _MASK) ^ _rotated(c, 16)
    c = (c + b) & _MASK
    b = ((b - a) & _MASK) ^ _rotated(a, 19)
    a = (a + c) & _MASK
    c = ((c - b) & _MASK) ^ _rotated(b, 4)
    b = (b + a) & _MASK
    return a, b, c


def _final(a: int, b: int, c: int) -> int:
    c = ((c ^ b) - _rotated(b, 14)) & _MASK
    a = ((a ^ c) - _rotated(c, 11)) & _MASK
    b = ((b ^ a) - _rotated(a, 25)) & _MASK
    c = ((c ^ b) - _rotated(b, 16)) & _MASK
    a = ((a ^ c) - _rotated(c, 4)) & _MASK
    b = ((b ^ a) - _rotated(a, 14)) & _MASK
    return ((c ^ b) - _rotated(b, 24)) & _MASK
