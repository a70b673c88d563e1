"""What can be measured: between two marks in time, at the mouse, along a ruler; and copied for elsewhere."""

from __future__ import annotations

import math
from functools import partial

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication

from labcapture.view.film import Film
from labcapture.view.measure import between
from labcapture.view.panels import MeasurePanel
from labcapture.view.picture import PictureView
from labcapture.view.projector import Projector
from labcapture.view.steering import Steering
from labcapture.view.tracks import Tracks

_Pixel = tuple[int, int]


class Measuring(QObject):
    """Marks A and B on the time line, distances in the panes, the clipboard.

    Parameters
    ----------
    panes
        Of colour and of depth, by these names.
    """

    said = Signal(str, bool)
    """Words for the experimenter, and whether they stay."""

    def __init__(
        self, film: Film, steering: Steering, tracks: Tracks, panel: MeasurePanel, panes: dict[str, PictureView]
    ) -> None:
        super().__init__()
        self._film, self._steering, self._tracks, self._panel, self._panes = film, steering, tracks, panel, panes
        self._projector: Projector = steering.projector
        for name, pane in panes.items():
            pane.pointed.connect(partial(self._read_distance, name))
            pane.ruled.connect(partial(self._rule, name))

    def mark_a(self) -> None:
        """Put mark A here."""
        self._mark("A")

    def mark_b(self) -> None:
        """Put mark B here."""
        self._mark("B")

    def _mark(self, name: str) -> None:
        self._tracks.marks[name] = self._steering.time
        self.show_marks()

    def go_mark(self, way: int) -> None:
        """Go to mark A (-1) or B (1)."""
        time = self._tracks.marks.get("A" if way < 0 else "B")
        if time is not None:
            self._steering.seek(time)

    def clear_marks(self) -> None:
        """Take marks and rulers off."""
        for name in "AB":
            self._tracks.marks.pop(name, None)
        for pane in self._panes.values():
            pane.clear_ruler()
        self.said.emit("", False)
        self.show_marks()
        self._tracks.setFocus()

    def show_marks(self) -> None:
        """Show the marks, the reference among them, and what lies between A and B."""
        mode, marks = self._projector.mode, self._tracks.marks
        marks.pop("R", None)
        if mode.difference and mode.reference is not None:
            marks["R"] = mode.reference
        a, b = marks.get("A"), marks.get("B")
        result = None if a is None or b is None else between(self._film, self._projector.camera, a, b)
        first, second = ("" if it is None else self._film.clock(it) for it in (a, b))
        self._panel.say(first, second, result)
        self._tracks.update()

    def _read_distance(self, name: str, pixel: _Pixel | None) -> None:
        if pixel is None:
            self._panes[name].show_reading("")
            return
        distance = self._projector.distance_mm(name, pixel)
        words = f"{pixel[0]}, {pixel[1]}"
        if distance is not None:
            words = f"{distance:.0f} mm   at {words}"
        elif name == "depth" or self._projector.mode.blend:
            words = f"not measured   at {words}"
        self._panes[name].show_reading(words)

    def _rule(self, name: str, first: _Pixel | None, second: _Pixel | None) -> None:
        if first is None or second is None:
            self.said.emit("", False)
            return
        distance = self._projector.ruler_mm(name, first, second)
        words = f"ruler {math.dist(first, second):.0f} px"
        self.said.emit(words if distance is None else f"{words}, {distance:.1f} mm", True)

    def copy(self) -> None:
        """Copy time and frame indices of what is seen."""
        color, depth = self._projector.shown()
        parts = [self._film.session.name, f"trial={color.trial or depth.trial or '-'}"]
        parts += [f"{it.stream}={'-' if it.index is None else it.index}" for it in (color, depth) if it.stream]
        mine = color if color.index is not None else depth
        time = mine.time if mine.index is not None else self._steering.time
        parts += [f"lsl_time={time:.6f}", f"clock={self._film.clock(time)}"]
        QGuiApplication.clipboard().setText("\t".join(parts))
        self.said.emit("copied: " + "  ".join(parts[1:]), False)
