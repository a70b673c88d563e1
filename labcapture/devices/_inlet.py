"""LSL streams: which there are, and one of them taken in raw: no stamp corrected, no sample lost unseen."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pylsl
from numpy.typing import NDArray
from pylsl.lib import lib
from pylsl.util import LostError, handle_error
from pylsl.util import TimeoutError as LslTimeout

from labcapture.core.cancelling import NEVER, Cancellation
from labcapture.core.clock import lsl_time
from labcapture.core.errors import DeviceError

T = TypeVar("T")

BUFFER_S = 360
CHUNK = 4096
_SLICE_S = 0.1  # liblsl waits without an end in between; so we let it wait for so long at a time
_ANOTHER_S = 0.5  # for a second answer
_FORMATS = {
    pylsl.cf_float32: "float32",
    pylsl.cf_double64: "float64",
    pylsl.cf_int8: "int8",
    pylsl.cf_int16: "int16",
    pylsl.cf_int32: "int32",
    pylsl.cf_int64: "int64",
    pylsl.cf_string: "string",
}
_correct = lib.lsl_time_correction_ex
_correct.restype = ctypes.c_double


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A stream as it announces itself on the network; ``rate_hz`` is 0 where it is irregular."""

    name: str
    type: str
    source_id: str
    host: str
    channels: int
    rate_hz: float
    dtype: str

    def __str__(self) -> str:
        return f"{self.name} (type {self.type}, source_id {self.source_id or 'none'}, on {self.host})"


def list_streams(wait_s: float = 1.0) -> list[StreamInfo]:
    """Return the LSL streams that answer within ``wait_s`` seconds."""
    return sorted((describe(info) for info in pylsl.resolve_streams(wait_s)), key=str)


def describe(info: pylsl.StreamInfo) -> StreamInfo:
    """Return the part of an announcement that we use."""
    return StreamInfo(
        info.name(),
        info.type(),
        info.source_id(),
        info.hostname(),
        info.channel_count(),
        float(info.nominal_srate()),
        _FORMATS.get(info.channel_format(), "unknown"),
    )


def resolve(wanted: dict[str, str], timeout_s: float, where: str, cancelled: Cancellation = NEVER) -> pylsl.StreamInfo:
    """Return the one stream that has all the properties ``wanted`` (name, type, source_id).

    Raises
    ------
    Cancelled
        By ``cancelled``.
    DeviceError
        None appeared, or several fit; the message lists what was seen.
    """
    predicate = " and ".join(f"{key}={_quoted(value)}" for key, value in wanted.items())
    asked = ", ".join(f"{key} {value!r}" for key, value in wanted.items())
    resolver = pylsl.ContinuousResolver(pred=predicate)  # asks by threads of its own, and so we can stop waiting
    deadline = lsl_time() + timeout_s
    while not (found := resolver.results()) and lsl_time() < deadline:
        cancelled.sleep(_SLICE_S)
    if found and "source_id" not in wanted:
        cancelled.sleep(_ANOTHER_S)  # the first answer may not be the only one
        found = resolver.results() or found
    if len(found) == 1:
        return found[0]
    if found:
        raise DeviceError(
            f"several LSL streams have {asked}: {_listing(map(describe, found))}", where, "Add 'source_id'."
        )
    seen = _listing(list_streams()) or "none at all"
    raise DeviceError(
        f"no LSL stream with {asked} appeared within {timeout_s:g} s; seen: {seen}",
        where,
        "Start it, or check the firewall.",
    )


def _listing(streams: Any) -> str:  # noqa: ANN401 - any iterable of StreamInfo
    return "; ".join(str(s) for s in streams)


def _quoted(value: str) -> str:
    """Return ``value`` as an XPath literal; it cannot hold both kinds of quotes (`lsl.Config` refuses that)."""
    return f'"{value}"' if "'" in value else f"'{value}'"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as the outlet's description has it; empty where it says nothing."""

    label: str
    unit: str
    type: str


