"""From measures of the head to limits, a verdict and one sentence of what to do. No pictures, clocks or files."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable

import numpy as np

from labcapture.core.head import HeadTargets
from labcapture.engine.head_measure import HeadReading
from labcapture.engine.head_messages import HeadLimit, HeadView

WINDOW_S = 1.0
"""Measures are medians over so long."""
_LEAST_FOUND = 0.5  # share of the pictures of the window in which the face must have been found
_MARGIN_MM = 15.0  # who is told to move should come to stand well inside
_ROUGHLY = 1.25  # heads differ so much in size: one that is as far off by its size alone may be in its place
_BLIND_MM = 8.0  # as near to minZ as this, the nearest point may be one that is not measured at all
_ADVICE = {
    "covered": "Take the hand from the face.",
    "turned away": "Turn the face to the camera.",
    "out of frame": "Sit in front of the camera.",
    "unknown": "Wait for the first picture.",
}


class HeadJudge:
    """Keeps the readings of the last second and says where the head stands against ``targets``.

    Parameters
    ----------
    min_z_mm, max_z_mm
        What the depth profile measures.
    """

    def __init__(self, targets: HeadTargets, min_z_mm: float, max_z_mm: float = math.inf) -> None:
        self._targets = targets
        self._min_z, self._max_z = min_z_mm, max_z_mm
        self._window: deque[HeadReading] = deque()
        self._pictures = self._faces = 0
        self._good_since: float | None = None
        self._previous = -math.inf

    def update(self, reading: HeadReading) -> HeadView:
        """Take in a reading and return how things stand."""
        self._pictures += 1
        self._faces += reading.seen == "face"
        self._window.append(reading)
        while self._window[0].time <= reading.time - WINDOW_S:
            self._window.popleft()
        found = [it for it in self._window if it.seen == "face"]
        present = len(found) >= _LEAST_FOUND * len(self._window)
        readings = found if present else []
        limits = judge(readings, self._targets, self._min_z, self._max_z)
        good = present and reading.seen == "face" and all(limit.ok for limit in limits)
        if reading.time - self._previous > WINDOW_S:
            self._good_since = None  # nobody knows what was meanwhile
        self._previous = reading.time
        self._good_since = (reading.time if self._good_since is None else self._good_since) if good else None
        held = 0.0 if self._good_since is None else reading.time - self._good_since
        green = good and held >= self._targets.hold_s
        seen = "face" if present else reading.seen
        if not present and seen == "face":
            seen = next(it.seen for it in reversed(self._window) if it.seen != "face")
        sentence = advise(limits, readings, self._targets, self._min_z) if present else _ADVICE[seen]
        if good:
            sentence = "Stay like this." if green else "Good, hold still."
        return HeadView(
            time=reading.time,
            seen=seen,
            face_found=self._faces / self._pictures,
            pictures=self._pictures,
            nearest_mm=_median(readings, lambda it: it.nearest_mm),
            median_mm=_median(readings, lambda it: it.median_mm),
            min_z_mm=self._min_z,
            max_z_mm=self._max_z if math.isfinite(self._max_z) else None,
            fill_rate=_median(readings, lambda it: it.fill_rate),
            face_share=_median(readings, lambda it: it.face_share),
            centre=_centre(readings),
            roll_deg=_median(readings, lambda it: it.roll_deg),
            yaw_deg=_median(readings, lambda it: it.yaw_deg),
            pitch_deg=_median(readings, lambda it: it.pitch_deg),
            brightness=_median(readings, lambda it: it.brightness),
            clipped=_median(readings, lambda it: it.clipped),
            face_box=reading.face_box,
            nearest_px=reading.nearest_px,
            limits=limits,
            sentence=sentence,
            held_s=held,
            green=green,
        )


def judge(
    readings: Iterable[HeadReading], targets: HeadTargets, min_z_mm: float, max_z_mm: float = math.inf
) -> tuple[HeadLimit, ...]:
    """Return every limit with the median of ``readings``, in the order in which they should be mended.

    A reading that is missing breaks the limit, except for the angles: glasses may hide the eyes they are measured by,
    and a face that is found from the front is not turned far.
    """
    its = list(readings)
    centre = _centre(its)
    far = max(abs(part) for part in centre) if centre else None
    nearest = least_mm(targets, min_z_mm), min(targets.distance_mm[1], max_z_mm)
    distance = _median(its, lambda it: it.nearest_mm)
    angles = (
        ("roll_deg", "tilt", _median(its, lambda it: it.roll_deg), targets.tilt_deg),
        ("yaw_deg", "turn", _median(its, lambda it: it.yaw_deg), targets.turn_deg),
        ("pitch_deg", "chin", _median(its, lambda it: it.pitch_deg), targets.pitch_deg),
    )
    return (
        _limit("nearest_mm", "nearest point", "mm", distance, *nearest),
        _limit("off_centre", "off the middle", "", far, None, targets.off_centre),
        _limit("face_share", "face in the picture", "", _median(its, lambda it: it.face_share), *targets.face_share),
        *(_limit(n, label, "°", value, -most, most, needed=False) for n, label, value, most in angles),
        _limit("brightness", "brightness", "", _median(its, lambda it: it.brightness), *targets.brightness),
        _limit("clipped", "clipped", "", _median(its, lambda it: it.clipped), None, targets.clipped),
        _limit("fill_rate", "fill rate", "", _median(its, lambda it: it.fill_rate), targets.fill_rate, None),
    )


def least_mm(targets: HeadTargets, min_z_mm: float) -> float:
    """Return the least distance of the nearest point: that of the target, and well beyond minZ."""
    return max(targets.distance_mm[0], min_z_mm + targets.beyond_min_z_mm)


def advise(limits: Iterable[HeadLimit], readings: Iterable[HeadReading], targets: HeadTargets, min_z_mm: float) -> str:
    """Return one sentence for the participant: what to do about the first limit that is not kept; else empty."""
    broken = next((limit for limit in limits if not limit.ok), None)
    if broken is None:
        return ""
    its = list(readings)
    low = broken.reading is not None and broken.least is not None and broken.reading < broken.least
    if broken.name in {"nearest_mm", "face_share"}:
        return _advise_distance(broken, its, targets, min_z_mm)
    if broken.name == "off_centre":
        return _advise_place(its)
    return {
        # Left and right are the participant's own: the camera looks back at them.
        "roll_deg": f"Tilt the head to your {'left' if low else 'right'}, until it is upright.",
        "yaw_deg": f"Turn the face to your {'right' if low else 'left'}, until you look straight ahead.",
        "pitch_deg": "Chin up." if low else "Chin down.",
        "brightness": "Turn the lamp up." if low else "Turn the lamp down.",
        "clipped": "Turn the lamp aside or down: parts of the face are pure white or black.",
        "fill_rate": "Take off what shines or hides the face: the depth has holes.",
    }[broken.name]


def _advise_distance(broken: HeadLimit, its: list[HeadReading], targets: HeadTargets, min_z_mm: float) -> str:
    distance, farthest = _median(its, lambda it: it.nearest_mm), targets.distance_mm[1]
    if distance is None or distance < min_z_mm + _BLIND_MM:  # what is nearer has no depth: only the size tells
        farthest *= _ROUGHLY
        sizes = [it.size_mm for it in its if it.size_mm is not None]
        distance = min(float(np.median(sizes)), distance or math.inf) if sizes else distance
    if distance is None:
        return "Move back."
    least, most = least_mm(targets, min_z_mm), targets.distance_mm[1]
    if distance < least:
        return f"Move back {_cm(least + _MARGIN_MM - distance)} cm."
    if distance > farthest:
        return f"Come {_cm(distance - most + _MARGIN_MM)} cm closer."
    if broken.name == "nearest_mm":  # large enough, far enough, and yet no depth
        return "Take off what shines or hides the face: the depth has holes."
    return "Come a little closer." if (broken.reading or 0) < (broken.least or 0) else "Move a little back."


def _cm(length_mm: float) -> int:
    return max(1, round(length_mm / 10))


def _advise_place(its: list[HeadReading]) -> str:
    across, down = _centre(its) or (0.0, 0.0)
    if abs(across) >= abs(down):  # in the picture's right is the participant's left
        return f"Move to your {'right' if across > 0 else 'left'}."
    return "Sit higher, or tilt the camera down." if down > 0 else "Sit lower, or tilt the camera up."


def _limit(
    name: str,
    label: str,
    units: str,
    reading: float | None,
    least: float | None,
    most: float | None,
    needed: bool = True,
) -> HeadLimit:
    ok = not needed
    if reading is not None:
        ok = (least is None or reading >= least) and (most is None or reading <= most)
    return HeadLimit(name=name, label=label, units=units, reading=reading, least=least, most=most, ok=ok)


def _median(its: Iterable[HeadReading], value: Callable[[HeadReading], float | None]) -> float | None:
    known = [number for it in its if (number := value(it)) is not None]
    return float(np.median(known)) if known else None


def _centre(its: list[HeadReading]) -> tuple[float, float] | None:
    known = [it.centre for it in its if it.centre is not None]
    if not known:
        return None
    across, down = np.median(np.array(known), axis=0)
    return float(across), float(down)
