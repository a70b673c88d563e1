"""Curves over an axis at their left and one below, of pyqtgraph's parts.

Its `PlotWidget` also makes a form of settings and two more axes; making one keeps a window on a slow machine from its
work for longer than it may be.
"""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGraphicsGridLayout

from labcapture.console.theme import Theme


class Plot(pg.GraphicsView):  # type: ignore[misc] # pyqtgraph has no types
    """Only what is drawn: it takes neither mouse nor keyboard, and has no range but the one that it is given."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(background=theme.panel)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setMinimumHeight(40)
        self.box: Any = pg.ViewBox(enableMenu=False, enableMouse=False)
        self.box.disableAutoRange()
        self.left, self.bottom = (pg.AxisItem(side, linkView=self.box) for side in ("left", "bottom"))
        whole = pg.GraphicsWidget()
        self._grid = QGraphicsGridLayout(whole)
        self._grid.setSpacing(0)
        for item, row, column in ((self.left, 0, 0), (self.box, 0, 1), (self.bottom, 1, 1)):
            self._grid.addItem(item, row, column)
        self._grid.setRowStretchFactor(0, 1)
        self._grid.setColumnStretchFactor(1, 1)
        self.setCentralItem(whole)
        for axis in (self.left, self.bottom):
            axis.setPen(pg.mkPen(theme.line))
            axis.setTextPen(pg.mkPen(theme.muted))

    def set_top_margin(self, pixels: int) -> None:
        """Leave room above the curves."""
        self._grid.setContentsMargins(0, pixels, 0, 0)
