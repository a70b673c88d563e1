"""The protocol as a list: what is done, what runs, what comes, and the verdict on each clip with its reasons."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from labcapture.console import text
from labcapture.console.theme import Theme
from labcapture.engine.messages import Snapshot, StepView

_Index = QModelIndex | QPersistentModelIndex
_ROW = 1.9  # heights of a line
_STEP = Qt.ItemDataRole.UserRole


class StepsModel(QAbstractListModel):
    """The steps of the newest snapshot."""

    def __init__(self) -> None:
        super().__init__()
        self._steps: tuple[StepView, ...] = ()

    def show(self, steps: tuple[StepView, ...]) -> None:
        """Take over ``steps``; the view keeps its place as long as they are the same ones."""
        if [step.id for step in steps] != [step.id for step in self._steps]:
            self.beginResetModel()
            self._steps = steps
            self.endResetModel()
            return
        changed = [i for i, (old, new) in enumerate(zip(self._steps, steps, strict=True)) if old != new]
        self._steps = steps
        for i in changed:
            self.dataChanged.emit(self.index(i), self.index(i))

    def step(self, row: int) -> StepView | None:
        """Return the step in ``row``."""
        return self._steps[row] if 0 <= row < len(self._steps) else None

    def rowCount(self, parent: _Index | None = None) -> int:  # noqa: N802 - Qt's name
        """Return the number of steps."""
        return 0 if parent is not None and parent.isValid() else len(self._steps)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - Qt's variant
        """Return a step's title, its whole story for assistive tools, or the step itself."""
        if not index.isValid():
            return None
        step = self._steps[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return text.title(step)
        if role in {Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole}:
            return ", ".join(filter(None, (text.title(step), step.kind, step.state, step.verdict, step.reason)))
        return step if role == _STEP else None


class StepsPanel(QListView):
    """Scrolls along with the running step. One step can be picked, to be run again or gone on at."""

    picked = Signal()
    """Another step, or none, is picked now."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._current: int | None = None
        self.steps = StepsModel()
        self.setAccessibleName("Steps of the protocol")
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setModel(self.steps)
        self.setItemDelegate(_Delegate(theme, self))
        self.to_redo = ""
        """The step that one key takes again."""
        self.selectionModel().selectionChanged.connect(lambda *_: self.picked.emit())
        self.steps.modelReset.connect(self.picked)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Follow the engine."""
        bad = text.bad_clip(snapshot)
        if self.to_redo != (bad.id if bad is not None else ""):
            self.to_redo = bad.id if bad is not None else ""
            self.scheduleDelayedItemsLayout()
        self.steps.show(snapshot.steps)
        if snapshot.step != self._current:
            self._current = snapshot.step
            self._centre()

    def _centre(self) -> None:
        """Have the running step in the middle."""
        if self._current is not None and self._current < self.steps.rowCount():
            self.scrollTo(self.steps.index(self._current), QAbstractItemView.ScrollHint.PositionAtCenter)

    def doItemsLayout(self) -> None:  # noqa: N802 - Qt's name
        """Keep the running step in the middle when the rows get another height."""
        super().doItemsLayout()
        self._centre()

    @property
    def selected(self) -> StepView | None:
        """The step that is picked."""
        rows = self.selectionModel().selectedIndexes()
        return self.steps.step(rows[0].row()) if rows else None

    def pick(self, change: int) -> None:
        """Pick the step ``change`` rows below the picked one, or the running one."""
        rows = self.selectionModel().selectedIndexes()
        start = rows[0].row() if rows else self._current if self._current is not None else 0
        row = min(max(start + change, 0), self.steps.rowCount() - 1)
        if row >= 0:
            self.setCurrentIndex(self.steps.index(row))

    def let_go(self) -> None:
        """Pick none."""
        self.selectionModel().clear()
        self.picked.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Break the reasons anew."""
        super().resizeEvent(event)
        self.scheduleDelayedItemsLayout()


class _Delegate(QStyledItemDelegate):
    def __init__(self, theme: Theme, parent: StepsPanel) -> None:
        super().__init__(parent)
        self._theme = theme
        self._panel = parent

    def sizeHint(self, option: QStyleOptionViewItem, index: _Index) -> QSize:  # noqa: N802 - Qt's name
        step: StepView = index.data(_STEP)
        line = option.fontMetrics.height()
        below = self._below(step, option.fontMetrics, self._panel.viewport().width() - line * 2.1)
        return QSize(0, round(_ROW * line + below + (0.25 * line if below else 0)))

    def _reason(self, step: StepView) -> str:
        """Return what stands below a step's title."""
        key = "Shift+R redoes it now" if step.id == self._panel.to_redo else ""
        return "  ·  ".join(filter(None, (key, step.reason)))

    def _below(self, step: StepView, metrics: QFontMetrics, width: float) -> float:
        """Return the height of the reason: as many lines as it takes, three at most."""
        reason = self._reason(step)
        if not reason:
            return 0.0
        needed = metrics.boundingRect(QRect(0, 0, int(width), 1000), Qt.TextFlag.TextWordWrap, reason).height()
        return float(min(needed, 3 * metrics.lineSpacing()))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        step: StepView = index.data(_STEP)
        theme = self._theme
        box = QRectF(option.rect)
        font = QFont(option.font)
        line = option.fontMetrics.height()
        top = QRectF(box.left(), box.top(), box.width(), line * _ROW)
        running = step.state == "running"
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if running:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.raised))
            painter.drawRoundedRect(box.adjusted(0, 1, 0, -1), 5, 5)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(QColor(theme.accent), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 5, 5)
        mark = QRectF(0, 0, line * 0.72, line * 0.72)
        mark.moveCenter(QPointF(top.left() + line * 0.8, top.center().y()))
        _draw_mark(painter, mark, step, theme)
        words = top.adjusted(line * 1.6, 0, -line * 0.5, 0)
        if step.verdict is not None:
            words.setRight(words.right() - self._draw_verdict(painter, words, step, font))
        font.setWeight(QFont.Weight.Bold if running else QFont.Weight.Medium)
        painter.setFont(font)
        faint = step.state in {"pending", "skipped"}
        painter.setPen(QColor(theme.muted if faint else theme.text))
        metrics = painter.fontMetrics()
        shown = metrics.elidedText(text.title(step), Qt.TextElideMode.ElideRight, int(words.width()))
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, shown)
        reason = self._reason(step)
        if reason:
            font.setWeight(QFont.Weight.Normal)
            painter.setFont(font)
            painter.setPen(QColor(theme.text if step.id == self._panel.to_redo else theme.muted))
            room = QRectF(words.left(), top.bottom() - line * 0.3, box.right() - words.left() - line * 0.5, 0)
            room.setBottom(box.bottom() - line * 0.05)
            painter.drawText(room, Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap, reason)
        painter.restore()

    def _draw_verdict(self, painter: QPainter, words: QRectF, step: StepView, font: QFont) -> float:
        """Draw the verdict at the right; return the width that it took."""
        verdict = step.verdict or ""
        font = QFont(font)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        good = step.verdict == "annotatable"
        painter.setPen(QColor(self._theme.accent if good else self._theme.warning))
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, verdict)
        return float(painter.fontMetrics().horizontalAdvance(verdict) + 10)


