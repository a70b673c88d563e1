"""Colour pictures as MagicYUV, a lossless code of films whose pictures each stand for themselves.

It predicts each value by the median of its neighbours, as JPEG XL's fast mode does by their slope, and is as small; and
its decoder takes a third of the time. FFmpeg's decoder, which PyAV brings, takes bytes that were cut or changed for
another picture, so each packet is followed by its CRC-32, four bytes, low one first.
"""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av import VideoCodecContext, VideoFrame

_PLANES = "gbrp"
_COLOURS = (1, 2, 0)  # of a pixel, in the order of the planes: green, blue, red
_CHECKSUM_BYTES = 4
_PADDING = 64  # FFmpeg makes its rows longer, by this at most, and counts that


class _Contexts(threading.local):
    """FFmpeg's encoders, each with the frame that it takes, and decoders of this thread, by height and width."""

    def __init__(self) -> None:
        self.encoders: dict[tuple[int, int], tuple[VideoCodecContext, VideoFrame]] = {}
        self.decoders: dict[tuple[int, int], VideoCodecContext] = {}


_contexts = _Contexts()


def encode(pixels: NDArray[Any]) -> bytes:
    """Return the picture, (height, width, 3) uint8, as one packet of MagicYUV. Needs no lock, holds no GIL."""
    import av  # noqa: PLC0415 - late: most processes import labcapture and never see a picture

    size = pixels.shape[0], pixels.shape[1]
    encoder, frame = _contexts.encoders.pop(size, (None, None))
    if encoder is None or frame is None:
        encoder, frame = av.CodecContext.create("magicyuv", "w"), av.VideoFrame(size[1], size[0], _PLANES)
        encoder.height, encoder.width = size
        encoder.pix_fmt, encoder.time_base, encoder.thread_count = _PLANES, Fraction(1, 30), 1
        encoder.options = {"pred": "median"}  # the smallest of three, and no slower
    for plane, colour in zip(_planes(frame), _COLOURS, strict=True):
        plane[:] = pixels[..., colour]
    (packet,) = encoder.encode(frame)
    _contexts.encoders[size] = encoder, frame  # only now: one that failed is not asked again
    return b"".join((packet, _checksum(packet)))


def decode(data: bytes | memoryview, out: NDArray[Any]) -> NDArray[Any]:
    """Decode what `encode` returned into ``out`` (height, width, 3), and return that.

    What says that it is larger is refused before it takes the memory.

    Raises
    ------
    ValueError
        The bytes are no colour picture of that shape, or not those that were encoded.
    """
    import av  # noqa: PLC0415 - as above

    whole = memoryview(data)
    packet, checksum = whole[:-_CHECKSUM_BYTES], whole[-_CHECKSUM_BYTES:]
    if checksum != _checksum(packet):
        raise ValueError("the bytes of the picture were changed: their checksum is another one")
    size = out.shape[0], out.shape[1]
    decoder = _contexts.decoders.pop(size, None)
    if decoder is None:
        decoder = av.CodecContext.create("magicyuv", "r")
        decoder.thread_count = 1
        decoder.options = {"max_pixels": str(size[0] * (size[1] + _PADDING)), "err_detect": "explode"}
    try:
        frames = decoder.decode(av.Packet(packet))  # type: ignore[arg-type] # it takes any buffer
    except av.FFmpegError as error:
        raise ValueError(f"no picture of {size}: {error}") from error
    if len(frames) != 1:
        raise ValueError(f"{len(frames)} pictures where one should be")
    (frame,) = frames
    if (frame.height, frame.width) != size or frame.format.name != _PLANES:
        raise ValueError(f"a picture of {frame.format.name} {frame.height, frame.width} where {size} should be")
    for plane, colour in zip(_planes(frame), _COLOURS, strict=True):
        out[..., colour] = plane
    _contexts.decoders[size] = decoder  # only now: one that failed is not asked again
    return out


def _planes(frame: VideoFrame) -> list[NDArray[np.uint8]]:
    """Return the planes of a frame, each (height, width), in its own memory."""
    rows = [np.frombuffer(memoryview(plane), np.uint8).reshape(frame.height, -1) for plane in frame.planes]
    return [row[:, : frame.width] for row in rows]


def _checksum(packet: Any) -> bytes:  # noqa: ANN401 - anything with bytes in it
    import imagecodecs  # noqa: PLC0415 - late: most processes import labcapture and never see a picture

    return int(imagecodecs.deflate_crc32(packet)).to_bytes(_CHECKSUM_BYTES, "little")  # five times as fast as zlib's
