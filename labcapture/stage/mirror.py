"""Small pictures of what the window really shows, for the experimenter; they never make a flip wait."""

from __future__ import annotations

import ctypes
from fractions import Fraction

import numpy as np
import pyglet  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray

from labcapture.core.clock import lsl_time
from labcapture.stage.film import fit
from labcapture.stage.mirror_budget import Budget

ROOM = (384, 216)
"""Width and height (pixels) that a small picture may have."""
_RGBA = 4
_TRIALS = 4  # the first one compiles
_RESERVE = 0.5  # of a flip's period: left for what nobody foresees

gl = pyglet.gl
GLException = gl.GLException


class MirrorError(Exception):
    """There is no mirror here; the screen does without."""


class Mirror:
    """Makes the back buffer small on the graphics card; the pixels are fetched at a later flip, when they have come.

    `budget` says when; it has to be told of every flip.

    Parameters
    ----------
    size
        Width and height of the window's buffer in pixels. Its context is the current one.
    period_s
        From flip to flip.

    Raises
    ------
    MirrorError
        This OpenGL cannot do it.
    """

    def __init__(self, size: tuple[int, int], period_s: float) -> None:
        if not gl.gl_info.have_version(3, 0):
            raise MirrorError("needs OpenGL 3.0")
        self.size = fit(Fraction(*size), ROOM)
        self._whole, self._reserve_s = size, _RESERVE * period_s
        self._frame, self._store, self._pixels = gl.GLuint(), gl.GLuint(), gl.GLuint()
        self._bytes = self.size[0] * self.size[1] * _RGBA
        self._is_coming = False
        self.budget = Budget(0.0, lsl_time())
        try:
            self._make()
            for _ in range(_TRIALS):
                self.budget = Budget(0.0, lsl_time())
                gl.glFinish()
                self.take()
                self.fetch()
        except GLException as error:
            self.close()
            raise MirrorError("OpenGL refuses it") from error

    @property
    def is_coming(self) -> bool:
        """Whether a picture was taken that has not been fetched."""
        return self._is_coming

    def has_time(self, flip_time: float) -> bool:
        """Tell whether `take`, or `fetch`, is over well before LSL ``flip_time`` (s), if the last flips are a guide.

        Where they are, it waits until all is drawn to be sure.
        """
        now = lsl_time()
        if not (self.budget.has_slack(now) if self._is_coming else self.budget.allows(now)):
            return False
        gl.glFinish()
        now = lsl_time()
        return flip_time - now > self._reserve_s + self.budget.cost_s(now)

    def take(self) -> None:
        """Take a picture of what has been drawn; call it right before a flip."""
        began = lsl_time()
        window, scissor = gl.GLint(), gl.glIsEnabled(gl.GL_SCISSOR_TEST)
        gl.glGetIntegerv(gl.GL_FRAMEBUFFER_BINDING, window)
        gl.glDisable(gl.GL_SCISSOR_TEST)
        try:
            self._copy()
        finally:
            gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, window.value)
            if scissor:
                gl.glEnable(gl.GL_SCISSOR_TEST)
        gl.glFinish()  # else the flip would pay, and nobody would know
        self._is_coming = True
        self._took(began)

    def fetch(self) -> NDArray[np.uint8]:
        """Return the picture that was taken last, (height, width, 3) RGB."""
        began = lsl_time()
        pixels = np.empty((self.size[1], self.size[0], _RGBA), np.uint8)
        gl.glBindBuffer(gl.GL_PIXEL_PACK_BUFFER, self._pixels)
        where = pixels.ctypes.data_as(ctypes.c_void_p)
        gl.glGetBufferSubData(gl.GL_PIXEL_PACK_BUFFER, 0, self._bytes, where)
        gl.glBindBuffer(gl.GL_PIXEL_PACK_BUFFER, 0)
        self._is_coming = False
        picture = np.ascontiguousarray(pixels[..., :3])
        self._took(began)
        return picture

    def close(self) -> None:
        """Give the card's memory back."""
        gl.glDeleteFramebuffers(1, self._frame)
        gl.glDeleteRenderbuffers(1, self._store)
        gl.glDeleteBuffers(1, self._pixels)

    def _make(self) -> None:
        window = gl.GLint()
        gl.glGetIntegerv(gl.GL_FRAMEBUFFER_BINDING, window)
        gl.glGenRenderbuffers(1, self._store)
        gl.glBindRenderbuffer(gl.GL_RENDERBUFFER, self._store)
        gl.glRenderbufferStorage(gl.GL_RENDERBUFFER, gl.GL_RGBA8, *self.size)
        gl.glBindRenderbuffer(gl.GL_RENDERBUFFER, 0)
        gl.glGenFramebuffers(1, self._frame)
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, self._frame)
        gl.glFramebufferRenderbuffer(gl.GL_FRAMEBUFFER, gl.GL_COLOR_ATTACHMENT0, gl.GL_RENDERBUFFER, self._store)
        gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, window.value)
        gl.glGenBuffers(1, self._pixels)
        gl.glBindBuffer(gl.GL_PIXEL_PACK_BUFFER, self._pixels)
        gl.glBufferData(gl.GL_PIXEL_PACK_BUFFER, self._bytes, None, gl.GL_STREAM_READ)
        gl.glBindBuffer(gl.GL_PIXEL_PACK_BUFFER, 0)

    def _copy(self) -> None:
        gl.glBindFramebuffer(gl.GL_DRAW_FRAMEBUFFER, self._frame)
        target = 0, self.size[1], self.size[0], 0  # upside down: OpenGL's first row is the lowest
        gl.glBlitFramebuffer(0, 0, *self._whole, *target, gl.GL_COLOR_BUFFER_BIT, gl.GL_LINEAR)
        gl.glBindFramebuffer(gl.GL_READ_FRAMEBUFFER, self._frame)
        gl.glBindBuffer(gl.GL_PIXEL_PACK_BUFFER, self._pixels)
        gl.glReadPixels(0, 0, *self.size, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, None)
        gl.glBindBuffer(gl.GL_PIXEL_PACK_BUFFER, 0)

    def _took(self, began: float) -> None:
        now = lsl_time()
        self.budget.paid(now - began, now)
