"""What the desktop would be asked to open."""

from __future__ import annotations

from PySide6.QtCore import QObject, QUrl, Slot


class Opened(QObject):
    """Takes what would be opened by the desktop."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    @Slot(QUrl)
    def take(self, url: QUrl) -> None:
        self.urls.append(url.toLocalFile())
