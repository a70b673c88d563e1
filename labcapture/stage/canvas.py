"""The window, its flips and their times, and the few things that screens draw."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyglet  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray
from psychopy import visual

from labcapture.core.clock import lsl_time
from labcapture.core.errors import StageError
from labcapture.devices.rig import StageSettings
from labcapture.protocol.texts import in_language
from labcapture.stage.mirror import GLException, Mirror, MirrorError
from labcapture.stage.pictures import PatchSquare, Pictures
from labcapture.stage.words import fold, height_that_fits

GREY = (-0.35, -0.35, -0.35)  # PsychoPy's colours run from -1 to 1
INK = (0.85, 0.85, 0.85)
FAINT = (0.3, 0.3, 0.3)
LIT = (-0.55, 0.0, 0.5)
WARM = (0.75, 0.25, -0.5)
TEXT_HEIGHT = 0.056  # of the window's height
SMALL = 0.037
_ASPECT_USED = 0.86  # of the window's width, by texts
_FONTS = ("Noto Sans", "Segoe UI", "Helvetica Neue", "DejaVu Sans", "Arial")
_FONTS_BY_LANGUAGE: dict[str, tuple[str, ...]] = {
    "zh": ("Noto Sans CJK SC", "Source Han Sans SC", "Microsoft YaHei", "PingFang SC", "WenQuanYi Micro Hei", "SimHei"),
}
_STROKE = 0.12  # width of a bar of the cross, of its length
_FASTEST_HZ = 400.0  # flips that come faster than any monitor's are not tied to a vertical blank
_PROBES = 20
LATE = 1.5  # periods after the flip before


@dataclass(frozen=True, slots=True)
class Flip:
    """A flip: LSL ``time`` (s) read right after it, and whether it came more than 1.5 periods after the one before."""

    time: float
    late: bool


@dataclass(frozen=True, slots=True)
class View:
    """What the window showed at the flip of LSL ``time`` (s): ``pixels`` (height, width, 3) RGB, made small."""

    pixels: NDArray[np.uint8]
    time: float


class Listener(Protocol):
    """Who gets keys, written characters and clicks; all times are LSL seconds."""

    def key(self, name: str, time: float) -> None:
        """Take note of a key that was pressed; with the control key it is ``CTRL+<name>``."""

    def released(self, name: str, time: float) -> None:
        """Take note of a key that was released."""

    def text(self, characters: str) -> None:
        """Take note of what was written, as the system's input method composed it; a backspace is a character too."""

    def click(self, x: float, y: float, time: float) -> None:
        """Take note of a click or touch, in window heights from the centre."""


