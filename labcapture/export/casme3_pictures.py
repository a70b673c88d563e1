"""The pictures of a clip as files: colour as JPEG or PNG, depth as 16-bit PNG in millimetres."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import BadInput
from labcapture.export.draft import Draft
from labcapture.reading.session import Trial
from labcapture.recording.codecs import imagecodecs

_DEEPEST_MM = 65535


@dataclass(frozen=True, slots=True)
class How:
    """How pictures are written.

    Parameters
    ----------
    color
        ``jpg`` or ``png``.
    quality
        Of the JPEG, 0 to 100; colour is never subsampled.
    depth
        ``aligned`` to colour, ``own`` pixels of the depth camera, or ``none``.
    film
        Of an interview: ``h264``, ``ffv1`` or ``no``.
    workers
        Threads.
    """

    color: str
    quality: int
    depth: str
    film: str
    workers: int

    @classmethod
    def of(cls, options: Mapping[str, str]) -> How:
        """Read it from options.

        Raises
        ------
        BadInput
            A value is none of those that there are.
        """
        quality = _whole(options, "quality", 97, 1, 100)
        workers = _whole(options, "workers", os.cpu_count() or 1, 1, 256)
        color = _one_of(options, "color", ("jpg", "png"))
        depth = _one_of(options, "depth", ("aligned", "own", "none"))
        return cls(color, quality, depth, _one_of(options, "film", ("h264", "ffv1", "no")), workers)


def _one_of(options: Mapping[str, str], name: str, values: tuple[str, ...]) -> str:
    value = options.get(name, values[0])
    if value not in values:
        raise BadInput("is no value of this option", f"--set {name}={value}", f"There are: {', '.join(values)}.")
    return value


def _whole(options: Mapping[str, str], name: str, otherwise: int, least: int, most: int) -> int:
    text = options.get(name, str(otherwise))
    if not text.isdecimal() or not least <= int(text) <= most:
        raise BadInput("is no value of this option", f"--set {name}={text}", f"It takes {least} to {most}.")
    return int(text)


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture to be written: its number in the clip, its trial, the indices there; depth -1: there is none."""

    number: int
    trial: Trial
    color: int
    depth: int


def write_pictures(draft: Draft, folder: str, shots: list[Shot], how: How, told: Callable[[], None]) -> None:
    """Write the pictures into ``folder`` of the draft, several at a time, and call ``told`` after each.

    What an earlier run has finished is kept: a file whose end is that of a picture.
    """
    prefix = f"{folder}/" if folder else ""

    def write(shot: Shot) -> None:
        color = f"{prefix}color/{shot.number}.{how.color}"
        if draft.lacks(color) or not _ends_well(draft.folder / color):
            draft.put(color, encode_color(shot.trial.color[shot.color], how))
        if shot.depth < 0 or how.depth == "none":
            return
        depth = f"{prefix}depth/{shot.number}.png"
        if draft.lacks(depth) or not _ends_well(draft.folder / depth):
            draft.put(depth, encode_depth(depth_mm(shot.trial, how)[shot.depth]))

    draft.prepare(f"{prefix}color", f"{prefix}depth")
    with ThreadPoolExecutor(how.workers, "export") as pool:
        for _ in _in_order(pool, write, shots, 4 * how.workers):
            told()
    draft.settle()


def _in_order(pool: ThreadPoolExecutor, work: Callable[[Shot], None], shots: list[Shot], ahead: int) -> Iterator[None]:
    """Do the work of each with no more than ``ahead`` begun; the first error ends it."""
    begun: list[Future[None]] = []
    try:
        for shot in shots:
            begun.append(pool.submit(work, shot))
            if len(begun) >= ahead:
                yield begun.pop(0).result()
        while begun:
            yield begun.pop(0).result()
    finally:
        for future in begun:
            future.cancel()


def depth_mm(trial: Trial, how: How) -> Any:  # noqa: ANN401 - a stream of pictures of float32
    """Return the depth pictures of a trial in mm, NaN where nothing was measured."""
    return trial.depth_aligned if how.depth == "aligned" else trial.depth_mm


def encode_color(pixels: NDArray[np.uint8], how: How) -> bytes:
    """Return a picture (height, width, 3) as JPEG without subsampling, or as PNG."""
    if how.color == "png":
        return _png(pixels)
    encoded: bytes = imagecodecs().jpeg8_encode(pixels, level=how.quality, subsampling="444")
    return encoded


def encode_depth(distance_mm: NDArray[np.float32]) -> bytes:
    """Return distances (height, width) in mm as 16-bit PNG: whole mm; 0: not measured, or beyond 65.535 m."""
    return _png(whole_mm(distance_mm))


def whole_mm(distance_mm: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return distances (mm) as they are stored: rounded, 0 where nothing was measured or it is beyond 65.535 m."""
    rounded = np.rint(np.nan_to_num(distance_mm, nan=0, posinf=0, neginf=0))
    rounded[(rounded < 0) | (rounded > _DEEPEST_MM)] = 0
    return rounded.astype(np.uint16)


def _png(pixels: NDArray[Any]) -> bytes:
    encoded: bytes = imagecodecs().png_encode(pixels, level=1)
    return encoded


def _ends_well(path: Path) -> bool:
    """Return whether a picture was written to its end: the power may have gone before the disk had it."""
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        if file.tell() < 12:
            return False
        file.seek(-12, os.SEEK_END)
        tail = file.read()
    return tail.endswith(b"\xff\xd9") if path.suffix == ".jpg" else b"IEND" in tail
