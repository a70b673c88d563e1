"""The benchmark of the published split, in small: every kind of trouble is routed to B, and harmless losses to A."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "split.py"


def load(script: Path) -> ModuleType:
    """Return a script as a module."""
    spec = importlib.util.spec_from_file_location(f"script_{script.stem}", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


split = load(SCRIPT)


@pytest.mark.parametrize("kind", ["", *split.KINDS])
def test_each_kind_of_session_goes_to_its_part(kind: str, tmp_path: Path) -> None:
    row = split.one_session((7, kind, 11))
    assert (row["part"], row["wrong_clips"]) == ("B" if kind else "A", 0)
    assert row["spoilt_clips"] == 0 or kind
    split.plot([row], tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000
    assert (kind or "none") in split.tabulate([row])
