"""The cells of the table of sessions, drawn by hand.

Qt asks a model seven things for each cell and styles it anew, in the language of style sheets: 40 ms for a table of 17
sessions on a slow machine, where a window may be busy for 50 at most.
"""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from labcapture.console.browser_model import SessionTable
from labcapture.console.theme import Theme

_MARGIN = 0.35  # left and right of a cell's words, in heights of a line


class Cells(QStyledItemDelegate):
    """Draws the words of each cell in the colour that the model gives them; the chosen session between two lines.

    Parameters
    ----------
    theme
        Its colours.
    parent
        The table.
    """

    def __init__(self, theme: Theme, parent: QTableView) -> None:
        super().__init__(parent)
        self._text, self._raised, self._accent = (QColor(it) for it in (theme.text, theme.raised, theme.accent))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Draw a cell."""
        model = index.model()
        assert isinstance(model, SessionTable)  # noqa: S101 - the only model that it is made for
        words, side, colour = model.drawn(index.row(), index.column())
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, self._raised)
            painter.setPen(self._accent)
            painter.drawLine(option.rect.topLeft(), option.rect.topRight())
            painter.drawLine(option.rect.bottomLeft(), option.rect.bottomRight())
        painter.setPen(QColor(colour) if colour else self._text)
        margin = round(_MARGIN * option.fontMetrics.height())
        box = option.rect.adjusted(margin, 0, -margin, 0)
        if option.fontMetrics.horizontalAdvance(words) > box.width():
            words = option.fontMetrics.elidedText(words, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, side | Qt.TextFlag.TextSingleLine, words)
