"""The cells of the table of sessions, drawn by hand.

Qt asks a model seven things for each cell and styles it anew, in the language of style sheets: 40 ms for a table of 17
sessions, on a slow machine, where a window may not be busy for 50.
"""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QPainter, QPalette
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from labcapture.console.browser_model import SessionTable

_MARGIN = 0.35  # left and right of a cell's words, in heights of a line


class Cells(QStyledItemDelegate):
    """Draws one line of words in each cell, in the colour that the model gives it."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Draw a cell."""
        model = index.model()
        assert isinstance(model, SessionTable)  # noqa: S101 - the only model that it is made for
        words, side, colour = model.drawn(index.row(), index.column())
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if chosen:
            painter.fillRect(option.rect, option.palette.brush(QPalette.ColorRole.Highlight))
            painter.setPen(option.palette.color(QPalette.ColorRole.HighlightedText))
        else:
            painter.setPen(QColor(colour) if colour else option.palette.color(QPalette.ColorRole.Text))
        margin = round(_MARGIN * option.fontMetrics.height())
        box = option.rect.adjusted(margin, 0, -margin, 0)
        if option.fontMetrics.horizontalAdvance(words) > box.width():
            words = option.fontMetrics.elidedText(words, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, side | Qt.TextFlag.TextSingleLine, words)
