"""The frames that all recorders get: a person before a curtain with a sensor's noise and holes, or a real video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.devices.simulated.d415 import color_optics, depth_optics
from labcapture.devices.simulated.scene import Scene

HEIGHT, WIDTH, RATE_HZ = 720, 1280, 30.0
PAIR_BYTES = HEIGHT * WIDTH * 5

Pixels = NDArray[Any]


class Pool:
    """Pictures that are shown in turn: frame ``i`` is picture ``i`` modulo their number.

    Parameters
    ----------
    folder
        Where `make` put them.
    """

    def __init__(self, folder: Path) -> None:
        self.color: Pixels = np.load(folder / "color.npy")
        self.depth: Pixels = np.load(folder / "depth.npy")

    def pair(self, number: int) -> tuple[Pixels, Pixels]:
        """Return colour (720, 1280, 3) uint8 and depth (720, 1280) uint16 of frame ``number``."""
        place = number % len(self.color)
        return self.color[place], self.depth[place]

    def has(self, number: int, color: Pixels | None, depth: Pixels | None = None) -> bool:
        """Return whether these are the pictures of frame ``number``, bit by bit."""
        mine = self.pair(number)
        given = ((color, mine[0]), (depth, mine[1]))
        return all(picture is None or np.array_equal(picture, own) for picture, own in given)


def make(folder: Path, count: int, video: Path | None) -> str:
    """Write ``count`` pairs of pictures into ``folder``; return what they show."""
    scene = Scene(color_optics(WIDTH, HEIGHT), depth_optics(WIDTH, HEIGHT), 520.0)
    color = [scene.color() for _ in range(count)] if video is None else _decoded(video, count)
    np.save(folder / "color.npy", np.stack(color))
    np.save(folder / "depth.npy", np.stack([scene.depth() for _ in color]))
    return (
        "a simulated face at 520 mm before a curtain" if video is None else f"colour of {video.name}, simulated depth"
    )


def _decoded(video: Path, count: int) -> list[Pixels]:
    import av  # noqa: PLC0415 - only for those who give a video

    with av.open(str(video)) as container:
        pictures = []
        for frame in container.decode(video=0):
            pictures.append(frame.to_ndarray(format="rgb24", width=WIDTH, height=HEIGHT))
            if len(pictures) == count:
                break
    if not pictures:
        raise SystemExit(f"{video}: no picture could be decoded")
    return pictures
