"""The workbooks that coders fill in: sheets and columns as CAS(ME)3 released them, and no row yet."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Font

from labcapture.export.shared import once

_EXPRESSIONS = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Expression type", "Objective class")
_BLINKS = ("Subject", "Filename", "Onset", "Offset")
_MICRO = ("Subject", "Filename", "Onset", "Apex", "Offset", "AU", "Objective class", "emotion")
_PART_C = ("sub", "count", "onset", "offset", "au", "emotion")

Sheets = Mapping[str, tuple[str, ...]]
"""Columns of each sheet, by its name."""

BOOKS: Mapping[str, Mapping[str, Sheets]] = {
    "part_A": {
        "part_A_labels.xlsx": {"AU+Emotion": _EXPRESSIONS, "eye blink": _BLINKS},
        "part_A_ME_labels.xlsx": {"label": _MICRO},
    },
    "part_C": {"part_C_labels.xlsx": {"label": _PART_C}},
}
"""Workbooks of each part. Part B was never annotated."""


def make_books(tree: Path, part: str) -> None:
    """Make those workbooks of a part that are not there. Call it within `shared`."""
    for name, sheets in BOOKS.get(part, {}).items():
        once(tree / name, partial(_write, sheets=sheets))


def _write(path: Path, sheets: Sheets) -> None:
    book = Workbook()
    for sheet in book.worksheets:
        book.remove(sheet)
    for name, columns in sheets.items():
        sheet = book.create_sheet(name)
        sheet.append(columns)
        sheet.freeze_panes = "A2"
        for cell in sheet[1]:
            cell.font = Font(bold=True)
            sheet.column_dimensions[cell.column_letter].width = max(10, len(str(cell.value)) + 2)
    book.save(path)
