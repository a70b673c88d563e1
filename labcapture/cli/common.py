"""What the commands have in common: where they talk, and the one JSON object."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]

terminal = Console(stderr=True)
"""Everything for people; stdout is for results."""


def print_json(result: Any) -> None:  # noqa: ANN401 - any JSON
    """Print a result as one JSON object on stdout."""
    print(json.dumps(result, ensure_ascii=False, default=str))
