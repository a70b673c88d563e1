"""What tests of the stage share: waiting for its messages, and a participant's hands."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageGrab

from labcapture.devices.rig import StageSettings
from labcapture.protocol.steps import Leaf
from labcapture.stage.messages import Done, Failed, FromStage, Marker, Show
from labcapture.stage.process import StageProcess

display, xtest, X, XK = (pytest.importorskip(f"Xlib.{name}") for name in ("display", "ext.xtest", "X", "XK"))
PATIENCE_S = 90.0  # another program may use all of this machine
VIRTUAL = StageSettings(display="virtual", size=(480, 270))
SMALL = (384, 216)  # pixels of the small pictures of such a screen
SPARE_KEY = 248  # that no keyboard has


def show(step: Leaf, clip: Path | None = None) -> Show:
    return Show(step=step.model_dump(mode="json"), clip=None if clip is None else str(clip))


def listen(stage: StageProcess, until: Callable[[FromStage], bool]) -> list[FromStage]:
    """Return everything up to and with the first message that ``until`` likes."""
    heard: list[FromStage] = []
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        stage.socket.poll(100)
        for message in stage.receive():
            heard.append(message)
            if until(message):
                return heard
    pytest.fail(f"not heard; only {heard[-5:]}")


def is_over(message: FromStage) -> bool:
    return isinstance(message, Done | Failed)


def is_marker(label: str) -> Callable[[FromStage], bool]:
    return lambda message: isinstance(message, Marker) and message.label == label


def on_display(display: str) -> NDArray[np.float64]:
    """Return the window's pixels as the X server has them, as small as the mirror's."""
    whole = ImageGrab.grab(xdisplay=display)
    left, top = (whole.width - VIRTUAL.size[0]) // 2, (whole.height - VIRTUAL.size[1]) // 2
    window = whole.crop((left, top, left + VIRTUAL.size[0], top + VIRTUAL.size[1]))
    return np.asarray(window.resize(SMALL, Image.Resampling.BILINEAR), np.float64)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.05)


class Hands:
    """A participant's keyboard and mouse: real events of the X server."""

    def __init__(self, name: str, window: tuple[int, int]) -> None:
        self._display = display.Display(name)
        screen = self._display.screen()
        self._left = (screen.width_in_pixels - window[0]) // 2
        self._top = (screen.height_in_pixels - window[1]) // 2
        self._window = window
        self.click(0.5, 0.02, press=False)  # without a window manager, keys go to the window under the pointer

    def press(self, *keys: str) -> None:
        """Press and release keys one after the other."""
        for key in keys:
            self.hold(key)
            self.release(key)

    def hold(self, key: str) -> None:
        self._send((X.KeyPress, self._code(key)))

    def release(self, key: str) -> None:
        self._send((X.KeyRelease, self._code(key)))

    def write(self, character: str) -> None:
        """Press a key that gives a character which no key of the keyboard gives."""
        self._display.change_keyboard_mapping(SPARE_KEY, [(0x1000000 + ord(character),) * 2])
        self._display.sync()
        self._send((X.KeyPress, SPARE_KEY), (X.KeyRelease, SPARE_KEY))

    def click(self, x: float, y: float, *, press: bool = True) -> None:
        """Click at a fraction of the window's width and height, from its top left corner."""
        place = self._left + round(x * self._window[0]), self._top + round(y * self._window[1])
        xtest.fake_input(self._display, X.MotionNotify, x=place[0], y=place[1])
        self._send(*([(X.ButtonPress, 1), (X.ButtonRelease, 1)] if press else []))

    def _code(self, key: str) -> int:
        return int(self._display.keysym_to_keycode(XK.string_to_keysym(key)))

    def _send(self, *events: tuple[int, int]) -> None:
        for kind, detail in events:
            xtest.fake_input(self._display, kind, detail)
        self._display.sync()

    def close(self) -> None:
        self._display.close()
