"""The stage's own words in the languages that it speaks, and where their lines are broken."""

from __future__ import annotations

import re

from labcapture.protocol.texts import Text

NEXT: Text = {"en": "Press the space bar to go on", "zh": "按空格键继续"}
CHOOSE: Text = {
    "en": "Choose with a digit, the arrow keys or the mouse, then press Enter",
    "zh": "请用数字键、方向键或鼠标选择，然后按回车键",
}
CONFIRM: Text = {"en": "Continue", "zh": "继续"}

_NARROW_EM = 0.53  # mean width of a Latin letter
_WIDE = "\u2e80-\uffef"
_CLOSING = "，。！？：；、）》」』”’…"  # never begin a line
_OPENING = "（《「『“‘"  # never end one
_UNIT = re.compile(f"[{_OPENING}]*(?:[{_WIDE}]|[^\\s{_WIDE}]+)[{_CLOSING}]*|\\s+")


def fold(text: str, width_em: float) -> str:
    """Break the lines of ``text`` at about ``width_em``, so that those of a paragraph get about the same length.

    Ideographs have no blanks between words: a line may break between any two, but not before a comma.
    """
    return "\n".join(_fold_paragraph(line, width_em) for line in text.split("\n"))


def _fold_paragraph(text: str, width_em: float) -> str:
    total = _width(text)
    lines_needed = max(1, -(-total // max(width_em - 1, 1)))
    even = total / lines_needed + (1 if lines_needed > 1 else total)
    lines, line = [], ""
    for unit in _UNIT.findall(text):
        if line and _width(line + unit.rstrip()) > min(even, width_em):
            lines.append(line.rstrip())
            line = unit.lstrip()
        else:
            line += unit
    return "\n".join([*lines, line.rstrip()])


def _width(text: str) -> float:
    return sum(1.0 if re.match(f"[{_WIDE}{_CLOSING}{_OPENING}]", character) else _NARROW_EM for character in text)