def _draw_mark(painter: QPainter, box: QRectF, step: StepView, theme: Theme) -> None:
    """Draw a step's state: a ring to come, a dot that runs, a tick, a cross, a dash."""
    clip = text.is_clip(step)
    width = max(1.6, box.width() * 0.14)
    if step.state == "running":
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.accent))
        painter.drawEllipse(box)
        return
    painter.setBrush(Qt.BrushStyle.NoBrush)
    muted, accent = QColor(theme.muted), QColor(theme.accent)
    if step.state == "pending":
        painter.setPen(QPen(muted, width))
        inner = box.adjusted(width, width, -width, -width)
        if clip:
            painter.drawRoundedRect(inner, 2, 2)
        else:
            painter.drawEllipse(inner)
        return
    colour = {"done": accent, "failed": QColor(theme.warning)}.get(step.state, muted)
    painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))

    def at(x: float, y: float) -> QPointF:
        return QPointF(box.left() + x * box.width(), box.top() + y * box.height())

    if step.state == "done":
        painter.drawPolyline(QPolygonF([at(0.08, 0.55), at(0.38, 0.85), at(0.92, 0.2)]))
    elif step.state == "failed":
        painter.drawLine(at(0.15, 0.15), at(0.85, 0.85))
        painter.drawLine(at(0.15, 0.85), at(0.85, 0.15))
    else:
        painter.drawLine(at(0.15, 0.5), at(0.85, 0.5))
