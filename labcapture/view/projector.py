"""From a moment to what the panes show: asks the cache, composes layers, and says where there is no picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from labcapture.core.errors import LabcaptureError, RecordingError
from labcapture.core.geometry import Lens, point
from labcapture.view import rendering
from labcapture.view.cache import Key, PictureCache
from labcapture.view.film import NO_FRAME, Camera, Film, Reel, Shown
from labcapture.view.picture import Layer, PictureView, image_of

_OVER = ">"  # depth>color: depth in the pixels of color
_AHEAD = 10  # frames decoded beyond the one that is seen, in the direction of travel
_BEHIND = 2  # and where one came from
_REST_MS = 60  # so long one must have stayed before neighbours are decoded
_LINE = 0xE6FFFFFF  # contours


@dataclass(frozen=True)
class Mode:
    """How pictures are shown.

    Parameters
    ----------
    blend
        Depth over colour in one pane, with this ``opacity``; else side by side.
    difference
        What changed since LSL time ``reference`` (s), ``gain`` times.
    contour_mm
        Lines of equal distance, so many millimetres apart; 0: none.
    near_mm, far_mm
        Range of the colours of depth.
    """

    blend: bool = False
    opacity: float = 0.5
    difference: bool = False
    reference: float | None = None
    gain: float = 4.0
    contour_mm: float = 0.0
    near_mm: float = 400.0
    far_mm: float = 1600.0


class Projector(QObject):
    """Shows moments in two panes.

    Parameters
    ----------
    color, depth
        The panes; blended pictures are shown in that of colour.
    """

    _came = Signal()
    changed = Signal()
    """A pane shows something else now."""

    def __init__(self, film: Film, color: PictureView, depth: PictureView) -> None:
        super().__init__()
        self._film = film
        self._panes = {"color": color, "depth": depth}
        self.camera: Camera = film.cameras[0] if film.cameras else Camera("", None, None)
        self.mode = Mode()
        self.time = film.start
        self.cache = PictureCache(self._read, lambda _: self._came.emit())
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._prefetch)
        self._came.connect(self._project)  # from a thread of the cache into this one
        self._pending: set[str] = set()
        self._measured: dict[str, tuple[NDArray[np.uint16], str]] = {}
        self._moment = self.time  # what the panes show, or will show next
        self._asked: list[Key] = []
        self._way = 1
        self._playing = False

    def close(self) -> None:
        """End the decoding."""
        self._rest.stop()
        self._pending.clear()  # what comes from now on is for nobody
        self._moment = self.time
        self.cache.close()

    # What is wanted ---------------------------------------------------------------------------------------------------

    def show(self, time: float, speed: float = 0.0) -> None:
        """Show LSL ``time`` (s) as soon as it is decoded.

        While a picture is being decoded for a moment that was asked for before, that is shown first, and then the
        newest moment: else who scrubs faster than pictures are decoded would see none. Neighbours are decoded after
        a moment of rest: whoever scrubs wants them least.

        ``speed`` tells how fast time goes on by itself. Then what cannot be decoded in time is not begun.
        """
        self._way = 1 if time >= self.time else -1
        self.time = time
        if speed or self._playing or not self._pending:
            self._ask(speed)

    def _ask(self, speed: float = 0.0) -> None:
        keys = self._keys(self.time)
        is_same, self._moment = keys == self._asked, self.time
        if speed and self._playing and is_same and not self._pending:
            return
        self._asked, self._playing = keys, speed > 0
        self._pending = {"color"} if self.mode.blend else {"color", "depth"}
        compared = self.mode.reference if self.mode.difference else None
        reference = [] if compared is None else self._keys(compared)
        if speed:
            self._rest.stop()
            self.cache.want(reference, self._in_time(speed))
        else:
            self._rest.start()
            self.cache.want(keys + reference)
        self._project()

    def _prefetch(self) -> None:
        """Decode what is near, once nothing more urgent is waited for."""
        if self._pending:
            self._rest.start()
        else:
            near = (*range(1, _AHEAD + 1), *range(-1, -_BEHIND - 1, -1))
            period = self._period()
            later = [key for step in near for key in self._keys(self.time + step * self._way * period)]
            self.cache.want(self._asked, later)

    def set_mode(self, **changes: Any) -> None:  # noqa: ANN401 - any field of Mode
        """Change how pictures are shown."""
        self.mode = replace(self.mode, **changes)
        self._ask()

    def set_camera(self, camera: Camera) -> None:
        """Show the pictures of another camera."""
        self.camera = camera
        self._ask()

    def shown(self) -> tuple[Shown, Shown]:
        """Return which frames of colour and depth belong to this moment."""
        return self.shown_at(self.time)

    def shown_at(self, time: float) -> tuple[Shown, Shown]:
        """Return which frames of colour and depth belong to LSL ``time`` (s)."""
        return self._film.at(time, self.camera.color), self._film.at(time, self.camera.depth)

    @property
    def waiting(self) -> bool:
        """Whether a pane still waits for its picture."""
        return bool(self._pending)

    @property
    def lead(self) -> str | None:
        """The stream by whose frames one steps: colour where the camera has it."""
        return self.camera.color or self.camera.depth

    @property
    def awaited(self) -> int | None:
        """Index of the frame of `lead` that is not decoded yet; None while nothing is waited for."""
        return self._film.at(self.time, self.lead).index if self._pending else None

    def _depth_name(self) -> str:
        return f"{self.camera.depth}{_OVER}{self.camera.color}" if self.mode.blend else str(self.camera.depth)

    def _keys(self, time: float) -> list[Key]:
        color, depth = self.shown_at(time)
        keys = [] if color.index is None else [Key(color.trial, color.stream, color.index)]
        if depth.index is not None:
            keys.append(Key(depth.trial, self._depth_name(), depth.index))
        return keys

    def _period(self) -> float:
        """Return the seconds from a frame to the next."""
        trial = self._film.trial_at(self.time)
        reel = None if trial is None else self._film.lead(trial, self.camera)
        return 0.0 if reel is None else reel.period

    def _in_time(self, speed: float) -> list[Key]:
        """Return what will be wanted while it plays, but for what comes so soon that it could only be late."""
        beat = stride_of(speed) * self._period()
        if not beat:
            return []
        soon = int(np.ceil(self.cache.seconds * speed / beat))
        found = []
        for step in range(_AHEAD + soon):
            keys = self._keys(self.time + step * beat)
            if step >= soon or any(self.cache.begun(key) for key in keys):
                found += keys
        return found

    def _reel(self, trial: str, stream: str) -> Reel:
        return self._film.reel(self._film.session.trials[trial], stream)

    def _count_mm(self, stream: str) -> float:
        facts = self._film.session.streams[stream]
        if "depth_units" not in facts:
            raise RecordingError("has no depth_units", stream, "Its camera did not tell how long a count is.")
        return 1000 * float(facts["depth_units"])

    def _read(self, key: Key, threads: int) -> NDArray[Any]:
        """Decode a picture, in a thread of the cache. Depth stays in counts, aligned or not."""
        trial = self._film.session.trials[key.trial]
        depth, over, color = key.stream.partition(_OVER)
        if not over:
            return trial[key.stream].read_picture(key.frame, threads)
        aligned = trial.aligned(depth, color).read_picture(key.frame, threads)
        aligned /= np.float32(self._count_mm(depth))
        np.nan_to_num(np.rint(aligned, out=aligned), copy=False)
        return aligned.astype(np.uint16)

    # What is shown ----------------------------------------------------------------------------------------------------

    def _project(self) -> None:
        for name in sorted(self._pending):
            if self._fill(name):
                self._pending.discard(name)
                self.changed.emit()
        if not self._pending and self._moment != self.time:
            self._ask()

    def _fill(self, name: str) -> bool:
        """Show what belongs into a pane; False if it is not decoded yet: then the pane keeps what it says it shows."""
        pane = self._panes[name]
        color, depth = self.shown_at(self._moment)
        mine = color if name == "color" else depth
        layers: list[Layer] = []
        try:
            if mine.index is None:
                pane.show_missing(NO_FRAME, mine.reason, mine.stream)
                self._measured.pop(name, None)
                return True
            caption = self._caption(mine)
            before = self._before(mine)
            if name == "color":
                pixels = self._get(_key(mine))
                ready = pixels is not None and self._color(layers, pixels, before)
                if ready and self.mode.blend:
                    ready = self._over(layers, depth)
                    words = "no frame" if depth.index is None else self._caption(depth)
                    caption = f"{caption}   +   {depth.stream} {words.removeprefix(depth.stream).strip()}"
            else:
                pixels = self._get(_key(mine))
                ready = pixels is not None and self._depth(layers, pixels, before)
        except LabcaptureError as error:
            pane.show_missing("CANNOT BE SHOWN", str(error), mine.stream)
            return True
        if ready:
            pane.show_layers(layers, caption + ("" if before is None else self._compared(before)))
        return ready

    def _get(self, key: Key) -> NDArray[Any] | None:
        found = self.cache.get(key)
        if isinstance(found, LabcaptureError):
            raise found
        return found

    def _before(self, mine: Shown) -> Shown | None:
        """Return the frame that ``mine`` is compared with; None without a comparison."""
        if not self.mode.difference or self.mode.reference is None:
            return None
        before = self._film.at(self.mode.reference, mine.stream)
        if before.index is None:
            raise RecordingError("no frame to compare with at the reference", mine.stream, "Press R at another frame.")
        return before

    def _color(self, layers: list[Layer], pixels: NDArray[Any], before: Shown | None) -> bool:
        if before is not None:
            other = self._get(_key(before))
            if other is None:
                return False
            pixels = rendering.color_difference(pixels, other, self.mode.gain)
        layers.append(Layer(image_of(pixels)))
        return True

    def _depth(self, layers: list[Layer], counts: NDArray[np.uint16], before: Shown | None) -> bool:
        mode, count_mm = self.mode, self._count_mm(str(self.camera.depth))
        if before is not None:
            other = self._get(_key(before))
            if other is None:
                return False
            layers.append(Layer(image_of(rendering.depth_difference(counts, other, count_mm, mode.gain))))
        else:
            layers.append(Layer(image_of(rendering.depth_colours(counts, count_mm, mode.near_mm, mode.far_mm))))
        self._contour(layers, counts, count_mm)
        self._measured["depth"] = (counts, str(self.camera.depth))
        return True

    def _over(self, layers: list[Layer], depth: Shown) -> bool:
        """Lay aligned depth over colour."""
        if depth.index is None:
            self._measured.pop("color", None)
            return True
        counts = self._get(_key(depth)._replace(stream=self._depth_name()))
        if counts is None:
            return False
        mode, count_mm = self.mode, self._count_mm(depth.stream)
        if not mode.difference:
            shades = rendering.depth_colours(counts, count_mm, mode.near_mm, mode.far_mm, see_through=True)
            layers.append(Layer(image_of(shades), mode.opacity))
        self._contour(layers, counts, count_mm)
        self._measured["color"] = (counts, str(self.camera.color))
        return True

    def _contour(self, layers: list[Layer], counts: NDArray[np.uint16], count_mm: float) -> None:
        if self.mode.contour_mm > 0:
            lines = rendering.contours(counts, count_mm, self.mode.contour_mm, self.mode.far_mm)
            layers.append(Layer(image_of(rendering.line_picture(lines, _LINE))))

    def _caption(self, shown: Shown) -> str:
        count = len(self._reel(shown.trial, shown.stream))
        return f"{shown.stream}  frame {shown.index} of {count}  {self._film.clock(shown.time)}"

    def _compared(self, before: Shown) -> str:
        return f"   −   frame {before.index}, × {self.mode.gain:g}"

    # What is measured -------------------------------------------------------------------------------------------------

    def fit_range(self) -> None:
        """Fit the colours of depth to what is nearest now."""
        for counts, _ in self._measured.values():
            near, far = rendering.fitted_range(counts, self._count_mm(str(self.camera.depth)))
            self.set_mode(near_mm=near, far_mm=far)
            return

    def distance_mm(self, pane: str, pixel: tuple[int, int]) -> float | None:
        """Return the distance (mm) at a pixel (column, row) of a pane; None where it is not known."""
        if pane not in self._measured or (pane == "color" and not self.mode.blend):
            return None
        counts, _ = self._measured[pane]
        column, row = pixel
        if not (0 <= row < counts.shape[0] and 0 <= column < counts.shape[1]) or not counts[row, column]:
            return None
        return float(counts[row, column]) * self._count_mm(str(self.camera.depth))

    def ruler_mm(self, pane: str, first: tuple[int, int], second: tuple[int, int]) -> float | None:
        """Return the straight way (mm) between the points that two pixels show; None where it is not known."""
        ends = [self.distance_mm(pane, pixel) for pixel in (first, second)]
        if ends[0] is None or ends[1] is None:
            return None
        color, depth = self.shown()
        shown = color if pane == "color" else depth
        try:
            lens = Lens.of(self._film.session.trials[shown.trial][shown.stream].attributes)
        except KeyError:
            return None
        points = [point(*pixel, z, lens) for pixel, z in zip((first, second), ends, strict=True) if z is not None]
        return float(np.linalg.norm(points[1] - points[0]))


def _key(shown: Shown) -> Key:
    """Return the key of a frame that is there."""
    return Key(shown.trial, shown.stream, -1 if shown.index is None else shown.index)


def stride_of(speed: float) -> int:
    """Return every how manieth frame is shown at a speed: at 2 and 4 times every second and fourth."""
    return max(1, round(speed))
