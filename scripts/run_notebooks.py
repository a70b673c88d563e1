"""Run the notebooks of docs/notebooks and keep their outputs, with small pictures.

::

    python scripts/run_notebooks.py            on an interview with a simulated person, made for it
    python scripts/run_notebooks.py SESSION    on yours
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
_COLORS = 48  # of a picture


def _small(png: str) -> str:
    with Image.open(io.BytesIO(base64.b64decode(png))) as picture:
        small = io.BytesIO()
        picture.convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE).save(small, "png", optimize=True)
    return base64.b64encode(small.getvalue()).decode("ascii")


def run(path: Path, session: Path) -> None:
    """Run the notebook at ``path`` on ``session`` and write it back."""
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # it has no types
    environment = {**os.environ, "LABCAPTURE_SESSION": str(session), "LABCAPTURE_EVENT": "moved"}
    NotebookClient(notebook, timeout=300, kernel_name="python3", record_timing=False).execute(env=environment)
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                output["data"]["image/png"] = _small(output["data"]["image/png"])
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]  # it has no types


def main() -> int:
    """Run all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("session", nargs="?", type=Path, help="folder of a session with questions")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        session = given.session
        if session is None:
            sys.path.insert(0, str(ROOT))
            from tests.notebooks.interview_world import record_interview

            session = record_interview(Path(folder)).folder
        for path in sorted((ROOT / "docs" / "notebooks").glob("*.ipynb")):
            run(path, session)
            print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
