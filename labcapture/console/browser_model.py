"""The table of sessions: rows as they are found, sorted and filtered here, so that thousands stay quick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor

from labcapture.console import text
from labcapture.console.browser_ledger import Verified, VerifiedLedger
from labcapture.console.theme import Theme
from labcapture.reading.catalogue import SessionRow

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()

COLUMNS = (
    *("started (UTC)", "participant", "session", "protocol", "part", "good", "bad", "length", "size"),
    *("verified", "state"),
)
STARTED, PARTICIPANT, SESSION, PROTOCOL, PART, GOOD, BAD, LENGTH, SIZE, VERIFIED, STATE = range(len(COLUMNS))
_FIGURES = {GOOD, BAD, LENGTH, SIZE}


class SessionTable(QAbstractTableModel):
    """Sessions of a folder."""

    def __init__(self, theme: Theme, ledger: VerifiedLedger) -> None:
        super().__init__()
        self._theme = theme
        self._ledger = ledger
        self._all: list[SessionRow] = []
        self._words: dict[Path, str] = {}
        self._shown: list[SessionRow] = []
        self._filter: list[str] = []
        self._column, self._descending = STARTED, True

    # What is in it ----------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Forget all."""
        self.beginResetModel()
        self._all, self._shown, self._words = [], [], {}
        self.endResetModel()

    def add(self, rows: Sequence[SessionRow]) -> None:
        """Add sessions at the end, and replace those that are known; `settle` puts them in their places."""
        for row in (row for row in rows if row.folder in self._words):
            self.replace(row)
        rows = [row for row in rows if row.folder not in self._words]
        self._all += rows
        self._words |= {row.folder: self._text_of(row) for row in rows}
        shown = [row for row in rows if self._passes(row)]
        if shown:
            self.beginInsertRows(_ROOT, len(self._shown), len(self._shown) + len(shown) - 1)
            self._shown += shown
            self.endInsertRows()

    def settle(self) -> None:
        """Filter and sort anew."""
        self.layoutAboutToBeChanged.emit()
        kept = {index: self._shown[index.row()].folder for index in self.persistentIndexList()}
        self._shown = sorted((row for row in self._all if self._passes(row)), key=self._key(), reverse=self._descending)
        places = {row.folder: place for place, row in enumerate(self._shown)}
        for index, folder in kept.items():
            moved = self.index(places[folder], index.column()) if folder in places else QModelIndex()
            self.changePersistentIndex(index, moved)
        self.layoutChanged.emit()

    def replace(self, row: SessionRow) -> None:
        """Show a session as it is now."""
        self._all = [row if old.folder == row.folder else old for old in self._all]
        self._words[row.folder] = self._text_of(row)
        for place, old in enumerate(self._shown):
            if old.folder == row.folder:
                self._shown[place] = row
                self.dataChanged.emit(self.index(place, 0), self.index(place, len(COLUMNS) - 1))

    def remove(self, folders: Sequence[Path]) -> None:
        """Take sessions away."""
        if folders:
            gone = set(folders)
            self._all = [row for row in self._all if row.folder not in gone]
            self.settle()

    def filter(self, words: str) -> None:
        """Show the sessions in whose cells all of ``words`` occur."""
        self._filter = words.lower().split()
        self.settle()

    @property
    def total(self) -> int:
        """How many there are, shown or not."""
        return len(self._all)

    def at(self, place: int) -> SessionRow:
        """Return the session in a line."""
        return self._shown[place]

    def place_of(self, folder: Path) -> int | None:
        """Return the line of a session, None if it is not shown."""
        return next((place for place, row in enumerate(self._shown) if row.folder == folder), None)

    def _passes(self, row: SessionRow) -> bool:
        said = self._words[row.folder]
        return all(word in said for word in self._filter)

    def _text_of(self, row: SessionRow) -> str:
        return "  ".join([*(cell(row, column, self._verified(row)) for column in range(len(COLUMNS)))]).lower()

    def _key(self) -> Callable[[SessionRow], Any]:
        """Return by what a row is sorted."""
        column = self._column
        keys: dict[int, Callable[[SessionRow], Any]] = {
            GOOD: lambda row: row.good,
            BAD: lambda row: row.bad,
            LENGTH: lambda row: row.length_s or 0.0,
            SIZE: lambda row: row.nbytes,
            STARTED: lambda row: row.started_utc,
            VERIFIED: lambda row: "" if (made := self._verified(row)) is None else made.utc,
        }

        def words(row: SessionRow) -> str:
            return cell(row, column, None).lower()

        own = keys.get(column, words)
        return lambda row: (own(row), row.started_utc, row.folder.name)

    def _verified(self, row: SessionRow) -> Verified | None:
        return self._ledger.get(row.fingerprint)

    # Qt ---------------------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = _ROOT) -> int:  # noqa: N802 - Qt's name
        """Return how many are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = _ROOT) -> int:  # noqa: N802 - Qt's name
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """Return a heading."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return _SIDES[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return a cell's words, its side and colour, or the folder as a tool tip."""
        row, column = self._shown[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return cell(row, column, self._verified(row))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _SIDES[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{row.folder}\n{row.problem}" if row.problem else str(row.folder)
        if role == Qt.ItemDataRole.ForegroundRole and (colour := self._colour(row, column)):
            return QColor(colour)
        return None

    def drawn(self, place: int, column: int) -> tuple[str, Qt.AlignmentFlag, str]:
        """Return what is drawn of a cell: its words, its side and its colour, empty for that of all words."""
        row = self._shown[place]
        return cell(row, column, self._verified(row)), _SIDES[column], self._colour(row, column)

    def _colour(self, row: SessionRow, column: int) -> str:
        if column == VERIFIED and (made := self._verified(row)) is not None and made.problems:
            return self._theme.alarm
        odd = (column == STATE and row.state not in {"closed", "recovered"}) or (column == BAD and row.bad)
        return self._theme.warning if odd else ""

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; within it by start."""
        self._column, self._descending = column, order is Qt.SortOrder.DescendingOrder
        self.settle()


def cell(row: SessionRow, column: int, made: Verified | None) -> str:
    """Return the words of a cell."""
    if column == VERIFIED:
        if made is None:
            return "not yet" if row.fingerprint else "no checksums"
        found = "whole" if not made.problems else f"{made.problems} problems"
        return f"{found}, {_day(made.utc)}"
    return _WORDS[column](row)


def _day(utc: str) -> str:
    return f"{utc[:10]} {utc[11:16]}"


_SIDES = tuple(
    (Qt.AlignmentFlag.AlignRight if column in _FIGURES else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter
    for column in range(len(COLUMNS))
)
_WORDS: dict[int, Callable[[SessionRow], str]] = {
    STARTED: lambda row: _day(row.started_utc),
    PARTICIPANT: lambda row: row.participant or row.folder.name,
    SESSION: lambda row: row.session,
    PROTOCOL: lambda row: row.protocol,
    PART: lambda row: row.part if row.part != "none" else "",
    GOOD: lambda row: text.count(row.good),
    BAD: lambda row: text.count(row.bad),
    LENGTH: lambda row: text.clock(row.length_s),
    SIZE: lambda row: text.size(row.nbytes),
    STATE: lambda row: f"{row.state}, simulated" if row.simulated else row.state,
}
