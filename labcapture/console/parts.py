"""Small widgets that several panels share."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QAction,
    QColor,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)

from labcapture.console.theme import Theme


def panel(heading: str = "") -> tuple[QFrame, QVBoxLayout]:
    """Return a framed panel and its layout; ``heading`` stands at its top."""
    frame = QFrame()
    frame.setProperty("role", "panel")
    frame.setAccessibleName(heading)
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(10, 8, 10, 8)
    layout.setSpacing(4)
    if heading:
        layout.addWidget(label(heading, "section"))
    return frame, layout


def label(text: str = "", role: str = "") -> QLabel:
    """Return plain text in one of the style sheet's roles."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)  # names and messages come from files: never as markup
    made.setProperty("role", role)
    return made


class Elided(QLabel):
    """One line that gives way: what does not fit ends in an ellipsis, the whole is in the tool tip."""

    def __init__(self, role: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def say(self, text: str) -> None:
        """Show ``text``."""
        if text != self.text():
            self.setText(text)
            self.setToolTip(text)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Any width will do."""
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw as much as fits."""
        painter = QPainter(self)
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), shown)


class FittedText(QWidget):
    """Words as large as their room allows, broken between words; legible from afar where they are few.

    Parameters
    ----------
    name
        For assistive tools.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self._words = ""
        self._largest = 19
        self._fitted: int | None = None

    def say(self, words: str) -> None:
        """Show ``words``."""
        if words != self._words:
            self._words, self._fitted = words, None
            self.setAccessibleDescription(words)
            self.setToolTip(words)
            self.update()

    def text(self) -> str:
        """Return what is shown."""
        return self._words

    def set_largest(self, pixels: int) -> None:
        """Set the largest size of its letters, in px of a window of the base height."""
        self._largest, self._fitted = pixels, None
        self.update()

    def pixels(self) -> int:
        """Return the size of the letters (px): the largest at which all words are seen."""
        if self._fitted is None:
            unit = self.fontInfo().pixelSize()  # 14 at the base height
            low, high = max(8, round(unit * 0.8)), max(9, round(self._largest * unit / 14))
            while low < high:
                middle = (low + high + 1) // 2
                low, high = (middle, high) if self._fits(middle) else (low, middle - 1)
            self._fitted = low
        return self._fitted

    def _fits(self, pixels: int) -> bool:
        metrics = QFontMetrics(self._font(pixels))
        needed = metrics.boundingRect(QRect(0, 0, self.width(), 1 << 20), self._flags(), self._words)
        return needed.height() <= self.height() and needed.width() <= self.width()

    def _font(self, pixels: int) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(pixels)
        font.setWeight(QFont.Weight.DemiBold)
        return font

    def _flags(self) -> int:
        return int(Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Two lines of the smallest letters."""
        return QSize(0, round(self.fontMetrics().height() * 1.8))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for three lines."""
        return QSize(200, round(self.fontMetrics().height() * 4))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Fit again."""
        super().resizeEvent(event)
        self._fitted = None

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Fit again when the window's sizes change."""
        super().changeEvent(event)
        if event.type() in {QEvent.Type.FontChange, QEvent.Type.StyleChange}:
            self._fitted = None

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the words."""
        painter = QPainter(self)
        painter.setFont(self._font(self.pixels()))
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        painter.drawText(self.rect(), self._flags(), self._words)


class Figure(QWidget):
    """A large figure under a small caption."""

    def __init__(self, caption: str) -> None:
        super().__init__()
        self.setAccessibleName(caption)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self._value = label("–", "figure")
        layout.addWidget(label(caption, "caption"))
        layout.addWidget(self._value)
        layout.addStretch()

    def say(self, text: str) -> None:
        """Show ``text``."""
        if text != self._value.text():
            self._value.setText(text)
            self.setAccessibleDescription(text)

    def text(self) -> str:
        """Return what is shown."""
        return self._value.text()


class Bar(QWidget):
    """A slim bar of how far something has come; empty where that is not known."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.share: float | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def say(self, share: float | None) -> None:
        """Show ``share`` (0 to 1)."""
        if share != self.share:
            self.share = share
            self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for a line's sixth."""
        return QSize(40, max(3, round(self.fontMetrics().height() * 0.2)))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the bar."""
        if self.share is None:
            return
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._theme.line))
        done = QRectF(0, 0, self.width() * min(1.0, max(0.0, self.share)), self.height())
        painter.fillRect(done, QColor(self._theme.accent))


class Choice(QComboBox):
    """A box to choose from or, if ``editable``, to write into, with a plain arrow."""

    def __init__(self, theme: Theme, offers: Sequence[str], *, editable: bool = True) -> None:
        super().__init__()
        self._colour = QColor(theme.muted)
        self.setEditable(editable)
        self.addItems(list(offers))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the arrow, which a style sheet can only take from a file."""
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._colour, self.height() / 22))
        x, y, size = self.width() - self.height() * 0.5, self.height() * 0.46, self.height() * 0.12
        painter.drawPolyline([QPointF(x - size, y), QPointF(x, y + size), QPointF(x + size, y)])


class KeyButton(QPushButton):
    """A button that shows its key beside its name, and that Space presses while it has the focus."""

    def __init__(self, theme: Theme, name: str, key: str, *, small: bool = False) -> None:
        super().__init__(name)
        self._theme = theme
        self._key = key
        self.shortcut_action: QAction | None = None
        """What its key does, where the button keeps it."""
        if small:
            self.setProperty("bulk", "small")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(name)
        self.setAccessibleDescription(f"Key: {key}" if key else "")

    def event(self, event: QEvent) -> bool:
        """Keep Space from the window's shortcut while this button has the focus."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Space
        ):
            event.accept()
            return True
        return super().event(event)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Leave room for the key."""
        hint = super().sizeHint()
        return QSize(hint.width() + (self._cap_width() + hint.height() // 3 if self._key else 0), hint.height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the button, its name, and the key as a small cap at its right."""
        painter = QStylePainter(self)
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = ""
        painter.drawControl(QStyle.ControlElement.CE_PushButton, option)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = self._colour()
        margin = self.height() // 3
        cap = QRectF(self.width() - margin - self._cap_width(), self.height() * 0.24, self._cap_width(), 0)
        cap.setHeight(self.height() * 0.52)
        painter.setPen(colour)
        right = cap.left() - margin / 2 if self._key else self.width() - margin
        painter.drawText(QRectF(margin, 0, right - margin, self.height()), Qt.AlignmentFlag.AlignCenter, self.text())
        if not self._key:
            return
        painter.setFont(self._cap_font())
        faint = QColor(colour)
        faint.setAlphaF(0.45)
        painter.setPen(QPen(faint, 1))
        painter.drawRoundedRect(cap, 3, 3)
        faint.setAlphaF(0.8)
        painter.setPen(faint)
        painter.drawText(cap, Qt.AlignmentFlag.AlignCenter, self._key)

    def _colour(self) -> QColor:
        if not self.isEnabled():
            faint = QColor(self._theme.muted)
            faint.setAlphaF(0.6)
            return faint
        return QColor(self._theme.on_accent if self.property("prime") == "true" else self._theme.text)

    def _cap_font(self) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(max(9, round(self.fontInfo().pixelSize() * 0.72)))
        return font

    def _cap_width(self) -> int:
        return QFontMetrics(self._cap_font()).horizontalAdvance(self._key) + 12
