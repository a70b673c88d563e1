"""The sessions of a folder: found, filtered, verified, recovered, and their reports opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QItemSelectionModel, Qt, QUrl
from PySide6.QtGui import QAction, QCloseEvent, QDesktopServices, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLayout,
    QLineEdit,
    QProgressBar,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from labcapture.console import text
from labcapture.console.browser_cells import Cells
from labcapture.console.browser_export import BrowserChore, ExportDialog, open_viewer
from labcapture.console.browser_ledger import VerifiedLedger
from labcapture.console.browser_model import PROTOCOL, STARTED, SessionTable
from labcapture.console.browser_scan import FolderScan
from labcapture.console.parts import Elided, KeyButton, label, panel
from labcapture.console.report_process import Chore
from labcapture.console.theme import Theme, scale_layouts, scale_of, style_sheet
from labcapture.reading.catalogue import SessionRow

_WIDTHS = (156, 100, 66, 140, 116, 52, 46, 68, 80, 204, 150)  # px at scale 1


class SessionBrowser(QWidget):
    """A window with a table of sessions.

    Parameters
    ----------
    theme
        Its colours.
    root
        Folder that is looked through.
    ledger
        When which session was verified.
    """

    def __init__(self, theme: Theme, root: Path, ledger: VerifiedLedger | None = None) -> None:
        super().__init__()
        self.setWindowTitle("Sessions – labcapture")
        self.setMinimumSize(900, 480)
        self.resize(1220, 720)
        self._theme = theme
        self._scale = 0.0
        self._ledger = ledger or VerifiedLedger()
        self._reports: dict[Path, Any] = {}
        self._root = root
        self.model = SessionTable(theme, self._ledger)
        self.scan = FolderScan(self)
        self.second = FolderScan(self)  # looks again at single sessions
        self._stale: list[Path] = []
        self.chore = BrowserChore(self)
        self.export_dialog: ExportDialog | None = None
        self._out = root.parent / "exports"
        self.folder = QLineEdit(str(root))
        self.folder.setAccessibleName("Folder with sessions")
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("filter: participant, protocol, part, state, …")
        self.filter.setAccessibleName("Filter")
        self.filter.setClearButtonEnabled(True)
        self.count = label("", "caption")
        self.message = Elided()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.hide()
        self.table = self._table()
        self.buttons: dict[str, KeyButton] = {}
        self._lay_out()
        self.folder.returnPressed.connect(lambda: self.look(Path(self.folder.text().strip() or ".")))
        self.filter.textChanged.connect(self._filtered)
        self.scan.found.connect(self._found)
        self.scan.gone.connect(self._gone)
        self.scan.ended.connect(self._ended)
        self.second.found.connect(lambda _, rows: self._renew(rows))
        self.second.ended.connect(lambda *_: self._look_at_next())
        self.chore.progress.connect(self._progress)
        self.chore.done.connect(self._done)
        self.chore.failed.connect(self._failed)
        selection = self.table.selectionModel()
        selection.selectionChanged.connect(lambda *_: self._judge())
        self._judge()

    def _table(self) -> QTableView:
        table = QTableView()
        table.setModel(self.model)
        table.setItemDelegate(Cells(self._theme, table))
        table.setAccessibleName("Sessions")
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setSortingEnabled(True)
        table.sortByColumn(STARTED, Qt.SortOrder.DescendingOrder)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(PROTOCOL, QHeaderView.ResizeMode.Stretch)
        table.doubleClicked.connect(lambda _: self.open_report())
        return table

    def _lay_out(self) -> None:
        choose = KeyButton(self._theme, "Choose folder", "")
        choose.clicked.connect(self._choose)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.folder, 3)
        top.addWidget(choose)
        top.addSpacing(12)
        top.addWidget(self.filter, 2)
        frame, column = panel()
        column.addWidget(self.table, 1)
        said = QHBoxLayout()
        said.setSpacing(10)
        said.addWidget(self.count)
        said.addWidget(self.message, 1)
        said.addWidget(self.bar)
        bottom = QHBoxLayout()
        bottom.setSpacing(8)
        for name, keys, act in (
            ("Report", ("R", "Return"), self.open_report),
            ("View", ("W",), self.open_viewer),
            ("Open folder", ("O",), self.open_folder),
            ("Export", ("E",), self.ask_export),
            ("Verify", ("V",), lambda: self._begin("verify")),
            ("Recover", ("C",), lambda: self._begin("recover")),
            ("Look again", ("F5",), lambda: self.look(self._root)),
        ):
            bottom.addWidget(self._button(name, keys, act))
        bottom.addStretch()
        bottom.addWidget(self._button("Close", ("Esc",), self.close))
        find = QAction("Filter", self)
        find.setShortcut(QKeySequence(QKeySequence.StandardKey.Find))
        find.triggered.connect(lambda _: self.filter.setFocus())
        self.addAction(find)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(10)
        layout.addLayout(top)
        layout.addWidget(frame, 1)
        layout.addLayout(said)
        layout.addLayout(bottom)

    def _button(self, name: str, keys: tuple[str, ...], act: Any) -> KeyButton:  # noqa: ANN401 - any slot
        button = KeyButton(self._theme, name, keys[0])
        action = QAction(name, self)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.triggered.connect(lambda _=False: act() if button.isEnabled() else None)
        self.addAction(action)
        button.clicked.connect(lambda _=False: act())
        self.buttons[name] = button
        return button

    # Looking ----------------------------------------------------------------------------------------------------------

    def look(self, root: Path) -> None:
        """Look through ``root``."""
        self._root = root
        self.folder.setText(str(root))
        self.model.clear()
        self.message.say("looking …")
        self._stale.clear()
        self.second.leave()
        self.scan.start(root)
        self.table.setFocus()

    def _found(self, number: int, rows: list[SessionRow]) -> None:
        if number == self.scan.number:
            self.model.add(rows)
            self._say_count()

    def _gone(self, number: int, folders: list[Path]) -> None:
        if number == self.scan.number:
            self.model.remove(folders)
            self._say_count()

    def _ended(self, number: int, failure: str) -> None:
        if number == self.scan.number:
            self.model.settle()
            self.message.say(failure or ("" if self.model.total else "No session lies here."))
            self._choose_one()

    def _look_again(self, session: Path) -> None:
        """Look at a session that may have changed, when those before it are looked at."""
        self._stale.append(session)
        if not self.second.busy:
            self._look_at_next()

    def _look_at_next(self) -> None:
        if self._stale:
            self.second.start(self._stale.pop(0))

    def _renew(self, rows: list[SessionRow]) -> None:
        for row in rows:
            self.model.replace(row)
        self._judge()

    def _choose_one(self) -> None:
        if not self.table.selectionModel().hasSelection() and self.model.rowCount():
            self.table.selectRow(0)
        self._say_count()
        self._judge()

    def _filtered(self, words: str) -> None:
        self.model.filter(words)
        self._choose_one()

    def _say_count(self) -> None:
        shown, total = self.model.rowCount(), self.model.total
        of = "" if shown == total else f" of {text.count(total)}"
        self.count.setText(f"{text.count(shown)}{of} {'session' if total == 1 else 'sessions'}")

    def _choose(self) -> None:
        dialog = QFileDialog(self, "Folder with sessions", str(self._root))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.fileSelected.connect(lambda name: self.look(Path(name)))
        dialog.open()

    # One session ------------------------------------------------------------------------------------------------------

    @property
    def selected(self) -> SessionRow | None:
        """The session that is chosen."""
        rows = self.table.selectionModel().selectedRows()
        return self.model.at(rows[0].row()) if rows else None

    def select(self, folder: Path) -> None:
        """Choose a session."""
        place = self.model.place_of(folder)
        if place is not None:
            flags = QItemSelectionModel.SelectionFlag
            self.table.selectionModel().select(self.model.index(place, 0), flags.ClearAndSelect | flags.Rows)

    def open_report(self) -> None:
        """Write the report of the chosen session beside its folder, and open it."""
        self._begin("report")

    def open_folder(self) -> None:
        """Open the chosen session's folder."""
        if (chosen := self.selected) is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(chosen.folder)))

    def open_viewer(self) -> None:
        """Open the chosen session in the viewer."""
        if (chosen := self.selected) is not None:
            began = open_viewer(chosen.folder)
            self.message.say(f"view: {chosen.folder.name}" if began else "the viewer could not be started")

    def ask_export(self) -> None:
        """Ask for a format and a folder, and export the chosen session."""
        if (chosen := self.selected) is not None and not self.chore.busy:
            dialog = self.export_dialog = ExportDialog(self, self._theme, self._scale, chosen.folder, self._out)
            dialog.chosen.connect(lambda format, out: self._export(chosen.folder, format, Path(out)))
            dialog.open()

    def _export(self, session: Path, format: str, out: Path) -> None:
        self._out = out
        self._show_bar(f"export: {session.name}")
        self.chore.start_export(session, format, out)
        self._judge()

    def _show_bar(self, what: str, *, is_measured: bool = True) -> None:
        self.message.say(what)
        self.bar.setRange(0, 1000 if is_measured else 0)
        self.bar.setValue(0)
        self.bar.show()

    def _judge(self) -> None:
        chosen = self.selected
        free = chosen is not None and not self.chore.busy and chosen.state != "being recorded"
        closed = chosen is not None and chosen.state in {"closed", "recovered"}
        for name, fits in (("Report", closed), ("Verify", True), ("Recover", not closed), ("Export", closed)):
            self.buttons[name].setEnabled(free and fits)
        self.buttons["Open folder"].setEnabled(chosen is not None)
        self.buttons["View"].setEnabled(closed)

    def _begin(self, chore: Chore) -> None:
        chosen = self.selected
        if chosen is None or self.chore.busy:
            return
        given = self._reports.get(chosen.folder) if chore == "report" else None
        if given is not None and given["fingerprint"] != chosen.fingerprint:
            given = None
        self._show_bar(f"{chore}: {chosen.folder.name}", is_measured=chore != "report")
        self.chore.start(chore, chosen.folder, given)
        self._judge()

    def _progress(self, what: str, share: float) -> None:
        self.bar.setValue(round(1000 * share))
        self.message.say(f"{what}, {100 * share:.0f} %")

    def _done(self, chore: str, folder: str, result: dict[str, Any]) -> None:
        self.bar.hide()
        path = Path(folder)
        if chore == "report":
            self.message.say(f"report: {result['file']}")
            QDesktopServices.openUrl(QUrl.fromLocalFile(result["file"]))
        elif chore == "verify":
            self._reports[path] = result
            self._ledger.add(result["fingerprint"], len(result["problems"]), result["utc"])
            self.message.say(_verdict(path, result))
        elif chore == "export":
            self.message.say(f"exported: {result['path']}")
        else:
            self.message.say(_recovered(path, result))
        self.table.viewport().update()  # its verification stands in the ledger
        self._look_again(path)
        self._judge()

    def _failed(self, chore: str, folder: str, why: str) -> None:
        self.bar.hide()
        self.message.say(why)
        self._look_again(Path(folder))
        self._judge()

    # Qt ---------------------------------------------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """End what is going on; all of it can be begun anew."""
        self.scan.stop()
        self._stale.clear()
        self.second.stop()
        self.chore.stop()
        super().closeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Let all sizes grow with the window."""
        super().resizeEvent(event)
        scale = scale_of(self.height())
        if scale != self._scale:
            self._scale = scale
            self.setStyleSheet(f"SessionBrowser {{ background: {self._theme.window}; }}" + self._sheet(scale))
            scale_layouts(self.findChildren(QLayout), scale)
            self.bar.setMaximumWidth(round(220 * scale))
            self.table.verticalHeader().setDefaultSectionSize(round(30 * scale))
            for column, width in enumerate(_WIDTHS):
                if column != PROTOCOL:
                    self.table.setColumnWidth(column, round(width * scale))

    def _sheet(self, scale: float) -> str:
        theme, size, gap = self._theme, round(14 * scale), round(6 * scale)
        return (
            style_sheet(theme, scale)
            + f"""
        QTableView {{ font-size: {size}px; selection-background-color: {theme.raised}; selection-color: {theme.text}; }}
        QHeaderView::section {{ padding: {round(4 * scale)}px {gap}px; }}
        QProgressBar {{ background: {theme.raised}; border: 1px solid {theme.line}; border-radius: 4px; height: 10px; }}
        QProgressBar::chunk {{ background: {theme.accent}; border-radius: 3px; }}
        """
        )


def _verdict(folder: Path, result: dict[str, Any]) -> str:
    problems = result["problems"]
    if not problems:
        return f"{folder.name} is whole"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{folder.name} is not whole: {problems[0]}{more}"


def _recovered(folder: Path, result: dict[str, Any]) -> str:
    if not result["recovered"]:
        return f"{folder.name} was closed in order: nothing to recover"
    if result["complete"]:
        return f"{folder.name} was recovered: everything that was written down was saved"
    lost = result["lost"]
    return f"{folder.name} was recovered in part: {lost[0] if lost else 'something was lost'}"
