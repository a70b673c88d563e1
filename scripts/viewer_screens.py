"""Take pictures of the viewer over a session, or measure it: ``python -m scripts.viewer_screens SESSION [FOLDER]``.

With ``--measure`` it takes no pictures: it scrubs, steps and plays, and prints how long a frame took to be on the
screen and how long the window was busy at a stretch, as JSON. Without a screen it needs Linux with Xvfb.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Picture
from PySide6.QtWidgets import QApplication

import labcapture.reading
from labcapture.console import theme as themes
from labcapture.view.window import ViewerWindow
from scripts.screen import screen

FOLDER = Path(__file__).parents[1] / "docs" / "images"
_PATIENCE_S = 30.0
_SCRUBS = 60
_DRAG_S, _DRAG_HZ = 4.0, 60
_PLAY_S = 5.0


def settle(application: QApplication, window: ViewerWindow, seconds: float = 0.3) -> None:
    """Let the window draw until it waits for nothing."""
    begun = rested = time.monotonic()
    while time.monotonic() - rested < seconds and time.monotonic() - begun < _PATIENCE_S:
        application.processEvents()
        time.sleep(0.005)
        if window.projector.waiting:
            rested = time.monotonic()


def side(window: ViewerWindow) -> None:
    """Show colour and depth side by side, in the middle of a trial, with marks."""
    start, stop = window.film.span(window.film.trials[0])
    window.steering.go(start + 0.3 * (stop - start))
    window.measuring.mark_a()
    window.steering.go(start + 0.6 * (stop - start))
    window.measuring.mark_b()
    window.fit_range()


def blend(window: ViewerWindow) -> None:
    """Show depth over colour with contours, the time line at this trial."""
    side(window)
    window.toggle_blend()
    window.toggle_contours()
    window.zoom_trial()


def motion(window: ViewerWindow) -> None:
    """Show what moved from one trial to the next."""
    side(window)
    window.set_reference()
    window.steering.go_trial(1)
    window.steering.step(60)
    window.toggle_difference()


def lost(window: ViewerWindow) -> None:
    """Go to a place where frames are missing."""
    gaps = [span for lane in window.tracks.lanes if lane.name.endswith("gaps") for span in lane.spans]
    window.zoom_trial()
    if gaps:
        window.steering.go((gaps[0].start + gaps[0].stop) / 2)
        window.zoom_trial()


def keys(window: ViewerWindow) -> None:
    """Show the help."""
    side(window)
    window.show_help()


VIEWS: dict[str, Callable[[ViewerWindow], None]] = {
    "side": side,
    "blend": blend,
    "motion": motion,
    "gap": lost,
    "keys": keys,
}


def take(application: QApplication, path: Path, folder: Path, size: tuple[int, int], suffix: str, only: str) -> None:
    """Write every view in both themes."""
    for theme in (themes.DARK, themes.LIGHT):
        themes.apply(application, theme)
        for name, press in VIEWS.items():
            if only not in name:
                continue
            with labcapture.reading.open(path) as session:
                window = ViewerWindow(theme, session)
                window.resize(*size)
                window.show()
                window.activateWindow()
                settle(application, window)
                press(window)
                settle(application, window, 0.8)
                target = folder / f"viewer-{name}-{theme.name}{suffix}.png"
                application.primaryScreen().grabWindow(0, window.x(), window.y(), *size).save(str(target))
                Picture.open(target).convert("RGB").quantize(256).save(target, optimize=True)
                print(target)
                window.close()


class Busy:
    """Stretches during which the window's thread did not come back to its events, and what they cost it."""

    def __init__(self, application: QApplication) -> None:
        self._application = application
        self.stretches: list[float] = []
        self.costs: list[float] = []

    def turn(self) -> None:
        """Handle what has come."""
        self.take(self._application.processEvents)
        time.sleep(0.001)

    def take(self, work: Callable[[], object]) -> None:
        """Do what the window's thread does."""
        since, cost = time.perf_counter(), time.thread_time()
        work()
        self.stretches.append(time.perf_counter() - since)
        self.costs.append(time.thread_time() - cost)

    def told(self) -> dict[str, dict[str, float]]:
        """Return both as figures, and begin anew."""
        found = {
            "window busy": figures(self.stretches),
            "of that, processor time of its thread": figures(self.costs),
        }
        self.stretches.clear()
        self.costs.clear()
        return found


def shown_after(window: ViewerWindow, busy: Busy, moment: float) -> float:
    """Return how long (s) it takes from asking for a moment until all of it is painted."""
    since = time.perf_counter()
    busy.take(partial(window.steering.seek, moment))
    while window.projector.waiting and time.perf_counter() - since < _PATIENCE_S:
        busy.turn()
    busy.turn()  # paints
    return time.perf_counter() - since


