"""The table of a corpus as it is drawn: whatever clips are called, numbers stand below their heads, nothing is cut."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

import labcapture.corpus
from benchmarks.corpus import record
from labcapture.cli.corpus_tables import render_table

LONG = "rehearsal_happiness_of_the_second_kind"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    record(root, "P001", {LONG: "happiness", "b": "fear"})
    record(root, "P002", {"c": "sadness"}, form={"emotion": "amusement"})
    return root


@pytest.mark.parametrize("width", [60, 80, 200])
def test_columns_stand_below_each_other(width: int, root: Path) -> None:
    console = Console(width=width, file=io.StringIO())
    with console.capture() as drawn:
        console.print(render_table(labcapture.corpus.open(root).table()))
    heads, *rows = drawn.get().splitlines()
    assert max(map(len, rows)) <= width
    clips = [line for line in rows if re.search(r"\d Hz", line)]
    assert len(clips) == 3
    for name in ("length", "colour", "depth", "rate"):
        end = heads.index(name) + len(name)
        for line in clips:
            assert line[end - 1] != " ", f"{name}: {line}"
            assert line[end : end + 1] in {"", " "}, f"{name}: {line}"
    column = slice(heads.index("cl"), heads.index("em"))
    assert LONG in "".join(line[column].strip() for line in rows)
    assert "H happiness" in drawn.get()
