"""The report of a closed session, in the window: verdict, clips, rates, gaps, clocks, signals, answers and notes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from labcapture.console.parts import KeyButton, label, panel
from labcapture.console.report_plots import ClipLine, ClockPlot, SignalPlot, Thumbnails
from labcapture.console.report_process import ChoreProcess
from labcapture.console.theme import Theme, mark

Facts = Mapping[str, Any]
_LINES = 3  # of the page that one press of an arrow key moves


class ReportPage(QWidget):
    """Reads a session in a process of its own, and shows it section by section, so that the window never waits."""

    left = Signal()
    """Back to the result."""
    file_wanted = Signal()
    """The report as an HTML file."""
    added = Signal(QWidget)
    """A section that is about to be shown, and has no style yet."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.setAccessibleName("Report of the session")
        self._folder: Path | None = None
        self._coming: list[Callable[[], QWidget]] = []
        self._step = QTimer(self, interval=0)
        self._step.timeout.connect(self._add)
        self.chore = ChoreProcess(self)
        self.chore.done.connect(lambda chore, folder, facts: self.show_facts(facts))
        self.chore.failed.connect(lambda chore, folder, why: self._say(why))
        self.heading = label("", "lead")
        self.message = label("", "caption")
        self.back = KeyButton(theme, "Back", "Esc")
        self.file = KeyButton(theme, "HTML file", "H")
        self.back.clicked.connect(self.left)
        self.file.clicked.connect(self.file_wanted)
        self._scroll = QScrollArea()
        self._lay_out()

    def _lay_out(self) -> None:
        self._head = QWidget()
        head = QHBoxLayout(self._head)
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(14)
        head.addWidget(self.back)
        head.addWidget(self.heading)
        head.addWidget(self.message, 1)
        head.addWidget(self.file)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.viewport().setAutoFillBackground(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._head)
        layout.addWidget(self._scroll, 1)
        for key, act in (
            ("Esc", self.left.emit),
            ("H", self.file_wanted.emit),
            ("Down", lambda: self._move(_LINES)),
            ("Up", lambda: self._move(-_LINES)),
            ("PgDown", lambda: self._move(25)),
            ("PgUp", lambda: self._move(-25)),
        ):
            action = QAction(key, self)
            action.setShortcut(QKeySequence(key))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(lambda _=False, act=act: act())
            self.addAction(action)
        self._empty()

    # What others do with it -------------------------------------------------------------------------------------------

    def read(self, folder: Path) -> None:
        """Show the session in ``folder``; it is read once."""
        self.setFocus()
        if folder == self._folder:
            return
        self._leave()
        self._folder = folder
        self._empty()
        if not folder.is_dir():  # the engine may run on another machine
            self._say("The session's folder cannot be seen from here.")
            return
        self._say("Reading the session …")
        self.chore.start("overview", folder)

    def forget(self) -> None:
        """Read anew when a session is shown next."""
        self._leave()
        self._folder = None

    def stop(self) -> None:
        """End what is going on."""
        self._leave()
        self.chore.stop()

    def _leave(self) -> None:
        self.chore.leave()
        self._step.stop()
        self._coming = []

    @property
    def busy(self) -> bool:
        """Whether something of the page is still to come."""
        return self.chore.busy or bool(self._coming)

    def parts(self) -> list[QWidget]:
        """Return what is dressed by itself, beside the sections: a session may have a hundred of them."""
        return [self._head, self._scroll.verticalScrollBar()]

    def words(self) -> list[str]:
        """Return every word of the page."""
        return [widget.text() for widget in self._held.findChildren(QLabel)]

    def show_facts(self, facts: Facts) -> None:
        """Show the facts of a session, as `labcapture.console.report_facts` has them."""
        self._empty()
        self.heading.setText("Report")
        self.setAccessibleDescription(f"{facts['heading']}. {facts['reason']}")
        self._say("")
        self._coming = list(self._sections(facts))
        self._step.start()

    # The page ---------------------------------------------------------------------------------------------------------

    def _sections(self, facts: Facts) -> Iterator[Callable[[], QWidget]]:
        yield lambda: self._summary(facts)
        for clip in facts["clips"]:
            yield partial(self._clip, clip)
        for trace in facts["traces"]:
            yield partial(self._signal, trace, facts)
        headings = ("stream", "recorded", "nominal", "measured", "time known to ±", "missing")
        yield lambda: self._table("Streams", headings, facts["streams"])
        headings_ = ("clock", "drift", "known to ±", "off by: median", "95 %", "most")
        if facts["fits"]:
            yield lambda: self._table("Clocks against LSL time", headings_, facts["fits"])
        for trace in facts["clocks"]:
            yield partial(self._clock, trace, facts["length_s"])
        yield lambda: self._table("Notes", ("time", "note"), facts["notes"], figures=False)
        if facts["alarms"]:
            columns = ("time", "source", "cause", "remedy")
            yield lambda: self._table("Alarms while it ran", columns, facts["alarms"], figures=False)

    def _summary(self, facts: Facts) -> QWidget:
        frame, column = panel()
        top = QHBoxLayout()
        verdict = label(facts["heading"], "title" if len(facts["heading"]) < 40 else "lead")
        mark(verdict, tone="calm" if facts["good"] else "odd")
        top.addWidget(verdict, 1)
        top.addWidget(label("  ·  ".join(facts["badges"]), "strong"))
        column.addLayout(top)
        for words, role in ((facts["reason"], "lead"), *((problem, "wrong") for problem in facts["problems"])):
            if words:
                column.addWidget(_wrapped(words, role))
        row = QGridLayout()
        row.setHorizontalSpacing(28)
        for i, (name, value) in enumerate(facts["about"]):
            row.addWidget(label(name, "caption"), 0, i)
            row.addWidget(label(value, "strong"), 1, i)
        row.setColumnStretch(len(facts["about"]), 1)
        column.addLayout(row)
        return frame

    def _clip(self, clip: Facts) -> QWidget:
        frame, column = panel()
        frame.setAccessibleName(f"Clip {clip['trial']}, {clip['verdict']}")
        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(label(clip["trial"], "strong"))
        top.addWidget(label(clip["about"], "caption"), 1)
        top.addWidget(label(clip["verdict"], "good" if clip["good"] else "wrong"))
        column.addLayout(top)
        for reason in clip["reasons"]:
            column.addWidget(_wrapped(reason))
        row = QHBoxLayout()
        row.setSpacing(14)
        if clip["pictures"]:
            row.addWidget(Thumbnails(self._theme, clip["pictures"]), 0, Qt.AlignmentFlag.AlignTop)
        beside = QVBoxLayout()
        beside.setSpacing(4)
        beside.addWidget(ClipLine(self._theme, clip))
        if clip["streams"]:
            beside.addWidget(_wrapped("   ·   ".join(f"{name}: {words}" for name, words in clip["streams"]), "caption"))
        if clip["felt"]:
            beside.addWidget(_wrapped("   ·   ".join(f"{question}: {answer}" for question, answer in clip["felt"])))
        beside.addStretch()
        row.addLayout(beside, 1)
        column.addLayout(row)
        return frame

    def _signal(self, trace: Facts, facts: Facts) -> QWidget:
        frame, column = panel(f"{trace['name']}, {trace['unit']}")
        column.addWidget(SignalPlot(self._theme, trace, facts))
        return frame

    def _clock(self, trace: Facts, length_s: float) -> QWidget:
        frame, column = panel(f"{trace['name']}: {trace['of']}")
        column.addWidget(ClockPlot(self._theme, trace, length_s))
        return frame

    def _table(
        self, heading: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, figures: bool = True
    ) -> QWidget:
        frame, column = panel(heading)
        if not rows:
            column.addWidget(label("None.", "caption"))
            return frame
        grid = QGridLayout()
        grid.setHorizontalSpacing(28)
        grid.setVerticalSpacing(3)
        for line, cells in enumerate([columns, *rows]):
            for at, cell in enumerate(cells):
                made = label(cell, "section" if line == 0 else "")
                made.setWordWrap(not figures and at > 0)
                side = Qt.AlignmentFlag.AlignRight if figures and at else Qt.AlignmentFlag.AlignLeft
                grid.addWidget(
                    made, line, at, side | Qt.AlignmentFlag.AlignTop if figures else Qt.AlignmentFlag.AlignTop
                )
        grid.setColumnStretch(len(columns) if figures else len(columns) - 1, 1)
        column.addLayout(grid)
        return frame

    # Moving -----------------------------------------------------------------------------------------------------------

    def _empty(self) -> None:
        self._held = QWidget()
        self._held.setAutoFillBackground(False)
        self._column = QVBoxLayout(self._held)
        self._column.setContentsMargins(0, 0, 6, 0)
        self._column.setSpacing(8)
        self._column.addStretch()
        self._scroll.setWidget(self._held)  # the one before is deleted
        self.heading.setText("")

    def _add(self) -> None:
        """Add the next section: one at a time, for a session may have a hundred."""
        if not self._coming:
            self._step.stop()
            return
        section = self._coming.pop(0)()
        self.added.emit(section)
        self._column.insertWidget(self._column.count() - 1, section)

    def _move(self, lines: int) -> None:
        bar = self._scroll.verticalScrollBar()
        bar.setValue(bar.value() + lines * self.heading.fontMetrics().height())

    def _say(self, words: str) -> None:
        self.message.setText(words)


def _wrapped(words: str, role: str = "") -> QLabel:
    made = label(words, role)
    made.setWordWrap(True)
    return made
