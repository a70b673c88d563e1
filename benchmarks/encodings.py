"""What encodings of pictures cost, one core: ``python -m benchmarks.encodings``.

Processor time to encode and decode a 1280 x 720 picture of the simulated face, and its size; and the size of a
photograph with a sensor's noise, its chroma halved as the camera delivers it. Prints the tables of
docs/decisions/picture_codecs.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import av
import imagecodecs
import numpy as np
from matplotlib import cbook
from numpy.typing import NDArray
from PIL import Image

from benchmarks.peers.frames import HEIGHT, WIDTH
from labcapture.core.memory import share_one_heap
from labcapture.devices.simulated.d415 import color_optics, depth_optics
from labcapture.devices.simulated.scene import Scene
from labcapture.recording import codecs, encodings, jxl_encoder, magicyuv

Pixels = NDArray[Any]
Pair = tuple[Callable[[Pixels], bytes], Callable[[bytes, Pixels], Any]]
_RUNS = 20
_NOISE = 2.0  # standard deviation, grey levels


def _ours(name: str) -> Pair:
    codec = encodings.ready(name)
    return codec.encode, lambda data, like: codec.decode(data, like.dtype, like.shape)


def _jpeg_xl(encode: Callable[[Pixels], bytes]) -> Pair:
    return encode, lambda data, like: codecs.decode(data, np.empty_like(like))


COLOUR: dict[str, Pair] = {
    "MagicYUV, median": (magicyuv.encode, lambda data, like: magicyuv.decode(data, np.empty_like(like))),
    "JPEG XL, pillow-jxl-plugin": _jpeg_xl(jxl_encoder.with_pillow_jxl),
    "JPEG XL, imagecodecs": _jpeg_xl(jxl_encoder.with_imagecodecs),
    "Blosc2": _ours("blosc2"),
    "gzip": _ours("gzip"),
    "High-Throughput JPEG 2000": (
        lambda pixels: bytes(imagecodecs.htj2k_encode(pixels, reversible=True)),
        lambda data, _: imagecodecs.htj2k_decode(data),
    ),
    "WebP": (
        lambda pixels: bytes(imagecodecs.webp_encode(pixels, level=0, lossless=True, method=0)),
        lambda data, _: imagecodecs.webp_decode(data),
    ),
}
DEPTH = ("JPEG XL, pillow-jxl-plugin", "JPEG XL, imagecodecs", "Blosc2", "gzip")


def photograph() -> Pixels:
    """Return matplotlib's portrait, doubled, with noise, and with half of its columns' chroma: (1200, 1024, 3)."""
    portrait = Image.open(cbook.get_sample_data("grace_hopper.jpg")).convert("RGB").crop((0, 0, 512, 600))
    doubled = np.asarray(portrait.resize((1024, 1200), Image.Resampling.BICUBIC), np.float64)
    noisy = np.clip(doubled + np.random.default_rng(0).normal(0, _NOISE, doubled.shape), 0, 255).astype(np.uint8)
    halved = av.VideoFrame.from_ndarray(noisy, "rgb24").reformat(format="yuv422p")
    return halved.reformat(format="rgb24").to_ndarray(format="rgb24")


def cost(pair: Pair, pictures: list[Pixels]) -> tuple[float, float, float]:
    """Return ms to encode, ms to decode, and megabytes, medians of some runs; each picture must come back."""
    encode, decode = pair
    rows = []
    for i in range(_RUNS):
        picture = pictures[i % len(pictures)]
        marks = [time.thread_time()]
        data = encode(picture)
        marks.append(time.thread_time())
        back = decode(data, picture)
        marks.append(time.thread_time())
        if not np.array_equal(back, picture):
            raise SystemExit("a picture did not come back as it was")
        rows.append((*(1000 * np.diff(marks)), len(data) / 1e6))
    encoding, decoding, size = np.median(rows, axis=0)
    return float(encoding), float(decoding), float(size)


def main() -> None:
    """Measure and print."""
    share_one_heap()  # as the engine does
    scene = Scene(color_optics(WIDTH, HEIGHT), depth_optics(WIDTH, HEIGHT), 520.0)
    color, depth = [scene.color() for _ in range(4)], [scene.depth() for _ in range(4)]
    portrait = photograph()
    print("| colour | encode, ms | decode, ms | MB | the photograph, MB |\n| --- | --- | --- | --- | --- |")
    for name, pair in COLOUR.items():
        encoding, decoding, size = cost(pair, color)
        photo = len(pair[0](portrait)) / 1e6
        print(f"| {name} | {encoding:.1f} | {decoding:.1f} | {size:.2f} | {photo:.2f} |", flush=True)
    print("\n| depth | encode, ms | decode, ms | MB |\n| --- | --- | --- | --- |")
    for name in DEPTH:
        encoding, decoding, size = cost(COLOUR[name], depth)
        print(f"| {name} | {encoding:.1f} | {decoding:.1f} | {size:.2f} |", flush=True)


if __name__ == "__main__":
    main()
