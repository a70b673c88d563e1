"""The frame of a new session's fields: a heading, columns side by side, and what stands below them."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLayout, QScrollArea, QVBoxLayout, QWidget

from labcapture.console.parts import label, panel


class Framed(QScrollArea):
    """A panel in the middle of the page, scrolled where there is no room, to be dressed part by part.

    The panel lies behind its contents, not around them: Qt styles all that a widget holds in one go.

    Parameters
    ----------
    heading
        At the top.
    columns
        Each with its share of the width.
    below
        At the foot.
    """

    def __init__(self, heading: str, columns: Sequence[tuple[QWidget, int]], below: QWidget) -> None:
        super().__init__()
        title = label(heading, "section")
        beside = QHBoxLayout()
        beside.setSpacing(36)
        for column, share in columns:
            beside.addWidget(column, share)
        contents = QWidget()
        inside = QVBoxLayout(contents)
        inside.setContentsMargins(28, 18, 28, 18)
        inside.setSpacing(12)
        inside.addWidget(title)
        inside.addLayout(beside)
        inside.addWidget(below)
        ground, _ = panel()
        held = QWidget()
        place = QGridLayout(held)
        place.setContentsMargins(0, 0, 0, 0)
        for line, (across, down) in enumerate(((1, 1), (12, 0), (1, 1))):
            place.setColumnStretch(line, across)
            place.setRowStretch(line, down)
        place.addWidget(ground, 1, 1)
        place.addWidget(contents, 1, 1)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(held)
        for back in (self.viewport(), held):
            back.setAutoFillBackground(False)
        self.parts: list[QWidget] = [*(it for it, _ in columns), below, ground, title, self.verticalScrollBar()]
        self.layouts: tuple[QLayout, ...] = (inside, beside)
