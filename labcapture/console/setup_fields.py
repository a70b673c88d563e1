"""The fields of a new session: a line with a remark below it, a choice of condition, a session to go on with."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from labcapture.console.parts import Choice, label
from labcapture.console.theme import Theme, mark
from labcapture.core.errors import BadInput
from labcapture.engine.survey import Condition, Earlier, Survey

BALANCE = ""
"""Data of the choice that leaves a condition to the lab's balance."""


class Remarked(QWidget):
    """A field with a remark below it that is hidden while it is empty."""

    def __init__(self, name: str, field: QWidget, content: QWidget | QHBoxLayout | None = None) -> None:
        super().__init__()
        field.setAccessibleName(name)
        self.field = field
        self.caption = label(name, "field")
        self.caption.setBuddy(field)
        self.remark = label("", "caption")
        self.remark.setWordWrap(True)
        self.remark.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        if isinstance(content, QHBoxLayout):
            column.addLayout(content)
        else:
            column.addWidget(content or field)
        column.addWidget(self.remark)

    def say(self, words: str, *, wrong: bool = False) -> None:
        """Remark ``words``; ``wrong``: what is written will not do."""
        if words != self.remark.text():
            self.remark.setText(words)
        self.remark.setVisible(bool(words))
        mark(self.remark, role="wrong" if wrong else "caption")
        mark(self.field, wrong="true" if wrong else "false")
        self.field.setAccessibleDescription(words)

    def show_all(self, shown: bool) -> None:
        """Show or hide the field with its caption."""
        self.setVisible(shown)
        self.caption.setVisible(shown)


def lay_out(form: QGridLayout, line: int, row: Remarked) -> None:
    """Put a field and its caption into ``line`` of ``form``."""
    top = Qt.AlignmentFlag.AlignTop
    holder = QVBoxLayout()  # as high as the field's own line, whatever is remarked below it
    holder.setContentsMargins(0, 0, 0, 0)
    holder.addWidget(row.caption, 0, top | Qt.AlignmentFlag.AlignRight)
    holder.addStretch()
    form.addLayout(holder, line, 0)
    form.addWidget(row, line, 1, top)


class ConditionChoice(Choice):
    """A value for a variable that is drawn, or the draw; each with the number of sessions that have it."""

    def __init__(self, theme: Theme, condition: Condition) -> None:
        super().__init__(theme, (), editable=False)
        self.setAccessibleName(condition.variable)
        drawn = "the lab's balance decides" if condition.how == "balanced" else "chance decides"
        counts = ",  ".join(f"{value} {condition.counts[value]}" for value in condition.values)
        self.addItem(f"{drawn}   ({counts})", BALANCE)
        if condition.hidden:
            self.setEnabled(False)
            self.setToolTip("No screen may show this value during the session: nobody chooses it here")
            return
        for value in condition.values:
            number = condition.counts[value]
            self.addItem(f"{value}   ({number} {'session' if number == 1 else 'sessions'} so far)", value)

    def value(self) -> str:
        """Return the value that was chosen; empty where the draw decides."""
        return str(self.currentData() or BALANCE)

    def choose(self, value: str) -> None:
        """Choose ``value`` where it is one."""
        self.setCurrentIndex(max(0, self.findData(value)))


class ResumeChoice(Choice):
    """Begin anew, or go on with a session that broke off."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, (), editable=False)
        self.offer(())

    def offer(self, sessions: tuple[Earlier, ...]) -> None:
        """Offer ``sessions``; what was chosen stays if it is among them."""
        chosen = self.folder()
        self.clear()
        self.addItem("a new session", "")
        for it in sessions:
            self.addItem(f"go on with {it.folder.name}", str(it.folder))
        self.choose(chosen)

    def folder(self) -> str:
        """Return the folder of the session to go on with; empty for a new one."""
        return str(self.currentData() or "")

    def choose(self, folder: str | None) -> None:
        """Choose ``folder``; it is offered, too, if it was not."""
        if folder and self.findData(folder) < 0:
            self.addItem(f"go on with {Path(folder).name}", folder)
        self.setCurrentIndex(max(0, self.findData(folder or "")))


def browsed(parent: QWidget, field: QLineEdit | Choice, name: str, *, folder: bool) -> QHBoxLayout:
    """Return ``field`` with a button that looks for a file or folder."""
    button = QPushButton("…")
    button.setAccessibleName(f"Browse: {name}")
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    mark(button, bulk="small")
    current = field.currentText if isinstance(field, Choice) else field.text
    take = field.setEditText if isinstance(field, Choice) else field.setText

    def browse() -> None:
        dialog = QFileDialog(parent, name, current())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.Directory if folder else QFileDialog.FileMode.ExistingFile)
        if not folder:
            dialog.setNameFilter("YAML (*.yaml *.yml)")
        dialog.fileSelected.connect(take)
        dialog.open()

    button.clicked.connect(browse)
    row = QHBoxLayout()
    row.setSpacing(6)
    row.addWidget(field, 1)
    row.addWidget(button)
    return row


def yaml_in(folder: str) -> list[str]:
    """Return the YAML files in ``folder``."""
    return [str(path) for path in sorted(Path(folder).glob("*.yaml"))]


def absolute(path: str) -> str:
    """Return ``path`` as the engine, which may live in another folder, has to be told it.

    Raises
    ------
    BadInput
        It names a home folder that does not exist.
    """
    try:
        return str(Path(path).expanduser().absolute())
    except RuntimeError as error:
        raise BadInput(f"no such home folder ({error})", path, "Write the path out.") from None


def grid() -> QGridLayout:
    """Return an empty grid for captions and fields."""
    made = QGridLayout()
    made.setHorizontalSpacing(14)
    made.setVerticalSpacing(8)
    made.setColumnStretch(1, 1)
    made.setColumnMinimumWidth(0, 92)
    return made


def told(found: Survey, participant: str) -> str:
    """Return how many sessions there are."""
    kind = "rehearsal" if found.rehearsal else "session"
    plural = "" if found.sessions == 1 else "s"
    words = f"{found.sessions} {kind}{plural} of this protocol in the output folder"
    mine = len(found.earlier)
    return f"{words}; {mine} of {participant}." if participant and mine else f"{words}."
