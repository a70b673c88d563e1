"""The encodings that a session's pictures may have: what each is called, how HDF5 knows it, who reads it.

All are lossless, and each encodes one picture as one chunk, outside of HDF5 and its lock. `RECORDED` are fast enough
for the recorder.

============  =====================================================================  ==================================
codec         pictures                                                               plain h5py reads it after
============  =====================================================================  ==================================
``magicyuv``  colour as MagicYUV, others as JPEG XL; small, and fast to read         ``import labcapture``
``jxl``       JPEG XL; as small, slow to read; an ISO standard                       ``import labcapture``
``blosc2``    Zstandard 1 over differences of neighbours; larger, fastest to read    ``import hdf5plugin``
``gzip``      deflate; largest. In files as HDF5 1.8 knows them, MATLAB reads them   nothing
============  =====================================================================  ==================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from labcapture.core.errors import BadInput, RecordingError
from labcapture.recording import codecs, magicyuv
from labcapture.recording.hdf5_filter import Pixels, Shape

_GZIP_LEVEL = 4
_ZSTD_LEVEL = 1
_SHUFFLE, _DEFLATE, _BLOSC2 = 2, 1, 32026  # numbers of HDF5's filters
_SLOPE = np.arange(64 * 64 * 3)
_TRIALS = (_SLOPE.astype(np.uint8).reshape(64, 64, 3), _SLOPE[: 64 * 64].astype(np.uint16).reshape(64, 64))
"""Pictures that an encoding is tried on: colour and depth."""


@dataclass(frozen=True)
class Codec:
    """One encoding of pictures.

    Parameters
    ----------
    name, description
        For commands; for the file.
    filters
        Filters of a dataset that is so encoded, any of these sequences of their numbers.
    libver
        Oldest and newest HDF5 whose files are written.
    options
        Of (dtype, shape of a picture): arguments of h5py's ``create_dataset``.
    encode
        Of a picture: the bytes of its chunk.
    decode
        Of such bytes, dtype and shape: the picture.
    """

    name: str
    description: str
    filters: frozenset[tuple[int, ...]]
    libver: tuple[str, str]
    options: Callable[[str, Shape], Mapping[str, Any]]
    encode: Callable[[Pixels], bytes]
    decode: Callable[[bytes, np.dtype[Any], Shape], Pixels]

    @property
    def long_name(self) -> str:
        """What is said of a dataset that is so encoded."""
        return f"pictures, one per chunk, {self.description}"


def of(name: str) -> Codec:
    """Return a codec by its name.

    Raises
    ------
    BadInput
        There is none of that name.
    """
    for codec in CODECS:
        if codec.name == name:
            return codec
    raise BadInput("there is no such codec", repr(name), f"Use one of: {', '.join(c.name for c in CODECS)}.")


def ready(name: str) -> Codec:
    """Return a codec by its name, once a small picture of each kind came back from it as it was.

    Then its libraries are loaded, too: some 0.3 s that no first picture waits.

    Raises
    ------
    BadInput
        There is none of that name.
    RecordingError
        A library that it needs is not installed, or cannot encode here.
    """
    codec = of(name)
    for picture in _TRIALS:
        if why := fault(codec, picture):
            raise RecordingError(
                f"pictures of {picture.dtype} {picture.shape} cannot be encoded here: {why}",
                f"codec {name}",
                f"Set 'codec' in the rig file to another one of: {', '.join(n for n in RECORDED if n != name)}.",
            )
    return codec


def fault(codec: Codec, picture: Pixels) -> str:
    """Return why a picture does not come back from a codec as it was; nothing where it does.

    Raises
    ------
    RecordingError
        A library that the codec needs is not installed.
    """
    try:
        codec.options(picture.dtype.name, picture.shape)
        again = codec.decode(codec.encode(picture), picture.dtype, picture.shape)
    except RecordingError:
        raise
    except Exception as error:  # noqa: BLE001 - each library has errors of its own
        return str(error) or type(error).__name__
    return "" if np.array_equal(again, picture) else "a picture came back as another one"


def codec_of(pictures: h5py.Dataset) -> Codec | None:
    """Return the codec of a dataset; None where its pictures are raw.

    Raises
    ------
    RecordingError
        It is none of ours.
    """
    plan = pictures.id.get_create_plist()
    filters = tuple(plan.get_filter(i)[0] for i in range(plan.get_nfilters()))
    if not filters:
        return None
    for codec in CODECS:
        if filters in codec.filters:
            return codec
    raise RecordingError(
        f"is encoded by HDF5 filters {', '.join(map(str, filters))}, which are not known here",
        f"{pictures.file.filename}: {pictures.name}",
    )


def decode(codec: Codec | None, stored: bytes, filter_mask: int, dtype: np.dtype[Any], shape: Shape) -> Pixels:
    """Return the picture whose chunk is ``stored``; ``filter_mask`` other than 0: it is raw.

    Raises
    ------
    ValueError
        The bytes are no picture of this dtype and shape.
    """
    if codec is None or filter_mask:
        return np.frombuffer(stored, dtype).reshape(shape)
    pixels = codec.decode(stored, dtype, shape)
    if pixels.shape != shape or pixels.dtype != dtype:
        raise ValueError(f"a picture of {pixels.dtype} {pixels.shape} where {dtype} {shape} should be")
    return pixels


def _nbytes(dtype: np.dtype[Any], shape: Shape) -> int:
    return int(np.prod(shape, dtype=np.int64)) * dtype.itemsize


# JPEG XL ----------------------------------------------------------------------------------------------------------


def _decode_jxl(stored: bytes, dtype: np.dtype[Any], shape: Shape) -> Pixels:
    return codecs.decode(stored, np.empty(shape, dtype))


# MagicYUV ---------------------------------------------------------------------------------------------------------


def _magicyuv_options(dtype: str, shape: Shape) -> Mapping[str, Any]:
    if codecs.is_supported(dtype, shape) and codecs.is_color(dtype, shape):
        return codecs.MAGICYUV.dataset_options(dtype, shape)
    return codecs.dataset_options(dtype, shape)


def _encode_magicyuv(pixels: Pixels) -> bytes:
    return magicyuv.encode(pixels) if codecs.is_color(pixels.dtype, pixels.shape) else codecs.encode(pixels)


def _decode_magicyuv(stored: bytes, dtype: np.dtype[Any], shape: Shape) -> Pixels:
    is_color = codecs.is_color(dtype, shape)
    return magicyuv.decode(stored, np.empty(shape, dtype)) if is_color else _decode_jxl(stored, dtype, shape)


# gzip -------------------------------------------------------------------------------------------------------------


def _gzip_options(dtype: str, shape: Shape) -> Mapping[str, Any]:
    shuffle = np.dtype(dtype).itemsize > 1
    return {"chunks": (1, *shape), "compression": "gzip", "compression_opts": _GZIP_LEVEL, "shuffle": shuffle}


def _encode_gzip(pixels: Pixels) -> bytes:
    # HDF5's shuffle: the first bytes of all values, then the second ones.
    octets = np.ascontiguousarray(pixels).view(np.uint8).reshape(-1, pixels.itemsize)
    planes = np.ascontiguousarray(octets.T)
    encoded: bytes = codecs.imagecodecs().deflate_encode(planes, level=_GZIP_LEVEL, raw=False)
    return encoded


def _decode_gzip(stored: bytes, dtype: np.dtype[Any], shape: Shape) -> Pixels:
    plain = codecs.imagecodecs().deflate_decode(stored, out=_nbytes(dtype, shape), raw=False)
    octets = np.frombuffer(plain, np.uint8).reshape(dtype.itemsize, -1)
    return np.ascontiguousarray(octets.T).view(dtype).reshape(shape)


# Blosc2 -----------------------------------------------------------------------------------------------------------
#
# Each byte of a pixel (of its colours, or of its depth) goes into a plane of its own, and of each plane the differences
# of neighbours are compressed: Blosc2's filters "shuffle" and "bytedelta".


def _blosc2() -> Any:  # noqa: ANN401 - optional library
    """Return the library that encodes; HDF5's own plugin has to be there, too, to create such datasets."""
    try:
        import blosc2  # type: ignore[import-untyped]  # noqa: PLC0415 - optional, and ships no types
        import hdf5plugin  # noqa: PLC0415, F401 - registers the filter
    except ImportError as error:
        raise RecordingError(
            f"the codec needs {error.name}, which is not installed", "blosc2", "Run: pip install 'labcapture[blosc2]'"
        ) from error
    blosc2.set_releasegil(True)  # else a device's thread would wait for each picture
    return blosc2


