"""What the viewer adds to the console's style: toggles, figures to set, sliders, and icons drawn with a pen."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap, QPolygonF
from PySide6.QtWidgets import QGridLayout, QLabel, QLayout, QWidget

from labcapture.console.theme import Theme, style_sheet

_ICON = 64  # px; Qt scales it down


def viewer_style(theme: Theme, scale: float) -> str:
    """Return the style sheet of the viewer's window."""

    def px(size: float) -> str:
        return f"{round(size * scale)}px"

    return f"""{style_sheet(theme, scale)}
    QPushButton {{ padding: {px(5)} {px(10)}; font-size: {px(14)}; }}
    QPushButton:checked {{ background: {theme.accent}; color: {theme.on_accent}; border-color: {theme.accent}; }}
    QPushButton:checked:focus {{ border: 1px solid {theme.text}; }}
    QLineEdit, QComboBox {{ padding: {px(4)} {px(7)}; font-size: {px(14)}; }}
    QSpinBox {{ background: {theme.raised}; color: {theme.text}; border: 1px solid {theme.line};
        border-radius: {px(5)}; padding: {px(4)} {px(5)}; }}
    QSpinBox:focus {{ border-color: {theme.accent}; }}
    QSpinBox::up-button, QSpinBox::down-button {{ width: 0; border: none; }}
    QSlider:horizontal {{ min-height: {px(16)}; }}
    QSlider::groove:horizontal {{ height: {px(4)}; background: {theme.line}; border-radius: {px(2)}; }}
    QSlider::sub-page:horizontal {{ background: {theme.accent}; border-radius: {px(2)}; }}
    QSlider::handle:horizontal {{ width: {px(14)}; margin: -{px(5)} 0; border-radius: {px(7)};
        background: {theme.text}; }}
    QSplitter::handle {{ background: transparent; }}
    QLabel#simulated {{ font-size: {px(13)}; padding: {px(3)} {px(9)}; }}
    QLabel#clock {{ font-size: {px(20)}; font-weight: 700; }}
    """


def scale_room(window: QWidget, scale: float) -> None:
    """Grow margins and spacings of all layouts with the fonts; they were laid out for a scale of 1."""
    for layout in window.findChildren(QLayout):
        if layout.property("room") is None:
            margins = layout.contentsMargins()
            room = [margins.left(), margins.top(), margins.right(), margins.bottom()]
            spacings = [layout.spacing()]
            if isinstance(layout, QGridLayout):
                spacings = [layout.horizontalSpacing(), layout.verticalSpacing()]
            layout.setProperty("room", [*room, *spacings])
        left, top, right, bottom, *spacings = (round(size * scale) for size in layout.property("room"))
        layout.setContentsMargins(left, top, right, bottom)
        if isinstance(layout, QGridLayout):
            layout.setHorizontalSpacing(spacings[0])
            layout.setVerticalSpacing(spacings[1])
        else:
            layout.setSpacing(spacings[0])


def label(words: str = "", role: str = "") -> QLabel:
    """Return plain text in one of the style sheet's roles."""
    made = QLabel(words)
    made.setTextFormat(Qt.TextFormat.PlainText)  # names come from files: never as markup
    made.setProperty("role", role)
    return made


def icon(name: str, colour: str) -> QIcon:
    """Return ``play``, ``pause``, ``forward``, ``back``, ``next`` or ``previous``."""
    picture = QPixmap(_ICON, _ICON)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    if name in {"back", "previous"}:
        painter.translate(_ICON, 0)
        painter.scale(-1, 1)
    if name == "play":
        _triangle(painter, 16, 52)
    elif name == "pause":
        painter.drawRect(QRectF(15, 12, 12, 40))
        painter.drawRect(QRectF(37, 12, 12, 40))
    elif name in {"forward", "back"}:
        painter.drawRect(QRectF(12, 14, 8, 36))
        _triangle(painter, 26, 54)
    else:
        _triangle(painter, 10, 44)
        painter.drawRect(QRectF(46, 12, 8, 40))
    painter.end()
    return QIcon(picture)


def _triangle(painter: QPainter, left: float, right: float) -> None:
    painter.drawPolygon(QPolygonF([QPointF(left, 12), QPointF(right, 32), QPointF(left, 52)]))
