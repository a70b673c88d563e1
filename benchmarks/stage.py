"""How evenly a 720p film is shown: our stage and PsychoPy's own MovieStim, alone and while a rig records.

``python -m benchmarks.stage [--seconds 30] [--rounds 3] [--write]`` plays one film on virtual displays (Xvfb, Mesa's
software renderer, paced to 60 flips per second, for it has no vertical blank). Every condition has the same film, the
same window and, where a rig records, the same cameras at full rate. ``--write`` puts table and plot into docs/.

``--mirror-hz 0 5`` compares our stage with itself instead: the console asks for so many small pictures of the
participant's screen per second, or for none.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.peers.report import machine, markdown
from labcapture.core.clock import lsl_time
from labcapture.devices.rig import StageSettings, create, load_rig
from labcapture.engine.log import SessionLog
from labcapture.engine.mirroring import Mirroring
from labcapture.engine.preview import STAGE, PreviewReader
from labcapture.engine.previewer import Previewer
from labcapture.protocol.rule import QualityRule
from labcapture.protocol.steps import Movie
from labcapture.recording.recorder import Recorder, SessionHeader, create_folder
from labcapture.stage.display import Display
from labcapture.stage.messages import Done, Failed, Flips, Show
from labcapture.stage.process import StageProcess

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "closed_loop.md"
PLOT = ROOT / "docs" / "images" / "stage_flips.png"
BEGIN, END = "<!-- stage: written by python -m benchmarks.stage -->", "<!-- end of stage -->"
SIZE, FILM_HZ, SCREEN_HZ = (1280, 720), 30, 60.0
LATE = 1.5  # periods, as in the sessions
_PATIENCE_S = 60.0
_SMALL = (384, 216)  # pixels of the mirror's pictures of such a window


@dataclass
class Shown:
    """One run: ``flips`` (n,) LSL s, and what became of the film's pictures."""

    player: str
    load: str
    flips: list[float]
    film_frames: int
    shown: int
    cores: float
    lost_by_rig: int | None = None
    mirrored: int | None = None
    """Small pictures of the screen that came; None where nobody asked."""


def make_film(path: Path, seconds: float) -> int:
    """Write a silent film of moving texture; return how many pictures it has."""
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 255, (SIZE[1] // 8, SIZE[0] // 4, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    count = round(seconds * FILM_HZ)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FILM_HZ, options={"preset": "veryfast", "crf": "23"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for index in range(count):
            at = 6 * index % (wide.shape[1] - SIZE[0])
            picture = np.ascontiguousarray(wide[:, at : at + SIZE[0]])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return count


# Players --------------------------------------------------------------------------------------------------------------


def play_ours(film: Path, frames: int, load: str, mirror_hz: float | None = None) -> Shown:
    """Play the film on our stage; mirror it at ``mirror_hz`` pictures per second, as a session does."""
    stage = StageProcess(StageSettings(display="virtual", size=SIZE, rate_hz=SCREEN_HZ))
    flips: list[float] = []
    previewer = Previewer([], _SMALL)
    reader = PreviewReader(previewer.board.layout)
    mirroring = Mirroring(stage, previewer, mirror_hz or 0.0, SessionLog())
    name = "labcapture stage" if mirror_hz is None else f"mirror {mirror_hz:g} Hz"
    try:
        stage.start()
        begun, used = lsl_time(), _processor_s(stage.pid)
        step = Movie(id="film", kind="movie", clip="film")
        stage.send(Show(step=step.model_dump(mode="json"), clip=str(film)))
        deadline = begun + frames / FILM_HZ + _PATIENCE_S
        while lsl_time() < deadline:
            stage.socket.poll(20 if mirror_hz else 200)
            heard = stage.receive()
            mirroring.tick(True)
            for message in heard:
                if isinstance(message, Flips):
                    flips += [row[1] for row in message.rows]
                elif isinstance(message, Failed):
                    raise SystemExit(f"the stage failed: {message.message}")
                elif isinstance(message, Done):
                    cores = (_processor_s(stage.pid) - used) / (lsl_time() - begun)
                    shown = int(message.facts["frames_shown"])
                    picture = reader.picture(STAGE)
                    mirrored = (0 if picture is None else picture.count) if mirror_hz is not None else None
                    return Shown(name, load, flips, frames, shown, cores, mirrored=mirrored)
    finally:
        mirroring.close()
        stage.close()
        reader.close()
        previewer.close()
    raise SystemExit("the stage did not come to the film's end")


def play_psychopy(film: Path, frames: int, load: str) -> Shown:
    """Play the film with a plain script around PsychoPy's MovieStim."""
    before = os.environ.pop("DISPLAY", None)
    display = Display("virtual", SIZE)
    try:
        command = [sys.executable, "-m", "benchmarks.stage", "--plain", str(film)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=dict(os.environ))
    finally:
        display.close()
        os.environ.pop("DISPLAY", None)
        if before is not None:
            os.environ["DISPLAY"] = before
    told = next(json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))  # PsychoPy talks, too
    return Shown("PsychoPy MovieStim", load, told["flips"], frames, told["shown"], told["cores"])