class Canvas:
    """The participant's window.

    Parameters
    ----------
    settings
        The ``stage`` part of the rig file.
    language
        Language of the texts.

    Raises
    ------
    StageError
        This machine has no font for that language, or not that many screens.
    """

    lit = False
    """Whether the photodiode's square, if the rig has one, is white at the next flip."""

    def __init__(self, settings: StageSettings, language: str) -> None:
        self.language = language
        self.late_flips = 0
        self._time = 0.0  # of the last flip
        self._beat = 0.0  # when the next one is due, where there is no vertical blank
        self._continuous = False
        self._was_late = self._is_wanted = False
        self._viewed = 0.0  # LSL time of the flip that showed what is in the mirror
        self._view: View | None = None
        screens = len(pyglet.canvas.get_display().get_screens())
        if settings.screen >= screens:
            what = f"screen {settings.screen} is not there; this machine has {screens}, counted from 0"
            raise StageError(what, "stage.screen", "Connect it, or change 'screen' in the rig file.")
        self._window = visual.Window(
            size=settings.size,
            pos=settings.position,
            screen=settings.screen,
            fullscr=settings.fullscreen,
            winType="pyglet",
            units="height",
            color=GREY,
            allowGUI=False,
            checkTiming=False,  # we measure what we need; PsychoPy's own check shows a text for seconds
            autoLog=False,
        )
        self._window.winHandle.set_caption("labcapture")
        self._window.winHandle.push_handlers(on_close=lambda: True)  # only the experimenter ends a session
        self.backend = f"pyglet {pyglet.version}, {pyglet.gl.gl_info.get_renderer()}"
        self.size: tuple[int, int] = (int(self._window.size[0]), int(self._window.size[1]))
        self._patch = PatchSquare(self._window, self.size, settings.patch) if settings.patch else None
        self.font = self._font()
        measured = self._measure_rate()
        self.paced = measured > _FASTEST_HZ
        self.rate_hz = settings.rate_hz if self.paced else measured
        self.period = 1 / self.rate_hz
        self._mirror = self._make_mirror() if settings.mirror_hz else None

    @property
    def width(self) -> float:
        """Width of the window in its heights."""
        return self.size[0] / self.size[1]

    @property
    def expected(self) -> float:
        """LSL time (s) at which the flip that is being drawn for will come."""
        return max(self._beat if self.paced else self._time + self.period, lsl_time())

    @property
    def mirror_size(self) -> tuple[int, int] | None:
        """Width and height of the pictures that `look` asks for, None where there are none."""
        return None if self._mirror is None else self._mirror.size

    @property
    def place(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of the window in pixels of the display."""
        left, top = self._window.winHandle.get_location()
        width, height = self._window.winHandle.get_size()
        return int(left), int(top), int(width), int(height)

    def look(self) -> None:
        """Have a small picture taken of what is shown at one of the next flips; see `seen`."""
        self._is_wanted = True

    def seen(self) -> View | None:
        """Return the picture that was asked for, once."""
        view, self._view = self._view, None
        return view

    def flip(self, *, critical: bool = False) -> Flip:
        """Show what was drawn, at the next vertical blank or, where there is none, at the next beat of the pacing.

        No picture is taken of it if it is ``critical``, such as an onset.
        """
        if self._patch is not None:
            self._patch.draw(self.lit)
        drawn, taken, copied = lsl_time(), False, False
        if not (critical or self.lit or self._was_late):
            try:
                taken, copied = self._use_mirror()
            except GLException:  # then without; the participant's screen goes on
                self._mirror = None
        if self.paced:
            time.sleep(max(0.0, self._beat - lsl_time()))
        before = self._time
        self._window.callOnFlip(self._stamp)
        self._window.flip()
        if taken:
            self._viewed = self._time
        late = self._was_late = self._continuous and self._time - before > LATE * self.period
        self.late_flips += late
        if self._mirror is not None and self._continuous:
            due = self._beat if self.paced else self._time
            slack = due - drawn - (self._time - due)  # what came after the beat was not to spare either
            self._mirror.budget.flipped(slack, self._time, copied=copied, late=late)
        self._continuous = True
        self._beat += self.period
        if self._beat <= self._time:  # after a rest or a late flip the beat starts anew
            self._beat = self._time + self.period
        return Flip(self._time, late)

    def rest(self) -> None:
        """Say that the next flip follows no other, so that it cannot be late."""
        self._continuous = False
        if self._mirror is not None:
            self._mirror.budget.rest()

    def watch(self, listener: Listener) -> Callable[[], None]:
        """Hand over keys, written characters and clicks.

        Returns
        -------
        Callable
            Ends it.
        """

        def press(symbol: int, modifiers: int) -> bool:
            name = str(pyglet.window.key.symbol_string(symbol))
            held = modifiers & (pyglet.window.key.MOD_CTRL | pyglet.window.key.MOD_COMMAND)
            listener.key(f"CTRL+{name}" if held else name, lsl_time())
            return True

        def release(symbol: int, _modifiers: int) -> bool:
            listener.released(str(pyglet.window.key.symbol_string(symbol)), lsl_time())
            return True

        def text(characters: str) -> bool:
            listener.text(characters)
            return True

        def motion(which: int) -> bool:
            if which == pyglet.window.key.MOTION_BACKSPACE:
                listener.text("\b")
            return True

        def click(x: int, y: int, _button: int, _modifiers: int) -> bool:
            height = self._window.winHandle.height
            listener.click((x - self._window.winHandle.width / 2) / height, y / height - 0.5, lsl_time())
            return True

        handlers = {
            "on_key_press": press,
            "on_key_release": release,
            "on_text": text,
            "on_text_motion": motion,
            "on_mouse_press": click,
        }
        self._window.winHandle.push_handlers(**handlers)
        return lambda: self._window.winHandle.remove_handlers(**handlers)

    def show_pointer(self, visible: bool) -> None:
        """Show or hide the mouse pointer."""
        self._window.mouseVisible = visible

    def text(
        self,
        text: Mapping[str, str] | str,
        position: tuple[float, float] = (0, 0),
        height: float = TEXT_HEIGHT,
        color: tuple[float, float, float] = INK,
        wrap: float | None = None,
        room: float | None = None,
    ) -> visual.TextStim:
        """Return a text, centred at ``position``, in units of the window's height.

        Its letters are made smaller where it would not fit into a height of ``room``.
        """
        words = self.words(text)
        width = wrap or self.width * _ASPECT_USED
        if room is not None:
            height = height_that_fits(words, width, room, height)
        return visual.TextStim(
            self._window,
            fold(words, width / height),
            font=self.font,
            pos=position,
            height=height,
            color=color,
            wrapWidth=width,
            autoLog=False,
        )

    def words(self, text: Mapping[str, str] | str) -> str:
        """Return ``text`` in the participant's language."""
        return text if isinstance(text, str) else in_language(text, self.language)

    def lines(
        self, lines: Sequence[str], position: tuple[float, float], height: float, *, middle: bool = False
    ) -> visual.TextStim:
        """Return lines as they are, from the left at ``position``, which is their top or their middle."""
        return visual.TextStim(
            self._window,
            "\n".join(lines),
            font=self.font,
            pos=position,
            height=height,
            color=INK,
            wrapWidth=1000,
            alignText="left",
            anchorHoriz="left",
            anchorVert="center" if middle else "top",
            autoLog=False,
        )

    def disc(self, position: tuple[float, float], radius: float) -> visual.Circle:
        """Return a disc, in units of the window's height."""
        return visual.Circle(
            self._window,
            radius=radius,
            pos=position,
            edges=64,
            lineWidth=2,
            lineColor=INK,
            fillColor=None,
            autoLog=False,
        )

    def box(self, position: tuple[float, float], size: tuple[float, float]) -> visual.Rect:
        """Return a box, in units of the window's height."""
        return visual.Rect(self._window, size=size, pos=position, lineWidth=2, fillColor=None, autoLog=False)

    def cross(self, size: float) -> tuple[visual.Rect, visual.Rect]:
        """Return the two bars of a fixation cross."""
        sizes = (size, size * _STROKE), (size * _STROKE, size)
        across, down = (visual.Rect(self._window, size=s, fillColor=INK, lineColor=None, autoLog=False) for s in sizes)
        return across, down

    def pictures(self, shown_size: tuple[int, int], above_px: int = 0) -> Pictures:
        """Return a place for pictures, ``shown_size`` in pixels, its centre ``above_px`` above the window's."""
        return Pictures(self._window, shown_size, above_px)

    def close(self) -> None:
        """Close the window."""
        if self._mirror is not None:
            self._mirror.close()
        self._window.close()

    def _make_mirror(self) -> Mirror | None:
        """Return a mirror, None where this machine's OpenGL has none."""
        width, height = self._window.frameBufferSize  # of a fine screen larger than the window
        with contextlib.suppress(MirrorError):
            return Mirror((int(width), int(height)), self.period)
        return None

    def _use_mirror(self) -> tuple[bool, bool]:
        """Take a picture or fetch one, if there is time for it; return whether one was taken, and whether either."""
        mirror = self._mirror
        if mirror is None or not (self._is_wanted or mirror.is_coming):
            return False, False
        if not self._continuous:
            has_time = mirror.is_coming or mirror.budget.is_due(lsl_time())
        else:
            has_time = mirror.has_time(self._beat if self.paced else self._time + self.period)
        if not has_time:
            return False, False
        if mirror.is_coming:
            self._view = View(mirror.fetch(), self._viewed)
            return False, True
        self._is_wanted = False
        mirror.take()
        return True, True

    def _stamp(self) -> None:
        self._time = lsl_time()

    def _measure_rate(self) -> float:
        """Return the rate of unhindered flips (Hz)."""
        times: list[float] = []
        for _ in range(_PROBES):
            self._window.flip()
            times.append(lsl_time())
        self._time = times[-1]
        return 1 / max(float(np.median(np.diff(times))), 1e-6)

    def _font(self) -> str:
        """Return the first font of our lists that this machine has.

        Raises
        ------
        StageError
            It has none for the characters of the language, and would show boxes.
        """
        special = _FONTS_BY_LANGUAGE.get(self.language.split("-")[0], ())
        found = next((name for name in (special or _FONTS) if pyglet.font.have_font(name)), "")
        if special and not found:
            raise StageError(f"no font for '{self.language}'", "stage", f"Install one, such as {special[0]}.")
        return found
