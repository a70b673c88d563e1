"""The head's position against its targets: one sentence, a gauge of the distance, and every limit with its reading."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from labcapture.console.parts import Elided, FittedText
from labcapture.console.theme import Theme
from labcapture.engine.head_messages import HeadLimit, HeadView

HOLD_S = 2.0
"""All limits must hold so long by default; a rig may want another time, and then the bar waits when it is full."""
_FROM_MM, _TO_MM = 350.0, 700.0
_MISSING = "–"


def reading(limit: HeadLimit) -> str:
    """Return a limit's reading as people read it; with a decimal where it would seem to be the limit itself."""
    value = limit.reading
    if value is None:
        return _MISSING
    share = not limit.units and _is_share(limit)
    edges = [edge for edge in (limit.least, limit.most) if edge is not None]
    close = not limit.ok and any(abs(value - edge) < (0.01 if share else 1.0) for edge in edges)
    figure = f"{value:.{int(close)}%}" if share else f"{value:.{int(close)}f}"
    return f"{figure} {limit.units}".strip().replace(" °", "°").replace("-", "−")


def bounds(limit: HeadLimit) -> str:
    """Return what the reading must keep within."""

    def figure(value: float) -> str:
        return f"{value:.0%}" if not limit.units and _is_share(limit) else f"{value:.0f}"

    if limit.least is None:
        return "" if limit.most is None else f"at most {figure(limit.most)}"
    if limit.most is None:
        return f"at least {figure(limit.least)}"
    if limit.least == -limit.most:
        return f"± {figure(limit.most)}"
    return f"{figure(limit.least)} to {figure(limit.most)}"


def _is_share(limit: HeadLimit) -> bool:
    """Return whether the limit is of a part of something: it is not above 1."""
    return max(value for value in (limit.least, limit.most, 0.0) if value is not None) <= 1.0


