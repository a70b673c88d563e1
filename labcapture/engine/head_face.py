"""Finds the face in a colour picture: Haar cascades, which OpenCV 4 brings along."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from labcapture.core.geometry import Box

_SEARCH_WIDTH = 320  # pixels to which pictures are scaled down for the search
_EYE_WIDTH = 240  # and a face, for its eyes
_LEAST_FACE = 28  # pixels at search width: a head at 1.2 m
_TURNS_DEG = (7.0, -7.0, 12.0, -12.0, 24.0, -24.0)  # some faces that are tilted by 8 degrees are missed upright
_FRONTAL = ("frontalface_default", "frontalface_alt2")  # the first misses least, and both seldom the same picture
_PROFILE = "profileface"
_EYES = ("eye", "eye_tree_eyeglasses")

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Face:
    """A face in pixels of the picture; ``eyes`` are (left, right) as in the picture, None where they were not seen."""

    box: Box
    frontal: bool
    eyes: tuple[Point, Point] | None = None


def _cascade(name: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / f"haarcascade_{name}.xml"))


class FaceFinder:
    """Finds the largest face; belongs to one thread."""

    def __init__(self) -> None:
        cv2.setNumThreads(1)  # of the whole process: its other cores are the recorder's
        self._frontal = [_cascade(name) for name in _FRONTAL]
        self._profile = _cascade(_PROFILE)
        self._eyes = [_cascade(name) for name in _EYES]

    def find(self, rgb: NDArray[np.uint8]) -> Face | None:
        """Return the face in ``rgb`` (height, width, 3), None if there is none."""
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        scale = max(1.0, grey.shape[1] / _SEARCH_WIDTH)
        small = _scaled(grey, scale)
        for turn_deg in (0.0, *_TURNS_DEG):
            box = self._find_frontal(small, turn_deg)
            if box is not None:
                box = _grown(box, scale)
                return Face(box, True, self._find_eyes(grey, box))
        for picture, mirrored in ((small, False), (np.ascontiguousarray(small[:, ::-1]), True)):
            box = _largest(self._profile, picture, _LEAST_FACE)
            if box is not None:
                left = small.shape[1] - box[0] - box[2] if mirrored else box[0]
                return Face(_grown((left, *box[1:]), scale), False)
        return None

    def _find_frontal(self, small: NDArray[np.uint8], turn_deg: float) -> Box | None:
        """Return the face in the picture turned by ``turn_deg``, as a box of the picture as it is."""
        if turn_deg == 0:
            return self._first(small, cv2.createCLAHE(2.0, (4, 4)).apply(small))  # for dim or one-sided light
        height, width = small.shape
        there = cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, 1.0)
        box = self._first(cv2.warpAffine(small, there, (width, height)))
        if box is None:
            return None
        back = cv2.invertAffineTransform(there)
        x, y = back @ (box[0] + box[2] / 2, box[1] + box[3] / 2, 1.0)
        return round(max(0.0, x - box[2] / 2)), round(max(0.0, y - box[3] / 2)), box[2], box[3]

    def _first(self, *pictures: NDArray[np.uint8]) -> Box | None:
        """Return the face that the first of the cascades finds in the first of ``pictures``."""
        boxes = (_largest(cascade, it, _LEAST_FACE) for it in pictures for cascade in self._frontal)
        return next((box for box in boxes if box is not None), None)

    def _find_eyes(self, grey: NDArray[np.uint8], box: Box) -> tuple[Point, Point] | None:
        """Return the two eyes of the face in ``box``: the best matched pair in its upper part."""
        left, top, width, height = box
        upper = grey[top : top + round(height * 0.62), left : left + width]
        scale = max(1.0, width / _EYE_WIDTH)
        small = _scaled(upper, scale)
        for cascade in self._eyes:
            found = cascade.detectMultiScale(small, 1.08, 4, minSize=(max(8, small.shape[1] // 9),) * 2)
            eyes = [(x + w / 2, y + h / 2, w) for x, y, w, h in found]
            pair = _pair(eyes, small.shape[1])
            if pair is not None:
                (x0, y0), (x1, y1) = pair
                return (left + x0 * scale, top + y0 * scale), (left + x1 * scale, top + y1 * scale)
        return None


def _scaled(picture: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    size = (max(1, round(picture.shape[1] / scale)), max(1, round(picture.shape[0] / scale)))
    smaller: NDArray[np.uint8] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return smaller


def _grown(box: Box, scale: float) -> Box:
    left, top, width, height = (round(side * scale) for side in box)
    return left, top, width, height


def _largest(cascade: cv2.CascadeClassifier, picture: NDArray[np.uint8], least: int) -> Box | None:
    found = cascade.detectMultiScale(picture, 1.1, 3, minSize=(least, least))
    if len(found) == 0:
        return None
    left, top, width, height = (int(side) for side in max(found, key=lambda box: box[2]))
    return left, top, width, height


def _pair(eyes: list[tuple[float, float, float]], width: int) -> tuple[Point, Point] | None:
    """Return the pair of ``eyes`` (x, y, size) that lies most like two eyes in a face ``width`` pixels wide."""
    best: tuple[float, tuple[Point, Point]] | None = None
    for x0, y0, size0 in eyes:
        for x1, y1, size1 in eyes:
            apart = (x1 - x0) / width
            if not 0.22 < apart < 0.65 or abs(y1 - y0) > 0.6 * (x1 - x0):
                continue
            odd = abs(apart - 0.4) + abs((x0 + x1) / 2 / width - 0.5) + abs(size0 - size1) / width
            if best is None or odd < best[0]:
                best = odd, ((x0, y0), (x1, y1))
    return best[1] if best else None
