"""One picture on the screen: layers over each other, zoomed and moved together with its neighbour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from labcapture.console.theme import Theme

_MOST_ZOOM = 24.0
_NOTCH = 120.0  # of a mouse wheel
_SMOOTH_UP_TO = 3.0  # screen pixels per pixel; beyond, one wants to see the pixels themselves


class Look(QObject):
    """What part of the pictures is seen; all panes share it. Zoom 1: the whole; ``centre`` in shares of the picture."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.zoom = 1.0
        self.centre = QPointF(0.5, 0.5)

    def set(self, zoom: float, centre: QPointF) -> None:
        """Zoom and move."""
        self.zoom = min(_MOST_ZOOM, max(1.0, zoom))
        half = 0.5 / self.zoom
        self.centre = QPointF(*(min(1 - half, max(half, at)) for at in (centre.x(), centre.y())))
        self.changed.emit()


@dataclass(frozen=True)
class Layer:
    """A picture over those before it; ``opacity`` 0 to 1."""

    image: QImage
    opacity: float = 1.0


def image_of(pixels: NDArray[Any]) -> QImage:
    """Return (h, w, 3) or (h, w) uint8, or (h, w) uint32 0xAARRGGBB as an image with memory of its own."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    kinds = QImage.Format
    if pixels.dtype == np.uint32:
        kind, per_pixel, target = kinds.Format_ARGB32, 4, kinds.Format_ARGB32_Premultiplied
    elif pixels.ndim == 3:
        kind, per_pixel, target = kinds.Format_RGB888, 3, kinds.Format_RGB32
    else:
        kind, per_pixel, target = kinds.Format_Grayscale8, 1, kinds.Format_RGB32
    return QImage(pixels.data, width, height, per_pixel * width, kind).convertToFormat(target)


class PictureView(QWidget):
    """A pane with a caption, its layers, or a plain word on why there is no picture.

    Parameters
    ----------
    look
        Shared with the other panes.
    """

    pointed = Signal(object)
    """The pixel (column, row) under the mouse; None once it has left."""
    ruled = Signal(object, object)
    """Two pixels (column, row), the ends of a ruler drawn with the right button."""

    def __init__(self, theme: Theme, name: str, look: Look) -> None:
        super().__init__()
        self._theme = theme
        self._look = look
        self._layers: Sequence[Layer] = ()
        self._caption = name
        self._reading = ""
        self._missing = ""
        self._why = ""
        self._size = QSize(16, 9)
        self._drag: QPointF | None = None
        self._ruler: tuple[QPointF, QPointF] | None = None
        self.setAccessibleName(f"Picture of {name}")
        self.setMouseTracking(True)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 90)
        look.changed.connect(self.update)

    def show_layers(self, layers: Sequence[Layer], caption: str) -> None:
        """Show pictures, the first one lowest."""
        self._layers, self._caption, self._missing, self._why = layers, caption, "", ""
        if layers:
            self._size = layers[0].image.size()
        self.setAccessibleDescription(caption)
        self.update()

    def show_missing(self, what: str, why: str, caption: str) -> None:
        """Show no picture, and say so."""
        self._layers, self._caption, self._missing, self._why = (), caption, what, why
        self.setAccessibleDescription(f"{what}: {why}")
        self.update()

    def show_reading(self, words: str) -> None:
        """Show what is measured at the mouse."""
        if words != self._reading:
            self._reading = words
            self.update()

    def clear_ruler(self) -> None:
        """Draw no ruler any more."""
        self._ruler = None
        self.update()

    @property
    def missing(self) -> str:
        """What stands in place of a picture; empty while there is one."""
        return self._missing

    def layers(self) -> Sequence[Layer]:
        """Return what is shown."""
        return self._layers

    def _transform(self) -> QTransform:
        """Return how pixels of the picture come to lie in the widget."""
        width, height = self._size.width(), self._size.height()
        scale = min(self.width() / width, self.height() / height) * self._look.zoom
        made = QTransform.fromTranslate(self.width() / 2, self.height() / 2)
        made.scale(scale, scale)
        return made.translate(-self._look.centre.x() * width, -self._look.centre.y() * height)

    def pixel_at(self, where: QPointF) -> tuple[int, int] | None:
        """Return the pixel (column, row) at a place of the widget; None beside the picture."""
        back, _ = self._transform().inverted()
        at = back.map(where)
        inside = 0 <= at.x() < self._size.width() and 0 <= at.y() < self._size.height()
        return (int(at.x()), int(at.y())) if inside else None

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Zoom about the mouse."""
        back, _ = self._transform().inverted()
        at = back.map(event.position())
        share = QPointF(at.x() / self._size.width(), at.y() / self._size.height())
        factor = 1.25 ** (event.angleDelta().y() / _NOTCH)
        zoom = min(_MOST_ZOOM, max(1.0, self._look.zoom * factor))
        ratio = self._look.zoom / zoom
        self._look.set(zoom, share + (self._look.centre - share) * ratio)
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Begin to move the picture, or to draw a ruler."""
        self._drag = event.position()
        if event.button() == Qt.MouseButton.RightButton:
            back, _ = self._transform().inverted()
            self._ruler = (back.map(event.position()), back.map(event.position()))
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Move the picture or the ruler's end; measure."""
        self.pointed.emit(self.pixel_at(event.position()))
        back, _ = self._transform().inverted()
        if event.buttons() & Qt.MouseButton.RightButton and self._ruler is not None:
            self._ruler = (self._ruler[0], back.map(event.position()))
            self._tell_ruler()
            self.update()
        elif event.buttons() & Qt.MouseButton.LeftButton and self._drag is not None:
            moved = back.map(event.position()) - back.map(self._drag)
            step = QPointF(moved.x() / self._size.width(), moved.y() / self._size.height())
            self._drag = event.position()
            self._look.set(self._look.zoom, self._look.centre - step)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Let go; a right click without a way takes the ruler off."""
        self._drag = None
        if event.button() == Qt.MouseButton.RightButton and self._ruler is not None:
            if (self._ruler[0] - self._ruler[1]).manhattanLength() < 1:
                self.clear_ruler()
            self._tell_ruler()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Show the whole picture again."""
        self._look.set(1.0, QPointF(0.5, 0.5))

    def leaveEvent(self, event: Any) -> None:  # noqa: N802, ANN401 - Qt's name and type
        """Measure nothing any more."""
        self.pointed.emit(None)

    def _tell_ruler(self) -> None:
        if self._ruler is None:
            self.ruled.emit(None, None)
            return
        ends = [(int(end.x()), int(end.y())) for end in self._ruler]
        self.ruled.emit(*ends)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._theme.panel))
        how = self._transform()
        frame = how.mapRect(QRectF(0, 0, self._size.width(), self._size.height()))
        if self._missing:
            self._paint_missing(painter, frame)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, how.m11() < _SMOOTH_UP_TO)
        for layer in self._layers:
            painter.setOpacity(layer.opacity)
            painter.drawImage(how.mapRect(QRectF(layer.image.rect())), layer.image)
        painter.setOpacity(1.0)
        if self._ruler is not None and self._layers:
            self._paint_ruler(painter, how)
        visible = frame.intersected(QRectF(self.rect()))
        self._paint_words(painter, visible, self._caption, Qt.AlignmentFlag.AlignLeft)
        self._paint_words(painter, visible, self._reading, Qt.AlignmentFlag.AlignRight)

    def _paint_ruler(self, painter: QPainter, how: QTransform) -> None:
        first, second = (how.map(end) for end in self._ruler or ())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = self.fontMetrics().height()
        for colour, width in ((QColor(0, 0, 0, 160), line / 4.5), (QColor("white"), line / 11)):
            painter.setPen(QPen(colour, width))
            painter.drawLine(first, second)
            for end in (first, second):
                painter.drawEllipse(end, line / 4.5, line / 4.5)

    def _paint_missing(self, painter: QPainter, frame: QRectF) -> None:
        painter.fillRect(frame, QColor(self._theme.raised))
        line = self.fontMetrics().height()
        painter.save()
        painter.setClipRect(frame)
        painter.setPen(QPen(QColor(self._theme.line), max(1.0, line / 12)))
        for x in range(int(frame.left() - frame.height()), int(frame.right()), line * 2):
            painter.drawLine(QPointF(x, frame.bottom()), QPointF(x + frame.height(), frame.top()))
        painter.restore()
        bold = QFont(self.font())
        bold.setPixelSize(round(line * 1.7))
        bold.setWeight(QFont.Weight.Bold)
        middle = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter
        upper, lower = QRectF(frame), QRectF(frame)
        upper.moveTop(frame.top() - line * 1.1)
        lower.moveTop(frame.top() + line * 0.9)
        for font, where, words, colour in (
            (bold, upper, self._missing, self._theme.text),
            (self.font(), lower, self._why, self._theme.muted),
        ):
            painter.setFont(font)
            box = painter.boundingRect(where, int(middle), words)
            painter.fillRect(box.adjusted(-line * 0.6, -line * 0.1, line * 0.6, line * 0.1), QColor(self._theme.raised))
            painter.setPen(QColor(colour))
            painter.drawText(where, int(middle), words)

    def _paint_words(self, painter: QPainter, visible: QRectF, words: str, side: Qt.AlignmentFlag) -> None:
        if not words:
            return
        painter.setFont(self.font())
        line = self.fontMetrics().height()
        room = visible.adjusted(line * 0.8, line * 0.5, -line * 0.8, 0)
        box = painter.boundingRect(room, int(side | Qt.AlignmentFlag.AlignTop), words)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(16, 20, 24, 190))
        painter.drawRoundedRect(box.adjusted(-line * 0.4, -line * 0.15, line * 0.4, line * 0.15), 4, 4)
        painter.setPen(QColor("#e8ecef"))
        painter.drawText(box, int(side | Qt.AlignmentFlag.AlignTop), words)