def _pixel_bytes(dtype: np.dtype[Any], shape: Shape) -> int:
    return dtype.itemsize * (shape[2] if len(shape) == 3 else 1)


def _blosc2_options(dtype: str, shape: Shape) -> Mapping[str, Any]:
    _blosc2()
    kind = np.dtype(dtype)
    # version, -, bytes of a pixel, of a chunk, level, shuffle: bytes, codec: Zstandard, rank of the chunk, its shape
    values = (1, 0, _pixel_bytes(kind, shape), _nbytes(kind, shape), _ZSTD_LEVEL, 1, 5, len(shape) + 1, 1, *shape)
    return {"chunks": (1, *shape), "compression": _BLOSC2, "compression_opts": values}


def _encode_blosc2(pixels: Pixels) -> bytes:
    blosc2 = _blosc2()
    data = np.ascontiguousarray(pixels)
    size = _pixel_bytes(data.dtype, data.shape)
    how = {
        "codec": blosc2.Codec.ZSTD,
        "clevel": _ZSTD_LEVEL,
        "filters": [blosc2.Filter.SHUFFLE, blosc2.Filter.BYTEDELTA],
        "filters_meta": [0, size],
        "typesize": size,
        "nthreads": 1,
    }
    frame: bytes = blosc2.SChunk(chunksize=data.nbytes, data=data, contiguous=True, cparams=how).to_cframe()
    return frame


