"""Live pictures: colour as it is, depth coloured by distance."""

from __future__ import annotations

import math
import time
from functools import cache
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QImage, QLinearGradient, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from labcapture.console.theme import DARK, Theme
from labcapture.engine.head_messages import HeadView
from labcapture.engine.messages import PictureSlot
from labcapture.engine.preview import Picture

NEAR_MM = 400.0
FAR_MM = 1600.0
_TICKS_MM = (400, 450, 500, 600, 800, 1600)
_STALE_S = 1.5
_NO_DATA = 0xFF20242A
_CONTOUR = 0xFFFFFFFF


def distance_share(distance_mm: NDArray[np.floating[Any]] | float) -> NDArray[np.float64]:
    """Return the place of a distance on the colour scale: 1 at `NEAR_MM`, 0 at `FAR_MM`.

    Equal steps are equal steps of disparity, that is of what a stereo camera measures: a face fills a quarter of the
    scale instead of the twentieth that it has of the distance.
    """
    near, far = 1 / NEAR_MM, 1 / FAR_MM
    share: NDArray[np.float64] = np.clip((1 / np.asarray(distance_mm, float) - far) / (near - far), 0.0, 1.0)
    return share


@cache
def depth_table(step_mm: float = 1.0) -> NDArray[np.uint32]:
    """Return a colour (0xffRRGGBB) for every depth count of ``step_mm``; zero, which is no data, is grey."""
    millimetres = np.arange(1, 65536) * step_mm
    steps = np.asarray(pg.colormap.get("viridis").getLookupTable(0.0, 1.0, 1024, alpha=False), np.uint32)
    colours = steps[(distance_share(millimetres) * 1023).astype(int)]
    table = np.full(65536, _NO_DATA, np.uint32)
    table[1:] = 0xFF000000 | colours[:, 0] << 16 | colours[:, 1] << 8 | colours[:, 2]
    return table


CONTOUR_MM = 5
CONTOURS = 7


def contours(pixels: NDArray[np.uint16], step_mm: float, nearest_mm: float) -> NDArray[np.bool_]:
    """Return where the lines of equal distance run: every 5 mm from the nearest point of a face on, 35 mm deep.

    For a face at 510 mm these are the bands of 510 to 545 mm by which faces are judged (Li et al. 2022).

    Parameters
    ----------
    pixels
        (h, w) depth counts of ``step_mm``; zero is no data.

    Returns
    -------
    ndarray of bool, (h, w)
    """
    start = math.floor(nearest_mm / CONTOUR_MM) * CONTOUR_MM
    table = np.zeros(65536, np.uint8)
    millimetres = np.arange(1, 65536) * step_mm
    table[1:] = np.clip(np.floor((millimetres - start) / CONTOUR_MM) + 1, 0, CONTOURS + 1)
    band = table[pixels]
    known = pixels > 0
    lines = np.zeros(pixels.shape, bool)
    lines[:, :-1] |= (band[:, :-1] != band[:, 1:]) & known[:, :-1] & known[:, 1:]
    lines[:-1] |= (band[:-1] != band[1:]) & known[:-1] & known[1:]
    return lines


