"""docs/format.md: its tables are the schema's, and its examples run."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from labcapture.recording.pack import pack

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_tables_are_of_the_schema() -> None:
    page = runpy.run_path(str(ROOT / "scripts" / "format_tables.py"))["page"]
    assert page(PAGE) == PAGE, "run: python scripts/format_tables.py"


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_run(example: str, recorded: Path, tmp_path: Path) -> None:
    code = example.replace("P007_01_20261121T101500Z", recorded.as_posix())
    if '"P007.h5"' in code:
        code = code.replace("P007.h5", Path(pack(recorded, tmp_path / "P007.h5").path).as_posix())
    exec(compile("import h5py, labcapture\n" + code, "format.md", "exec"), {})  # noqa: S102 - our own page


def test_every_file_of_a_session_is_explained(recorded: Path) -> None:
    for path in recorded.rglob("*"):
        if path.is_file() and path.parent.name != "trials":
            assert path.name in PAGE or path.parent.name in PAGE
