"""One film: pictures with the time at which each was taken, and sound with the time at which it was heard.

H.264 in MP4 is for looking. FFV1 in Matroska is for keeping: colour as RGB, depth as 16-bit grey, every bit as
recorded. Ticks are 10 us in both. FFmpeg writes Matroska in ticks of a millisecond, while the format is free to choose:
the film is written as if a tick were a millisecond, and then the one number in its head that says how long a tick is,
is set.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from labcapture.core.errors import RecordingError
from labcapture.export.video_plan import TICK, TICK_HZ, Pictures, Sound

_AHEAD = 4  # pictures that are decoded while others are encoded
_AAC_HZ = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000}
_MATROSKA_TICK = Fraction(1, 1000)  # as FFmpeg writes it
_TICK_FIELD = bytes.fromhex("2ad7b183") + (1_000_000).to_bytes(3, "big")  # ns
_TICK_NS = (10**9 // TICK_HZ).to_bytes(3, "big")
_BT709 = 1  # as the standards number it: primaries, transfer and matrix


@dataclass(frozen=True, slots=True)
class Codec:
    """How a film is encoded."""

    name: str
    suffix: str
    is_lossless: bool


CODECS = {
    "h264": Codec("h264", ".mp4", is_lossless=False),
    "ffv1": Codec("ffv1", ".mkv", is_lossless=True),
}

Paint = Callable[[NDArray[Any]], NDArray[Any]]
"""Makes a picture that can be looked at, (h, w, 3) uint8, of another one."""


def write_film(
    path: Path,
    stream: Pictures,
    ticks: NDArray[np.int64],
    codec: Codec,
    *,
    quality: int = 18,
    sounds: Sequence[Sound] = (),
    paint: Paint | None = None,
    step: Callable[[], None] = lambda: None,
) -> None:
    """Write a film to ``path``.

    Parameters
    ----------
    path
        New file.
    stream, ticks
        The pictures, and when each is shown.
    codec, quality
        How; ``quality`` is H.264's constant rate factor: 0 best, 51 worst.
    sounds
        One track each.
    paint
        Applied to every picture.
    step
        Called after each picture.
    """
    film = _Film(path, stream, codec, quality, sounds)
    try:
        with ThreadPoolExecutor(1, "film") as pool:
            for picture, tick in zip(_ahead(pool, stream), ticks, strict=True):
                film.show(paint(picture) if paint else picture, int(tick))
                step()
        film.end()
    finally:
        film.close()
    if codec.is_lossless:
        _set_tick(path)


def _ahead(pool: ThreadPoolExecutor, stream: Pictures) -> Iterator[NDArray[Any]]:
    """Yield the pictures in order; a thread decodes the next ones meanwhile."""
    waiting: deque[Future[NDArray[Any]]] = deque()
    try:
        for index in range(len(stream)):
            waiting.append(pool.submit(stream.__getitem__, index))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


class _Film:
    """A film that is being written."""

    def __init__(self, path: Path, stream: Pictures, codec: Codec, quality: int, sounds: Sequence[Sound]) -> None:
        self._codec = codec
        self._tick = _MATROSKA_TICK if codec.is_lossless else TICK
        options = (
            {"write_crc32": "0"}  # the head is changed once it is written
            if codec.is_lossless
            else {"movie_timescale": str(TICK_HZ), "video_track_timescale": str(TICK_HZ), "movflags": "+faststart"}
        )
        kind = "matroska" if codec.is_lossless else "mp4"
        self._file = av.open(str(path), "w", format=kind, container_options=options)
        try:
            self._add_pictures(stream, quality)
            self._sounds = [_Track(self._file, sound, codec, self._tick) for sound in sounds]
        except BaseException:
            self._file.close()
            raise

    def _add_pictures(self, stream: Pictures, quality: int) -> None:
        rate = Fraction(stream.rate_hz or 30).limit_denominator(1001)
        height, width = stream.shape[1:3]
        is_gray = len(stream.shape) == 3
        if self._codec.is_lossless:
            coder = "1" if is_gray else "0"  # of colour 0 takes 40 % less time for 3 % more bytes; 16 bits need 1
            name, options = "ffv1", {"level": "3", "coder": coder, "g": "1", "slices": "4", "slicecrc": "1"}
            pixels = ("gray16le" if stream.dtype == np.uint16 else "gray") if is_gray else "bgr0"
        else:
            name, options = "libx264", {"crf": str(quality), "preset": "veryfast", "bf": "0"}
            pixels = "yuv420p" if height % 2 == width % 2 == 0 else "yuv444p"
        self._pictures = cast(Any, self._file.add_stream(name, rate=rate))  # its type does not tell video from sound
        self._pictures.width, self._pictures.height, self._pictures.pix_fmt = width, height, pixels
        self._pictures.time_base = self._pictures.codec_context.time_base = self._tick
        self._pictures.codec_context.gop_size = 1 if self._codec.is_lossless else max(1, round(rate))
        self._pictures.options = options
        self._pictures.codec_context.thread_type = "AUTO"
        self._pictures.metadata["title" if self._codec.is_lossless else "handler_name"] = stream.name
        if not self._codec.is_lossless:
            context = self._pictures.codec_context
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            context.color_range = ColorRange.MPEG

    def show(self, picture: NDArray[Any], tick: int) -> None:
        """Append a picture, and the sound before it."""
        for track in self._sounds:
            track.play(tick)
        frame = self._frame(np.ascontiguousarray(picture))
        frame.pts, frame.time_base = tick, self._tick
        self._file.mux(self._pictures.encode(frame))

    def _frame(self, picture: NDArray[Any]) -> av.VideoFrame:
        gray = "gray16le" if picture.dtype == np.uint16 else "gray"
        given = gray if picture.ndim == 2 else "rgb24"
        frame = av.VideoFrame.from_ndarray(picture, format=given)
        pixels = self._pictures.pix_fmt
        if given == pixels:
            return frame
        if self._codec.is_lossless:
            return frame.reformat(format=pixels)
        return frame.reformat(format=pixels, dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)

    def end(self) -> None:
        """Write what the encoders still hold."""
        for track in self._sounds:
            track.play(None)
        self._file.mux(self._pictures.encode(None))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _Track:
    """A sound track. Its packets carry the time of their first sample, whatever the instrument's clock does."""

    def __init__(self, file: Any, sound: Sound, codec: Codec, tick: Fraction) -> None:  # noqa: ANN401 - av's containers
        self._file, self._sound = file, sound
        self._layout = "mono" if sound.channels == 1 else "stereo"
        name = "flac" if codec.is_lossless else "aac" if sound.rate_hz in _AAC_HZ else "alac"
        self._track = file.add_stream(name, rate=sound.rate_hz, layout=self._layout)
        self._track.metadata["title" if codec.is_lossless else "handler_name"] = sound.name
        if name == "aac":
            self._track.bit_rate = 128_000 * sound.channels
        self._base = tick if codec.is_lossless else Fraction(1, sound.rate_hz)
        self._ticks_per_s = TICK_HZ if codec.is_lossless else sound.rate_hz
        self._last = -(1 << 62)
        self._packets = self._encoded()
        self._next = next(self._packets, None)

    def play(self, until: int | None) -> None:
        """Write what is heard until the tick ``until``; without one all that is left."""
        limit = None if until is None else until * self._ticks_per_s // TICK_HZ
        while self._next is not None and (limit is None or self._next.pts <= limit):
            self._file.mux(self._next)
            self._next = next(self._packets, None)

    def _encoded(self) -> Iterator[Any]:
        done = 0
        to = av.AudioResampler(self._track.format, self._layout, self._sound.rate_hz, self._track.frame_size or 4096)
        for samples in self._sound.read():
            packed = np.ascontiguousarray(samples.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(packed, format="s16", layout=self._layout)
            frame.sample_rate, frame.pts, frame.time_base = self._sound.rate_hz, done, Fraction(1, self._sound.rate_hz)
            done += len(samples)
            for ready in to.resample(frame):
                yield from self._stamped(ready)
        for ready in to.resample(None):
            yield from self._stamped(ready)
        yield from self._stamped(None)

    def _stamped(self, frame: Any) -> Iterator[Any]:  # noqa: ANN401 - av's frames
        for packet in self._track.encode(frame):
            sample = round(packet.pts * packet.time_base * self._sound.rate_hz)
            begin = round(self._sound.time_of(sample) * self._ticks_per_s)
            end = round(self._sound.time_of(sample + (packet.duration or 0)) * self._ticks_per_s)
            packet.pts = packet.dts = self._last = max(begin, self._last + 1)
            packet.duration = max(0, end - begin)
            packet.time_base = self._base
            packet.stream = self._track
            yield packet


def _set_tick(path: Path) -> None:
    """Say in the head of a Matroska file that its ticks are of 10 us."""
    with path.open("rb+") as file:
        head = file.read(4096)
        if head.count(_TICK_FIELD) != 1:
            raise RecordingError("has another head than films of this kind", str(path), "Report this.")
        file.seek(head.index(_TICK_FIELD) + len(_TICK_FIELD) - len(_TICK_NS))
        file.write(_TICK_NS)
