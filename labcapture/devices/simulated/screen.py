"""An X display as a camera sees it: its pixels, grabbed through shared memory, with the time at which they stood there.

XCB and not Xlib: Xlib ends the process when its display goes away, and the display is the participant's, not ours.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.core.clock import lsl_time
from labcapture.core.errors import DeviceError
from labcapture.devices.simulated.faults import Planned

_Z_PIXMAP = 2
_ALL_PLANES = 0xFFFFFFFF
_PRIVATE = 0  # IPC_PRIVATE
_CREATE = 0o1000 | 0o600  # IPC_CREAT, for this user alone
_REMOVE = 0  # IPC_RMID
_BYTES_PER_PIXEL = 4
_DEPTHS = (24, 32)


class _Screen(ctypes.Structure):
    """``xcb_screen_t``."""

    _fields_ = (
        *((name, ctypes.c_uint32) for name in ("root", "colormap", "white", "black", "masks")),
        *((name, ctypes.c_uint16) for name in ("width", "height", "width_mm", "height_mm", "min_maps", "max_maps")),
        ("visual", ctypes.c_uint32),
        *((name, ctypes.c_uint8) for name in ("backing", "save_unders", "depth", "depths")),
    )


class _Iterator(ctypes.Structure):
    """``xcb_screen_iterator_t``."""

    _fields_ = (("data", ctypes.POINTER(_Screen)), ("rem", ctypes.c_int), ("index", ctypes.c_int))


class _Cookie(ctypes.Structure):
    """Of any request."""

    _fields_ = (("sequence", ctypes.c_uint),)


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of the screen: ``pixels`` (height, width, 3) RGB, at LSL ``time`` ± ``half_s`` (s)."""

    pixels: NDArray[np.uint8]
    time: float
    half_s: float


class XScreen:
    """A connection to an X display.

    Parameters
    ----------
    name
        Such as ``:1``.
    where
        Name of the device in errors.

    Raises
    ------
    DeviceError
        There is no such display, it has no true colours, or does not share memory with us.
    """

    def __init__(self, name: str, where: str = "camera") -> None:
        self._name, self._where = name, where
        self._connection: Any = None
        self._memory = 0
        if not sys.platform.startswith("linux") or not name:
            raise self._error("there is no X display to film", "Use 'films: scene' on this system.")
        import cv2  # noqa: PLC0415 - it sets Qt's variables, and is for those who film only

        self._to_rgb = partial(cv2.cvtColor, code=cv2.COLOR_BGRA2RGB)
        self._xcb, self._shm = _library("xcb", "libxcb.so.1"), _library("xcb-shm", "libxcb-shm.so.0")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._declare()
        self._connection = self._xcb.xcb_connect(name.encode(), None)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        if self._xcb.xcb_connection_has_error(self._connection):
            raise self._error("no X display answers", "Check 'display' in the rig file.")
        screen = self._xcb.xcb_setup_roots_iterator(self._xcb.xcb_get_setup(self._connection)).data.contents
        if screen.depth not in _DEPTHS:
            raise self._error(f"the display has {screen.depth} bits per pixel", "It needs 24.")
        self.size = int(screen.width), int(screen.height)
        self._root = screen.root
        self._attach(screen.width * screen.height * _BYTES_PER_PIXEL)

    def _declare(self) -> None:
        pointer, number, short = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint16
        xcb, shm, libc = self._xcb, self._shm, self._libc
        xcb.xcb_connect.restype, xcb.xcb_connect.argtypes = pointer, (ctypes.c_char_p, pointer)
        xcb.xcb_connection_has_error.argtypes = (pointer,)
        xcb.xcb_disconnect.argtypes = (pointer,)
        xcb.xcb_get_setup.restype, xcb.xcb_get_setup.argtypes = pointer, (pointer,)
        xcb.xcb_setup_roots_iterator.restype, xcb.xcb_setup_roots_iterator.argtypes = _Iterator, (pointer,)
        xcb.xcb_generate_id.restype, xcb.xcb_generate_id.argtypes = number, (pointer,)
        xcb.xcb_request_check.restype, xcb.xcb_request_check.argtypes = pointer, (pointer, _Cookie)
        shm.xcb_shm_attach_checked.restype = shm.xcb_shm_get_image.restype = _Cookie
        shm.xcb_shm_attach_checked.argtypes = (pointer, number, number, ctypes.c_uint8)
        shm.xcb_shm_get_image.argtypes = (
            *(pointer, number, short, short, short, short, number, ctypes.c_uint8, number, number),
        )
        shm.xcb_shm_get_image_reply.restype = pointer
        shm.xcb_shm_get_image_reply.argtypes = (pointer, _Cookie, ctypes.POINTER(pointer))
        libc.shmget.argtypes = (ctypes.c_int, ctypes.c_size_t, ctypes.c_int)
        libc.shmat.restype, libc.shmat.argtypes = pointer, (ctypes.c_int, pointer, ctypes.c_int)
        libc.shmdt.argtypes = (pointer,)
        libc.shmctl.argtypes = (ctypes.c_int, ctypes.c_int, pointer)
        libc.free.argtypes = (pointer,)

    def _attach(self, size: int) -> None:
        """Share ``size`` bytes with the display; the system takes them back when both have let go, however they end."""
        key = self._libc.shmget(_PRIVATE, size, _CREATE)
        address: int | None = self._libc.shmat(key, None, 0) if key >= 0 else None
        if address is None or address == ctypes.c_void_p(-1).value:
            raise self._error("no memory can be shared with the display", "Free some memory.")
        self._memory = address
        self._segment = self._xcb.xcb_generate_id(self._connection)
        cookie = self._shm.xcb_shm_attach_checked(self._connection, self._segment, key, 0)
        refused = self._xcb.xcb_request_check(self._connection, cookie)
        self._libc.shmctl(key, _REMOVE, None)
        if refused or self._xcb.xcb_connection_has_error(self._connection):
            self._libc.free(refused)
            raise self._error("the display shares no memory with us", "It must be on this machine.")
        width, height = self.size
        shared = (ctypes.c_uint8 * size).from_address(address)
        self._pixels: NDArray[np.uint8] = np.ctypeslib.as_array(shared).reshape(height, width, _BYTES_PER_PIXEL)

    def shoot(self) -> Shot | None:
        """Return what is on the screen now; None when the display is gone."""
        width, height = self.size
        before = lsl_time()
        cookie = self._shm.xcb_shm_get_image(
            self._connection, self._root, 0, 0, width, height, _ALL_PLANES, _Z_PIXMAP, self._segment, 0
        )
        error = ctypes.c_void_p()
        reply = self._shm.xcb_shm_get_image_reply(self._connection, cookie, ctypes.byref(error))
        after = lsl_time()
        self._libc.free(error)
        if not reply:
            return None
        self._libc.free(reply)
        # X serves one request at a time: all pixels are of one moment, which lies between the two readings.
        return Shot(np.asarray(self._to_rgb(self._pixels), np.uint8), (before + after) / 2, (after - before) / 2)

    def close(self) -> None:
        """Leave the display. May be called twice."""
        if self._connection is not None:
            self._xcb.xcb_disconnect(self._connection)
            self._connection = None
        if self._memory:
            self._libc.shmdt(self._memory)
            self._memory = 0

    def _error(self, what: str, mend: str) -> DeviceError:
        return DeviceError(f"{what} ({self._name or 'none'})", self._where, mend)


