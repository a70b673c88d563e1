"""Colours, sizes and the style sheet. One accent; red and amber are for alarms alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QSettings
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QGridLayout, QLayout, QWidget

from labcapture.core.errors import BadInput

FONTS = ["Inter", "Segoe UI", "SF Pro Text", "Helvetica Neue", "Noto Sans", "DejaVu Sans"]
BASE_HEIGHT = 760  # window height (px) at which the sizes below hold; they grow with the window


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of everything that is drawn."""

    name: str
    window: str
    panel: str
    raised: str
    line: str
    text: str
    muted: str
    accent: str
    on_accent: str
    alarm: str
    on_alarm: str
    warning: str
    badge: str
    on_badge: str


DARK = Theme(
    name="dark",
    window="#101418",
    panel="#171c22",
    raised="#222931",
    line="#2c353f",
    text="#e8ecef",
    muted="#98a4b0",
    accent="#54c6d6",
    on_accent="#06222a",
    alarm="#ff5449",
    on_alarm="#200302",
    warning="#ffb648",
    badge="#e8ecef",
    on_badge="#101418",
)
LIGHT = Theme(
    name="light",
    window="#e9edf0",
    panel="#ffffff",
    raised="#f1f4f6",
    line="#cdd5db",
    text="#14191e",
    muted="#56626d",
    accent="#08788a",
    on_accent="#ffffff",
    alarm="#c81e14",
    on_alarm="#ffffff",
    warning="#9a5b00",
    badge="#14191e",
    on_badge="#ffffff",
)


THEMES = {theme.name: theme for theme in (DARK, LIGHT)}
_CHOSEN = "theme"


def settings() -> QSettings:
    """Return what the console remembers from one start to the next."""
    return QSettings("labcapture", "console")


def choose(name: str | None = None) -> Theme:
    """Return the theme called ``name`` and remember it; without a name, the one that is remembered.

    Raises
    ------
    BadInput
        There is no such theme.
    """
    if name is None:
        return THEMES.get(str(settings().value(_CHOSEN, DARK.name)), DARK)
    if name not in THEMES:
        raise BadInput(f"no theme '{name}'", "--theme", f"There are: {', '.join(THEMES)}.")
    settings().setValue(_CHOSEN, name)
    return THEMES[name]


def apply(application: QApplication, theme: Theme) -> None:
    """Give ``application`` the style, the palette and a font whose digits keep their place."""
    application.setStyle("Fusion")
    palette = QPalette(QColor(theme.raised), QColor(theme.window))  # Fusion shades its edges from these
    role = QPalette.ColorRole
    for key, colour in {
        role.Window: theme.window,
        role.WindowText: theme.text,
        role.Base: theme.panel,
        role.AlternateBase: theme.raised,
        role.Text: theme.text,
        role.PlaceholderText: theme.muted,
        role.Button: theme.raised,
        role.ButtonText: theme.text,
        role.ToolTipBase: theme.raised,
        role.ToolTipText: theme.text,
        role.Highlight: theme.accent,
        role.HighlightedText: theme.on_accent,
        role.Accent: theme.accent,
        role.Link: theme.accent,
    }.items():
        palette.setColor(key, QColor(colour))
    disabled = QPalette.ColorGroup.Disabled
    for key in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(disabled, key, QColor(theme.muted))
    application.setPalette(palette)
    font = QFont()
    font.setFamilies(FONTS)
    font.setFeature(QFont.Tag("tnum"), 1)
    application.setFont(font)


def scale_of(height: int) -> float:
    """Return the factor for all sizes in a window of ``height`` px, in steps, so that resizing restyles seldom."""
    return min(4.0, max(0.9, round(height / BASE_HEIGHT * 8) / 8))


