"""Every stream in figures: rate, what was lost before us and by us, age of the last data, clock offset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QEvent, QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from labcapture.console import text
from labcapture.console.theme import Theme
from labcapture.engine.messages import Snapshot, StreamHealth

_Index = QModelIndex | QPersistentModelIndex
_COLUMNS: tuple[tuple[str, str, Callable[[StreamHealth], str]], ...] = (
    ("stream", "", lambda s: s.name),
    ("rate Hz", "measured over two seconds / nominal", text.rates),
    ("lost\nbefore us", "frames or samples that never reached this machine", lambda s: text.count(s.lost_before_us)),
    (
        "lost\nby us",
        "frames or samples that this machine failed to take or to store",
        lambda s: text.count(s.lost_by_us),
    ),
    ("age s", "time since the last data", text.age),
    (
        "clock\noffset ± ms",
        "LSL streams: from the sender's clock to ours; cameras and sound: how far theirs has moved in this session",
        text.offset,
    ),
)
_RATE, _BEFORE, _BY_US, _AGE = 1, 2, 3, 4


class StreamsModel(QAbstractTableModel):
    """The streams of the newest snapshot."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._streams: tuple[StreamHealth, ...] = ()
        bold = QFont()
        bold.setWeight(QFont.Weight.Bold)
        role = Qt.ItemDataRole
        self._answers: dict[Qt.ItemDataRole, Callable[[StreamHealth, int], Any]] = {
            role.DisplayRole: lambda stream, column: _COLUMNS[column][2](stream),
            role.AccessibleTextRole: _spoken,
            role.TextAlignmentRole: lambda _, column: _alignment(column) | Qt.AlignmentFlag.AlignVCenter,
            role.ForegroundRole: lambda stream, column: QColor(self._colour(stream, column)),
            role.FontRole: lambda stream, column: bold if _is_loud(stream, column) else None,
            role.ToolTipRole: lambda stream, _: _details(stream),
        }

    def show(self, streams: tuple[StreamHealth, ...]) -> None:
        """Take over ``streams``."""
        if len(streams) != len(self._streams):
            self.beginResetModel()
            self._streams = streams
            self.endResetModel()
        elif streams != self._streams:
            self._streams = streams
            self.dataChanged.emit(self.index(0, 0), self.index(len(streams) - 1, len(_COLUMNS) - 1))

    def rowCount(self, parent: _Index | None = None) -> int:  # noqa: N802 - Qt's name
        """Return the number of streams."""
        return 0 if parent is not None and parent.isValid() else len(self._streams)

    def columnCount(self, parent: _Index | None = None) -> int:  # noqa: N802 - Qt's name
        """Return the number of figures."""
        return 0 if parent is not None and parent.isValid() else len(_COLUMNS)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:  # noqa: ANN401 - Qt's variant
        """Return a column's heading and what it means."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _COLUMNS[section][0]
        if role == Qt.ItemDataRole.ToolTipRole:
            return _COLUMNS[section][1]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section) | Qt.AlignmentFlag.AlignBottom
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - Qt's variant
        """Return a figure, and how it is to be drawn."""
        if not index.isValid():
            return None
        stream, column = self._streams[index.row()], index.column()
        answer = self._answers.get(Qt.ItemDataRole(role))
        return answer(stream, column) if answer else None

    def _colour(self, stream: StreamHealth, column: int) -> str:
        if not _is_loud(stream, column):
            quiet = column in {_BEFORE, _BY_US} or column > _AGE
            return self._theme.muted if quiet else self._theme.text
        return self._theme.alarm if column == _BY_US else self._theme.warning


class StreamsPanel(QTableView):
    """One row per stream, as high as its rows."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Streams")
        self.streams = StreamsModel(theme)
        self.setModel(self.streams)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(1)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(len(_COLUMNS) - 1, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        self.streams.modelReset.connect(self.updateGeometry)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Follow the engine."""
        self.streams.show(snapshot.streams)
        self._fit_rows()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Keep the rows as high as the letters want them."""
        super().changeEvent(event)
        if event.type() in {QEvent.Type.FontChange, QEvent.Type.StyleChange}:
            self._fit_rows()

    def _fit_rows(self) -> None:
        height = round(self.fontMetrics().height() * 1.5)
        if self.verticalHeader().defaultSectionSize() != height:
            self.verticalHeader().setDefaultSectionSize(height)
            self.updateGeometry()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Room for all rows."""
        rows = max(1, self.streams.rowCount()) * self.verticalHeader().defaultSectionSize()
        return QSize(400, rows + self.horizontalHeader().sizeHint().height() + 4)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Room for at most six rows; a rig with more scrolls."""
        rows = min(6, max(1, self.streams.rowCount())) * self.verticalHeader().defaultSectionSize()
        return QSize(200, rows + self.horizontalHeader().sizeHint().height() + 4)


def _alignment(column: int) -> Qt.AlignmentFlag:
    return Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight


def _is_loud(stream: StreamHealth, column: int) -> bool:
    return (
        (column == _RATE and text.is_off_rate(stream))
        or (column == _BEFORE and stream.lost_before_us > 0)
        or (column == _BY_US and stream.lost_by_us > 0)
        or (column == _AGE and text.is_stale(stream))
    )


def _spoken(stream: StreamHealth, column: int) -> str:
    heading, _, figure = _COLUMNS[column]
    return " ".join(f"{stream.name} {heading} {figure(stream)}".split())


def _details(stream: StreamHealth) -> str:
    return (
        f"{stream.name}: {text.count(stream.received)} received, {text.count(stream.recorded)} recorded, "
        f"{stream.slow_steps} slow steps, {text.count(stream.preview_skipped)} not shown"
        + (", simulated" if stream.simulated else "")
    )
