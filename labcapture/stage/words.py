"""The stage's own words in the languages that it speaks, and where their lines are broken."""

from __future__ import annotations

import re

from labcapture.protocol.texts import Text

NEXT: Text = {"en": "Press the space bar to go on", "zh": "按空格键继续"}
PLEASE_WAIT: Text = {"en": "Please wait", "zh": "请稍候"}
EXPERIMENTER: Text = {"en": "The experimenter will go on", "zh": "请等待主试继续"}
AGREE: Text = {
    "en": "Please tell the experimenter whether you agree",
    "zh": "请告诉主试您是否同意",
}
INTO_CAMERA: Text = {
    "en": "Please sit comfortably, keep your head still and look into the camera",
    "zh": "请坐好，头部保持不动，并看着摄像头",
}
BREAK: Text = {"en": "A short break", "zh": "休息一下"}
START: Text = {"en": "Press the space bar to start the clip", "zh": "按空格键开始播放短片"}
CHOOSE: Text = {
    "en": "Choose with a digit, the arrow keys or the mouse, then press Enter",
    "zh": "请用数字键、方向键或鼠标选择，然后按回车键",
}
CHOOSE_SEVERAL: Text = {
    "en": "Choose all that apply, then press Enter",
    "zh": "可选择多项，选好后按回车键",
}
CHOOSE_GRID: Text = {
    "en": "Choose one point in each row, then press Enter",
    "zh": "请在每一行选择一个数字，然后按回车键",
}
WRITE: Text = {"en": "Write your answer, then press Enter", "zh": "请输入您的回答，然后按回车键"}
OPTIONAL: Text = {"en": "You may leave this empty. Press Enter to go on", "zh": "此题可以不填，按回车键继续"}
WRITE_NUMBER: Text = {"en": "Write a number, then press Enter", "zh": "请输入数字，然后按回车键"}
OUT_OF_RANGE: Text = {"en": "From {least} to {most}, please", "zh": "请输入 {least} 到 {most} 之间的数字"}
CONFIRM: Text = {"en": "Continue", "zh": "继续"}
REVIEW: Text = {
    "en": "You will now see the recording of your own face.\n\n"
    "Hold the space bar during every movement that had nothing to do with a feeling, "
    "such as swallowing, blinking hard or blowing your nose.",
    "zh": "接下来您将看到自己面部的录像。\n\n"
    "凡是与情绪无关的动作（例如吞咽、用力眨眼、擤鼻涕），请在该动作出现时一直按住空格键。",
}
HOLD: Text = {
    "en": "Hold the space bar during movements that had nothing to do with a feeling",
    "zh": "出现与情绪无关的动作时，请按住空格键",
}
MARKING: Text = {"en": "Marked as no feeling", "zh": "正在标记：与情绪无关"}
FLAGGED: Text = {"en": "You marked these movements", "zh": "您标记了以下动作"}
TAKE_BACK: Text = {"en": "Take back", "zh": "撤销"}
FLAG_KEYS: Text = {
    "en": "Arrow keys and Delete, or the mouse, take one back. Press Enter when all is right",
    "zh": "用方向键和删除键或鼠标可撤销标记；确认无误后按回车键",
}
GONE: Text = {
    "en": "Please wait. The experimenter will be with you in a moment",
    "zh": "请稍候，主试马上就来",
}
CLOSES: Text = {"en": "Ctrl+Q closes this window", "zh": "按 Ctrl+Q 关闭此窗口"}

LINE = 1.4  # from one line to the next, in letter heights
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


def wrap(text: str, width_em: float) -> list[str]:
    """Return the lines of ``text`` as it is being written: each is filled before the next one begins.

    Joined, they are the text without its line ends; a word that is longer than a line is torn.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for unit in _UNIT.findall(paragraph):
            if line and _width(line + unit.rstrip()) > width_em:
                lines.append(line)
                line = ""
            line += unit
            while _width(line.rstrip()) > width_em and len(line) > 1:
                fits = next(n for n in range(len(line) - 1, 0, -1) if n == 1 or _width(line[:n]) <= width_em)
                lines.append(line[:fits])
                line = line[fits:]
        lines.append(line)
    return lines


def height_that_fits(text: str, width: float, room: float, height: float) -> float:
    """Return the largest letter height, ``height`` at most, with which ``text`` fits into ``width`` and ``room``.

    All in the same unit; nothing below half of ``height``, which nobody could read.
    """
    smallest = height / 2
    while height > smallest and len(fold(text, width / height).split("\n")) * height * LINE > room:
        height *= 0.95
    return max(height, smallest)


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