def style_sheet(theme: Theme, scale: float) -> str:
    """Return the style sheet of the window."""

    def px(size: float) -> str:
        return f"{round(size * scale)}px"

    return f"""
    * {{ font-size: {px(14)}; }}
    QToolTip {{ color: {theme.text}; background: {theme.raised}; border: 1px solid {theme.line}; }}
    QMainWindow, QDialog {{ background: {theme.window}; }}
    QDialog {{ border: 1px solid {theme.line}; }}
    QFrame[role="panel"] {{ background: {theme.panel}; border: 1px solid {theme.line}; border-radius: {px(6)}; }}
    QLabel {{ background: transparent; }}
    QLabel[role="caption"] {{ color: {theme.muted}; font-size: {px(12)}; }}
    QLabel[role="field"] {{ padding-top: {px(7)}; }}
    QLabel[role="section"] {{ color: {theme.muted}; font-size: {px(12)}; font-weight: 600; }}
    QLabel[role="figure"] {{ font-size: {px(26)}; font-weight: 600; }}
    QLabel[role="detail"] {{ font-size: {px(26)}; font-weight: 600; }}
    QLabel[role="strong"] {{ font-weight: 600; }}
    QLabel[role="lead"] {{ font-size: {px(17)}; }}
    QLabel[role="title"] {{ font-size: {px(34)}; font-weight: 800; }}
    QLabel#state {{ font-size: {px(34)}; font-weight: 800; padding: {px(4)} {px(18)}; border-radius: {px(6)};
        background: {theme.raised}; color: {theme.text}; border: {px(2)} solid {theme.raised}; }}
    QLabel#state[tone="ready"] {{ color: {theme.accent}; border-color: {theme.accent}; }}
    QLabel#state[tone="recording"] {{ background: {theme.accent}; color: {theme.on_accent};
        border-color: {theme.accent}; }}
    QLabel#state[tone="held"] {{ background: {theme.muted}; color: {theme.window}; border-color: {theme.muted}; }}
    QLabel#state[tone="alarm"] {{ background: {theme.alarm}; color: {theme.on_alarm}; border-color: {theme.alarm}; }}
    QLabel#simulated {{ background: {theme.badge}; color: {theme.on_badge}; font-size: {px(20)}; font-weight: 800;
        padding: {px(6)} {px(14)}; border-radius: {px(6)}; }}
    QFrame#alarm {{ background: {theme.alarm}; border-radius: {px(6)}; }}
    QFrame#alarm QLabel {{ color: {theme.on_alarm}; }}
    QFrame#alarm QLabel[role="cause"] {{ font-size: {px(20)}; font-weight: 700; }}
    QFrame#alarm QLabel[role="remedy"] {{ font-size: {px(16)}; font-weight: 500; }}
    QLabel#refusal {{ color: {theme.warning}; font-weight: 600; }}
    QLabel#verdict {{ padding: {px(2)} {px(18)}; border-radius: {px(6)}; border: {px(2)} solid {theme.line};
        color: {theme.muted}; }}
    QLabel#verdict[tone="ok"] {{ background: {theme.accent}; color: {theme.on_accent}; border-color: {theme.accent}; }}
    QLabel#verdict[tone="fail"] {{ background: {theme.alarm}; color: {theme.on_alarm}; border-color: {theme.alarm}; }}
    QLabel[role="wrong"] {{ color: {theme.warning}; font-size: {px(12)}; font-weight: 600; }}
    QProgressBar {{ background: {theme.raised}; border: none; border-radius: {px(3)}; max-height: {px(6)}; }}
    QProgressBar::chunk {{ background: {theme.accent}; border-radius: {px(3)}; }}
    QPushButton {{ background: {theme.raised}; color: {theme.text}; border: 1px solid {theme.line};
        border-radius: {px(6)}; padding: {px(9)} {px(16)}; font-size: {px(16)}; font-weight: 600; }}
    QPushButton[bulk="small"] {{ padding: {px(4)} {px(9)}; font-size: {px(13)}; }}
    QPushButton[bulk="large"] {{ padding: {px(9)} {px(28)}; font-size: {px(16)}; font-weight: 800; }}
    QPushButton[bulk="huge"] {{ padding: {px(18)} {px(34)}; font-size: {px(30)}; }}
    QLabel[role="expected"] {{ font-weight: 600; }}
    QLabel[bulk="huge"] {{ font-size: {px(24)}; }}
    QLineEdit[bulk="huge"] {{ font-size: {px(28)}; padding: {px(14)}; }}
    QPushButton:hover {{ border-color: {theme.muted}; }}
    QPushButton:pressed {{ background: {theme.line}; }}
    QPushButton:focus {{ border: 1px solid {theme.accent}; }}
    QPushButton:disabled {{ color: {theme.muted}; background: {theme.panel}; }}
    QPushButton[prime="true"]:enabled {{ background: {theme.accent}; color: {theme.on_accent};
        border-color: {theme.accent}; }}
    QPushButton[prime="true"]:focus {{ border: 1px solid {theme.text}; }}
    QLineEdit, QComboBox {{ background: {theme.raised}; color: {theme.text}; border: 1px solid {theme.line};
        border-radius: {px(5)}; padding: {px(6)} {px(8)}; font-size: {px(15)}; }}
    QDialog QLineEdit, QDialog QLabel[role="words"] {{ min-width: {px(420)}; }}
    QLineEdit:focus, QComboBox:focus {{ border-color: {theme.accent}; }}
    QLineEdit[wrong="true"], QComboBox[wrong="true"] {{ border-color: {theme.warning}; }}
    QLineEdit:disabled {{ color: {theme.muted}; background: {theme.panel}; }}
    QComboBox QLineEdit {{ border: none; padding: 0; background: transparent; }}
    QComboBox::drop-down {{ border: none; width: {px(30)}; }}
    QCheckBox {{ spacing: {px(8)}; font-size: {px(15)}; }}
    QCheckBox::indicator {{ width: {px(16)}; height: {px(16)}; border: 1px solid {theme.muted};
        border-radius: {px(4)}; background: {theme.raised}; }}
    QCheckBox::indicator:checked {{ background: {theme.accent}; border-color: {theme.accent}; }}
    QCheckBox:focus {{ color: {theme.accent}; }}
    QScrollArea {{ background: transparent; }}
    QComboBox QAbstractItemView {{ background: {theme.raised}; selection-background-color: {theme.accent};
        selection-color: {theme.on_accent}; }}
    QListView, QTableView, QTreeView {{ background: transparent; border: none; outline: none; }}
    QTableView {{ font-size: {px(13)}; }}
    QTableView#rows {{ font-size: {px(14)}; selection-background-color: {theme.raised};
        selection-color: {theme.text}; }}
    QTableView#rows::item {{ padding: 0 {px(5)}; }}
    QHeaderView {{ background: transparent; }}
    QHeaderView::section {{ background: transparent; color: {theme.muted}; border: none; font-size: {px(12)};
        font-weight: 600; padding: {px(1)} {px(4)}; }}
    QTableView#rows QHeaderView::section {{ padding: {px(1)} {px(8)}; }}
    QScrollBar:vertical {{ background: transparent; width: {px(8)}; margin: 0; }}
    QScrollBar::handle:vertical {{ background: {theme.line}; border-radius: {px(4)}; min-height: {px(24)}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; }}
    """


def mark(widget: QWidget, **properties: str) -> None:
    """Set style properties of ``widget`` and restyle it where one changed."""
    changed = False
    for key, value in properties.items():
        if widget.property(key) != value:
            widget.setProperty(key, value)
            changed = True
    if changed and widget.style() is not None:
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def scale_layouts(layouts: Iterable[QLayout], scale: float) -> None:
    """Scale margins and gaps as the letters are; those that somebody set since stay as they are."""
    for layout in layouts:
        margins, gaps = layout.contentsMargins(), (layout.spacing(), layout.spacing())
        if isinstance(layout, QGridLayout):
            gaps = layout.horizontalSpacing(), layout.verticalSpacing()
        present = [margins.left(), margins.top(), margins.right(), margins.bottom(), *gaps]
        base, made = layout.property("base") or present, layout.property("made") or present
        if made != present:
            base = present
        wanted = [round(value * scale) if value > 0 else value for value in base]
        layout.setProperty("base", base)
        layout.setProperty("made", wanted)
        layout.setContentsMargins(*wanted[:4])
        if isinstance(layout, QGridLayout):
            layout.setHorizontalSpacing(wanted[4])
            layout.setVerticalSpacing(wanted[5])
        else:
            layout.setSpacing(wanted[4])
