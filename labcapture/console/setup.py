"""A new session: who, what, with which rig, where to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QIntValidator, QKeySequence
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from labcapture.console.parts import Choice, KeyButton, label
from labcapture.console.recent import Recent, RecentChoice
from labcapture.console.setup_fields import (
    ConditionChoice,
    Remarked,
    ResumeChoice,
    absolute,
    browsed,
    grid,
    lay_out,
    told,
    yaml_in,
)
from labcapture.console.setup_frame import Framed
from labcapture.console.setup_survey import Asked, Surveyor
from labcapture.console.theme import Theme
from labcapture.core.errors import BadInput, LabcaptureError
from labcapture.core.ids import check_id
from labcapture.engine.messages import Prepare
from labcapture.engine.survey import Survey

LANGUAGES = ("en", "zh", "de", "fr", "es")
_REMEMBERED = ("protocol", "rig", "out", "stimuli", "language", "experimenter")


class SetupForm(QWidget):
    """Fields of a new session; the engine judges them, and its answer stands below."""

    check_wanted = Signal(object)
    """A `Prepare`: the rig is to be looked at first."""
    wanted = Signal(object)
    """A `Prepare` that is to be carried out at once."""
    head_wanted = Signal(str)
    """The head before the camera of this rig file is to be shown."""
    browse_wanted = Signal(str)
    """The sessions in a folder are to be shown."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("New session")
        self._theme = theme
        self._recent = Recent()
        self.participant = QLineEdit()
        self.participant.setPlaceholderText("pseudonym, never a name")
        self.session = QLineEdit("1")
        self.experimenter = RecentChoice(theme, hint="pseudonym; may be left empty")
        self.resume = ResumeChoice(theme)
        self.language = Choice(theme, LANGUAGES)
        self.protocol = RecentChoice(theme, yaml_in("protocols"))
        self.rig = RecentChoice(theme, yaml_in("rigs"))
        self.out = RecentChoice(theme)
        self.out.setText(str(Path.cwd() / "sessions"))
        self.stimuli = RecentChoice(theme, hint="the protocol's films; empty: beside their manifest")
        self.notes = QLineEdit()
        self.notes.setPlaceholderText("written into the session as its first note")
        self.notes.setMaxLength(2000)
        self.autopilot = QCheckBox("answer for the participant, seed")
        self.seed = QLineEdit("0")
        self.seed.setValidator(QIntValidator(0, 2**31 - 1))
        self.seed.setMaximumWidth(120)
        self.seed.setEnabled(False)
        self.seed.setAccessibleName("Autopilot seed")
        self.conditions: dict[str, ConditionChoice] = {}
        self.settings: dict[str, QLineEdit] = {}
        self.found = label("", "caption")
        self.found.setWordWrap(True)
        self.message = label("")
        self.message.setObjectName("refusal")
        self.message.setWordWrap(True)
        self.check = KeyButton(theme, "Preflight", "Return")
        self.check.setProperty("prime", "true")
        self.prepare = KeyButton(theme, "Prepare at once", "Ctrl+Return")
        self.prepare.setToolTip("Without a look at the rig; the session will not tell how it was")
        self.sessions = KeyButton(theme, "Sessions", "F3")
        self.head = KeyButton(theme, "Head", "F4")
        self.head.setToolTip("Show the head before the rig's camera, without a session")
        self._busy = False
        self._survey = Survey()
        self._surveyor = Surveyor()
        self._given: dict[str, str] = {}
        self._offered: tuple[object, object] = ((), {})
        self._rows: dict[str, Remarked] = {}
        self._lay_out()
        self._join()
        self._judge()

    # What others do with it -------------------------------------------------------------------------------------------

    def fill(self, values: Mapping[str, Any]) -> None:
        """Put ``values``, in the names of `Prepare`, into the fields."""
        for name, field in (("participant", self.participant), ("session", self.session)):
            if values.get(name) is not None:
                field.setText(str(values[name]))
        for name, box in self._boxes():
            if values.get(name) is not None:
                box.setEditText(str(values[name]))
        seed = values.get("autopilot")
        if seed is not None:
            self.autopilot.setChecked(True)
            self.seed.setText(str(seed))
        self._given = {str(name): str(value) for name, value in (values.get("variables") or {}).items()}
        self.resume.choose(values.get("resume"))

    def remember(self, recent: Recent, *, begin: bool = True) -> None:
        """Offer what was used before, and ``begin`` with the newest of it; from now on it is kept there."""
        self._recent = recent
        for name, box in self._boxes():
            if isinstance(box, RecentChoice):
                box.offer(recent.values(name))
            if begin and recent.values(name):
                box.setEditText(recent.values(name)[0])

    def show_refusal(self, error: LabcaptureError) -> None:
        """Show why the session could not be prepared."""
        self.message.setText(str(error))
        self.set_busy(False)

    def set_busy(self, busy: bool) -> None:
        """Wait for the engine's answer."""
        if busy != self._busy:
            self._busy = busy
            self._judge()

    def take_notes(self) -> str:
        """Return the first note of the session that is prepared, once."""
        words = self.notes.text().strip()
        self.notes.clear()
        return words

    def look_again(self) -> None:
        """Count the sessions on disk anew: there may be one more."""
        self._surveyor.ask(self._asked(), again=True)

    def stop(self) -> None:
        """End what goes on beside the window."""
        self._surveyor.stop()

    # What is judged while it is written -------------------------------------------------------------------------------

    def _judge(self) -> None:
        fit = True
        for name, field in (
            ("participant", self.participant),
            ("session", self.session),
            ("experimenter", self.experimenter),
        ):
            written = field.text().strip()
            try:
                if written:
                    check_id(written, name)
                self._rows[name].say(self._remark(name))
            except BadInput as error:
                self._rows[name].say(error.mend, wrong=True)
                fit = False
            fit = fit and (bool(written) or name == "experimenter")
        needed = (self.out.text(), self.protocol.text(), self.rig.text())
        ready = fit and not self._busy and all(words.strip() for words in needed)
        self.check.setEnabled(ready)
        self.prepare.setEnabled(ready)
        self.head.setEnabled(bool(self.rig.text().strip()) and not self._busy)
        self._surveyor.ask(self._asked())

    def _asked(self) -> Asked:
        return Asked(
            self.protocol.text().strip(),
            self.rig.text().strip(),
            self.out.text().strip(),
            self.participant.text().strip(),
            self.autopilot.isChecked(),
        )

    def _remark(self, name: str) -> str:
        """Return what the sessions on disk mean for a field."""
        if name != "session":
            return ""
        same = self._survey.same(self.session.text().strip())
        if not same:
            return ""
        numbers = [int(it.session) for it in self._survey.earlier if it.session.isdigit()]
        free = f" Next free: {max(numbers) + 1:0{len(same[0].session)}d}." if numbers else ""
        return f"On disk already. This one gets a folder of its own; nothing is overwritten.{free}"

    def _show_survey(self, asked: Asked, found: Survey) -> None:
        if asked != self._asked():
            return
        self._survey = found
        for name in ("protocol", "rig", "out"):
            written = getattr(asked, name)
            problem = found.problems.get(name, "") if written else ""
            self._rows[name].say(problem or (found.title if name == "protocol" else ""), wrong=bool(problem))
        languages = found.languages or LANGUAGES
        if languages != tuple(self.language.itemText(i) for i in range(self.language.count())):
            spoken = self.language.currentText()
            self.language.clear()
            self.language.addItems(list(languages))
            self.language.setEditText(spoken if spoken in languages or not found.languages else languages[0])
        self.resume.offer(found.unfinished)
        self._rows["resume"].show_all(self.resume.count() > 1)
        broken = [it.folder.name for it in found.earlier if not it.closed]
        words = f"Never closed: {', '.join(broken)}. Recover it (F3) to go on with it." if broken else ""
        self._rows["participant"].say(words)
        self._show_choices(found)
        self.found.setText(told(found, asked.participant))
        self._judge()

    def _show_choices(self, found: Survey) -> None:
        """Show a field for every condition and variable of the protocol; what was chosen stays."""
        if (found.conditions, found.settings) == self._offered:
            return
        self._offered = found.conditions, found.settings
        chosen = self._given | self._variables()
        for widget in self._choices:
            self._who.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self._choices.clear()
        self.conditions, self.settings = {}, {}
        for condition in found.conditions:
            self.conditions[condition.variable] = box = ConditionChoice(self._theme, condition)
            box.choose(chosen.get(condition.variable, ""))
            self._add_choice(condition.variable, box)
        for name, value in found.settings.items():
            self.settings[name] = line = QLineEdit(chosen.get(name, ""))
            line.setPlaceholderText(value)
            line.returnPressed.connect(self._want_check)
            self._add_choice(name, line)

    def _add_choice(self, name: str, field: QWidget) -> None:
        caption = label(name.replace("_", " ").capitalize(), "field")
        caption.setBuddy(field)
        field.setAccessibleName(name)
        line = self._who.rowCount()
        self._who.addWidget(caption, line, 0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
        self._who.addWidget(field, line, 1)
        QWidget.setTabOrder(self._choices[-1] if self._choices else self.language, field)
        self._choices += [caption, field]

    def _variables(self) -> dict[str, str]:
        """Return what was chosen or written for the protocol's variables."""
        chosen = {name: box.value() for name, box in self.conditions.items()}
        chosen |= {name: line.text().strip() for name, line in self.settings.items()}
        return {name: value for name, value in chosen.items() if value}

    # What is asked for ------------------------------------------------------------------------------------------------

    def _command(self) -> Prepare | None:
        """Return the command that the fields make; None, and a message, where they cannot."""
        stimuli = self.stimuli.text().strip()
        fields = {*self.conditions, *self.settings}
        unseen = {name: value for name, value in self._given.items() if name not in fields}
        try:
            command = Prepare(
                protocol=absolute(self.protocol.text().strip()),
                rig=absolute(self.rig.text().strip()),
                participant=self.participant.text().strip(),
                session=self.session.text().strip(),
                out=absolute(self.out.text().strip()),
                stimuli=absolute(stimuli) if stimuli else None,
                autopilot=int(self.seed.text() or 0) if self.autopilot.isChecked() else None,
                language=self.language.currentText().strip() or "en",
                variables=unseen | self._variables(),
                experimenter=self.experimenter.text().strip(),
                resume=absolute(self.resume.folder()) if self.resume.folder() else None,
            )
        except LabcaptureError as error:
            self.show_refusal(error)
            return None
        self.message.setText("")
        for name, box in self._boxes():
            self._recent.add(name, box.currentText().strip())
            if isinstance(box, RecentChoice):
                box.offer(self._recent.values(name))
        return command

    def _want_check(self) -> None:
        if self.check.isEnabled() and (command := self._command()) is not None:
            self.check_wanted.emit(command)

    def _want(self) -> None:
        if self.prepare.isEnabled() and (command := self._command()) is not None:
            self.set_busy(True)
            self.wanted.emit(command)

    def _want_head(self) -> None:
        if self.head.isEnabled():
            self._recent.add("rig", self.rig.text().strip())
            self.head_wanted.emit(absolute(self.rig.text().strip()))

    def _browse(self) -> None:
        self.browse_wanted.emit(str(Path(self.out.text().strip() or ".").absolute()))

    # Layout -----------------------------------------------------------------------------------------------------------

    def _boxes(self) -> Iterator[tuple[str, Choice]]:
        """Yield the boxes that have a memory, by the names of `Prepare`."""
        for name in _REMEMBERED:
            yield name, getattr(self, name)

    def _join(self) -> None:
        self.autopilot.toggled.connect(self.seed.setEnabled)
        self.autopilot.toggled.connect(self._judge)
        self._surveyor.found.connect(self._show_survey)
        self.check.clicked.connect(self._want_check)
        self.prepare.clicked.connect(self._want)
        self.sessions.clicked.connect(self._browse)
        self.head.clicked.connect(self._want_head)
        for name, key, slot in (
            ("Sessions", "F3", self._browse),
            ("Head", "F4", self._want_head),
            ("Prepare at once", "Ctrl+Return", self._want),
        ):
            action = QAction(name, self)
            action.setShortcut(QKeySequence(key))
            action.triggered.connect(slot)
            self.addAction(action)
        lines = [self.participant, self.session, self.notes, self.seed]
        boxes = [self.experimenter, self.protocol, self.rig, self.out, self.stimuli, self.language]
        for line in [*lines, *filter(None, (box.lineEdit() for box in boxes))]:
            line.returnPressed.connect(self._want_check)
        for line in (self.participant, self.session):
            line.textChanged.connect(self._judge)
        for box in boxes[:-1]:
            box.editTextChanged.connect(self._judge)

    def _lay_out(self) -> None:
        seed = QHBoxLayout()
        seed.addWidget(self.autopilot)
        seed.addWidget(self.seed)
        seed.addStretch()
        who = [
            ("participant", Remarked("Participant", self.participant)),
            ("session", Remarked("Session", self.session)),
            ("resume", Remarked("Is", self.resume)),
            ("experimenter", Remarked("Experimenter", self.experimenter)),
            ("language", Remarked("Language", self.language)),
        ]
        what = [
            ("protocol", self._file("Protocol", self.protocol, folder=False)),
            ("rig", self._file("Rig", self.rig, folder=False)),
            ("out", self._file("Output folder", self.out, folder=True)),
            ("stimuli", self._file("Stimuli", self.stimuli, folder=True)),
            ("notes", Remarked("Notes", self.notes)),
            ("autopilot", Remarked("Autopilot", self.autopilot, seed)),
        ]
        self._rows = dict([*who, *what])
        self._rows["resume"].show_all(False)
        self._who = grid()
        self._choices: list[QWidget] = []
        columns = []
        for rows, form, share in ((who, self._who, 4), (what, grid(), 5)):
            for line, (_, row) in enumerate(rows):
                lay_out(form, line, row)
            held = QWidget()
            column = _column(held, 8)
            column.addLayout(form)
            column.addStretch()
            columns.append((held, share))
        self.framed = Framed("New session", columns, self._below())
        _column(self, 0).addWidget(self.framed)

    def _below(self) -> QWidget:
        """Return messages and buttons."""
        below = QWidget()
        lines = _column(below, 12)
        lines.addWidget(self.found)
        lines.addWidget(self.message)
        buttons = QHBoxLayout()
        buttons.addWidget(self.sessions)
        buttons.addWidget(self.head)
        buttons.addStretch()
        buttons.addWidget(self.prepare)
        buttons.addWidget(self.check)
        lines.addLayout(buttons)
        return below

    def _file(self, name: str, field: RecentChoice, *, folder: bool) -> Remarked:
        return Remarked(name, field, browsed(self, field, name, folder=folder))


def _column(holder: QWidget, gap: int) -> QVBoxLayout:
    """Give a widget lines one below the other, from edge to edge."""
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(gap)
    return column
