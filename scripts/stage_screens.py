"""Take a picture of every kind of screen, in both languages: ``python -m scripts.stage_screens [FOLDER]``.

Needs Linux with Xvfb. The pictures of docs/stage.md come from here.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageGrab
from Xlib import XK, X  # type: ignore[import-untyped]  # ships no types
from Xlib.display import Display  # type: ignore[import-untyped]  # the same
from Xlib.ext import xtest  # type: ignore[import-untyped]  # the same

from labcapture.devices.rig import Patch, StageSettings
from labcapture.protocol import steps
from labcapture.protocol.manifest import Clip, Manifest
from labcapture.protocol.placeholders import make_placeholders
from labcapture.stage.messages import Done, FromStage, Heartbeat, Marker, Recorded, Show, Stop
from labcapture.stage.process import StageProcess

FOLDER = Path(__file__).parents[1] / "docs" / "images"
SIZE = (960, 540)
KEPT = (640, 360)
SETTLE_S = 0.8


@dataclass(frozen=True)
class Scene:
    """A step, what is pressed before its picture is taken, and what it shows."""

    name: str
    step: steps.Leaf
    keys: tuple[str, ...] = ()
    clip: str | None = None
    image: str | None = None
    recorded: Recorded | None = None


def text(en: str, zh: str) -> dict[str, str]:
    """Return a text in both languages."""
    return {"en": en, "zh": zh}


def scenes(folder: Path) -> Iterator[Scene]:
    """Yield one scene for each kind of screen; films and pictures are made in ``folder``."""
    clip = Clip(id="c", file="c.mp4", duration_s=4, emotion="fear")
    film = str(make_placeholders(Manifest(clips=(clip,)), folder)[0].path)
    yield Scene(
        "instruction",
        steps.Instruction(
            id="a",
            kind="instruction",
            text=text(
                "You will watch short film clips. Keep your face neutral: as soon as you feel an expression coming, "
                "suppress it at once. Keep your head still and your eyes on the screen.",
                "您将观看一些短片。请始终保持面部表情中性：一旦感到表情将要出现，请立即抑制。请保持头部不动，眼睛注视屏幕。",
            ),
        ),
    )
    yield Scene(
        "consent",
        steps.Consent(
            id="a",
            kind="consent",
            text=text(
                "Your face, your voice and the skin conductance of your hand are recorded during this study. "
                "The recordings are kept under a pseudonym and used for research only. "
                "You may stop at any time without giving a reason.",
                "本研究将记录您的面部影像、声音和手部皮肤电。所有记录以代号保存，仅用于科学研究。您可以随时退出，无需说明理由。",
            ),
        ),
    )
    yield Scene("calibrate", steps.Calibrate(id="a", kind="calibrate"))
    yield Scene("fixation", steps.Fixation(id="a", kind="fixation", seconds=600))
    yield Scene("movie_start", steps.Movie(id="a", kind="movie", clip="c", start="participant"), clip=film)
    yield Scene("movie", steps.Movie(id="a", kind="movie", clip="c"), clip=film)
    yield Scene(
        "image",
        steps.Image(id="a", kind="image", image="i", text=text("What lay on the table?", "桌子上放着什么？")),
        image=str(drawn(folder)),
    )
    yield Scene(
        "question",
        steps.Question(id="a", kind="question", text="Was it the envelope?", image="i"),
        image=str(drawn(folder)),
    )
    ends = text("not at all", "完全没有"), text("very strongly", "非常强烈")
    feel = text("How strongly did you feel fear?", "您感到恐惧的程度有多强？")
    rating = steps.Rating(id="fear", text=feel, labels=ends)
    yield Scene("rating", form(rating), ("4",))
    emotions = [
        ("happiness", text("Happiness", "高兴")),
        ("sadness", text("Sadness", "悲伤")),
        ("disgust", text("Disgust", "厌恶")),
        ("fear", text("Fear", "恐惧")),
        ("surprise", text("Surprise", "惊讶")),
        ("anger", text("Anger", "愤怒")),
    ]
    grid = [steps.Rating(id=name, text=word, labels=ends) for name, word in emotions]
    yield Scene("grid", form(*grid, layout="grid"), ("1", "4", "2"))
    options = tuple(steps.Option(id=name, text=word) for name, word in emotions)
    which = text("Which emotion did the face show?", "这张脸表现了哪种情绪？")
    yield Scene("choice", form(steps.Choice(id="c", kind="choice", text=which, options=options)), ("3",))
    felt = text("Which of these did you feel?", "您感受到了下列哪些情绪？")
    many = (*options, steps.Option(id="contempt", text=text("Contempt", "轻蔑")))
    several = steps.Choice(id="c", kind="choice", text=felt, options=many, several=True)
    yield Scene("choice_several", form(several), ("2", "4"))
    words = steps.WrittenText(id="w", kind="text", text=text("What did you think of?", "您当时想到了什么？"))
    yield Scene("text", form(words), (*"old", "space", *"friends"))
    number = steps.Number(
        id="n", kind="number", text=text("How old are you?", "您的年龄是？"), least=18, most=99, unit="years"
    )
    yield Scene("number", form(number), ("2", "4"))
    review = steps.Review(id="a", kind="review", about="b")
    yield Scene("review_before", review, recorded=recording(folder))
    yield Scene(
        "review", review, ("space", "wait", "space", "wait", "space", "wait", "space"), recorded=recording(folder)
    )
    marks = ("space", *(("wait", "space") * 6), "end", "Down")
    yield Scene("review_list", review, marks, recorded=recording(folder))
    yield Scene("break", steps.Break(id="a", kind="break", seconds=95))
    yield Scene("break_open", steps.Break(id="a", kind="break"))


def form(*questions: steps.FormQuestion, layout: Any = "pages") -> steps.Form:  # noqa: ANN401 - checked by the model
    """Return a form of these questions."""
    return steps.Form(id="a", kind="form", questions=questions, layout=layout)


def drawn(folder: Path) -> Path:
    """Draw six objects that could be a group's picture."""
    path = folder / "objects.png"
    picture = Picture.new("RGB", (900, 600), "white")
    pen = ImageDraw.Draw(picture)
    for i in range(6):
        x, y = 60 + 280 * (i % 3), 60 + 270 * (i // 3)
        pen.rounded_rectangle((x, y, x + 220, y + 200), 8 + 15 * i, outline="#345", width=8, fill="#cde")
    picture.save(path)
    return path


def recording(folder: Path) -> Recorded:
    """Draw a face that blinks, and keep it as a recorded trial is kept."""
    path = folder / "trial.h5"
    if not path.exists():
        count, size = 240, (640, 360)
        with h5py.File(path, "x", libver="v110") as h5:
            color = h5.create_group("color")
            color.attrs["rate_hz"] = 30.0
            times = 100 + np.arange(count) / 30
            color["arrival_time"] = color["time"] = times
            color.create_dataset("frames", (count, size[1], size[0], 3), np.uint8, chunks=(1, size[1], size[0], 3))
            for i in range(count):
                color["frames"][i] = np.asarray(face(size, i))
    return Recorded(file=str(path), stream="color")


def face(size: tuple[int, int], i: int) -> Picture.Image:
    """Draw the face at picture ``i``."""
    picture = Picture.new("RGB", size, "#5d7a5f")
    pen = ImageDraw.Draw(picture)
    x, y = size[0] // 2 + i % 40 // 8, size[1] // 2
    pen.ellipse((x - 95, y - 125, x + 95, y + 135), fill="#d9ab8d")
    for side in (-38, 38):
        opening = 2 if i % 50 < 6 else 11
        pen.ellipse((x + side - 17, y - 30 - opening, x + side + 17, y - 30 + opening), fill="white")
        if opening > 2:
            pen.ellipse((x + side - 7, y - 37, x + side + 7, y - 23), fill="#3b2b20")
    pen.line((x, y - 10, x - 7, y + 28, x + 6, y + 28), fill="#a97a5e", width=4)
    pen.line((x - 30, y + 70, x + 30, y + 70), fill="#9a4a45", width=7)
    return picture


class Keyboard:
    """Presses keys on the stage's display."""

    def __init__(self, name: str) -> None:
        self._display = Display(name)
        screen = self._display.screen()
        xtest.fake_input(self._display, X.MotionNotify, x=screen.width_in_pixels // 2, y=screen.height_in_pixels - 12)
        self._display.sync()

    def press(self, key: str) -> None:
        """Press and release ``key``."""
        code = self._display.keysym_to_keycode(XK.string_to_keysym(key))
        for kind in (X.KeyPress, X.KeyRelease):
            xtest.fake_input(self._display, kind, code)
        self._display.sync()

    def close(self) -> None:
        """Leave the display."""
        self._display.close()


def wait(stage: StageProcess, until: Callable[[FromStage], bool], what: str) -> None:
    """Wait for a message of the stage."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        stage.socket.poll(50)
        for message in stage.receive():
            if isinstance(message, Done) and message.outcome == "failed":
                raise SystemExit(f"{what}: {message.message}")
            if until(message):
                return
    raise SystemExit(f"{what}: nothing is shown")


def take(stage: StageProcess, display: str, keyboard: Keyboard, scene: Scene, path: Path) -> None:
    """Show a scene, take its picture, and end it."""
    stage.send(
        Show(step=scene.step.model_dump(mode="json"), clip=scene.clip, image=scene.image, recorded=scene.recorded)
    )
    wait(stage, lambda m: isinstance(m, Marker) and m.label == "step_onset", scene.name)
    time.sleep(SETTLE_S)
    for key in scene.keys:
        if key == "wait":
            time.sleep(SETTLE_S)
        elif key == "end":
            wait(stage, lambda m: isinstance(m, Marker) and m.label == "review_offset", scene.name)
        else:
            keyboard.press(key)
    stage.receive()  # heartbeats from before
    for _ in range(2 if scene.keys else 0):  # it has drawn since
        wait(stage, lambda m: isinstance(m, Heartbeat), scene.name)
    screen = ImageGrab.grab(xdisplay=display)
    left, top = (screen.width - SIZE[0]) // 2, (screen.height - SIZE[1]) // 2
    picture = screen.crop((left, top, left + SIZE[0], top + SIZE[1])).resize(KEPT, Picture.Resampling.LANCZOS)
    picture.quantize(96).save(path, optimize=True)
    stage.send(Stop())
    wait(stage, lambda m: isinstance(m, Done), scene.name)


def main() -> None:
    """Take all pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    wanted = set(sys.argv[2:])
    folder.mkdir(parents=True, exist_ok=True)
    settings = StageSettings(display="virtual", size=SIZE, patch=Patch(size_px=30))
    with tempfile.TemporaryDirectory(prefix="labcapture-screens-") as files:
        shown = [scene for scene in scenes(Path(files)) if not wanted or scene.name in wanted]
        for language in ("en", "zh"):
            stage = StageProcess(settings, language=language, on_log=print)
            try:
                hello = stage.start()
                keyboard = Keyboard(hello.display)
                for scene in shown:
                    path = folder / f"stage-{scene.name}-{language}.png"
                    take(stage, hello.display, keyboard, scene, path)
                    print(path)
                keyboard.close()
            finally:
                stage.close()


if __name__ == "__main__":
    main()
