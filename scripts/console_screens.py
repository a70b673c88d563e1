"""Take a picture of every view of the console during a session: ``python -m scripts.console_screens [FOLDER]``.

Dark and light, at 1280 x 720, and with ``--4k`` at 3840 x 2160. The views are drawn from snapshots and pictures as an
engine publishes them; no engine runs. Without a screen it needs Linux with Xvfb.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PySide6.QtWidgets import QApplication

from labcapture.console import theme as themes
from labcapture.console.window import ConsoleWindow
from labcapture.core.chunks import StreamSpec
from labcapture.core.geometry import Lens, Pose, max_z_mm, min_z_mm
from labcapture.core.head import HeadTargets
from labcapture.devices.simulated.d415 import BASELINE_MM, Optics, color_optics, depth_optics
from labcapture.devices.simulated.scene import Scene, SimulatedHead
from labcapture.engine.head_judge import HeadJudge
from labcapture.engine.head_measure import HeadMeter, HeadOptics
from labcapture.engine.head_messages import HeadView
from labcapture.engine.messages import (
    Alarm,
    EngineState,
    MarkerView,
    PreviewLayout,
    Prompt,
    Snapshot,
    StepView,
    StreamHealth,
)
from labcapture.engine.preview import PreviewBoard
from scripts.console_pages import Show, pages, questions
from scripts.screen import screen

FOLDER = Path(__file__).parents[1] / "docs" / "images"
NOW = 5000.0  # LSL time of all snapshots (s)
SETTLE_S = 0.5
STAGE_SIZE = (384, 216)  # px, of the pictures of the participant's screen
EMOTIONS = ("disgust", "fear", "sadness", "anger", "happiness", "fear", "disgust")

SPECS = (
    StreamSpec("color", "frames", "uint8", (720, 1280, 3), "", 30.0, simulated=True),
    StreamSpec("depth", "frames", "uint16", (720, 1280), "", 30.0, simulated=True, attributes={"depth_units": 0.001}),
    StreamSpec("voice", "audio", "int16", (1,), "", 48000.0, simulated=True),
    StreamSpec("eda", "samples", "float32", (1,), "microsiemens", 200.0, channels=("EDA",), simulated=True),
)


def streams() -> tuple[StreamHealth, ...]:
    """Return four streams that do well."""
    rates = {"color": 29.99, "depth": 30.01, "voice": 48002.1, "eda": 199.8}
    return tuple(
        StreamHealth(
            name=spec.name,
            kind=spec.kind,
            units=spec.units,
            simulated=True,
            nominal_rate_hz=spec.rate_hz,
            rate_hz=rates[spec.name],
            received=round(spec.rate_hz * 640),
            recorded=round(spec.rate_hz * 640),
            lost_before_us=41 if spec.name == "depth" else 0,
            age_s=0.02,
            clock_offset_s=-0.0002 if spec.kind == "samples" else 0.0012,
            clock_uncertainty_s=0.0004,
        )
        for spec in SPECS
    )


TITLES = {"consent": "Consent", "outcome": "What happened in the room (assistant)", "how_long": "Time in the room"}


def neutralization(**changes: object) -> Snapshot:
    """Return a snapshot in the fifth of seven clips; the one before is not annotatable."""
    steps = [
        StepView(id="consent", kind="consent", title="Consent", state="done"),
        StepView(id="welcome", kind="instruction", title="A test of self-control", state="done"),
    ]
    for i, emotion in enumerate(EMOTIONS):
        state = "done" if i < 4 else "running" if i == 4 else "pending"
        letter, good = "abcdefg"[i], i != 3
        why = "" if good or i > 3 else "depth: 41 of 2520 frames lost (1.6 %), at most 1 % are allowed; 9 in a row"
        steps += [
            StepView(
                id=f"head_{letter}", kind="calibrate", title="Head position", state="done" if i < 5 else "pending"
            ),
            StepView(
                id=f"clip_{letter}",
                kind="movie",
                title=f"Clip {letter}: {emotion}",
                state=state,
                trial=f"{i + 1:02}_{letter}" if i < 5 else None,
                verdict=None if i > 3 else "annotatable" if good else "not annotatable",
                reason=why,
                expected_s=84.0,
            ),
            StepView(id=f"report_{letter}", kind="form", title="Self-report", state="done" if i < 4 else "pending"),
        ]
    running = next(i for i, step in enumerate(steps) if step.state == "running")
    return session(
        protocol="neutralization_casme",
        paradigm="neutralization",
        steps=tuple(steps),
        step=running,
        trial="05_e",
        prompt=Prompt(step="clip_e", kind="movie"),
        balance=35.0,
        currency="RMB",
        ledger_mark="expression",
    ).model_copy(update=changes)


def interview(prompt: Prompt, **changes: object) -> Snapshot:
    """Return a snapshot of a mock crime in which ``prompt`` stands."""
    done = [
        StepView(id="choice", kind="instruction", title="Briefing: free choice", state="done"),
        StepView(id="room", kind="break", title="The participant is in the room", state="done"),
        StepView(id="rule", kind="instruction", title="Answer rule", state="done"),
    ]
    title = TITLES.get(prompt.step, "On the table: envelope")
    running = StepView(id=prompt.step, kind=prompt.kind, title=title, state="running")
    words = ("archive box", "folder", "book", "notebook", "printing paper")
    coming = [StepView(id=word, kind="question", title=f"On the table: {word}") for word in words]
    return session(
        protocol="mock_crime",
        paradigm="mock_crime",
        steps=(*done, running, *coming),
        step=len(done),
        trial="01_i",
        prompt=prompt,
    ).model_copy(update=changes)


def session(**facts: Any) -> Snapshot:  # noqa: ANN401 - any field of a snapshot
    """Return a snapshot of a session that does well."""
    return Snapshot(
        version="",
        pid=1,
        time=NOW,
        state=EngineState.RUNNING,
        simulated=True,
        participant="p07",
        session="1",
        rig="simulated",
        folder="/data/p07",
        streams=streams(),
        queue_bytes=9 << 20,
        queue_limit_bytes=512 << 20,
        encode_backlog=2,
        written_bytes=11_271_000_000,
        disk_free_bytes=212 << 30,
        disk_minutes=174.0,
        cpu_percent=62.0,
        remaining_s=1161.0,
        elapsed_s=640.0,
        step_elapsed_s=31.0,
        markers=(MarkerView(time=NOW - 21.8, label="clip_onset"), MarkerView(time=NOW - 8.0, label="expression")),
        **facts,
    )


QUESTION = Prompt(
    step="table_envelope",
    kind="question",
    text="Was it an envelope that lay on the table at the door?",
    awaits="answer",
    keys=("yes", "no", "other"),
    expected="no",
    group="table",
    item="envelope",
    role="probe",
    number=12,
    total=66,
    asked="end",
    isi_s=17.2,
    since_s=9.1,
)
OUTCOME = Prompt(
    step="outcome",
    kind="assign",
    text="What happened in the room?",
    awaits="enter",
    keys=("taken", "not_taken"),
    variable="outcome",
    by="assistant",
)
CONSENT = Prompt(
    step="consent",
    kind="consent",
    text="Taking part in this study\n\nYou will watch 13 short films. A camera records your face in colour and depth. "
    "You may stop at any time, without giving a reason and without any disadvantage.\n\n"
    "Please tell the experimenter whether you agree.",
    awaits="confirm",
)
HOW_LONG = Prompt(
    step="how_long", kind="interview", text="How long were you in the room?", awaits="number", unit="minutes"
)
ALARMS = (
    Alarm(
        time=NOW - 12,
        source="depth",
        kind="silent",
        cause="No frame for 2 s",
        remedy="Check the camera's USB cable; the session goes on without depth until it is back.",
    ),
    Alarm(
        time=NOW - 212,
        source="head",
        kind="head too close",
        cause="The head is too close",
        remedy="Ask the participant to move back.",
        active=False,
    ),
)


def measured(scene: Scene, *, good: bool) -> HeadView:
    """Return what is really measured of ``scene`` after three seconds."""

    def lens(optics: Optics) -> Lens:
        return Lens(optics.width, optics.height, optics.focal_px, optics.focal_px, *optics.centre_px)

    color, depth = color_optics(1280, 720), depth_optics(1280, 720)
    pose = Pose(np.eye(3), np.array([color.x_mm, 0.0, 0.0]))
    near, far = min_z_mm(depth.focal_px, BASELINE_MM), max_z_mm(depth.focal_px, BASELINE_MM, 0)
    meter = HeadMeter(HeadOptics(lens(color), lens(depth), pose, 1.0, near, far))
    judge, view = HeadJudge(HeadTargets(), near, far), HeadView()
    for i in range(12 if good else 4):
        view = judge.update(meter.measure(scene.color(), scene.depth(), NOW + i / 5))
    return view


def board(scene: Scene) -> PreviewBoard:
    """Return a preview memory with pictures of ``scene``, half a minute of voice and of EDA."""
    made = PreviewBoard(SPECS, STAGE_SIZE)
    made.show_stage(film(), NOW)
    rng = np.random.default_rng(7)
    made.show("color", scene.color(), 19200, NOW)
    made.show("depth", scene.depth(), 19198, NOW)
    times = np.linspace(NOW - 30, NOW, 3000)
    loud = np.clip(np.sin(times / 1.7) + np.sin(times * 2.9) * 0.5, 0.02, None)
    speech = 2600 * loud * rng.uniform(0.4, 1, len(times))
    made.trace("voice", times, np.stack([-speech, speech * 0.9], axis=1))
    times = np.linspace(NOW - 30, NOW, 6000)
    level = 4.2 + 0.1 * np.sin((times - NOW) / 9)
    for onset, height in ((NOW - 20, 0.9), (NOW - 6.5, 0.5)):
        since = np.clip(times - onset, 0, None)
        level = level + height * (np.exp(-since / 4) - np.exp(-since / 0.8))
    made.trace("eda", times, level[:, None])
    return made


def film() -> NDArray[np.uint8]:
    """Return (216, 384, 3) of a film that the participant sees: waves at dusk."""
    height, width = STAGE_SIZE[1], STAGE_SIZE[0]
    y, x = np.mgrid[0:height, 0:width] / height
    sky = np.stack([0.95 - 0.5 * y, 0.62 - 0.25 * y, 0.45 + 0.2 * y], axis=-1)
    waves = 0.5 + 0.5 * np.sin(60 * np.clip(y - 0.55, 0, None) ** 0.7 + 4 * np.sin(3 * x) * y)
    sea = np.stack([0.05 + 0.3 * waves * (1 - y), 0.2 + 0.25 * waves, 0.35 + 0.3 * waves], axis=-1)
    picture = np.where((y > 0.55)[..., None], sea, sky)
    sun = np.hypot(x - 1.15, y - 0.42) < 0.09
    picture[sun & (y <= 0.55)] = (1.0, 0.86, 0.6)
    return np.asarray(np.clip(picture, 0, 1) * 255, np.uint8)


def views(good: Scene, bad: Scene) -> Iterator[tuple[str, Scene, Snapshot, Callable[[ConsoleWindow], None] | None]]:
    """Yield name, scene, snapshot, and what is pressed before the picture is taken."""
    yield "running", good, neutralization(), None
    yield "ready", good, neutralization(state=EngineState.READY, step=None, trial=None, prompt=None, markers=()), None
    bad_clip = neutralization()
    steps = tuple(
        step.model_copy(update={"state": "running" if i == 13 else "pending", "trial": None}) if i >= 13 else step
        for i, step in enumerate(bad_clip.steps)
    )
    form = Prompt(step="report_d", kind="form")
    changes = {"steps": steps, "step": 13, "trial": None, "prompt": form}
    yield "bad_clip", good, bad_clip.model_copy(update=changes), None
    yield "interview", good, interview(QUESTION), None
    yield "assistant", good, interview(OUTCOME, trial=None), None
    yield "written", good, interview(HOW_LONG), lambda window: window.prompt.switch.click()
    yield "consent", good, interview(CONSENT, trial=None), None
    calibrate = {"steps": (StepView(id="head", kind="calibrate", title="Head position", state="running"),), "step": 0}
    prompt = Prompt(step="head", kind="calibrate", awaits="confirm")
    for name, scene in (("head_bad", bad), ("head_good", good)):
        head = measured(scene, good=scene is good)
        changed = neutralization(**calibrate, prompt=prompt, head=head, trial=None)
        yield name, scene, changed, None
    yield "alarm", good, neutralization(alarms=ALARMS), lambda window: window.alarms.toggle()


def settle(seconds: float) -> None:
    """Let the window draw."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        QApplication.processEvents()
        time.sleep(0.01)


