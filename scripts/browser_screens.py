"""Take pictures of the session browser: ``python -m scripts.browser_screens [FOLDER]``.

The sessions are summaries without recordings, invented to fill the table. Without a screen it needs Linux with Xvfb.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image as Picture
from PySide6.QtWidgets import QApplication

from labcapture.console import theme as themes
from labcapture.console.browser import SessionBrowser
from scripts.console_screens import FOLDER, settle
from scripts.screen import screen

SIZE = (1220, 720)
CLIPS = 13


def write_lab(root: Path) -> None:
    """Write summaries of a month's sessions below ``root``."""
    for i in range(28):
        begun = datetime(2026, 10, 2, 9, tzinfo=UTC) + timedelta(hours=7.3 * i)
        folder = root / f"P{i + 1:03}_01_{begun:%Y%m%dT%H%M%SZ}"
        folder.mkdir()
        bad, crime = (0, 0, 1, 0, 0, 3)[i % 6], i % 3 == 2
        part = (("C", "C-unlabelled") if crime else ("A", "B"))[bad > 0]
        if i != 17:  # one was never closed
            summary = {
                "format": "labcapture",
                "version": 1,
                "participant": f"P{i + 1:03}",
                "session": "01",
                "protocol": "mock_crime" if crime else "neutralization_casme3",
                "part": part,
                "started_utc": begun.isoformat(),
                "ended_utc": (begun + timedelta(minutes=38, seconds=17 * i)).isoformat(),
                "simulated": i % 9 == 0,
                "recovered": i == 11,
                "trials": [{"annotatable": n >= bad} for n in range(CLIPS)],
            }
            (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
            (folder / "checksums").write_text(f"{i:064}  summary.json\n", encoding="utf-8")
        with (folder / "session.h5").open("wb") as file:
            file.truncate(3_100_000_000 + 40_000_000 * i)


def main() -> None:
    """Write the pictures into a folder, that of the documentation by default."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as root, screen(SIZE):
        write_lab(Path(root))
        application = QApplication(sys.argv[:1])
        for theme in (themes.DARK, themes.LIGHT):
            themes.apply(application, theme)
            browser = SessionBrowser(theme, Path(root))
            browser.resize(*SIZE)
            browser.show()
            browser.look(Path(root))
            settle(3)
            browser.folder.setText("sessions")
            settle(0.5)
            path = given.folder / f"browser-{theme.name}.png"
            browser.grab().save(str(path))
            Picture.open(path).convert("RGB").quantize(256).save(path, optimize=True)
            print(path)
            browser.close()
        application.shutdown()


if __name__ == "__main__":
    main()