class HeadPanel(QWidget):
    """Stands below the live pictures while the head is brought to its place."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Head position")
        self.sentence = FittedText("What to do")
        self.sentence.set_largest(40)
        self.gauge = DistanceGauge(theme)
        self.limits = LimitGrid(theme)
        self.range = Elided("caption")
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 0, 4, 0)
        column.setSpacing(4)
        column.addWidget(self.sentence, 1)
        column.addWidget(self.gauge)
        column.addWidget(self.limits)
        column.addWidget(self.range)

    def show_head(self, view: HeadView) -> None:
        """Follow the measures."""
        self.sentence.say(view.sentence)
        self.gauge.show_head(view)
        self.limits.show_limits(view.limits)
        far = "no end" if view.max_z_mm is None else f"{view.max_z_mm:.0f} mm"
        middle = _MISSING if view.median_mm is None else f"{view.median_mm:.0f} mm"
        self.range.say(
            f"face at {middle} (median)  ·  minZ {view.min_z_mm:.0f} mm, maxZ {far}  ·  "
            f"face found in {view.face_found:.0%} of {view.pictures} pictures"
        )


class DistanceGauge(QWidget):
    """The nearest point of the face on a scale from too close to too far; below it, for how long all is well."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._view = HeadView()
        self.setAccessibleName("Distance of the face")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_head(self, view: HeadView) -> None:
        """Follow the measures."""
        self._view = view
        told = "no face" if view.nearest_mm is None else f"nearest point at {view.nearest_mm:.0f} mm"
        self.setAccessibleDescription(told)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for a scale with figures above and below."""
        return QSize(200, round(self.fontMetrics().height() * 3.6))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the scale, what the camera cannot measure, the target, the reading, and how long it has held."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line, theme, view = self.fontMetrics().height(), self._theme, self._view
        bar = QRectF(1, line * 1.35, self.width() - 2, line * 0.75)

        def x(millimetres: float) -> float:
            share = (millimetres - _FROM_MM) / (_TO_MM - _FROM_MM)
            return bar.left() + min(1.0, max(0.0, share)) * bar.width()

        def between(least: float, most: float) -> QRectF:
            return QRectF(x(least), bar.top(), x(most) - x(least), bar.height())

        painter.fillRect(bar, QColor(theme.raised))
        painter.fillRect(between(_FROM_MM, view.min_z_mm), QBrush(QColor(theme.muted), Qt.BrushStyle.BDiagPattern))
        target = next((limit for limit in view.limits if limit.name == "nearest_mm"), None)
        ticks = [_FROM_MM, _TO_MM]
        if target is not None and target.least is not None and target.most is not None:
            band = QColor(theme.accent)
            band.setAlphaF(1.0 if target.ok else 0.4)
            painter.fillRect(between(target.least, target.most), band)
            ticks += [target.least, target.most]
        font = QFont(self.font())
        font.setPixelSize(max(9, round(line * 0.75)))
        painter.setFont(font)
        painter.setPen(QColor(theme.muted))
        for tick in ticks:
            words = QRectF(x(tick) - line * 2, bar.bottom() + line * 0.05, line * 4, line)
            words.moveLeft(min(max(words.left(), 0.0), self.width() - words.width()))
            align = {_FROM_MM: Qt.AlignmentFlag.AlignLeft, _TO_MM: Qt.AlignmentFlag.AlignRight}
            painter.drawText(words, align.get(tick, Qt.AlignmentFlag.AlignHCenter), f"{tick:.0f}")
        held = QRectF(bar.left(), bar.bottom() + line * 1.15, bar.width(), max(3.0, line * 0.2))
        painter.fillRect(held, QColor(theme.line))
        held.setWidth(held.width() * (1.0 if view.green else min(1.0, view.held_s / HOLD_S)))
        painter.fillRect(held, QColor(theme.accent))
        if view.nearest_mm is not None:
            self._draw_pointer(painter, x(view.nearest_mm), bar, line, is_good=target is None or target.ok)

    def _draw_pointer(self, painter: QPainter, at: float, bar: QRectF, line: float, *, is_good: bool) -> None:
        colour = QColor(self._theme.text if is_good else self._theme.warning)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawPolygon(
            QPolygonF([QPointF(at, bar.top() + 2), QPointF(at - line * 0.4, bar.top() - line * 0.4),
                       QPointF(at + line * 0.4, bar.top() - line * 0.4)])
        )  # fmt: skip
        painter.fillRect(QRectF(at - 1, bar.top(), 2, bar.height()), colour)
        font = QFont(self.font())
        font.setWeight(QFont.Weight.Bold)
        painter.setFont(font)
        painter.setPen(colour)
        words = QRectF(at - line * 4, 0, line * 8, line * 0.95)
        words.moveLeft(min(max(words.left(), 0.0), self.width() - words.width()))
        align = Qt.AlignmentFlag.AlignHCenter
        if at < line * 4:
            align = Qt.AlignmentFlag.AlignLeft
        elif at > self.width() - line * 4:
            align = Qt.AlignmentFlag.AlignRight
        painter.drawText(words, align, f"{self._view.nearest_mm:.0f} mm")


class LimitGrid(QWidget):
    """Each limit: its name, its reading, what it must keep within, and whether it does."""

    _COLUMNS = 3

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._limits: tuple[HeadLimit, ...] = ()
        self.setAccessibleName("Limits of the head position")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_limits(self, limits: tuple[HeadLimit, ...]) -> None:
        """Follow the measures."""
        more = len(limits) != len(self._limits)
        self._limits = limits
        broken = [f"{limit.label} {reading(limit)}" for limit in limits if not limit.ok]
        self.setAccessibleDescription("; ".join(broken) or "all kept")
        if more:
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Two lines for each row."""
        rows = max(1, -(-len(self._limits) // self._COLUMNS))
        return QSize(300, round(rows * self.fontMetrics().height() * 2.3))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the cells; a limit that is not kept stands out."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line, theme = self.fontMetrics().height(), self._theme
        width = self.width() / self._COLUMNS
        small, strong = QFont(self.font()), QFont(self.font())
        small.setPixelSize(max(9, round(line * 0.72)))
        strong.setWeight(QFont.Weight.Bold)
        for i, limit in enumerate(self._limits):
            row, column = divmod(i, self._COLUMNS)
            cell = QRectF(column * width, row * line * 2.3, width - line * 0.6, line * 2.2)
            colour = QColor(theme.text if limit.ok else theme.warning)
            painter.fillRect(
                QRectF(cell.left(), cell.top(), 3, cell.height()), QColor(theme.accent) if limit.ok else colour
            )
            words = cell.adjusted(line * 0.6, 0, 0, 0)
            painter.setFont(small)
            painter.setPen(QColor(theme.muted))
            painter.drawText(words, Qt.AlignmentFlag.AlignTop, limit.label)
            painter.drawText(words, Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignRight, bounds(limit))
            painter.setFont(strong)
            painter.setPen(colour)
            painter.drawText(words, Qt.AlignmentFlag.AlignBottom, reading(limit))