def _decode_blosc2(stored: bytes, dtype: np.dtype[Any], shape: Shape) -> Pixels:
    blosc2 = _blosc2()
    chunks = blosc2.schunk_from_cframe(stored, copy=False)
    size = _nbytes(dtype, shape)
    if chunks.nchunks != 1 or not chunks.nbytes == chunks.chunksize == size:  # before it takes the memory
        raise ValueError(f"{chunks.nchunks} pieces of {chunks.chunksize} bytes where a picture has {size}")
    chunk = chunks.get_chunk(0)
    if blosc2.get_cbuffer_sizes(chunk)[0] != size:
        raise ValueError(f"not {size} bytes, as a picture has")
    pixels = np.empty(shape, dtype)
    blosc2.decompress2(chunk, dst=pixels, nthreads=1)  # unlike the frame's own, it lets others run
    return pixels


CODECS: Sequence[Codec] = (
    Codec(
        "jxl",
        f"lossless JPEG XL (filter {codecs.JPEG_XL.number})",
        frozenset({(codecs.JPEG_XL.number,)}),
        ("v110", "v110"),
        codecs.dataset_options,
        codecs.encode,
        _decode_jxl,
    ),
    Codec(
        "magicyuv",
        f"colour as MagicYUV (filter {codecs.MAGICYUV.number}), others as JPEG XL (filter {codecs.JPEG_XL.number})",
        frozenset({(codecs.MAGICYUV.number,)}),
        ("v110", "v110"),
        _magicyuv_options,
        _encode_magicyuv,
        _decode_magicyuv,
    ),
    Codec(
        "blosc2",
        f"Blosc2 with Zstandard and bytedelta (filter {_BLOSC2})",
        frozenset({(_BLOSC2,)}),
        ("v110", "v110"),
        _blosc2_options,
        _encode_blosc2,
        _decode_blosc2,
    ),
    Codec(
        "gzip",
        "gzip (HDF5's own filters)",
        frozenset({(_DEFLATE,), (_SHUFFLE, _DEFLATE)}),
        ("earliest", "v108"),
        _gzip_options,
        _encode_gzip,
        _decode_gzip,
    ),
)

RECORDED = ("magicyuv", "jxl", "blosc2")
"""Names of those that keep up with a camera."""
DEFAULT = RECORDED[0]
"""That of a rig which does not say."""
UNSAID = "jxl"
"""That of a session which does not say."""
