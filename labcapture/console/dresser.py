"""Dresses a window part by part: its style and its sizes, in steps that never keep it from listening."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QLayout, QWidget
from shiboken6 import Shiboken

from labcapture.console.theme import Theme, scale_layouts, style_sheet


class Dresser(QObject):
    """Gives each part of a window the style sheet, and its margins the scale.

    One sheet for the whole window would be simpler, but Qt goes through all widgets below a sheet in one go, which
    takes several times as long as a window may stand still. So each part has the sheet, no part lies within another,
    and another scale dresses one part in a turn of the event loop, those first that are seen.

    Parameters
    ----------
    theme
        Colours of the sheet.
    scale
        Of everything that is dressed, until `rescale`.
    parent
        The window.
    """

    def __init__(self, theme: Theme, scale: float, parent: QObject) -> None:
        super().__init__(parent)
        self.scale = scale
        self._theme = theme
        self._parts: list[QWidget] = []
        self._waiting: list[QWidget] = []
        self._turn = QTimer(self, singleShot=True, interval=0)
        self._turn.setObjectName("restyle")
        self._turn.timeout.connect(self._dress_next)

    @property
    def busy(self) -> bool:
        """Whether a part still has the former scale."""
        return bool(self._waiting)

    def dress(self, part: QWidget) -> None:
        """Dress ``part`` now, and from now on with every other scale."""
        if part not in self._parts:
            self._parts = [it for it in self._parts if Shiboken.isValid(it)]  # dialogs, for one, come and go
            self._parts.append(part)
        if part in self._waiting:
            self._waiting.remove(part)
        part.setStyleSheet(style_sheet(self._theme, self.scale))
        scale_layouts(part.findChildren(QLayout), self.scale)

    def rescale(self, scale: float) -> None:
        """Dress all parts anew, soon."""
        if scale != self.scale:
            self.scale = scale
            self._waiting = list(self._parts)
            self._turn.start()

    def stop(self) -> None:
        """Leave the rest as it is."""
        self._turn.stop()
        self._waiting.clear()

    def _dress_next(self) -> None:
        self._waiting = [part for part in self._waiting if Shiboken.isValid(part)]
        seen = next((part for part in self._waiting if part.isVisible()), None)
        if self._waiting:
            self.dress(seen or self._waiting[0])
            self._turn.start()
