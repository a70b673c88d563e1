"""Go or no-go: what the engine found when it looked at the rig, what hinders, how to mend it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QAction, QBrush, QColor, QKeySequence, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QProgressBar,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from labcapture.console.parts import KeyButton, label, panel
from labcapture.console.preflight_words import COLUMNS, ORDER, cells, details, verdict
from labcapture.console.theme import Theme, mark
from labcapture.core.errors import LabcaptureError
from labcapture.engine.check_messages import Cancel, CheckView, Preflight, Rehearse
from labcapture.engine.messages import EngineState, Prepare, Snapshot
from labcapture.engine.preflight_rows import Row

Index = QModelIndex | QPersistentModelIndex
_NARROW = {0, 1, 2, 4}  # mark, group, name and limit take what they need; reading and remedy share the rest
_PER_MILLE = 1000


class _Coloured(QStyledItemDelegate):
    """Keeps the colour of a row that is chosen."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:  # noqa: N802 - Qt's name
        """Write a chosen cell in the colour that it has."""
        super().initStyleOption(option, index)
        colour = index.data(Qt.ItemDataRole.ForegroundRole)
        if isinstance(colour, QBrush):
            option.palette.setBrush(QPalette.ColorRole.HighlightedText, colour)


class PreflightView(QWidget):
    """The page between the form of a new session and its preparing. It only shows what the engine says."""

    command = Signal(object)
    """A `Preflight`, `Rehearse`, `Cancel` or `Prepare`."""
    override_wanted = Signal(object)
    """Rows (a tuple of `Row`) that fail; `go_on` takes the reason."""
    left = Signal()
    """Back to the form."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Preflight")
        self._colours = {"ok": theme.accent, "warn": theme.warning, "fail": theme.alarm}
        self._prepare: Prepare | None = None
        self._before = 0  # number of the last look before ours
        self._view: CheckView | None = None
        self._told: tuple[Row, ...] | None = None
        self._preparing = False
        self._cancelled = False
        self.verdict = label("", "title")
        self.verdict.setObjectName("verdict")
        self.words = label("", "lead")
        self.words.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setRange(0, _PER_MILLE)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress")
        self.message = label("")
        self.message.setObjectName("refusal")
        self.message.setWordWrap(True)
        self.rows = QTableWidget(0, len(COLUMNS))
        self.back = KeyButton(theme, "Back", "Esc")
        self.rehearse = KeyButton(theme, "Rehearse 30 s", "F8")
        self.rehearse.setToolTip("Record the whole rig, verify what was written, throw it away")
        self.one = KeyButton(theme, "This again", "F6")
        self.one.setToolTip("Look again at what the chosen row is about")
        self.all = KeyButton(theme, "All again", "F5")
        self.prepare = KeyButton(theme, "Prepare", "Return")
        self._lay_out()
        self._keys = {
            key: self._key(key, button)
            for key, button in (
                ("Esc", self.back),
                ("F8", self.rehearse),
                ("F6", self.one),
                ("F5", self.all),
                ("Return", self.prepare),
            )
        }
        self._keys["Return"].setShortcuts([QKeySequence("Return"), QKeySequence("Enter")])
        self.back.clicked.connect(self._leave)
        self.rehearse.clicked.connect(self._rehearse)
        self.one.clicked.connect(self._look_at_one)
        self.all.clicked.connect(lambda: self._look(()))
        self.prepare.clicked.connect(self._go)
        self.rows.itemSelectionChanged.connect(self._enable)
        self._enable()

    # What the window does with it -------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether a session is on its way through this page."""
        return self._prepare is not None

    @property
    def is_busy(self) -> bool:
        """Whether the engine looks, or was asked to."""
        return self._view is None or bool(self._view.doing)

    def begin(self, prepare: Prepare) -> None:
        """Have the engine look at the rig of ``prepare``."""
        self._prepare, self._preparing = prepare, False
        self._look(())
        self.rows.setFocus()

    def close_page(self) -> None:
        """Forget the session: it is being prepared, or it was given up."""
        self._prepare = None

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Follow the engine."""
        check = snapshot.check
        newest = check.number if check is not None else 0
        if not self.is_open:
            self._before = newest
            return
        if check is None:
            if self._view is not None and not self._preparing and snapshot.state is EngineState.IDLE:
                self._look(())  # it is another engine, which has not looked at anything
            self._before = 0  # and which counts anew
            return
        if check.number <= self._before or check == self._view:
            return
        self._view = check
        self._show()

    def show_refusal(self, error: LabcaptureError) -> None:
        """Show why a command did not work."""
        self.message.setText(str(error))
        self.message.show()
        self._preparing = False
        if self._view is None:  # there was no look; what is shown is nothing
            self.verdict.setText("NO LOOK")
            mark(self.verdict, tone="fail")
            self.words.setText("The engine did not look at the rig.")
            self.bar.hide()
        self._enable()

    def go_on(self, reason: str) -> None:
        """Prepare the session although a row fails."""
        if self._prepare is not None and reason.strip():
            self._send(self._prepare.model_copy(update={"override": reason.strip()}))

    # What is shown ----------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        word, tone, words = verdict(self._view)
        self.verdict.setText(word)
        mark(self.verdict, tone=tone)
        self.words.setText(words)
        self.setAccessibleDescription(f"{word}. {words}")
        self.bar.setVisible(self.is_busy)
        self.bar.setValue(round((self._view.done_share if self._view else 0.0) * _PER_MILLE))
        rows = self._view.rows if self._view else ()
        if rows != self._told:
            self._told = rows
            self._fill(sorted(rows, key=lambda row: (ORDER[row.verdict], row.group != "rehearsal")))
        self._enable()

    def _fill(self, rows: Sequence[Row]) -> None:
        self.rows.setRowCount(len(rows))
        for line, row in enumerate(rows):
            for column, words in enumerate(cells(row)):
                item = QTableWidgetItem(words)
                item.setToolTip(details(row))
                item.setFlags(Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled)
                item.setData(Qt.ItemDataRole.UserRole, row.group)
                item.setData(Qt.ItemDataRole.AccessibleTextRole, words if column else f"{row.verdict}: {row.name}")
                if column == 0 or row.verdict == "fail":
                    item.setForeground(QColor(self._colours[row.verdict]))
                self.rows.setItem(line, column, item)
        self.rows.scrollToTop()
        if rows:
            keep = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.rows.setCurrentCell(0, 0, keep)

    def _enable(self) -> None:
        free = self.is_open and not self.is_busy and not self._preparing
        view = self._view
        group = self._group()
        self.one.setText(f"{group} again" if group else "This again")
        may = free and view is not None and bool(view.rows) and not view.error
        failing = may and view is not None and bool(view.failed)
        self.back.setText("Cancel" if self._can_cancel() else "Back")
        self.prepare.setText("Go on all the same …" if failing else "Prepare")
        mark(self.prepare, prime="false" if failing else "true")
        mark(self.all, prime="true" if failing or (free and not may) else "false")
        told = view is None and not self.message.isHidden()  # refused: it can be asked for again
        for key, button, on in (
            ("Esc", self.back, self.is_open and not self._preparing),
            ("F8", self.rehearse, free),
            ("F6", self.one, free and bool(group)),
            ("F5", self.all, free or told),
            ("Return", self.prepare, may),
        ):
            button.setEnabled(on)
            self._keys[key].setEnabled(on)

    def _group(self) -> str:
        item = self.rows.item(self.rows.currentRow(), 0)
        return str(item.data(Qt.ItemDataRole.UserRole)) if item is not None else ""

    # What is asked for ------------------------------------------------------------------------------------------------

    def _look(self, groups: tuple[str, ...]) -> None:
        if self._prepare is None:
            return
        if not groups:
            self._told = None
            self.rows.setRowCount(0)
        wanted = self._prepare
        self._await()
        self.command.emit(
            Preflight(rig=wanted.rig, protocol=wanted.protocol, out=wanted.out, stimuli=wanted.stimuli, groups=groups)
        )

    def _look_at_one(self) -> None:
        group = self._group()
        if group == "rehearsal":
            self._rehearse()
        elif group:
            self._look((group,))

    def _rehearse(self) -> None:
        if self._prepare is not None:
            wanted = self._prepare
            self._await()
            self.command.emit(Rehearse(rig=wanted.rig, protocol=wanted.protocol, out=wanted.out))

    def _await(self) -> None:
        """Count only what the engine says of the look that is asked for now."""
        self._cancelled = False
        if self._view is not None and self._before < self._view.number:
            self._before = self._view.number
        self._view = None
        self.message.setText("")
        self.message.hide()
        word, tone, words = verdict(None)
        self.verdict.setText(word)
        mark(self.verdict, tone=tone)
        self.words.setText(words)
        self.bar.setValue(0)
        self.bar.show()
        self._enable()

    def _go(self) -> None:
        if self._prepare is None or self._view is None:
            return
        if self._view.failed:
            self.override_wanted.emit(self._view.failed)
        else:
            self._send(self._prepare)

    def _send(self, prepare: Prepare) -> None:
        self._preparing = True
        self.message.hide()
        self._enable()
        self.command.emit(prepare)

    def _can_cancel(self) -> bool:
        refused = self._view is None and not self.message.isHidden()
        return self.is_open and self.is_busy and not self._cancelled and not refused

    def _leave(self) -> None:
        """End a look that goes on; where there is none, or it does not end, leave the page."""
        if self._can_cancel():
            self._cancelled = True
            self.words.setText("cancelling …")
            self._enable()
            self.command.emit(Cancel())
            return
        self.close_page()
        self.left.emit()

    # Layout -----------------------------------------------------------------------------------------------------------

    def _key(self, key: str, button: KeyButton) -> QAction:
        action = QAction(button.text(), self)
        action.setShortcut(QKeySequence(key))
        action.triggered.connect(button.click)
        self.addAction(action)
        return action

    def _lay_out(self) -> None:
        self.rows.setAccessibleName("Rows of the preflight")
        self.rows.setObjectName("rows")
        self.rows.setItemDelegate(_Coloured(self.rows))
        self.rows.setHorizontalHeaderLabels(list(COLUMNS))
        self.rows.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.rows.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.rows.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.rows.setTabKeyNavigation(False)
        self.rows.setShowGrid(False)
        self.rows.verticalHeader().hide()
        self.rows.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header = self.rows.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(24)
        for column in range(len(COLUMNS)):
            fits = column in _NARROW
            header.setSectionResizeMode(
                column, QHeaderView.ResizeMode.ResizeToContents if fits else QHeaderView.ResizeMode.Stretch
            )
        frame, column_ = panel("Preflight")
        column_.setContentsMargins(20, 14, 20, 14)
        column_.setSpacing(10)
        head = QHBoxLayout()
        head.setSpacing(20)
        head.addWidget(self.verdict)
        beside = QVBoxLayout()
        beside.addWidget(self.words)
        beside.addWidget(self.bar)
        head.addLayout(beside, 1)
        column_.addLayout(head)
        column_.addWidget(self.message)
        column_.addWidget(self.rows, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.back)
        buttons.addStretch()
        for button in (self.rehearse, self.one, self.all, self.prepare):
            buttons.addWidget(button)
        column_.addLayout(buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(frame)
