"""Listens in on picture and sound while a sync_test runs, and measures when it is over.

Of each picture only its mean is kept. Nothing is kept for long until the first ``flash`` marker comes, and nothing more
soon after the last one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from labcapture.core.chunks import AudioBlock, Chunk, Frame, StreamSpec
from labcapture.core.fit import fit_device_clock, fit_sample_clock
from labcapture.engine.log import SessionLog
from labcapture.engine.loop import Found, figures, find_flashes, find_tones
from labcapture.recording.recorder import Recorder

LABELS = ("flash", "tone")
_BEFORE_S = 5.0  # kept before the first marker
_AFTER_S = 3.0  # and after the last one: markers come later than what they mark
_MOST_SOUND_S = 600.0  # of sound are kept: what is longer than a test should be is not heard to its end
_SAME_PAIR_S = 0.1  # between the markers of a flash and of its tone
_STRIDE = 12  # every so many pixels of a picture, each way


@dataclass(frozen=True, slots=True)
class _Bright:
    """A picture's mean."""

    device_time: float
    arrival_time: float
    exposure_s: float
    brightness: float


@dataclass(frozen=True, slots=True)
class _Mark:
    label: str
    time: float
    step: str


T = TypeVar("T", _Bright, AudioBlock)


class _Kept(Generic[T]):
    """What came lately, and what came around the markers."""

    def __init__(self) -> None:
        self.kept: list[T] = []
        self._recent: deque[T] = deque()

    def add(self, item: T, until: float) -> None:
        """Take an item; it is kept if it came before ``until`` (LSL s), or if that will be set soon."""
        self._recent.append(item)
        if item.arrival_time <= until:
            self.kept.extend(self._recent)
            self._recent.clear()
        while self._recent and self._recent[0].arrival_time < item.arrival_time - _BEFORE_S:
            self._recent.popleft()


class LoopTap:
    """Measures the first camera and the first sound input of a rig against the markers of its stage.

    Parameters
    ----------
    streams
        Of the rig.
    screen_hz
        Flips per second of the participant's screen.
    """

    def __init__(self, streams: Sequence[StreamSpec], screen_hz: float) -> None:
        colors = [spec for spec in streams if spec.kind == "frames" and len(spec.shape) == 3]
        sounds = [spec for spec in streams if spec.kind == "audio"]
        self._camera = colors[0] if colors else None
        self._input = sounds[0] if sounds else None
        self._screen_s = 1 / screen_hz
        self._pictures: _Kept[_Bright] = _Kept()
        self._sound: _Kept[AudioBlock] = _Kept()
        self._marks: list[_Mark] = []
        self._until = -np.inf  # what arrives before is kept

    def note(self, chunk: Chunk) -> None:
        """Take what a device delivered; called from the devices' threads."""
        if isinstance(chunk, Frame) and self._camera is not None and chunk.stream == self._camera.name:
            mean = float(chunk.pixels[::_STRIDE, ::_STRIDE].mean())
            exposure = chunk.metadata.get("actual_exposure", 0) / 1e6
            self._pictures.add(_Bright(chunk.device_time, chunk.arrival_time, exposure, mean), self._until)
        elif isinstance(chunk, AudioBlock) and self._input is not None and chunk.stream == self._input.name:
            self._sound.add(chunk, min(self._until, self._first + _MOST_SOUND_S))

    @property
    def _first(self) -> float:
        return self._marks[0].time if self._marks else np.inf

    def mark(self, label: str, time: float, step: str) -> None:
        """Take a marker of the stage; others than those of a sync_test mean nothing here."""
        if label in LABELS:
            self._marks.append(_Mark(label, time, step))
            self._until = max(self._until, time + _AFTER_S)

    def conclude(self, recorder: Recorder, log: SessionLog) -> None:
        """Measure and enter what came of it, after the devices' end. A session is closed even if that fails."""
        try:
            measured = self.measure()
        except Exception as error:  # what is recorded is worth more than what is said of it
            log.error("the sync test could not be measured", exc_info=error)
            return
        if measured is not None:
            recorder.sync_test(*measured)

    def measure(self) -> tuple[list[tuple[Any, ...]], dict[str, Any]] | None:
        """Return the rows of `/sync_test` and its attributes; None where no flash was shown."""
        flashes = [mark for mark in self._marks if mark.label == "flash"]
        if not flashes:
            return None
        seen, camera = self._measure_pictures([mark.time for mark in flashes])
        tones = sorted(mark.time for mark in self._marks if mark.label == "tone")
        heard, sound = self._measure_sound(tones)
        rows = []
        for pair, (mark, flash) in enumerate(zip(flashes, seen, strict=True)):
            tone = min(heard, key=lambda one: abs(one.marker - mark.time), default=Found(np.nan))
            if not abs(tone.marker - mark.time) < _SAME_PAIR_S:
                tone = Found(np.nan)
            rows.append((pair, mark.step, *_columns(flash), *_columns(tone)))
        period = camera["camera_period_s"]
        limit = period + self._screen_s
        within = sum(abs(flash.offset) <= limit for flash in seen)
        return rows, {
            "picture_stream": self._camera.name if self._camera is not None else "",
            "sound_stream": self._input.name if self._input is not None else "",
            **camera,
            "screen_period_s": self._screen_s,
            "flash_limit_s": limit,
            "flash_within_limit": within,
            **sound,
        }

    def _measure_pictures(self, markers: list[float]) -> tuple[list[Found], dict[str, float | int]]:
        pictures = [one for one in self._pictures.kept if np.isfinite(one.device_time)]
        table = np.array([(p.device_time, p.arrival_time, p.exposure_s, p.brightness) for p in pictures])
        device, arrival, exposure, brightness = table.reshape(-1, 4).T
        found, spread, period = [Found(marker) for marker in markers], np.inf, np.nan
        if len(device):
            time, uncertainty = fit_device_clock(device, arrival).to_lsl(device, arrival)
            order = np.argsort(time)
            found = find_flashes(markers, time[order], brightness[order], exposure[order])
            spread = float(np.quantile(uncertainty, 0.95, method="higher"))
            period = float(np.median(np.diff(time[order]))) if len(time) > 1 else np.nan
        told = {f"flash_{name}": value for name, value in figures(found, spread).items()}
        return found, {"camera_period_s": period, **told}

    def _measure_sound(self, markers: list[float]) -> tuple[list[Found], dict[str, float | int]]:
        blocks, spec = self._sound.kept, self._input
        found = [Found(marker) for marker in markers]
        if blocks and spec is not None:
            first = np.array([block.first_sample for block in blocks])
            counts = np.array([len(block.samples) for block in blocks])
            arrival = np.array([block.arrival_time for block in blocks])
            fit = fit_sample_clock(first, counts, [block.adc_time for block in blocks], arrival, spec.rate_hz)
            time, uncertainty = fit.to_lsl(first, arrival)
            samples = np.zeros(first[-1] + counts[-1] - first[0], np.int16)
            for block in blocks:
                at = block.first_sample - first[0]
                samples[at : at + len(block.samples)] = block.samples[:, 0]
            spread = float(np.quantile(uncertainty, 0.95, method="higher"))
            found = find_tones(markers, samples, spec.rate_hz, first - first[0], time, spread)
        return found, {f"tone_{name}": value for name, value in figures(found).items()}


def _columns(found: Found) -> tuple[float, ...]:
    return found.marker, found.earliest, found.latest, found.offset
