"""The right column and the bar below the pictures: what can be set and what is measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from labcapture.console.theme import Theme
from labcapture.view.measure import Between
from labcapture.view.projector import Mode
from labcapture.view.steering import SPEEDS
from labcapture.view.style import icon, label

_SPEED_WORDS = ("¼×", "½×", "1×", "2×", "4×")


def panel(heading: str) -> tuple[QFrame, QVBoxLayout]:
    """Return a framed panel and its layout."""
    frame = QFrame()
    frame.setProperty("role", "panel")
    frame.setAccessibleName(heading)
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(10, 7, 10, 9)
    layout.setSpacing(6)
    layout.addWidget(label(heading, "section"))
    return frame, layout


def button(words: str, name: str, tip: str, press: Callable[[], object], *, check: bool = False) -> QPushButton:
    """Return a button that never takes the keyboard from the time line by a click."""
    made = QPushButton(words)
    made.setAccessibleName(name)
    made.setToolTip(tip)
    made.setCheckable(check)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    made.clicked.connect(lambda _=False: press())
    return made


class Transport(QWidget):
    """Play, step, speed, where we are and where to go."""

    def __init__(self, theme: Theme, call: Callable[[str, int | None], None]) -> None:
        super().__init__()
        self._icons = {
            name: icon(name, theme.text) for name in ("play", "pause", "back", "forward", "previous", "next")
        }
        parts: list[QPushButton] = []
        for action, value, sign, name in (
            ("go_trial", -1, "previous", "Previous trial (PgUp)"),
            ("step", -1, "back", "One frame back (←)"),
            ("toggle_play", None, "play", "Play or pause (space)"),
            ("step", 1, "forward", "One frame on (→)"),
            ("go_trial", 1, "next", "Next trial (PgDown)"),
        ):
            made = button("", name, name, partial(call, action, value))
            made.setIcon(self._icons[sign])
            parts.append(made)
            if sign == "play":
                self.play = made
        self.speeds = [
            button(words, f"{words} as fast", "Slower , faster .", partial(call, "set_speed", i), check=True)
            for i, words in enumerate(_SPEED_WORDS)
        ]
        self.clock = QLineEdit()
        self.clock.setObjectName("clock")
        self.clock.setAccessibleName("Time since the start of the session; enter one to go there")
        self.clock.setToolTip("Time since the start: 01:23.450, 83.45, or LSL 5123.4   (Ctrl+G)")
        self.frame = QLineEdit()
        self.frame.setAccessibleName("Index of the frame in its trial; enter one to go there")
        self.frame.setToolTip("Index of the frame in this trial   (Ctrl+I)")
        self.state = label("", "caption")
        self._signs = parts
        self._shown: tuple[bool, float, str] | None = None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for it in parts:
            layout.addWidget(it)
        layout.addSpacing(8)
        for it in self.speeds:
            layout.addWidget(it)
        layout.addSpacing(8)
        layout.addWidget(label("time", "caption"))
        layout.addWidget(self.clock)
        layout.addSpacing(4)
        layout.addWidget(label("frame", "caption"))
        layout.addWidget(self.frame)
        layout.addSpacing(8)
        layout.addWidget(self.state, 1)

    def set_scale(self) -> None:
        """Size the fields for their figures."""
        metrics = self.clock.fontMetrics()
        side = round(metrics.height() * 0.9)
        for it in self._signs:
            it.setIconSize(QSize(side, side))
        self.clock.setFixedWidth(metrics.horizontalAdvance("00:00.000") + metrics.height() * 2)
        self.frame.setFixedWidth(metrics.horizontalAdvance("000000") + metrics.height() * 2)

    def show_playing(self, playing: bool, speed: float, words: str) -> None:
        """Show whether time goes on, and how fast."""
        if (playing, speed, words) == self._shown:  # it is asked at every tick
            return
        self._shown = (playing, speed, words)
        self.play.setIcon(self._icons["pause" if playing else "play"])
        for made, at in zip(self.speeds, SPEEDS, strict=True):
            made.setChecked(at == speed)
        self.state.setText(words)
        self.state.setToolTip(words)


class LookPanel(QFrame):
    """How pictures are shown; changes are told as fields of `Mode`."""

    changed = Signal(dict)

    def __init__(self, call: Callable[[str, int | None], None]) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.setAccessibleName("Look")
        self.blend = button("Blend", "Depth over colour", "V", lambda: call("toggle_blend", None), check=True)
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setAccessibleName("Depth in the blend, in percent")
        self.opacity.setToolTip("Shift+↑  Shift+↓")
        self.difference = button(
            "Motion", "What moved since the reference", "D", lambda: call("toggle_difference", None), check=True
        )
        self.gain = _figure(1, 64, " ×", "How many times motion is magnified", "[  ]")
        self.reference = button("Set", "Make this frame the reference", "R", lambda: call("set_reference", None))
        self.contours = button(
            "Contours", "Lines of equal distance", "C", lambda: call("toggle_contours", None), check=True
        )
        self.every = _figure(1, 200, " mm", "Distance between two contours", "")
        self.near = _figure(50, 9000, " mm", "Nearest distance of the colours", "")
        self.far = _figure(60, 10000, " mm", "Farthest distance of the colours", "")
        fit = button("Fit", "Fit the colours to what is nearest", "F", lambda: call("fit_range", None))
        layout = QGridLayout(self)
        layout.setContentsMargins(10, 8, 10, 9)
        layout.setHorizontalSpacing(6)
        layout.setVerticalSpacing(5)
        layout.addWidget(self.blend, 0, 0)
        layout.addWidget(self.opacity, 0, 1, 1, 2)
        layout.addWidget(self.contours, 1, 0)
        layout.addWidget(label("every", "caption"), 1, 1, Qt.AlignmentFlag.AlignRight)
        layout.addWidget(self.every, 1, 2)
        layout.addWidget(self.difference, 2, 0)
        layout.addWidget(self.gain, 2, 1)
        layout.addWidget(self.reference, 2, 2)
        layout.addWidget(fit, 3, 0)
        layout.addWidget(self.near, 3, 1)
        layout.addWidget(self.far, 3, 2)
        layout.setColumnStretch(1, 1)
        layout.setColumnStretch(2, 1)
        self.opacity.valueChanged.connect(lambda value: self.changed.emit({"opacity": value / 100}))
        self.gain.valueChanged.connect(lambda value: self.changed.emit({"gain": float(value)}))
        self.every.valueChanged.connect(
            lambda value: self.changed.emit({"contour_mm": float(value)}) if self.contours.isChecked() else None
        )
        self.near.valueChanged.connect(lambda value: self.changed.emit({"near_mm": float(value)}))
        self.far.valueChanged.connect(lambda value: self.changed.emit({"far_mm": float(value)}))
        self.every.setValue(5)

    def show_mode(self, mode: Mode) -> None:
        """Show what is set, and tell nobody."""
        self.blend.setChecked(mode.blend)
        self.difference.setChecked(mode.difference)
        self.contours.setChecked(mode.contour_mm > 0)
        self.opacity.setEnabled(mode.blend)
        for figure, value in (
            (self.opacity, round(mode.opacity * 100)),
            (self.gain, round(mode.gain)),
            (self.every, round(mode.contour_mm) or self.every.value()),
            (self.near, round(mode.near_mm)),
            (self.far, round(mode.far_mm)),
        ):
            figure.blockSignals(True)
            figure.setValue(value)
            figure.blockSignals(False)


def _figure(least: int, most: int, unit: str, name: str, tip: str) -> QSpinBox:
    made = QSpinBox()
    made.setRange(least, most)
    made.setSuffix(unit)
    made.setAlignment(Qt.AlignmentFlag.AlignCenter)
    made.setAccessibleName(name)
    made.setToolTip(f"{name}  {tip}".strip())
    made.setKeyboardTracking(False)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return made


class MeasurePanel(QFrame):
    """Marks A and B, and what lies between them."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.setAccessibleName("Measure")
        self._cells = {name: label("–", "strong" if name == "time_d" else "") for name in self._names()}
        layout = QGridLayout(self)
        layout.setContentsMargins(10, 7, 10, 9)
        layout.setHorizontalSpacing(10)
        layout.setVerticalSpacing(2)
        for column, words in enumerate(("", "A", "B", "B − A")):
            layout.addWidget(label(words, "section"), 0, column, Qt.AlignmentFlag.AlignRight)
            layout.setColumnStretch(column, 0 if not column else 1)
        self._heads = {row: label(row, "caption") for row in ("time", "frame", "eda")}
        for row, (name, head) in enumerate(self._heads.items(), 1):
            layout.addWidget(head, row, 0)
            for column, part in enumerate("abd", 1):
                layout.addWidget(self._cells[f"{name}_{part}"], row, column, Qt.AlignmentFlag.AlignRight)

    @staticmethod
    def _names() -> list[str]:
        return [f"{row}_{part}" for row in ("time", "frame", "eda") for part in "abd"]

    def say(self, a: str, b: str, between: Between | None) -> None:
        """Show the times of the marks, and what lies between them once there are both."""
        values = dict.fromkeys(self._names(), "–") | {"time_a": a or "–", "time_b": b or "–"}
        if between is not None:
            values["time_d"] = f"{between.seconds:+.3f} s"
            values["frame_a"], values["frame_b"] = (
                "–" if it is None else str(it) for it in (between.index_a, between.index_b)
            )
            if between.frames is not None:
                values["frame_d"] = f"{between.frames:+d}"
            self._heads["eda"].setText(f"EDA {between.units}".strip())
            for name, value in (("a", between.eda_a), ("b", between.eda_b)):
                values[f"eda_{name}"] = "–" if math.isnan(value) else f"{value:.3f}"
            change = between.eda_b - between.eda_a
            values["eda_d"] = "–" if math.isnan(change) else f"{change:+.3f}"
        for name, words in values.items():
            self._cells[name].setText(words)
        self.setAccessibleDescription(", ".join(f"{name} {words}" for name, words in values.items()))

    def words(self, name: str) -> str:
        """Return what a cell says: ``time``, ``frame`` or ``eda``, and ``_a``, ``_b`` or ``_d``."""
        return self._cells[name].text()