class Eye:
    """What a camera that films the participant's screen sees: black until there is one, and after it is gone.

    All but `open` is called from one and the same thread.

    Parameters
    ----------
    size
        Width and height of its pictures in pixels. A display that fits is shown pixel by pixel from the upper left
        corner on; of a larger one every second (third, ...) pixel is shown.
    where
        Name of the device in errors.
    """

    def __init__(self, size: tuple[int, int], where: str = "camera") -> None:
        self._size, self._where = size, where
        self._screen: XScreen | None = None
        self._next: XScreen | None = None
        self._shots: dict[int, Shot] = {}  # by frame, from exposure to delivery

    def open(self, display: str) -> None:
        """Look at X ``display`` from now on; called from any thread.

        Raises
        ------
        DeviceError
            As `XScreen`.
        """
        self._next = XScreen(display, self._where)

    def expose(self, index: int) -> None:
        """Take the picture of frame ``index`` now."""
        if self._next is not None:
            if self._screen is not None:
                self._screen.close()
            self._screen, self._next = self._next, None
        shot = self._screen.shoot() if self._screen is not None else None
        if shot is None:
            self._shots[index] = Shot(np.zeros((self._size[1], self._size[0], 3), np.uint8), lsl_time(), 0.0)
        else:
            self._shots[index] = Shot(_fitted(shot.pixels, self._size), shot.time, shot.half_s)

    def pixels(self, index: int) -> NDArray[np.uint8]:
        """Return the picture of frame ``index``, once."""
        return self._shots.pop(index).pixels

    def as_taken(self, frame: Planned, start: float) -> Planned:
        """Return a frame with the time at which it was really exposed: on a busy machine that is later than planned.

        Parameters
        ----------
        frame
            As planned.
        start
            LSL time (s) of the camera's start.
        """
        shot = self._shots.get(frame.index) if frame.stream == "color" else None
        if shot is None:
            return frame
        if frame.lost is not None:
            del self._shots[frame.index]
        late_s = shot.time - start - frame.captured_s
        device_us = max(0, frame.device_us + round(late_s * 1e6))
        return replace(frame, captured_s=shot.time - start, device_us=device_us)

    def close(self) -> None:
        """Look at nothing any more."""
        for screen in (self._screen, self._next):
            if screen is not None:
                screen.close()
        self._screen = self._next = None


def _fitted(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = size
    if pixels.shape[:2] == (height, width):
        return pixels
    step = max(1, -(-pixels.shape[1] // width), -(-pixels.shape[0] // height))
    seen = pixels[::step, ::step]
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: seen.shape[0], : seen.shape[1]] = seen
    return picture


def _library(name: str, default: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(ctypes.util.find_library(name) or default)
    except OSError as error:
        raise DeviceError(f"filming the stage needs {default}", "camera", "Install it.") from error