class PictureView(QWidget):
    """One camera stream, as large as its place allows; says so when no new picture comes."""

    def __init__(self, theme: Theme, slot: PictureSlot, *, stale_s: float = _STALE_S) -> None:
        super().__init__()
        self._stale_s = stale_s
        self.stream = slot.name
        self.aspect = slot.shape[1] / slot.shape[0]
        self.count = 0
        self._theme = theme
        self._table = depth_table(slot.step_mm) if slot.dtype == "uint16" else None
        self._pixels: NDArray[Any] | None = None  # the image below looks into it
        self._image: QImage | None = None
        self._caption = ""
        self._shown_at = time.monotonic()
        self._stale = False
        self._simulated = False
        self._step_mm = slot.step_mm
        self._head: HeadView | None = None
        self.setAccessibleName(f"Live picture of {slot.name}")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 90)

    def show_head(self, head: HeadView | None) -> None:
        """Draw the face's box and its distances over the picture, or no more (None)."""
        if head != self._head:
            self._head = head
            self.update()

    def show_picture(self, picture: Picture) -> None:
        """Take over a preview."""
        pixels = picture.pixels
        if self._table is not None:
            if self._pixels is None or self._pixels.shape != pixels.shape:
                self._pixels = np.empty(pixels.shape, np.uint32)
            np.take(self._table, pixels, out=self._pixels, mode="clip")  # clip: into out without a copy between
            if self._head is not None and self._head.nearest_mm is not None:
                self._pixels[contours(pixels, self._step_mm, self._head.nearest_mm)] = _CONTOUR
            layout = QImage.Format.Format_RGB32
        else:
            self._pixels = np.ascontiguousarray(pixels)
            layout = QImage.Format.Format_RGB888 if pixels.ndim == 3 else QImage.Format.Format_Grayscale8
        height, width = pixels.shape[:2]
        self._image = QImage(self._pixels.data, width, height, self._pixels.strides[0], layout)
        self.count = picture.count
        self._caption = f"{self.stream}  {picture.frame_number}"
        self._shown_at = time.monotonic()
        self._stale = False
        self.update()

    def watch(self, *, simulated: bool) -> None:
        """Find out whether the picture has become old; called at every refresh."""
        stale = self._image is not None and time.monotonic() - self._shown_at > self._stale_s
        if stale or stale != self._stale or simulated != self._simulated:
            self._stale, self._simulated = stale, simulated
            self.update()

    def clear(self) -> None:
        """Show nothing."""
        self._image, self._pixels, self.count, self._stale = None, None, 0, False
        self.update()

    @property
    def is_stale(self) -> bool:
        """Whether the picture shown is an old one."""
        return self._stale

    def colour_at(self, x: int, y: int) -> QColor:
        """Return what is shown for a pixel of the preview, before scaling."""
        return self._image.pixelColor(x, y) if self._image is not None else QColor()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for a quarter of a 720p picture."""
        return QSize(640, 360)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the picture, its name and frame number, the distance scale, and what is wrong with it."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._theme.panel))
        if self._image is None:
            painter.setPen(QColor(self._theme.muted))
            wraps = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect(), wraps, f"no picture of {self.stream} yet")
            return
        place = _fit(self._image.size(), self.rect())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(place, self._image)
        font = QFont(self.font())
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        self.draw_over(painter, place)
        if self._stale:
            painter.fillRect(place, QColor(0, 0, 0, 170))
            painter.setPen(QColor(DARK.warning))  # a picture is dark in either theme
            font.setPixelSize(round(self.fontInfo().pixelSize() * 1.5))
            painter.setFont(font)
            seconds = time.monotonic() - self._shown_at
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, f"no new picture for {seconds:.0f} s")

    def draw_over(self, painter: QPainter, place: QRect) -> None:
        """Draw the name and frame number, the distance scale and the head over the picture at ``place``."""
        _write(painter, place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, self._caption)
        if self._simulated:
            _write(painter, place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop, "SIMULATED")
        if self._table is not None:
            self._draw_scale(painter, place)
        if self._head is not None:
            self._draw_head(painter, place, self._head)

    def _draw_head(self, painter: QPainter, place: QRect, head: HeadView) -> None:
        """Draw the face's box on a colour picture, the nearest point on a depth picture."""
        line = self.fontMetrics().height()
        assert self._image is not None  # noqa: S101 - there is a picture under it
        factor = place.width() / (2 * self._image.width())  # measured at full size; previews have half of it
        is_good = all(limit.ok for limit in head.limits)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        colour = QColor(DARK.accent if is_good else DARK.warning)
        if self._table is None and head.face_box is not None:
            left, top, width, height = (value * factor for value in head.face_box)
            box = QRectF(place.left() + left, place.top() + top, width, height)
            for pen in (QPen(QColor(0, 0, 0, 150), line * 0.3), QPen(colour, line * 0.15)):
                painter.setPen(pen)
                painter.drawRoundedRect(box, line * 0.3, line * 0.3)
        if self._table is not None and head.nearest_px is not None:
            at = QPointF(place.left() + head.nearest_px[0] * factor, place.top() + head.nearest_px[1] * factor)
            for pen in (QPen(QColor(0, 0, 0, 200), line * 0.26), QPen(QColor("#ffffff"), line * 0.12)):
                painter.setPen(pen)
                painter.drawEllipse(at, line * 0.4, line * 0.4)
        if self._table is not None and head.nearest_mm is not None:
            start = math.floor(head.nearest_mm / CONTOUR_MM) * CONTOUR_MM
            words = f"lines every {CONTOUR_MM} mm, {start} to {start + CONTOURS * CONTOUR_MM}"
            _write(painter, place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, words)

    def _draw_scale(self, painter: QPainter, place: QRect) -> None:
        """Draw the distance scale along the right edge."""
        line = self.fontMetrics().height()
        bar = QRectF(place.right() - line * 0.8, place.top() + line * 2.2, line * 0.45, place.height() - line * 3.4)
        gradient = QLinearGradient(bar.topLeft(), bar.bottomLeft())
        for stop in range(9):
            near = 1 - stop / 8
            red, green, blue = pg.colormap.get("viridis").map(near)[:3]
            gradient.setColorAt(stop / 8, QColor(int(red), int(green), int(blue)))
        painter.fillRect(bar.adjusted(-1, -1, 1, 1), QColor(0, 0, 0, 160))
        painter.fillRect(bar, gradient)
        font = QFont(self.font())
        font.setPixelSize(max(9, round(line * 0.68)))
        painter.setFont(font)
        for millimetres in _TICKS_MM:
            y = bar.bottom() - float(distance_share(float(millimetres))) * bar.height()
            words = QRectF(bar.left() - line * 4.4, y - line / 2, line * 4.1, line)
            unit = " mm" if millimetres == _TICKS_MM[0] else ""
            _shadowed(
                painter, words, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{millimetres}{unit}"
            )


def _fit(size: QSize, room: QRect) -> QRect:
    fitted = QRect(room.topLeft(), size.scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio))
    fitted.moveCenter(room.center())
    return fitted


def _write(painter: QPainter, place: QRect, alignment: Qt.AlignmentFlag, words: str) -> None:
    line = painter.fontMetrics().height()
    _shadowed(painter, QRectF(place).adjusted(line * 0.5, line * 0.3, -line * 0.5, -line * 0.3), alignment, words)


def _shadowed(painter: QPainter, room: QRectF, alignment: Qt.AlignmentFlag, words: str) -> None:
    """Draw white text that can be read on any picture."""
    painter.setPen(QColor(0, 0, 0, 200))
    for shift in (QPointF(1, 1), QPointF(-1, 1), QPointF(1, -1), QPointF(-1, -1)):
        painter.drawText(room.translated(shift), alignment, words)
    painter.setPen(QColor("#ffffff"))
    painter.drawText(room, alignment, words)