def is_drawn(window: ConsoleWindow) -> bool:
    """Return whether all pictures and signals are there, or are not to be seen."""
    previews = window.previews
    signals = sum(spec.kind != "frames" for spec in SPECS)
    return not previews.isVisible() or (all(v.count for v in previews.pictures) and len(previews.traces) == signals)


def shots(good: Scene, bad: Scene) -> Iterator[tuple[str, Scene, Show]]:
    """Yield name, scene, and what brings the window to show it."""

    def session(snapshot: Snapshot, press: Callable[[ConsoleWindow], object] | None) -> Show:
        def show(window: ConsoleWindow, layout: PreviewLayout) -> None:
            running = snapshot.model_copy(update={"preview": layout})
            window.show_snapshot(running)
            if press is not None:
                while not is_drawn(window):
                    settle(0.05)
                press(window)
                window.show_snapshot(running)

        return show

    for name, scene, snapshot, press in views(good, bad):
        yield name, scene, session(snapshot, press)
    for name, ask in questions():
        yield name, good, session(neutralization(), ask)
    for name, show in pages(measured(good, good=True), measured(bad, good=False)):
        yield name, bad if name.endswith("bad") else good, show


def take(folder: Path, size: tuple[int, int], suffix: str, only: str) -> None:
    """Write all views at ``size`` in both themes."""
    application = QApplication(sys.argv[:1])
    good = Scene(color_optics(1280, 720), depth_optics(1280, 720), 508.0, 3)
    near = Scene(color_optics(1280, 720), depth_optics(1280, 720), 468.0, 3, SimulatedHead(x_mm=70, roll_deg=-14))
    for name, scene, show in shots(good, near):
        if only not in name:
            continue
        for theme in (themes.DARK, themes.LIGHT):
            themes.apply(application, theme)
            made = board(scene)
            window = ConsoleWindow(theme)
            window.resize(*size)
            window.show()
            window.activateWindow()
            show(window, made.layout)
            while not is_drawn(window):
                settle(0.05)
            settle(SETTLE_S)
            path = folder / f"console-{name}-{theme.name}{suffix}.png"
            shot = application.primaryScreen().grabWindow(0, window.x(), window.y(), *size)
            shot.save(str(path))
            Picture.open(path).convert("RGB").quantize(256).save(path, optimize=True)  # a third of the size
            print(path)
            window.leave()
            made.close()
    application.shutdown()


def main() -> None:
    """Write the pictures into a folder, that of the documentation by default."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--4k", dest="huge", action="store_true", help="at 3840 x 2160")
    parser.add_argument("--only", default="", help="only views with this in their name")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    size = (3840, 2160) if given.huge else (1280, 720)
    with screen(size):
        take(given.folder, size, "-4k" if given.huge else "", given.only)


if __name__ == "__main__":
    main()