def dragged(window: ViewerWindow, busy: Busy) -> dict[str, float]:
    """Drag through a trial of which nothing is decoded; return how many pictures one sees meanwhile."""
    window.projector.cache.forget()
    start, stop = window.film.span(window.film.trials[0])
    since, due = time.perf_counter(), 0.0
    changed, seen = [0.0], window.color_pane.accessibleDescription()
    while (gone := time.perf_counter() - since) < _DRAG_S:
        if gone >= due:
            due = gone + 1 / _DRAG_HZ
            moment = start + (stop - start) * gone / _DRAG_S
            busy.take(partial(window.steering.seek, moment))
        busy.turn()
        if seen != (seen := window.color_pane.accessibleDescription()):
            changed.append(time.perf_counter() - since)
    longest = max(np.diff([*changed, _DRAG_S]))
    return {"pictures_per_s": round((len(changed) - 1) / _DRAG_S, 1), "longest_without_ms": round(1000 * longest)}


def figures(values: list[float]) -> dict[str, float]:
    """Return median, 95 % and greatest of seconds, in ms."""
    at = np.percentile(values, (50, 95, 100)) * 1000
    return {
        "n": len(values),
        **dict(zip(("median_ms", "p95_ms", "max_ms"), (round(float(it), 1) for it in at), strict=True)),
    }


def measure(application: QApplication, path: Path, size: tuple[int, int]) -> dict[str, Any]:
    """Scrub to frames that are decoded and to frames that are not, and play."""
    result: dict[str, Any] = {"machine": f"{platform.machine()}, {os.cpu_count()} cores", "window": list(size)}
    with labcapture.reading.open(path) as session:
        since = time.perf_counter()
        window = ViewerWindow(themes.DARK, session)
        window.resize(*size)
        window.show()
        settle(application, window)
        result["open_s"] = round(time.perf_counter() - since - 0.3, 3)
        busy = Busy(application)
        for mode in ("side", "blend"):
            rng = np.random.default_rng(1)
            if mode == "blend":
                window.toggle_blend()
                settle(application, window)
            moments = window.film.trials[0].color.time
            cold, warm = [], []
            for moment in rng.permutation(moments)[:_SCRUBS]:
                window.projector.cache.forget()
                cold.append(shown_after(window, busy, float(moment)))
            around = moments[20:40]
            for moment in around:
                shown_after(window, busy, float(moment))
            settle(application, window)
            for moment in rng.permutation(np.tile(around, 3)):
                warm.append(shown_after(window, busy, float(moment)))
            result[mode] = {"not in cache": figures(cold), "in cache": figures(warm)}
            result[mode]["dragged, not in cache"] = dragged(window, busy)
            settle(application, window)
            result[mode] |= busy.told()
        window.toggle_blend()
        window.steering.seek(window.film.span(window.film.trials[0])[0])
        settle(application, window)
        for speed in (2, 3, 4):
            window.steering.set_speed(speed)
            window.steering.toggle_play()
            since, before, pictures = time.perf_counter(), window.projector.time, set[str]()
            while time.perf_counter() - since < _PLAY_S and window.steering.player.playing:
                busy.turn()
                pictures.add(window.color_pane.accessibleDescription())
            took = time.perf_counter() - since
            gone = window.projector.time - before
            if window.steering.player.playing:
                window.steering.toggle_play()
            result[f"play at {window.steering.speed:g}"] = {
                "real_s": round(took, 2),
                "played_s": round(gone, 2),
                "pictures_per_s": round(len(pictures) / took, 1),
                "frames_not_shown": window.steering.skipped,
                "note": window.steering.player.note,
            }
            window.steering.seek(window.film.span(window.film.trials[0])[0])
            settle(application, window)
        result["while playing"] = busy.told()
        window.close()
    return result


def main() -> None:
    """Write the pictures into a folder, that of the documentation by default, or print figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("session", type=Path)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--measure", action="store_true", help="take no pictures, print figures as JSON")
    parser.add_argument("--4k", dest="huge", action="store_true", help="at 3840 x 2160")
    parser.add_argument("--small", action="store_true", help="at 1280 x 720")
    parser.add_argument("--only", default="", help="only views with this in their name")
    given = parser.parse_args()
    size = (3840, 2160) if given.huge else (1280, 720) if given.small else (1600, 940)
    suffix = "-4k" if given.huge else "-720p" if given.small else ""
    with screen(size):
        application = QApplication(sys.argv[:1])
        themes.apply(application, themes.DARK)
        if given.measure:
            print(json.dumps(measure(application, given.session, size), indent=2))
        else:
            given.folder.mkdir(parents=True, exist_ok=True)
            take(application, given.session, given.folder, size, suffix, given.only)
        application.shutdown()


if __name__ == "__main__":
    main()
