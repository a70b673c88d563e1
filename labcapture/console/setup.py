"""A new session: who, what, with which rig, where to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QIntValidator, QKeySequence
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from labcapture.console.parts import Choice, KeyButton, label, panel
from labcapture.console.theme import Theme
from labcapture.core.errors import BadInput, LabcaptureError
from labcapture.engine.messages import Prepare

LANGUAGES = ("en", "zh", "de", "fr", "es")


class SetupForm(QWidget):
    """Fields of a new session; the engine judges them, and its answer stands below."""

    wanted = Signal(object)
    """A `Prepare`."""
    browse_wanted = Signal(str)
    """The sessions in a folder are to be shown."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("New session")
        self.participant = QLineEdit()
        self.participant.setPlaceholderText("pseudonym, never a name")
        self.session = QLineEdit("1")
        self.protocol = Choice(theme, _yaml_in("protocols"))
        self.rig = Choice(theme, _yaml_in("rigs"))
        self.out = QLineEdit(str(Path.cwd() / "sessions"))
        self.stimuli = QLineEdit()
        self.stimuli.setPlaceholderText("where the protocol's clips lie; empty for none")
        self.language = Choice(theme, LANGUAGES)
        self.autopilot = QCheckBox("answer for the participant, seed")
        self.seed = QLineEdit("0")
        self.seed.setValidator(QIntValidator(0, 2**31 - 1))
        self.seed.setMaximumWidth(160)
        self.seed.setEnabled(False)
        self.autopilot.toggled.connect(self.seed.setEnabled)
        self.prepare = KeyButton(theme, "Prepare", "Return")
        self.prepare.setProperty("prime", "true")
        self.prepare.clicked.connect(self._want)
        self.sessions = KeyButton(theme, "Sessions", "F3")
        self.sessions.clicked.connect(self._browse)
        key = QAction("Sessions", self)
        key.setShortcut(QKeySequence("F3"))
        key.triggered.connect(self._browse)
        self.addAction(key)
        self.message = label("")
        self.message.setObjectName("refusal")
        self.message.setWordWrap(True)
        self._busy = False
        self._lay_out()
        for line in (self.participant, self.session, self.out, self.stimuli):
            line.returnPressed.connect(self._want)
            line.textChanged.connect(self._judge)
        for box in (self.protocol, self.rig):
            box.editTextChanged.connect(self._judge)
        self._judge()

    def _lay_out(self) -> None:
        rows: list[tuple[str, QWidget | QHBoxLayout, QWidget]] = [
            ("Participant", self.participant, self.participant),
            ("Session", self.session, self.session),
            ("Protocol", self._browsed(self.protocol, "Protocol", folder=False), self.protocol),
            ("Rig", self._browsed(self.rig, "Rig", folder=False), self.rig),
            ("Output folder", self._browsed(self.out, "Output folder", folder=True), self.out),
            ("Stimuli", self._browsed(self.stimuli, "Stimuli", folder=True), self.stimuli),
            ("Language", self.language, self.language),
        ]
        form = QGridLayout()
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(8)
        form.setColumnStretch(1, 1)
        for line, (name, content, field) in enumerate(rows):
            caption = label(name)
            caption.setBuddy(field)
            field.setAccessibleName(name)
            form.addWidget(caption, line, 0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if isinstance(content, QWidget):
                form.addWidget(content, line, 1)
            else:
                form.addLayout(content, line, 1)
        pilot = QHBoxLayout()
        pilot.setSpacing(10)
        pilot.addWidget(self.autopilot)
        pilot.addWidget(self.seed)
        pilot.addStretch()
        self.seed.setAccessibleName("Autopilot seed")
        form.addWidget(label("Autopilot"), len(rows), 0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        form.addLayout(pilot, len(rows), 1)
        frame, column = panel("New session")
        column.setContentsMargins(28, 20, 28, 20)
        column.setSpacing(14)
        column.addLayout(form)
        column.addWidget(self.message)
        row = QHBoxLayout()
        row.addWidget(self.sessions)
        row.addStretch()
        row.addWidget(self.prepare)
        column.addLayout(row)
        layout = QVBoxLayout(self)
        layout.addStretch()
        centre = QHBoxLayout()
        centre.addStretch(1)
        centre.addWidget(frame, 4)
        centre.addStretch(1)
        layout.addLayout(centre)
        layout.addStretch()

    def fill(self, values: Mapping[str, Any]) -> None:
        """Put ``values``, in the names of `Prepare`, into the fields."""
        for name, field in (
            ("participant", self.participant),
            ("session", self.session),
            ("out", self.out),
            ("stimuli", self.stimuli),
        ):
            if values.get(name) is not None:
                field.setText(str(values[name]))
        for name, box in (("protocol", self.protocol), ("rig", self.rig), ("language", self.language)):
            if values.get(name) is not None:
                box.setEditText(str(values[name]))
        seed = values.get("autopilot")
        if seed is not None:
            self.autopilot.setChecked(True)
            self.seed.setText(str(seed))

    def show_refusal(self, error: LabcaptureError) -> None:
        """Show why the session could not be prepared."""
        self.message.setText(str(error))
        self.set_busy(False)

    def set_busy(self, busy: bool) -> None:
        """Wait for the engine's answer."""
        self._busy = busy
        self._judge()

    def _browse(self) -> None:
        self.browse_wanted.emit(str(Path(self.out.text().strip() or ".").absolute()))

    def _judge(self) -> None:
        needed = (
            self.participant.text(),
            self.session.text(),
            self.out.text(),
            self.protocol.currentText(),
            self.rig.currentText(),
        )
        self.prepare.setEnabled(not self._busy and all(words.strip() for words in needed))

    def _want(self) -> None:
        if not self.prepare.isEnabled():
            return
        try:
            stimuli = self.stimuli.text().strip()
            command = Prepare(
                protocol=_absolute(self.protocol.currentText().strip()),
                rig=_absolute(self.rig.currentText().strip()),
                participant=self.participant.text().strip(),
                session=self.session.text().strip(),
                out=_absolute(self.out.text().strip()),
                stimuli=_absolute(stimuli) if stimuli else None,
                autopilot=int(self.seed.text() or 0) if self.autopilot.isChecked() else None,
                language=self.language.currentText().strip() or "en",
            )
        except LabcaptureError as error:
            self.show_refusal(error)
            return
        self.message.setText("")
        self.set_busy(True)
        self.wanted.emit(command)

    def _browsed(self, field: QLineEdit | Choice, name: str, *, folder: bool) -> QHBoxLayout:
        """Return ``field`` with a button that looks for a file or folder."""
        button = QPushButton("…")
        button.setAccessibleName(f"Browse: {name}")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        current = field.currentText if isinstance(field, Choice) else field.text
        take = field.setEditText if isinstance(field, Choice) else field.setText

        def browse() -> None:
            dialog = QFileDialog(self, name, current())
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


def _yaml_in(folder: str) -> list[str]:
    return [str(path) for path in sorted(Path(folder).glob("*.yaml"))]


def _absolute(path: str) -> str:
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
