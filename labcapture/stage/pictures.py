"""Pictures in the window, and the square of light that a photodiode sees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyglet  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray
from psychopy import visual

from labcapture.devices.rig import Patch

_BLACK, _WHITE = (-1.0, -1.0, -1.0), (1.0, 1.0, 1.0)


class Pictures:
    """A texture in the window that takes one picture after the other.

    Parameters
    ----------
    window
        The window.
    shown_size
        Width and height on the screen, in pixels.
    above_px
        How far its centre lies above the window's.
    """

    def __init__(self, window: Any, shown_size: tuple[int, int], above_px: int = 0) -> None:  # noqa: ANN401 - untyped
        self._window, self._shown_size, self._above_px = window, shown_size, above_px
        self._texture: Any = None

    def upload(self, pixels: NDArray[np.uint8]) -> None:
        """Take ``pixels`` (height, width, 3) RGB."""
        height, width = pixels.shape[:2]
        image = pyglet.image.ImageData(width, height, "RGB", pixels.tobytes(), 3 * width)
        if self._texture is None:
            self._texture = image.get_texture()
            if (width, height) == self._shown_size:
                self._do_not_blend_neighbours()
        else:
            pyglet.gl.glActiveTexture(pyglet.gl.GL_TEXTURE0)
            self._texture.blit_into(image, 0, 0, 0)

    def draw(self) -> None:
        """Draw the last picture, if there is one."""
        if self._texture is not None:
            width, height = self._shown_size
            gl = pyglet.gl
            gl.glPushMatrix()
            gl.glLoadIdentity()
            self._window.setScale("pix")
            # PsychoPy's shapes leave another texture unit or a shader behind, and the picture would be one flat colour.
            gl.glUseProgram(0)
            gl.glPushAttrib(gl.GL_ENABLE_BIT)
            gl.glActiveTexture(gl.GL_TEXTURE1)
            gl.glDisable(gl.GL_TEXTURE_2D)  # its texts leave a second unit on, by which the picture would be darkened
            gl.glActiveTexture(gl.GL_TEXTURE0)
            gl.glClientActiveTexture(gl.GL_TEXTURE0)
            gl.glColor4f(1, 1, 1, 1)
            gl.glDisable(gl.GL_BLEND)  # opaque: halves the work of a software renderer
            top = height // 2 + self._above_px
            self._texture.blit(-width // 2, top, 0, width, -height)  # its first row is the upper one
            gl.glPopAttrib()
            gl.glPopMatrix()

    def _do_not_blend_neighbours(self) -> None:
        """Show the pixels as they are, where each falls on one of the screen's."""
        target = self._texture.target
        pyglet.gl.glBindTexture(target, self._texture.id)
        for which in (pyglet.gl.GL_TEXTURE_MIN_FILTER, pyglet.gl.GL_TEXTURE_MAG_FILTER):
            pyglet.gl.glTexParameteri(target, which, pyglet.gl.GL_NEAREST)
        pyglet.gl.glBindTexture(target, 0)


class PatchSquare:
    """The square in a corner of the window on which a photodiode is taped: black, or white for an onset.

    Parameters
    ----------
    window, size
        The window, and its width and height in pixels.
    patch
        Where it is, and how large.
    """

    def __init__(self, window: Any, size: tuple[int, int], patch: Patch) -> None:  # noqa: ANN401 - psychopy is untyped
        side = patch.size_px
        right, upper = patch.corner.endswith("right"), patch.corner.startswith("upper")
        across, up = (size[0] - side) / 2, (size[1] - side) / 2
        self._squares = [
            visual.Rect(
                window,
                units="pix",
                size=(side, side),
                pos=(across if right else -across, up if upper else -up),
                fillColor=color,
                lineColor=None,
                autoLog=False,
            )
            for color in (_BLACK, _WHITE)
        ]

    def draw(self, lit: bool) -> None:
        """Draw it."""
        self._squares[lit].draw()
