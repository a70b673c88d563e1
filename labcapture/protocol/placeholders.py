"""Films and pictures to rehearse with: counted frames, an emotion label, a tone; made from the manifest alone.

The frame number stands in large digits in the middle and, for machines, in a row of black and white cells along the
lower edge (most significant bit left): `read_frame_number` reads it back from a decoded or a filmed picture. A film for
two eyes has both views side by side, each with its own row of cells.
"""

from __future__ import annotations

import os
import struct
import textwrap
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import BadInput
from labcapture.protocol.films import PLACEHOLDER_MARK
from labcapture.protocol.manifest import Clip, Manifest

RATE_HZ = 30
SIZE = (1280, 720)
BITS = 20  # enough for nine hours of film
SOUND_RATE_HZ = 48_000
TONE_HZ = 440.0
TONE_S = 0.2  # heard at every full second of the film
_TONE_LEVEL = 0.25  # of full scale
_RAMP_S = 0.005  # no clicks
_BACKGROUND = (64, 64, 64)
_BAR = Fraction(1, 12)  # height of the row of cells, of the picture's height
_DISPARITY_PX = 8  # by which the words stand nearer than the screen in a film for two eyes
_PNG_HEAD = 8 + 25  # signature and first chunk

Progress = Callable[[Clip, int, int], None]
"""Called with the clip, the frames made so far and all its frames."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A film of the stimuli folder; ``made`` is False where one lay there already, which is left as it is.

    A picture counts as one frame.
    """

    clip: str
    path: Path
    frames: int
    made: bool


def make_placeholders(
    manifest: Manifest,
    folder: Path,
    ids: Iterable[str] | None = None,
    progress: Progress | None = None,
    longest_s: float | None = None,
) -> list[Placeholder]:
    """Make a film for each clip that has none in ``folder``; an existing film is never touched.

    Parameters
    ----------
    manifest
        Gives file, length and emotion of each clip.
    folder
        Where the films go; made where it does not exist.
    ids
        The clips wanted; all of the manifest if None.
    progress
        Told of every second of film.
    longest_s
        Cuts longer films to this length (s), for a rehearsal in minutes.

    Raises
    ------
    BadInput
        A clip is not in the manifest, or the folder cannot be written.
    """
    if longest_s is not None and not longest_s >= 1 / RATE_HZ:
        raise BadInput(f"a film of {longest_s:g} s has no picture", "--seconds", "Write at least 0.1.")
    clips = manifest.clips if ids is None else [manifest.clip(clip_id) for clip_id in ids]
    films: list[Placeholder] = []
    for clip in clips:
        path = folder / clip.file
        seconds = clip.duration_s if longest_s is None else min(clip.duration_s, longest_s)
        frames = 1 if clip.kind == "image" else max(1, round(seconds * RATE_HZ))
        exists = path.exists()
        if not exists:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                _make(clip, path, frames, progress)
            except OSError as error:  # PyAV's errors of input and output are of this kind too
                raise BadInput(
                    f"cannot write a film ({error.strerror or error})", str(path), "Check disk space and rights."
                ) from error
        films.append(Placeholder(clip.id, path, frames, made=not exists))
    return films


def read_frame_number(picture: NDArray[np.uint8]) -> int:
    """Return the frame number that the cells of a placeholder's ``picture`` (height, width[, 3]) tell."""
    height, width = picture.shape[:2]
    row = picture[round(height * (1 - _BAR / 2))]
    columns = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    cells = row[columns].reshape(BITS, -1).mean(axis=1) > 127
    return int(cells @ (1 << np.arange(BITS)[::-1]))


