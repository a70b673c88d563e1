"""The list of what happened: filtered by words and by kind, a way to jump there."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from labcapture.console.theme import Theme
from labcapture.view.film import Film

_ALL = "all kinds"
_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Event:
    """One row: LSL time (s), kind and words."""

    time: float
    kind: str
    label: str
    trial: str
    text: str


def events_of(film: Film) -> list[Event]:
    """Return every event of the session that has a time, in order."""
    table = film.session.events
    columns = ("kind", "label", "trial", "value", "detail")
    texts = zip(*(table[name].astype(str) for name in columns), strict=True)
    found = []
    for time, (kind, label, trial, *more) in zip(table["time"].to_numpy(float), texts, strict=True):
        if np.isfinite(time):
            words = " · ".join(part for part in more if part and part != label)
            found.append(Event(float(time), kind, label, trial, words))
    return found


class _Model(QAbstractTableModel):
    """Time, kind and words of each event."""

    HEADINGS = ("time", "kind", "event")

    def __init__(self, theme: Theme, film: Film, events: list[Event]) -> None:
        super().__init__()
        self._theme, self._film, self.events = theme, film, events

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's name and way
        return 0 if parent.isValid() else len(self.events)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's name and way
        return 0 if parent.isValid() else len(self.HEADINGS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802, ANN401
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self.HEADINGS[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: _Index, role: int = 0) -> Any:  # noqa: ANN401 - Qt's variant
        event = self.events[index.row()]
        words = f"{event.label}  {event.text}".strip()
        if role == Qt.ItemDataRole.DisplayRole:
            return (self._film.clock(event.time), event.kind.replace("_", " "), words)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            where = f"\ntrial {event.trial}" if event.trial else ""
            return f"{words}{where}\nLSL {event.time:.6f} s"
        if role == Qt.ItemDataRole.ForegroundRole and index.column() < 2:
            warns = event.kind == "gap" and index.column() == 1
            return QColor(self._theme.warning if warns else self._theme.muted)
        return None


class _Filter(QSortFilterProxyModel):
    """Rows of one kind that hold all words."""

    events: Sequence[Event] = ()
    words: tuple[str, ...] = ()
    kind = ""

    def choose(self, words: str, kind: str) -> None:
        self.beginFilterChange()
        self.words, self.kind = tuple(words.casefold().split()), kind
        self.endFilterChange()

    def filterAcceptsRow(self, row: int, parent: _Index) -> bool:  # noqa: N802 - Qt's name
        event = self.events[row]
        text = f"{event.kind} {event.label} {event.text} {event.trial}".casefold()
        return (not self.kind or event.kind == self.kind) and all(word in text for word in self.words)


class EventList(QWidget):
    """The events with their filters."""

    chosen = Signal(float)
    """LSL time (s) of an event that was clicked or entered."""

    def __init__(self, theme: Theme, film: Film, events: list[Event]) -> None:
        super().__init__()
        self._model = _Model(theme, film, events)
        self._filter = _Filter()
        self._filter.setSourceModel(self._model)
        self._filter.events = events
        self._times = [event.time for event in events]
        self.words = QLineEdit()
        self.words.setPlaceholderText("Filter events")
        self.words.setAccessibleName("Filter events by words")
        self.words.setClearButtonEnabled(True)
        self.kinds = QComboBox()
        self.kinds.setAccessibleName("Kind of events")
        self.kinds.addItem(_ALL, "")
        for kind in sorted({event.kind for event in events}):
            self.kinds.addItem(kind.replace("_", " "), kind)
        self.table = QTableView()
        self.table.setModel(self._filter)
        self.table.setAccessibleName("Events")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setHighlightSections(False)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.words.textChanged.connect(self._choose)
        self.words.returnPressed.connect(self._first)
        self.kinds.currentIndexChanged.connect(self._choose)
        self.table.clicked.connect(self._jump)
        self.table.activated.connect(self._jump)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.words, 1)
        row.addWidget(self.kinds)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.table, 1)

    def set_scale(self) -> None:
        """Size rows and columns for the font."""
        metrics = self.table.fontMetrics()
        line = metrics.height()
        self.table.verticalHeader().setMinimumSectionSize(line)
        self.table.verticalHeader().setDefaultSectionSize(round(line * 1.5))
        kinds = [self.kinds.itemText(i) for i in range(1, self.kinds.count())]
        self.table.setColumnWidth(0, metrics.horizontalAdvance("00:00.000") + line)
        widest = max((metrics.horizontalAdvance(kind) for kind in kinds), default=0)
        self.table.setColumnWidth(1, widest + line)

    def times(self) -> list[float]:
        """Return the LSL times (s) of the events that pass the filter, in order."""
        return self._times

    def follow(self, time: float) -> None:
        """Select the last event up to LSL ``time`` (s)."""
        row = bisect_right(self._times, time + 1e-6) - 1
        if row < 0:
            self.table.clearSelection()
        elif not self.table.selectionModel().isRowSelected(row, QModelIndex()):
            self.table.selectRow(row)
            self.table.scrollTo(self._filter.index(row, 0))

    def _choose(self) -> None:
        self._filter.choose(self.words.text(), self.kinds.currentData() or "")
        rows = range(self._filter.rowCount())
        found = [self._model.events[self._filter.mapToSource(self._filter.index(row, 0)).row()] for row in rows]
        self._times = [event.time for event in found]

    def _first(self) -> None:
        if self._filter.rowCount():
            self.table.setFocus()
            self.table.selectRow(0)
            self._jump(self._filter.index(0, 0))

    def _jump(self, index: QModelIndex) -> None:
        self.chosen.emit(self._model.events[self._filter.mapToSource(index).row()].time)
