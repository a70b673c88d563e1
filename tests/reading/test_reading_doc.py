"""docs/reading.md: its examples run, one after the other, as a reader would."""

from __future__ import annotations

import re
from pathlib import Path

import dask

from labcapture.reading.events import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "reading.md").read_text(encoding="utf-8")


def test_the_examples_run(recorded: Path) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    code = code.replace("P007_01_20261121T101500Z", recorded.as_posix())
    names: dict[str, object] = {}
    with dask.config.set(scheduler="synchronous"):
        exec(compile(code, "reading.md", "exec"), names)  # noqa: S102 - our own page
    assert names["lost"] == 3
    assert len(names["gaps"]) == 1  # type: ignore[arg-type]  # a table
    names["session"].close()  # type: ignore[attr-defined]  # the session


def test_every_kind_of_event_is_named() -> None:
    assert all(kind in PAGE for kind in KINDS)
