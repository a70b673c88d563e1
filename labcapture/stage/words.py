"""The stage's own words, in the languages that it speaks."""

from __future__ import annotations

from labcapture.protocol.model import Text, in_language

NEXT: Text = {"en": "Press the space bar to go on", "zh": "按空格键继续"}
CHOOSE: Text = {"en": "Choose with a digit, the arrow keys or the mouse", "zh": "请用数字键、方向键或鼠标选择"}
CONFIRM: Text = {"en": "Continue", "zh": "继续"}

__all__ = ["CHOOSE", "CONFIRM", "NEXT", "in_language"]
