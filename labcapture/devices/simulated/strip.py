"""A frame's own number, written into its pixels: loss, order and repetition can be proven from the pictures alone.

The strip fills the top `ROWS` rows: 64 cells from left to right, one bit each, most significant first::

    sync 8 bits | stream 8 bits | index 32 bits | CRC 16 bits (CCITT, over stream and index)

Cells are ``width // 64`` pixels wide. They survive any lossless codec, and are read as well from a picture (of an even
width) that is halved by leaving out every second row and column.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS = 8
CELLS = 64
SYNC = 0b10100101
_LEVELS = {"uint8": (16, 235), "uint16": (0, 1500)}  # black and white of video; a hole and the distance of a curtain


class StripError(ValueError):
    """The pixels carry no valid strip."""


@dataclass(frozen=True, slots=True)
class Strip:
    """What a strip says: the ``stream`` it was written for (0-255) and the ``index`` of the frame (0 to 2**32 - 1)."""

    stream: int
    index: int


def write_strip(pixels: NDArray[Any], strip: Strip) -> None:
    """Draw ``strip`` into the top rows of ``pixels``, in place.

    Parameters
    ----------
    pixels
        (height, width, 3) uint8 or (height, width) uint16; at least 64 wide and `ROWS` high.

    Raises
    ------
    ValueError
        The picture is too small, or a number does not fit its field.
    """
    cell = _cell(pixels)
    body = strip.stream.to_bytes(1, "big") + strip.index.to_bytes(4, "big")
    message = bytes([SYNC]) + body + _crc(body)
    bits = np.unpackbits(np.frombuffer(message, np.uint8))
    dark, bright = _LEVELS[pixels.dtype.name]
    row = np.where(bits, bright, dark).astype(pixels.dtype).repeat(cell)
    pixels[:ROWS, : CELLS * cell] = row[:, None] if pixels.ndim == 3 else row


def read_strip(pixels: NDArray[Any]) -> Strip:
    """Return what the strip of a picture says.

    Raises
    ------
    StripError
        There is none, or it is damaged.
    """
    for scale in (1, 2):
        cell = _cell(pixels, scale)
        dark, bright = _LEVELS[pixels.dtype.name]
        columns = (np.arange(CELLS) * cell + cell // 2) // scale
        row = pixels[1, columns, 1] if pixels.ndim == 3 else pixels[1, columns]
        message = np.packbits(row > (dark + bright) // 2).tobytes()
        body = message[1:6]
        if message[0] == SYNC and message[6:] == _crc(body):
            return Strip(body[0], int.from_bytes(body[1:], "big"))
    raise StripError("the pixels carry no valid index strip")


def read_index(pixels: NDArray[Any]) -> int:
    """Return the index of the frame from its pixels.

    Raises
    ------
    StripError
        There is no strip, or it is damaged.
    """
    return read_strip(pixels).index


def _crc(body: bytes) -> bytes:
    return binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "big")


def _cell(pixels: NDArray[Any], scale: int = 1) -> int:
    """Return the width of a cell in the picture that ``pixels`` shows every ``scale``-th row and column of."""
    if pixels.dtype.name not in _LEVELS or pixels.ndim not in (2, 3):
        raise StripError(f"a strip is written in uint8 or uint16 pictures, not in {pixels.dtype} of {pixels.ndim} axes")
    height, width = int(pixels.shape[0]), int(pixels.shape[1]) * scale
    if width < CELLS * scale or height < 2:
        raise StripError(f"a picture of {width} x {height} pixels is too small for an index strip")
    return width // CELLS
