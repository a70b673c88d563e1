"""Every key of the viewer, once: the window binds them, the help shows them."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QWidget

from labcapture.view.style import label


@dataclass(frozen=True)
class Binding:
    """Keys, the window's method they call, its argument, and what it does in words."""

    keys: tuple[str, ...]
    action: str
    words: str
    value: int = 1

    @property
    def ways(self) -> tuple[tuple[str, int | None], ...]:
        """Return each key with what the method is called with: two keys are two ways, - and +."""
        if len(self.keys) == 2 and self.keys != ("F1", "?"):
            return (self.keys[0], -self.value), (self.keys[1], self.value)
        return tuple((key, None) for key in self.keys)


GROUPS: dict[str, tuple[Binding, ...]] = {
    "Play": (
        Binding(("Space",), "toggle_play", "play, pause"),
        Binding((",", "."), "change_speed", "slower, faster: ¼ to 4 times"),
        Binding(("M",), "toggle_mute", "sound off, on"),
    ),
    "Go": (
        Binding(("Left", "Right"), "step", "one frame back, on"),
        Binding(("Shift+Left", "Shift+Right"), "step", "ten frames", 10),
        Binding(("Ctrl+Left", "Ctrl+Right"), "shift", "one second"),
        Binding(("Home", "End"), "go_edge", "first, last frame of the trial"),
        Binding(("PgUp", "PgDown"), "go_trial", "previous, next trial"),
        Binding(("P", "N"), "go_event", "previous, next event in the list"),
        Binding(("Ctrl+G",), "focus_time", "go to a time or LSL time"),
        Binding(("Ctrl+I",), "focus_frame", "go to the index of a frame"),
        Binding(("Ctrl+F",), "focus_filter", "filter the events"),
    ),
    "Look": (
        Binding(("V",), "toggle_blend", "side by side, or depth over colour"),
        Binding(("Shift+Down", "Shift+Up"), "change_opacity", "less, more depth in the blend"),
        Binding(("C",), "toggle_contours", "lines of equal distance"),
        Binding(("F",), "fit_range", "fit the colours of depth"),
        Binding(("D",), "toggle_difference", "what moved since the reference"),
        Binding(("R",), "set_reference", "make this frame the reference"),
        Binding(("[", "]"), "change_gain", "magnify motion less, more"),
        Binding(("Z",), "reset_zoom", "whole picture (wheel zooms, drag moves)"),
    ),
    "Measure": (
        Binding(("A",), "mark_a", "put mark A here"),
        Binding(("B",), "mark_b", "put mark B here"),
        Binding(("Shift+A", "Shift+B"), "go_mark", "go to mark A, B"),
        Binding(("Esc",), "clear_marks", "take marks and ruler off"),
        Binding(("Ctrl+C",), "copy", "copy time and frame index"),
    ),
    "Window": (
        Binding(("-", "+"), "zoom_time", "time line: more, less time"),
        Binding(("0",), "zoom_whole", "time line: whole session"),
        Binding(("T",), "zoom_trial", "time line: this trial"),
        Binding(("E",), "toggle_side", "hide, show the right column"),
        Binding(("F11",), "toggle_full", "full screen"),
        Binding(("F1", "?"), "show_help", "these keys"),
    ),
}


class Help(QDialog):
    """All keys with what they do."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        self.setAccessibleName("Keys of the viewer")
        columns = QHBoxLayout(self)
        columns.setContentsMargins(24, 18, 24, 20)
        columns.setSpacing(36)
        for names in (("Play", "Go"), ("Look", "Measure"), ("Window",)):
            grid = QGridLayout()
            grid.setHorizontalSpacing(14)
            grid.setVerticalSpacing(4)
            for name in names:
                if grid.count():
                    grid.addWidget(label(), grid.rowCount(), 0)
                grid.addWidget(label(name, "section"), grid.rowCount(), 0, 1, 2)
                for binding in GROUPS[name]:
                    row = grid.rowCount()
                    keys = label("  ".join(_native(key) for key in binding.keys), "strong")
                    grid.addWidget(keys, row, 0, Qt.AlignmentFlag.AlignLeft)
                    grid.addWidget(label(binding.words), row, 1)
            grid.setRowStretch(grid.rowCount(), 1)
            columns.addLayout(grid)


def _native(key: str) -> str:
    words = QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
    for name, arrow in (("Left", "←"), ("Right", "→"), ("Up", "↑"), ("Down", "↓")):
        words = arrow.join(words.rsplit(name, 1)) if words.endswith(name) and not words.startswith("Pg") else words
    return words