def channels_of(info: pylsl.StreamInfo) -> Sequence[Channel]:
    """Return the channels of a full description; as many as there are, also where the description has fewer."""
    described = []
    channel = info.desc().child("channels").child("channel")
    while not channel.empty():
        described.append(Channel(*(channel.child_value(key).strip() for key in ("label", "unit", "type"))))
        channel = channel.next_sibling("channel")
    missing = info.channel_count() - len(described)
    return described[: info.channel_count()] + [Channel("", "", "")] * max(0, missing)


class Inlet:
    """The receiving end of a stream, without any post-processing of stamps.

    A stream whose outlet has a source_id is found again by liblsl itself; nothing that had arrived is dropped then.
    """

    def __init__(self, info: pylsl.StreamInfo) -> None:
        self._inlet = pylsl.StreamInlet(
            info, max_buflen=BUFFER_S, recover=True, processing_flags=pylsl.proc_none, as_numpy=True
        )

    def full_info(self, timeout_s: float, cancelled: Cancellation = NEVER) -> pylsl.StreamInfo | None:
        """Return the announcement with its description, or None if it did not come in time."""
        return _in_slices(self._inlet.info, timeout_s, cancelled)

    def open(self, timeout_s: float, cancelled: Cancellation = NEVER) -> bool:
        """Connect; False if that did not succeed in time."""

        def connect(slice_s: float) -> bool:
            self._inlet.open_stream(slice_s)
            return True

        return _in_slices(connect, timeout_s, cancelled) is True

    def flush(self) -> None:
        """Drop what has arrived so far."""
        self._inlet.flush()

    def pull(self, timeout_s: float) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return (values (n, channels), raw stamps (n,) s of the sender's clock); waits ``timeout_s`` for more.

        Raises
        ------
        LostError
            The outlet is gone, and has no source_id by which it could be found again.
        """
        values, stamps = self._inlet.pull_chunk(timeout=timeout_s, max_samples=CHUNK)
        return values.copy(), stamps.copy()  # pylsl's arrays have room for a whole chunk

    def offset(self, timeout_s: float, cancelled: Cancellation = NEVER) -> tuple[float, float, float] | None:
        """Return the newest measurement of the sender's clock, or None if there is none in time.

        Returns
        -------
        time, offset, uncertainty
            LSL s when it was measured; local = raw + offset (s); half width (s) of the interval that holds the truth.
            liblsl reports the round trip of its best packet exchange; the offset is the middle of it, so that the error
            is at most half the round trip (RFC 5905, section 8).

        Raises
        ------
        LostError
            As `pull`.
        """
        return _in_slices(self._offset, timeout_s, cancelled)

    def _offset(self, timeout_s: float) -> tuple[float, float, float]:
        remote, round_trip, code = ctypes.c_double(), ctypes.c_double(), ctypes.c_int()
        offset = _correct(
            self._inlet.obj,
            ctypes.byref(remote),
            ctypes.byref(round_trip),
            ctypes.c_double(timeout_s),
            ctypes.byref(code),
        )
        handle_error(code)
        return remote.value + offset, float(offset), max(round_trip.value, 0.0) / 2

    def was_restarted(self) -> bool:
        """Return whether the outlet went away and another one with its source_id took over since the last call."""
        return bool(self._inlet.was_clock_reset())


def _in_slices(call: Callable[[float], T], timeout_s: float, cancelled: Cancellation) -> T | None:
    """Return what ``call`` returns, which waits for so long as it is told; None if it has nothing in time.

    Raises
    ------
    Cancelled
        By ``cancelled``.
    """
    deadline = lsl_time() + timeout_s
    while True:
        cancelled.check()
        try:
            return call(min(_SLICE_S, max(0.0, deadline - lsl_time())))
        except LslTimeout:
            if lsl_time() >= deadline:
                return None


__all__ = ["Channel", "Inlet", "LostError", "StreamInfo", "channels_of", "describe", "list_streams", "resolve"]
