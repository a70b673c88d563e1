"""Values that were used before, offered again; kept by Qt where the system keeps settings."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QSettings

from labcapture.console.parts import Choice
from labcapture.console.theme import Theme

_MOST = 8  # of each field


class Recent:
    """The last values of each field, newest first.

    Parameters
    ----------
    settings
        Where they are kept; None: only as long as this object lives.
    """

    def __init__(self, settings: QSettings | None = None) -> None:
        self._settings = settings
        self._values: dict[str, list[str]] = {}

    def values(self, field: str) -> list[str]:
        """Return the values of ``field``."""
        if self._settings is not None and field not in self._values:
            stored = self._settings.value(f"recent/{field}", [])
            found = stored if isinstance(stored, list) else [stored]  # a list of one comes back as its element
            self._values[field] = [str(value) for value in found if str(value).strip()][:_MOST]
        return self._values.get(field, [])

    def add(self, field: str, value: str) -> None:
        """Put ``value`` first."""
        if not value.strip():
            return
        values = [value, *(old for old in self.values(field) if old != value)][:_MOST]
        self._values[field] = values
        if self._settings is not None:
            self._settings.setValue(f"recent/{field}", values)


class RecentChoice(Choice):
    """A line to write into, with the last values to choose from."""

    def __init__(self, theme: Theme, offers: Iterable[str] = (), hint: str = "") -> None:
        super().__init__(theme, list(offers))
        line = self.lineEdit()
        if line is not None:
            line.setPlaceholderText(hint)

    def offer(self, values: Iterable[str]) -> None:
        """Offer ``values`` first, then what was offered before; what is written stays."""
        written = self.currentText()
        known = [self.itemText(i) for i in range(self.count())]
        self.blockSignals(True)
        self.clear()
        self.addItems(list(dict.fromkeys([*values, *known])))
        self.setEditText(written)
        self.blockSignals(False)

    def text(self) -> str:
        """Return what is written."""
        return self.currentText()

    def setText(self, text: str) -> None:  # noqa: N802 - as Qt's lines have it
        """Write ``text``."""
        self.setEditText(text)
