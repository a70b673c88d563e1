"""A writer of XDF 1.0 files, by the format's specification: <https://github.com/sccn/xdf/wiki/Specifications>.

::

    "XDF:" then chunks: [bytes of the length, 1 byte] [length] [tag, uint16] [content]; all numbers are little-endian
    1 file header (XML)   2 stream header   3 samples   4 clock offset   5 boundary   6 stream footer
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

FORMATS: Mapping[str, str] = {
    "float32": "float32",
    "float64": "double64",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
}
"""XDF's name of a numpy type; it has no others, but ``string``."""

_BOUNDARY = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")
_BOUNDARY_BYTES = 10_000_000  # a reader that finds damage goes on at the next boundary


@dataclass(frozen=True, slots=True)
class Header:
    """What a stream says of itself.

    Parameters
    ----------
    name, kind, source
        Name, content type (``Markers``, ``Audio``, ...), and id of the source.
    channels
        (label, unit) of each.
    format
        One of `FORMATS`' values, or ``string``.
    rate_hz
        Nominal rate; 0: irregular.
    facts
        What else is to be said, below ``desc``.
    """

    name: str
    kind: str
    source: str
    channels: Sequence[tuple[str, str]]
    format: str
    rate_hz: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)


class XdfWriter:
    """A new XDF file. Use it in a ``with`` statement.

    Parameters
    ----------
    path
        Of the file.
    facts
        What the file header says beside the version.
    """

    def __init__(self, path: Path, facts: Mapping[str, Any]) -> None:
        self._file = path.open("xb")
        self._streams: dict[int, Header] = {}
        self._since_boundary = 0
        self._file.write(b"XDF:")
        self._chunk(1, _xml({"version": "1.0", **facts}))

    def __enter__(self) -> XdfWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def stream(self, header: Header) -> int:
        """Begin a stream; return its id."""
        stream = len(self._streams) + 1
        self._streams[stream] = header
        channels = "".join(f"<channel>{_elements({'label': n, 'unit': u})}</channel>" for n, u in header.channels)
        said = {
            "name": header.name,
            "type": header.kind,
            "channel_count": len(header.channels),
            "nominal_srate": repr(float(header.rate_hz)),
            "channel_format": header.format,
            "source_id": header.source,
        }
        desc = f"<desc><channels>{channels}</channels>{_elements(header.facts)}</desc>"
        self._chunk(2, struct.pack("<I", stream) + _xml(said, desc))
        return stream

    def numbers(
        self, stream: int, times: NDArray[np.float64], values: NDArray[Any], *, only_first: bool = False
    ) -> None:
        """Append samples: ``times`` (n,) s, ``values`` (n, channels).

        ``only_first``: only the first carries its time; a reader counts the others on by the nominal rate.
        """
        if not len(values):
            return
        kind = np.dtype({name: key for key, name in FORMATS.items()}[self._streams[stream].format]).newbyteorder("<")
        values = np.ascontiguousarray(values, kind)
        if only_first:
            rest = np.zeros(len(values) - 1, [("n", "u1"), ("v", kind, values.shape[1:])])
            rest["v"] = values[1:]
            data = struct.pack("<Bd", 8, times[0]) + values[0].tobytes() + rest.tobytes()
        else:
            rows = np.zeros(len(values), [("n", "u1"), ("t", "<f8"), ("v", kind, values.shape[1:])])
            rows["n"], rows["t"], rows["v"] = 8, times, values
            data = rows.tobytes()
        self._chunk(3, struct.pack("<I", stream) + _length(len(values)) + data)

    def texts(self, stream: int, times: NDArray[np.float64], rows: Sequence[Sequence[str]]) -> None:
        """Append samples of text: ``times`` (n,) s, a text per channel in each row."""
        if not rows:
            return
        data = bytearray(struct.pack("<I", stream) + _length(len(rows)))
        for time, row in zip(times, rows, strict=True):
            data += struct.pack("<Bd", 8, time)
            for text in row:
                encoded = text.encode()
                data += _length(len(encoded)) + encoded
        self._chunk(3, bytes(data))

    def offset(self, stream: int, time: float, offset: float) -> None:
        """Append a measurement of the sender's clock: at its own ``time`` (s) it was ``offset`` (s) behind ours."""
        self._chunk(4, struct.pack("<Idd", stream, time, offset))

    def end(self, stream: int, first: float, last: float, count: int, offsets: Sequence[tuple[float, float]]) -> None:
        """End a stream: first and last time stamp (s), how many samples, and its clock offsets once more."""
        each = "".join(f"<offset>{_elements({'time': repr(t), 'value': repr(o)})}</offset>" for t, o in offsets)
        said = {"first_timestamp": repr(first), "last_timestamp": repr(last), "sample_count": count}
        self._chunk(6, struct.pack("<I", stream) + _xml(said, f"<clock_offsets>{each}</clock_offsets>"))

    def _chunk(self, tag: int, content: bytes) -> None:
        self._file.write(_length(len(content) + 2) + struct.pack("<H", tag) + content)
        self._since_boundary += len(content)
        if self._since_boundary > _BOUNDARY_BYTES:
            self._since_boundary = 0
            self._chunk(5, _BOUNDARY)


def _length(n: int) -> bytes:
    if n < 1 << 8:
        return struct.pack("<BB", 1, n)
    return struct.pack("<BI", 4, n) if n < 1 << 32 else struct.pack("<BQ", 8, n)


def _xml(values: Mapping[str, Any], more: str = "") -> bytes:
    return f'<?xml version="1.0"?><info>{_elements(values)}{more}</info>'.encode()


def _elements(values: Mapping[str, Any]) -> str:
    """Return ``values`` as elements; a mapping as elements within one, a list as one element each."""
    parts = []
    for name, value in values.items():
        for item in value if isinstance(value, list | tuple) else [value]:
            inner = _elements(item) if isinstance(item, Mapping) else escape(_printable(str(item)))
            parts.append(f"<{name}>{inner}</{name}>")
    return "".join(parts)


def _printable(text: str) -> str:
    return "".join(c if c in "\t\n" or ord(c) >= 32 else " " for c in text)  # XML has no control characters