def _make(clip: Clip, path: Path, frames: int, progress: Progress | None) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")  # a film under its final name is a whole one
    try:
        if clip.kind == "image":
            draft.write_bytes(_png(_still(clip)))
        else:
            _encode(clip, draft, frames, progress)
        _move_without_overwriting(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _move_without_overwriting(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)  # fails if the name was taken meanwhile; a rename would overwrite it
    except FileExistsError:
        return
    except OSError:  # a file system without links
        with path.open("xb") as target:
            target.write(draft.read_bytes())


def _encode(clip: Clip, path: Path, frames: int, progress: Progress | None) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        container.metadata["comment"] = PLACEHOLDER_MARK
        video = container.add_stream("libx264", rate=RATE_HZ, options={"preset": "ultrafast", "crf": "18"})
        video.width, video.height = SIZE
        video.pix_fmt = "yuv420p"
        video.gop_size = RATE_HZ  # a second, so that seeking is quick
        sound = container.add_stream("aac", rate=SOUND_RATE_HZ, layout="mono")
        grounds = [_ground(clip, shift) for shift in _shifts(clip)]
        for number in range(frames):
            views = [_picture(ground, number, frames) for ground in grounds]
            picture = av.VideoFrame.from_ndarray(np.hstack(views), format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, RATE_HZ)
            container.mux(video.encode(picture))
            if (number + 1) % RATE_HZ == 0 or number + 1 == frames:
                second = number // RATE_HZ
                container.mux(sound.encode(_tone(second, (number % RATE_HZ + 1) / RATE_HZ)))
                if progress is not None:
                    progress(clip, number + 1, frames)
        container.mux(video.encode(None))
        container.mux(sound.encode(None))


def _tone(second: int, length_s: float) -> av.AudioFrame:
    """Return the sound of one second of film: a short tone, then silence."""
    n = round(SOUND_RATE_HZ * length_s)
    time = np.arange(n) / SOUND_RATE_HZ
    envelope = np.clip(np.minimum(time, TONE_S - time) / _RAMP_S, 0, 1)
    samples = (_TONE_LEVEL * envelope * np.sin(2 * np.pi * TONE_HZ * time)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE_HZ, second * SOUND_RATE_HZ, Fraction(1, SOUND_RATE_HZ)
    return frame


def _shifts(clip: Clip) -> tuple[int, ...]:
    """Return by how many pixels the words stand to the right, for each view from left to right."""
    return (_DISPARITY_PX // 2, -_DISPARITY_PX // 2) if clip.layout == "side_by_side" else (0,)


def _ground(clip: Clip, shift: int = 0) -> NDArray[np.uint8]:
    """Return what all pictures of a film share, (height, width, 3) RGB; views side by side share the width."""
    width, height = SIZE
    ground = np.full((height, width // len(_shifts(clip)), 3), _BACKGROUND, np.uint8)
    _write(ground, "PLACEHOLDER", height * 14 // 100, 1.4, shift)
    _write(ground, clip.emotion, height * 26 // 100, 2.4, shift)
    _write(ground, clip.id, height * 84 // 100, 1.2, shift)
    return ground


def _still(clip: Clip) -> NDArray[np.uint8]:
    """Return a picture that names itself, (height, width, 3) RGB."""
    width, height = SIZE
    still = np.full((height, width, 3), _BACKGROUND, np.uint8)
    _write(still, "PLACEHOLDER", height * 14 // 100, 1.4)
    lines = textwrap.wrap(clip.title or clip.id, 28)
    for row, line in enumerate(lines):
        _write(still, line, height * 50 // 100 + (2 * row - len(lines) + 2) * 36, 2.0)
    _write(still, clip.id, height * 84 // 100, 1.2)
    return still


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Return RGB ``pixels`` as PNG, with the mark of a placeholder as its first text chunk."""
    done, encoded = cv2.imencode(".png", pixels[..., ::-1])
    if not done:
        raise OSError("the PNG encoder failed")
    data, body = encoded.tobytes(), b"tEXtComment\x00" + PLACEHOLDER_MARK.encode()
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return data[:_PNG_HEAD] + chunk + data[_PNG_HEAD:]


def _picture(ground: NDArray[np.uint8], number: int, frames: int) -> NDArray[np.uint8]:
    height, width = ground.shape[:2]
    picture = ground.copy()
    _write(picture, f"{number}", height * 58 // 100, 7.0)
    _write(picture, f"{number / RATE_HZ:.2f} s of {frames / RATE_HZ:.2f} s", height * 74 // 100, 1.4)
    bits = (number >> np.arange(BITS)[::-1]) & 1
    cells = np.arange(width) * BITS // width
    picture[round(height * (1 - _BAR)) :] = np.where(bits[cells, np.newaxis], 255, 0)
    return picture


def _write(picture: NDArray[np.uint8], text: str, baseline: int, scale: float, shift: int = 0) -> None:
    """Write ``text`` centred, ``shift`` pixels to the right, for a picture 720 rows high."""
    font, thick = cv2.FONT_HERSHEY_SIMPLEX, max(2, round(2 * scale))
    (width, _), _ = cv2.getTextSize(text, font, scale, thick)
    origin: Any = ((picture.shape[1] - width) // 2 + shift, baseline)
    cv2.putText(picture, text, origin, font, scale, (235, 235, 235), thick, cv2.LINE_AA)
