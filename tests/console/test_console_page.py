"""docs/console.md has every control with its key, and every picture is there."""

from __future__ import annotations

import re
from pathlib import Path

from labcapture.console.controls import CONTROLS, RESUME

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "console.md").read_text(encoding="utf-8")


def test_every_control_is_on_the_page_with_its_key() -> None:
    rows = re.findall(r"^\| `(\S+)` \| ([\w ,]+) \|", PAGE, re.MULTILINE)
    told = {name: key for key, names in rows for name in names.split(", ")}
    assert told == {control.name: control.keys[0] for control in CONTROLS}
    assert told[RESUME.name] == "P"


def test_every_picture_is_there() -> None:
    pictures = re.findall(r"\]\((images/\S+?)\)", PAGE)
    assert len(pictures) == len(set(pictures))
    assert [name for name in pictures if not (DOCS / name).is_file()] == []
    drawn = {path.name for path in (DOCS / "images").glob("console-*.png")}
    assert drawn == {Path(name).name for name in pictures}