def plain(film: Path) -> None:
    """Be the script that a lab would write; print what it saw. Paced as our stage is, for Xvfb has no blank."""
    from psychopy import visual  # noqa: PLC0415 - looks for a display

    window = visual.Window(SIZE, fullscr=False, winType="pyglet", checkTiming=False, allowGUI=False)
    movie = visual.MovieStim(window, str(film), size=SIZE, units="pix", noAudio=True, autoStart=False)
    flips, pictures = [], set()
    used, begun = time.process_time(), lsl_time()
    movie.play()
    beat = lsl_time()
    while not movie.isFinished:
        movie.draw()
        time.sleep(max(0.0, beat - lsl_time()))
        window.flip()
        flips.append(lsl_time())
        pictures.add(round(float(movie.pts) * FILM_HZ))
        beat = max(beat + 1 / SCREEN_HZ, flips[-1])
    cores = (time.process_time() - used) / (lsl_time() - begun)
    print(json.dumps({"flips": flips, "shown": len(pictures), "cores": cores}))


def _processor_s(pid: int | None) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


# The rig that records -------------------------------------------------------------------------------------------------


class Load:
    """All devices of the simulated rig at full rate, into a recorder; it runs in this process.

    The players are processes of their own, as the stage is one in a session.
    """

    def __init__(self, folder: Path) -> None:
        rig = load_rig(ROOT / "rigs" / "simulated.yaml")
        self._devices = [create(config) for config in rig.devices]
        for device in self._devices:
            device.open()
        streams = [spec for device in self._devices for spec in device.describe()]
        now = datetime.now(UTC)
        header = SessionHeader(
            "P000", "1", "load", "none", "", rig.name, "", "en", True, None, {}, QualityRule(), now
        )  # fmt: skip
        self._recorder = Recorder(create_folder(folder, header), header, streams)
        self._recorder.open_trial("01_a")
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=device.run, args=(self._recorder.offer, self._stop)) for device in self._devices
        ]
        for thread in self._threads:
            thread.start()
        time.sleep(3.0)  # until all of them deliver

    def close(self) -> int:
        """End it; return how many frames were lost by us."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        for device in self._devices:
            device.close()
        self._recorder.close_trial(lsl_time())
        return int(sum(self._recorder.close()["lost_by_us"].values()))


@contextmanager
def recording(is_wanted: bool, lost: list[int]) -> Iterator[None]:
    """Let the rig record meanwhile, if that is wanted; append what it lost."""
    if not is_wanted:
        yield
        return
    folder = Path(tempfile.mkdtemp(prefix="labcapture-stage-"))
    load = Load(folder)
    try:
        yield
    finally:
        lost.append(load.close())
        shutil.rmtree(folder)


# What is said ---------------------------------------------------------------------------------------------------------


def intervals_ms(run: Shown) -> NDArray[np.float64]:
    """Return the time between flips (ms)."""
    steps: NDArray[np.float64] = np.diff(run.flips) * 1e3
    return steps


def table(runs: Sequence[Shown]) -> tuple[list[str], list[list[str]]]:
    """Return head and rows: one for each player and load, all its runs together."""
    head = ["", "meanwhile", "flip interval p50 / p99 / max, ms", "late flips", "film frames not shown", "cores"]
    head.append("frames lost by the recorder")
    if is_mirrored := any(run.mirrored is not None for run in runs):
        head.append("pictures of the screen per second")
    rows = []
    for player, load in dict.fromkeys((run.player, run.load) for run in runs):
        mine = [run for run in runs if (run.player, run.load) == (player, load)]
        steps = np.concatenate([intervals_ms(run) for run in mine])
        p50, p99 = np.quantile(steps, [0.5, 0.99])
        late = int((steps > LATE * 1e3 / SCREEN_HZ).sum())
        missing, frames = sum(run.film_frames - run.shown for run in mine), sum(run.film_frames for run in mine)
        cores = float(np.mean([run.cores for run in mine]))
        lost = "" if mine[0].lost_by_rig is None else str(sum(run.lost_by_rig or 0 for run in mine))
        rows.append(
            [
                player,
                load,
                f"{p50:.2f} / {p99:.2f} / {steps.max():.1f}",
                f"{late} of {len(steps)}",
                f"{missing} of {frames}",
                f"{cores:.2f}",
                lost,
            ]
        )
        if is_mirrored:
            seconds = sum(run.film_frames for run in mine) / FILM_HZ
            rows[-1].append(f"{sum(run.mirrored or 0 for run in mine) / seconds:.1f}")
    return head, rows


def plot(runs: Sequence[Shown], path: Path) -> None:
    """Draw how many flips took longer than so long."""
    import matplotlib as mpl  # noqa: PLC0415 - slow to import

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained", sharey=True)
    colors = {"labcapture stage": "#0b6e4f", "PsychoPy MovieStim": "#9aa5b1"}
    for axis, load in zip(axes, dict.fromkeys(run.load for run in runs), strict=False):
        for player, color in colors.items():
            mine = [intervals_ms(run) for run in runs if (run.player, run.load) == (player, load)]
            if mine:
                steps = np.sort(np.concatenate(mine))
                share = 100 * (1 - np.arange(len(steps)) / len(steps))
                axis.step(steps, share, where="post", color=color, label=player, linewidth=1.8)
        axis.axvline(1e3 / SCREEN_HZ, color="black", linestyle="--", linewidth=0.8)
        axis.set(title=load, xlabel="time from flip to flip, ms", yscale="log", xlim=(0, 80))
    axes[0].set_ylabel("flips that took longer, %")
    axes[0].legend(fontsize=8)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def section(runs: Sequence[Shown], facts: dict[str, Any]) -> str:
    """Return the part of the page."""
    m = facts["machine"]
    return "\n\n".join(
        [
            f"Measured {facts['date']} with `{facts['command']}` on {m['cores']} cores of {m['cpu']}, "
            f"{m['memory_gb']:g} GB, {m['system']}, Python {m['python']}: {facts['rounds']} runs of "
            f"{facts['seconds']:g} s each, a film of 1280 x 720 at {FILM_HZ} pictures per second in a window of that "
            f"size, {SCREEN_HZ:g} flips per second.",
            markdown(*table(runs)),
            f"![share of flips by their length](images/{PLOT.name})",
        ]
    )


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the film")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each player and load")
    parser.add_argument("--json", type=Path, help="where to write everything")
    parser.add_argument("--write", action="store_true", help="put table and plot into docs/")
    parser.add_argument("--mirror-hz", type=float, nargs="+", help="compare our stage at these rates of its mirror")
    parser.add_argument("--plain", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.plain is not None:
        plain(given.plain)
        return
    if given.mirror_hz and given.write:
        parser.error("--write is for the comparison with PsychoPy")
    players: list[Callable[[Path, int, str], Shown]] = [play_ours, play_psychopy]
    if given.mirror_hz:
        players = [partial(play_ours, mirror_hz=rate) for rate in given.mirror_hz]
    runs: list[Shown] = []
    with tempfile.TemporaryDirectory(prefix="labcapture-stage-") as folder:
        film = Path(folder) / "film.mp4"
        frames = make_film(film, given.seconds)
        for _ in range(given.rounds):
            for is_loaded in (False, True):
                for player in players:
                    lost: list[int] = []
                    with recording(is_loaded, lost):
                        run = player(film, frames, "the rig records" if is_loaded else "nothing")
                    run.lost_by_rig = lost[0] if lost else None
                    runs.append(run)
                    print(" | ".join(table([run])[1][0]), file=sys.stderr, flush=True)
    mirrors = "".join([" --mirror-hz", *(f" {rate:g}" for rate in given.mirror_hz)]) if given.mirror_hz else ""
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": f"python -m benchmarks.stage --seconds {given.seconds:g} --rounds {given.rounds}{mirrors}",
        "machine": machine(Path.cwd()),
        "seconds": given.seconds,
        "rounds": given.rounds,
        "platform": platform.platform(),
    }
    head, rows = table(runs)
    print(markdown(head, rows))
    if given.json:
        told = {
            **facts,
            "table": [dict(zip(head, row, strict=True)) for row in rows],
            "runs": [asdict(r) for r in runs],
        }
        given.json.write_text(json.dumps(told, indent=1), encoding="utf-8")
    if given.write:
        plot(runs, PLOT)
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
        text = f"{before}{BEGIN}\n\n{section(runs, facts)}\n\n{END}{rest.split(END)[1]}"
        PAGE.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
